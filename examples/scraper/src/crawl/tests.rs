//! The frontier against made-up sites.

use super::*;

fn scope() -> Scope {
    Scope {
        max_depth: None,
        max_pages: None,
        follow_hosts: false,
        all_types: false,
        robots: false,
        sitemaps: false,
    }
}

fn url(path: &str) -> Url {
    Url::parse("http://a.org/").unwrap().join(path).unwrap()
}

fn page(job: &Job, links: &[&str]) -> Finding {
    let row = PageRow {
        url: job.url.to_string(),
        status: 200,
        content_type: "text/html".into(),
        title: String::new(),
        depth: job.depth,
        fetched_at_ms: 0,
        latency: Duration::ZERO,
        attempts: 1,
        bytes: 0,
        body: None,
    };
    let links = links.iter().map(|link| urls::resolve(&job.url, link).unwrap()).collect();
    Finding::Page { row, wire_bytes: 0, links }
}

/// Crawls a made-up site, newest job first or oldest first, and tells which pages came.
fn crawl(
    scope: Scope,
    newest_first: bool,
    site: impl Fn(&Job) -> Finding,
) -> (Vec<String>, Frontier) {
    let (mut frontier, mut counts) = (Frontier::new(scope, Past::default()), Counts::default());
    frontier.start(&url("/"), Kind::Page, &mut counts);
    let (mut hands, mut stored) = (Vec::new(), Vec::new());
    loop {
        hands.extend(std::iter::from_fn(|| frontier.next_job()));
        if hands.is_empty() {
            break;
        }
        let job = if newest_first { hands.pop().unwrap() } else { hands.remove(0) };
        let finding = site(&job);
        frontier.absorb(job, finding, &mut counts);
        stored.extend(frontier.changes().into_iter().filter_map(|change| match change {
            Change::Page(row) => Some(row.url.replace("http://a.org", "")),
            _ => None,
        }));
    }
    stored.sort();
    (stored, frontier)
}

/// Goal: loops, doubles, files and foreign hosts: every page of the site once, nothing else.
/// Method: a site with all of that, fetched in two orders.
#[test]
fn every_page_of_the_site_is_found_exactly_once() {
    for newest_first in [false, true] {
        let (stored, frontier) = crawl(scope(), newest_first, |job| match job.url.path() {
            "/" => page(job, &["/a", "/b#x", "/b", "/", "http://other.org/", "/logo.png"]),
            "/a" => page(job, &["/b", "/c", "/a?"]),
            "/b" => page(job, &["/c?x=1", "http://A.org:80/c"]),
            _ => page(job, &["/", "/a"]),
        });
        assert_eq!(stored, ["/", "/a", "/b", "/c", "/c?x=1"]);
        assert_eq!(frontier.left(), 0);
    }
}

/// Goal: a redirect's target is one page, whoever leads there (rule 2), and a circle ends.
/// Method: two redirects to one page, a chain, a self-redirect, a redirect abroad.
#[test]
fn redirects_lead_to_one_page() {
    let (stored, frontier) = crawl(scope(), false, |job| match job.url.path() {
        "/" => page(job, &["/old", "/older", "/me", "/abroad", "/one", "/new"]),
        "/old" => Finding::Redirect(url("/new")),
        "/older" => Finding::Redirect(url("/old")),
        "/me" => Finding::Redirect(url("/me")),
        "/one" => Finding::Redirect(url("/two")),
        "/two" => Finding::Redirect(url("/one")),
        "/abroad" => Finding::Redirect(Url::parse("http://other.org/").unwrap()),
        _ => page(job, &[]),
    });
    assert_eq!(stored, ["/", "/new"]);
    assert_eq!(frontier.failures().len(), 1, "{:?}", frontier.failures());
}

/// Goal: the start may redirect to another host, a link may not (rule 3).
/// Method: `a.org` moves to `www.a.org`.
#[test]
fn the_start_may_move_to_another_host() {
    let (stored, _) = crawl(scope(), false, |job| match job.url.host_str() {
        Some("a.org") => Finding::Redirect(Url::parse("http://www.a.org/").unwrap()),
        _ => page(job, &["/x", "http://other.org/"]),
    });
    assert_eq!(stored, ["http://www.a.org/", "http://www.a.org/x"]);
}

/// Goal: depths are the shortest ways, whatever comes first (rule 4); what is too deep waits
/// for a later run (rule 6).
/// Method: a long way and a short way to one page, newest job first.
#[test]
fn the_depth_limit_counts_the_shortest_way() {
    let site = |job: &Job| match job.url.path() {
        "/" => page(job, &["/short", "/long"]),
        "/long" => page(job, &["/long2"]),
        "/long2" => page(job, &["/x"]),
        "/short" => page(job, &["/x"]),
        "/x" => page(job, &["/y"]),
        _ => page(job, &["/z"]),
    };
    let (stored, frontier) = crawl(Scope { max_depth: Some(3), ..scope() }, true, site);
    assert_eq!(stored, ["/", "/long", "/long2", "/short", "/x", "/y"]);
    assert_eq!((frontier.waiting(), frontier.left()), (0, 1));
}

/// Goal: the limit on pages is exact, failures do not count, the rest waits.
/// Method: many links, some of which fail.
#[test]
fn the_page_limit_counts_pages_only() {
    let links: Vec<String> = (0..30).map(|n| format!("/{n}")).collect();
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let (stored, frontier) =
        crawl(Scope { max_pages: Some(10), ..scope() }, false, |job| {
            match job.url.path().trim_start_matches('/').parse::<u32>() {
                Ok(number) if number % 3 == 0 => Finding::Failed("http-500".into(), "x".into()),
                _ => page(job, &links),
            }
        });
    assert_eq!(stored.len(), 10);
    assert!(frontier.left() > 0);
}

/// Goal: robots.txt is asked for first and obeyed, its sitemap is read (rule 5).
/// Method: a site with a forbidden part and pages that only the sitemap knows.
#[test]
fn robots_are_asked_first_and_obeyed() {
    let rules = Scope { robots: true, sitemaps: true, ..scope() };
    let (stored, mut frontier) = crawl(rules, false, |job| match (job.kind, job.url.path()) {
        (JobKind::Robots, _) => {
            let text = b"user-agent: *\ndisallow: /no\ncrawl-delay: 2\nsitemap: /map.xml";
            Finding::Robots(RobotsAnswer::Rules(Robots::parse(text, "x")))
        }
        (JobKind::Address(Kind::Sitemap), "/map.xml") => Finding::List {
            pages: vec![url("/hidden"), url("/no/way")],
            lists: vec![url("/map2.xml"), url("/map.xml")],
        },
        (JobKind::Address(Kind::Sitemap), _) => Finding::Failed("http-404".into(), "gone".into()),
        (_, "/") => page(job, &["/yes", "/no", "/no/2"]),
        _ => page(job, &[]),
    });
    assert_eq!(stored, ["/", "/hidden", "/yes"]);
    assert_eq!(frontier.crawl_delays().len(), 1);
    assert!(frontier.failures().is_empty());
}

/// Goal: when the start cannot be had, there is one line that says why.
/// Method: the three ways: no site, a site in trouble, a site that forbids.
#[test]
fn trouble_at_the_start_is_told() {
    let rules = Scope { robots: true, ..scope() };
    for (answer, words) in [
        (RobotsAnswer::Unreachable("connect".into(), "refused".into()), "refused"),
        (RobotsAnswer::Trouble("robots.txt answers 503".into()), "answers 503"),
        (RobotsAnswer::Rules(Robots::refuse_all()), "does not allow"),
    ] {
        let answer = std::cell::Cell::new(Some(answer));
        let (stored, frontier) =
            crawl(rules.clone(), false, |_| Finding::Robots(answer.take().unwrap()));
        assert!(stored.is_empty());
        assert!(frontier.start_trouble().unwrap().contains(words), "{words}");
    }
}

/// Goal: a resumed crawl does what was left, and nothing twice.
/// Method: a past with settled and queued addresses.
#[test]
fn a_resumed_crawl_goes_on_where_it_was() {
    let past = Past {
        pages: 2,
        settled: vec!["http://a.org/".into(), "http://a.org/done".into()],
        queued: vec![("http://a.org/left".into(), Kind::Page, 1)],
    };
    let (mut frontier, mut counts) = (Frontier::new(scope(), past), Counts::default());
    frontier.start(&url("/"), Kind::Page, &mut counts);
    let job = frontier.next_job().unwrap();
    assert_eq!((job.url.path(), frontier.next_job()), ("/left", None));
    let finding = page(&job, &["/done", "/new"]);
    frontier.absorb(job, finding, &mut counts);
    assert_eq!(frontier.next_job().unwrap().url.path(), "/new");
    assert_eq!(frontier.stored(), 3);
}
