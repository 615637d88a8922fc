//! A crawl of a real site over real sockets: every reachable page exactly once, checked against a
//! count that knows nothing of HTML.

mod support;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use support::{count, json, run, scraper, stored};

/// Pages of the made-up site.
const PAGES: usize = 300;

/// How often each path was asked for.
type Hits = Arc<Mutex<HashMap<String, usize>>>;

/// A static server on a Rondel loop of its own; runs until the test's process ends.
struct Server {
    address: SocketAddr,
    hits: Hits,
}

impl Server {
    /// Serves the files under `root`, and `redirects` from path to path.
    fn start(root: &Path, redirects: HashMap<String, String>) -> Self {
        let hits = Hits::default();
        let site = Arc::new(Site { root: root.to_owned(), redirects, hits: hits.clone() });
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            rondel::run(async move {
                let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let site = site.clone();
                    drop(rondel::spawn(async move {
                        let answer = service_fn(move |request: Request<Incoming>| {
                            let answer = site.answer(&request);
                            async move { Ok::<_, std::convert::Infallible>(answer) }
                        });
                        let http = hyper::server::conn::http1::Builder::new();
                        let _ = http.serve_connection(stream, answer).await;
                    }));
                }
            });
        });
        Self { address: told.recv().unwrap(), hits }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn hits(&self, path: &str) -> usize {
        self.hits.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

struct Site {
    root: PathBuf,
    redirects: HashMap<String, String>,
    hits: Hits,
}

impl Site {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        *self.hits.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        let mut response = Response::new(Full::default());
        if let Some(target) = self.redirects.get(path) {
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(LOCATION, HeaderValue::from_str(target).unwrap());
            return response;
        }
        let mut file = self.root.join(path.trim_start_matches('/'));
        if path.ends_with('/') {
            file.push("index.html");
        }
        let Ok(body) = std::fs::read(&file) else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let kind = match file.extension().and_then(|ending| ending.to_str()) {
            Some("html") => "text/html; charset=utf-8",
            Some("txt") => "text/plain",
            Some("gz") => "application/gzip",
            _ => "application/octet-stream",
        };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *response.body_mut() = Full::new(body.into());
        response
    }
}

/// The made-up site: who links to whom is drawn by lot, and known without reading any HTML.
struct Plan {
    lot: u64,
    /// Page to pages.
    links: Vec<Vec<usize>>,
    redirects: HashMap<String, String>,
}

impl Plan {
    fn draw(&mut self, below: usize) -> usize {
        self.lot = self.lot.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.lot >> 33) as usize) % below
    }

    /// Where page `number` lies: at three depths, some of them directories.
    fn path(number: usize) -> String {
        match number {
            0 => "/".into(),
            _ if number % 10 == 3 => format!("/dir{}/sub{number}/", number % 7),
            _ if number.is_multiple_of(3) => format!("/dir{}/deep/p{number}.html", number % 7),
            _ => format!("/p{number}.html"),
        }
    }

    /// The pages that can be reached from page 0: plain breadth-first search over the plan.
    fn reachable(&self) -> BTreeSet<usize> {
        let (mut seen, mut queue) = (BTreeSet::from([0]), VecDeque::from([0]));
        while let Some(page) = queue.pop_front() {
            for &next in &self.links[page] {
                if seen.insert(next) {
                    queue.push_back(next);
                }
            }
        }
        seen
    }

    /// One of many ways to write a link from the page at `from` to the page `to`.
    fn href(&mut self, from: &str, to: usize) -> String {
        let target = Self::path(to);
        match self.draw(9) {
            0 => format!("{target}#part{}", self.draw(99)),
            1 => format!("{target}?"),
            2 => {
                let old = format!("/old/{to}");
                self.redirects.insert(old.clone(), target);
                old
            }
            3 => {
                let (old, older) = (format!("/moved/{to}"), format!("/moved/twice/{to}"));
                self.redirects.insert(old.clone(), target);
                self.redirects.insert(older.clone(), format!("../../moved/{to}"));
                older
            }
            4 => format!("/x/../{}", target.trim_start_matches('/')),
            5 => target.replace('p', "%70"),
            6 => target,
            // Relative: up to the root, then down.
            _ => {
                let ups = "../".repeat(from.matches('/').count() - 1);
                let down = target.trim_start_matches('/');
                if ups.is_empty() && down.is_empty() {
                    "./".into()
                } else {
                    format!("./{ups}{down}")
                }
            }
        }
    }

    fn write(&mut self, root: &Path) {
        for number in 0..self.links.len() {
            let path = Self::path(number);
            let mut html = format!("<!DOCTYPE html><title>Page {number}</title>\n");
            let mut links = self.links[number].clone();
            let based = number % 9 == 4;
            // With a base, `#top` leads there and not to this page.
            html.push_str(if based { "<base href='/dir1/deep/'>" } else { "<a href=#top>t</a>" });
            let from = if based { "/dir1/deep/x" } else { &path };
            if number % 11 == 5
                && let Some(to) = links.pop()
            {
                let href = self.href(from, to);
                write!(html, "<meta http-equiv='refresh' content=\"0; url={href}\">").unwrap();
            }
            for to in links {
                let href = self.href(from, to);
                writeln!(html, "<p>see <A class=x HREF=\"{href}\">page {to}</A></p>").unwrap();
            }
            html.push_str("<a href='mailto:x@y'>m</a> <a href=http://127.0.0.1:1/>other</a>");
            html.push_str(
                "<img src=/pic.png><a href=/pic.png>p</a><!-- <a href=/lost/comment>c</a> -->",
            );
            html.push_str(
                "<script>x = '<a href=/lost/script>';</script><a href=/private/secret.html>",
            );
            if number % 50 == 7 {
                html.push_str(&"<p>a long page for the blocking pool</p>\n".repeat(3000));
            }
            let mut file = root.join(path.trim_start_matches('/'));
            if path.ends_with('/') {
                file.push("index.html");
            }
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, html).unwrap();
        }
    }
}

/// Makes the site under `root`; returns the paths that a crawl has to find, and the redirects.
fn make_site(root: &Path, seed: u64) -> (BTreeSet<String>, HashMap<String, String>) {
    let mut plan = Plan { lot: seed, links: vec![Vec::new(); PAGES], redirects: HashMap::new() };
    for page in 0..PAGES {
        // Links go anywhere but to the last twenty, and back and round in circles; so some pages
        // are islands, and the independent count has to say which.
        let fan = 1 + plan.draw(3);
        plan.links[page] = (0..fan).map(|_| plan.draw(PAGES - 20)).collect();
    }
    plan.links[0].extend([1, 2, 3, 5, 8]);
    plan.write(root);
    let mut wanted: BTreeSet<String> = plan.reachable().into_iter().map(Plan::path).collect();
    // Three pages that nobody links to, but the sitemap, and what those lead to.
    let hidden = [PAGES - 1, PAGES - 2, PAGES - 3];
    plan.links[0].extend(hidden);
    wanted.extend(plan.reachable().into_iter().map(Plan::path));
    let locs: String =
        hidden.map(|page| format!("<url><loc>{}</loc></url>", Plan::path(page))).concat();
    let mut map = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    write!(map, "<urlset>{locs}<url><loc>/private/listed.html</loc></url></urlset>").unwrap();
    std::fs::write(root.join("map.xml.gz"), map.finish().unwrap()).unwrap();
    let robots = "User-agent: *\nDisallow: /private/\nSitemap: /map.xml.gz\n";
    std::fs::write(root.join("robots.txt"), robots).unwrap();
    std::fs::create_dir_all(root.join("private")).unwrap();
    for name in ["secret", "listed"] {
        let html = "<a href=/lost/private>x</a>";
        std::fs::write(root.join(format!("private/{name}.html")), html).unwrap();
    }
    std::fs::write(root.join("pic.png"), "not really").unwrap();
    (wanted, plan.redirects)
}

/// Goal: every reachable page is found, fetched and stored exactly once, whatever the links look
/// like; what is forbidden, foreign or no hypertext is not asked for.
/// Method: sites drawn by lot, files in a directory, a static server that counts; the pages wanted
/// come from a search over the plan, not over HTML.
#[test]
fn every_reachable_page_is_found_exactly_once() {
    for seed in [1, 2, 3] {
        let dir = tempfile::tempdir().unwrap();
        let (root, store) = (dir.path().join("site"), dir.path().join("store.sqlite"));
        let (wanted, redirects) = make_site(&root, seed);
        assert!((50..PAGES).contains(&wanted.len()), "a site worth the name: {}", wanted.len());
        let server = Server::start(&root, redirects.clone());
        let mut command = scraper();
        command.args([&server.url("/"), "--json", "--store"]).arg(&store);
        let report = json(&run(&mut command, 0));
        let urls: BTreeSet<String> = wanted.iter().map(|path| server.url(path)).collect();
        let found = stored(&store);
        assert_eq!(found.len(), urls.len(), "seed {seed}");
        assert_eq!(BTreeSet::from_iter(found), urls, "seed {seed}");
        assert_eq!(count(&report, "pages_stored"), wanted.len() as u64);
        assert_eq!(count(&report, "failed"), 0);
        for path in wanted.iter().chain(["/robots.txt".to_owned(), "/map.xml.gz".to_owned()].iter())
        {
            assert_eq!(server.hits(path), 1, "{path}, seed {seed}");
        }
        let hits = server.hits.lock().unwrap();
        for (path, &times) in hits.iter() {
            let known = wanted.contains(path) || redirects.contains_key(path);
            let files = ["/robots.txt", "/map.xml.gz"].contains(&&**path);
            assert!(known || files, "{path} should not have been asked for");
            assert_eq!(times, 1, "{path} was asked for {times} times");
        }
    }
}

/// Goal: limits on pages and depth are exact, and a later run with larger ones finds the rest.
/// Method: 20 pages first, then two levels, then all; compare with the whole crawl.
#[test]
fn a_crawl_goes_on_from_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let (root, store) = (dir.path().join("site"), dir.path().join("store.sqlite"));
    let (wanted, redirects) = make_site(&root, 4);
    let server = Server::start(&root, redirects);
    let crawl = |args: &[&str]| {
        let mut command = scraper();
        command.args([&server.url("/"), "--json", "--resume", "--store"]).arg(&store).args(args);
        let report = json(&run(&mut command, 0));
        (count(&report, "pages_stored"), count(&report, "pages_left"))
    };
    let (first, left) = crawl(&["--max-pages", "20"]);
    assert!(first == 20 && left > 0, "{first}, {left}");
    let (second, left) = crawl(&["--max-depth", "1"]);
    assert!(left > 0, "deeper pages wait");
    let (third, left) = crawl(&[]);
    assert_eq!((first + second + third, left), (wanted.len() as u64, 0));
    assert_eq!(stored(&store).len(), wanted.len());
    for path in &wanted {
        assert_eq!(server.hits(path), 1, "{path}");
    }
}

/// Goal: broken links are reported and do not stop the crawl; other types are left out, or stored
/// with `--all-types`.
/// Method: a page with a dead link, a text, a file without an ending and a page without a type.
#[test]
fn broken_links_and_other_types_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("site");
    std::fs::create_dir(&root).unwrap();
    let html =
        "<a href=dead.html>d</a><a href=blob>b</a><a href=notes.txt>n</a><a href=page.html>p</a>";
    std::fs::write(root.join("index.html"), html).unwrap();
    std::fs::write(root.join("page.html"), "<a href=blob#x>b</a>").unwrap();
    std::fs::write(root.join("blob"), [0, 1, 2, 3]).unwrap();
    std::fs::write(root.join("notes.txt"), "<a href=/lost.html>").unwrap();
    let server = Server::start(&root, HashMap::new());
    for (args, wanted) in [(&[][..], 2), (&["--all-types"][..], 4)] {
        let store = dir.path().join(format!("store{wanted}.sqlite"));
        let mut command = scraper();
        command.args([&server.url("/"), "--json", "--store"]).arg(&store).args(args);
        let report = json(&run(&mut command, 1));
        assert_eq!(count(&report, "pages_stored"), wanted);
        assert_eq!(count(&report, "failed_by.http-404"), 1);
        assert_eq!(stored(&store).len() as u64, wanted);
    }
    assert_eq!(server.hits("/lost.html"), 0);
}
