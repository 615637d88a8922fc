//! The whole pipeline over a simulated network, in virtual time: a thousand bad days in seconds.
//!
//! ```text
//!   frontier ─▶ workers ─▶ client ─▶ pool ─▶ hyper ─▶ SimStream ═══ rough ═══ SimStream ─▶ hyper ─▶ site
//!       └──────────▶ writer ─▶ a vector
//! ```
//!
//! All is as in the binary but for two things: where connections come from, and that pages are
//! written to a vector, because a file has a thread of its own and threads keep no virtual time. A
//! seed decides everything: who runs first, how each byte travels, what the site does.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use rondel::sync::CancellationToken;
use rondel::testing::Diary;
use rondel::testing::net::{Net as Network, NetOptions, NetStats, SimListener, SimStream};
use rondel::time::{Instant, sleep, timeout};
use rondel_scraper::client::{Client, ClientConfig, Clock, Net, RondelNet};
use rondel_scraper::crawl::{Frontier, Scope};
use rondel_scraper::limits::{LimitSpec, Limiter, Limits};
use rondel_scraper::pipeline::{self, Settings};
use rondel_scraper::platform::faults::hash;
use rondel_scraper::report::Tally;
use rondel_scraper::store::{Batches, Change, Kind, Past, State, Writer, Written};
use url::Url;

const SEEDS: u64 = 1_000;
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Pages of the site; beside them there are a redirect, a dead link and a forbidden page.
const PAGES: u64 = 8;
const WORKERS: usize = 4;
const CONNECTIONS: usize = 3;
const PER_SECOND: f64 = 20.0;
const BURST: u32 = 2;

// --- the site ------------------------------------------------------------------------------------

/// A little site. What it does to a request follows from the seed, the path and how often that was
/// asked for.
struct Site {
    seed: u64,
    diary: Diary,
    asked: Mutex<BTreeMap<String, u64>>,
}

impl Site {
    async fn serve(self: Arc<Self>, listener: SimListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let site = self.clone();
            drop(rondel::spawn(async move {
                let answer = service_fn(move |request| site.clone().answer(request));
                // Its errors are what the client has to cope with.
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(stream, answer).await;
            }));
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let times = {
            let mut asked = self.asked.lock().unwrap();
            let times = asked.entry(path.clone()).or_default();
            *times += 1;
            *times
        };
        self.diary.note(format!("{path}, {times}"));
        let number = path.trim_start_matches("/p").parse::<u64>().ok();
        let lot = hash(self.seed, number.unwrap_or(99), times);
        sleep(Duration::from_millis(lot % 200)).await;
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        if lot % 20 == 7 && times < 4 {
            headers.insert(RETRY_AFTER, HeaderValue::from(1));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(response);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        match (&*path, number) {
            ("/robots.txt", _) => {
                *response.body_mut() = "User-agent: *\nDisallow: /forbidden\n".into();
            }
            ("/moved", _) => {
                *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
                response.headers_mut().insert(LOCATION, HeaderValue::from_static("/p7"));
            }
            (_, Some(number)) if number < PAGES => *response.body_mut() = page(number).into(),
            _ => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        Ok(response)
    }
}

/// Each page leads to two more and to the odd ones, and is some kilobytes long.
fn page(number: u64) -> String {
    let mut html = format!("<title>Page {number}</title>");
    for link in [2 * number + 1, 2 * number + 2, 0].iter().filter(|link| **link < PAGES - 1) {
        write!(html, "<a href=/p{link}#x>{link}</a>").unwrap();
    }
    html.push_str("<a href=/moved>m</a><a href=/dead>d</a><a href=/forbidden>f</a><p>");
    html.push_str(&"words ".repeat(100 * number as usize));
    html
}

// --- the network ---------------------------------------------------------------------------------

/// The client's network: simulated connections, and a count of those that are open.
#[derive(Clone)]
struct SimNet {
    network: Network,
    open: Arc<Mutex<usize>>,
}

/// A connection that counts; the attempt counts already.
struct Seat(Arc<Mutex<usize>>);

impl Seat {
    fn take(open: &Arc<Mutex<usize>>) -> Self {
        let mut count = open.lock().unwrap();
        *count += 1;
        assert!(*count <= CONNECTIONS, "{count} connections at once");
        Self(open.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

struct Counted {
    stream: SimStream,
    _seat: Seat, // after the stream: dropped when that is closed
}

impl hyper::rt::Read for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        hyper::rt::Read::poll_read(Pin::new(&mut self.stream), cx, buf)
    }
}

impl hyper::rt::Write for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        hyper::rt::Write::poll_write(Pin::new(&mut self.stream), cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        hyper::rt::Write::poll_write_vectored(Pin::new(&mut self.stream), cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        hyper::rt::Write::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        hyper::rt::Write::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}

impl Clock for SimNet {
    type Sleep = rondel::time::Sleep;

    fn now(&self) -> std::time::Instant {
        RondelNet.now()
    }

    fn sleep_until(&self, at: std::time::Instant) -> Self::Sleep {
        RondelNet.sleep_until(at)
    }
}

impl Net for SimNet {
    type Stream = Counted;

    async fn connect(&self, to: SocketAddr) -> io::Result<Counted> {
        let seat = Seat::take(&self.open);
        Ok(Counted { stream: self.network.connect(to).await?, _seat: seat })
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        Ok(work())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        RondelNet.spawn(task);
    }
}

// --- a run ---------------------------------------------------------------------------------------

/// Takes the writer's batches into a vector.
async fn collect(mut batches: Batches) -> Vec<Change> {
    let (mut changes, mut written) = (Vec::new(), Written::default());
    while let Some(batch) = batches.next().await {
        written.pages +=
            batch.iter().filter(|change| matches!(change, Change::Page(_))).count() as u64;
        batches.note(&written);
        changes.extend(batch);
    }
    batches.finish(Ok(written));
    changes
}

/// Cuts the link now and then, if the seed has it so.
async fn cut_now_and_then(network: Network, seed: u64) {
    for spell in 0..(seed % 3) {
        sleep(Duration::from_millis(hash(seed, 1, spell) % 2_000)).await;
        network.partition(Network::HOME, SERVER);
        sleep(Duration::from_millis(hash(seed, 2, spell) % 8_000)).await;
        network.heal(Network::HOME, SERVER);
    }
}

fn config() -> ClientConfig {
    ClientConfig {
        connections: CONNECTIONS,
        connections_per_host: CONNECTIONS,
        attempts: 20,
        backoff: Duration::from_millis(50),
        redirects: 0,
        seed: Some(1),
        ..ClientConfig::default()
    }
}

fn settings() -> Settings {
    Settings {
        workers: WORKERS,
        queue_len: 4,
        grace: Duration::from_secs(1),
        all_types: false,
        bodies: true,
        obey_nofollow: true,
        product: "rondel-scraper".to_owned(),
        platform: None,
    }
}

/// What a run is judged by.
struct Run {
    /// What happened, to the byte and the moment.
    course: String,
    retries: u64,
    network: NetStats,
}

/// Crawls the site once, and checks all that must hold whatever happens.
async fn crawl(seed: u64) -> Run {
    let diary = Diary::new();
    let network = Network::new(NetOptions::rough().resets(0.03));
    let listener = network.listen((SERVER, 80)).unwrap();
    let site = Arc::new(Site { seed, diary: diary.clone(), asked: Mutex::default() });
    drop(rondel::spawn(site.clone().serve(listener)));
    drop(rondel::spawn(cut_now_and_then(network.clone(), seed)));

    let net = SimNet { network: network.clone(), open: Arc::default() };
    let bucket = LimitSpec::Bucket { per_second: PER_SECOND, burst: BURST };
    let limits = Limits { global: Some(bucket), ..Limits::default() };
    let limiter = Arc::new(Limiter::new(net.clone(), limits));
    let tally = Arc::new(Tally::default());
    let config = ClientConfig { observer: Some(tally.clone()), ..config() };
    let client = Client::new(net, config).limited(limiter.clone(), |_| "");
    let scope = Scope {
        max_depth: None,
        max_pages: None,
        follow_hosts: false,
        all_types: false,
        robots: true,
        sitemaps: false,
    };
    let mut frontier = Frontier::new(scope, Past::default());
    let start = Url::parse(&format!("http://{SERVER}/p0")).unwrap();
    frontier.start(&start, Kind::Page, &mut tally.lock());
    let (writer, batches) = Writer::to(Path::new("a vector"));
    let collecting = rondel::spawn(collect(batches));

    let (begun, stop) = (Instant::now(), CancellationToken::new());
    let limiter_too = Some(limiter.clone());
    let run = pipeline::run(
        settings(),
        client.clone(),
        limiter_too,
        frontier,
        writer,
        tally.clone(),
        stop,
    );
    let outcome = timeout(Duration::from_secs(3_600), run).await.expect("it ends").unwrap();
    let elapsed = begun.elapsed().as_secs_f64();
    let changes = collecting.await.unwrap();

    assert!(!outcome.stopped);
    assert_eq!((outcome.written.pages, outcome.frontier.left()), (PAGES, 0));
    check_changes(&changes);
    let counts = tally.counts();
    assert_eq!(counts.failed_by, BTreeMap::from([("http-404".to_owned(), 1)]));
    let asked = std::mem::take(&mut *site.asked.lock().unwrap());
    assert!(!asked.contains_key("/forbidden"));
    assert_eq!(asked.len() as u64, PAGES + 3, "each page, robots.txt, the redirect, the dead link");

    // What was sent was granted, but for requests that a dead connection had swallowed; and what
    // was granted is within the rate.
    let (sent, pool) = (asked.values().sum::<u64>(), client.stats());
    let granted = limiter.stats().granted;
    assert!(sent <= granted + pool.stale, "{sent} sent, {granted} granted, {} stale", pool.stale);
    assert!(granted as f64 <= f64::from(BURST) + PER_SECOND * elapsed + 1.0, "{granted}");
    assert!(pool.open_max <= CONNECTIONS && pool.in_use_max <= CONNECTIONS, "{pool:?}");
    let course = format!("{diary}{sent} {granted} {elapsed} {pool:?} {:?}", counts.retried_by);
    Run { course, retries: counts.retries(), network: network.stats() }
}

/// Every page once and whole, and every address settled as it should.
fn check_changes(changes: &[Change]) {
    let (mut pages, mut states) = (BTreeSet::new(), BTreeMap::new());
    for change in changes {
        match change {
            Change::Page(row) => {
                let number = row.url.rsplit("/p").next().unwrap().parse().unwrap();
                assert!(pages.insert(number), "{} was stored twice", row.url);
                assert_eq!(row.body.as_deref(), Some(page(number).as_bytes()), "{}", row.url);
            }
            Change::Settle { url, state, .. } => {
                let before = states.insert(url.rsplit('/').next().unwrap(), *state);
                assert_eq!(before, None, "{url} was settled twice");
            }
            Change::Found { .. } => {}
        }
    }
    assert!(pages.into_iter().eq(0..PAGES));
    assert_eq!(states["moved"], State::Redirect);
    assert_eq!(states["dead"], State::Failed);
    assert_eq!(states.values().filter(|state| **state == State::Done).count() as u64, PAGES);
}

/// Names the seed if a run panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the run failed with seed {}", self.0);
        }
    }
}

fn run(seed: u64) -> Run {
    let _named = Named(seed);
    let builder = rondel::Builder::new().start_paused(true).seed(seed).shuffle(true);
    builder.build().unwrap().block_on(crawl(seed))
}

/// Goal: the pipeline's promises hold on a bad network, whatever happens when: every page is stored
/// once and whole, failures are tried again, no limit is exceeded, nothing hangs, it ends.
/// Method: a little site behind a network that does everything wrong, for 1,000 seeds, each a
/// course of its own; each 50th again, for it must be the same to the byte.
#[test]
fn the_pipeline_keeps_its_promises_on_a_thousand_bad_networks() {
    let half = |from: u64| {
        let (mut retries, mut faults) = (0, [0; 4]);
        for seed in (from..SEEDS).step_by(2) {
            let first = run(seed);
            if seed % 50 < 2 {
                assert_eq!(run(seed).course, first.course, "seed {seed} again");
            }
            retries += first.retries;
            let NetStats { resets, losses, refusals, drops, .. } = first.network;
            for (sum, count) in faults.iter_mut().zip([resets, losses, refusals, drops]) {
                *sum += count;
            }
        }
        assert!(retries > SEEDS / 2, "{retries} retries: that network was none to speak of");
        assert!(faults.iter().all(|count| *count > SEEDS / 50), "{faults:?}");
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0);
        other.join().unwrap();
    });
}
