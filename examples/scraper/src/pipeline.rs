//! The pipeline: bounded all the way, so that the slowest part sets the pace.
//!
//! ```text
//!   [frontier] ─jobs─▶ ║ queue ║ ─▶ N workers ─findings─▶ ║ queue ║ ─▶ [frontier] ─batch─▶ ║ queue ║ ─▶ writer
//!       ▲                              │ fetch, parse                      │
//!       └──────────────── links ◀──────┴───────────────────────────────────┘
//! ```
//!
//! A slow disk: the writer's queue is full, so the frontier's task waits, so the queue of findings
//! fills up, so the workers wait, so nothing is fetched. A slow site: the workers wait, the
//! frontier stays where it is. Nothing grows but the list of addresses.
//!
//! Rules
//! 1. Jobs in the queue and at the workers are at most [`Settings::queue_len`] and the workers
//!    together; the queue holds as many, so handing out a job never waits, and the circle of links
//!    and jobs cannot lock itself up.
//! 2. What one finding changes is written by one batch (see `store`, rule 1).
//! 3. Stopping: nothing new is handed out; what is in flight may finish within [`Settings::grace`];
//!    everything that came is written. Then the run ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_TYPE;
use rondel::sync::{CancellationToken, Mutex, mpsc};
use rondel::task::JoinSet;
use rondel::time::{Instant, sleep};
use serde::Deserialize;
use url::Url;

use crate::client::{Client, FetchError, Net, Response};
use crate::crawl::{Finding, Frontier, Job, JobKind, RobotsAnswer};
use crate::html;
use crate::limits::{LimitSpec, Limiter};
use crate::report::Tally;
use crate::robots::Robots;
use crate::sitemap::{self, Sitemap};
use crate::store::{Kind, PageRow, StoreError, Writer, Written};
use crate::urls;

/// A batch is written when it has so many changes, or when [`FLUSH_EVERY`] has passed.
const BATCH_LEN: usize = 256;

/// So much work is lost at most when the process is killed.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// How often a pipeline that is stopping looks whether it may end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// RFC 9309 asks for at least five redirects on the way to a robots.txt.
const ROBOTS_REDIRECTS_MAX: usize = 5;

/// How the pipeline is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Fetches at once.
    pub workers: usize,
    /// Jobs that wait for a worker.
    pub queue_len: usize,
    /// How long requests in flight may take after the first Ctrl-C.
    pub grace: Duration,
    /// Whether everything is stored, not only hypertext.
    pub all_types: bool,
    /// Whether bodies are stored.
    pub bodies: bool,
    /// Whether `nofollow` is obeyed.
    pub obey_nofollow: bool,
    /// The name that robots.txt files know us by.
    pub product: String,
    /// Where the embedded platform really is, if that is what is scraped: its pages are known by
    /// a name that does not change from run to run.
    pub platform: Option<std::net::SocketAddr>,
}

/// What the workers share.
#[derive(Clone)]
struct Workplace<N: Net> {
    client: Client<N>,
    settings: Arc<Settings>,
    /// No new jobs.
    stop: CancellationToken,
    /// Drop what is in flight.
    drop_all: CancellationToken,
}

/// How a pipeline ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the writer did.
    pub written: Written,
    /// The frontier as it was left.
    pub frontier: Frontier,
    /// Whether it was stopped before everything was done.
    pub stopped: bool,
    /// Most pages fetched and not yet committed.
    pub unwritten_max: usize,
}

/// Runs until everything is done, or until `stop` is cancelled.
///
/// The network is the client's: sockets, or a simulation.
///
/// # Errors
///
/// If the store cannot be written.
///
/// # Panics
///
/// If a worker panics: the panic goes on here.
pub async fn run<N: Net>(
    settings: Settings,
    client: Client<N>,
    limiter: Option<Arc<Limiter<N>>>,
    frontier: Frontier,
    writer: Writer,
    tally: Arc<Tally>,
    stop: CancellationToken,
) -> Result<Outcome, StoreError> {
    let workers = settings.workers;
    let in_hand_max = settings.queue_len + workers;
    let (jobs, job_inlet) = mpsc::channel(in_hand_max);
    let (finding_outlet, findings) = mpsc::channel(workers);
    let drop_all = CancellationToken::new();
    let place = Workplace { client, settings: Arc::new(settings), stop: stop.clone(), drop_all };
    let job_inlet = Arc::new(Mutex::new(job_inlet));
    let mut crew = JoinSet::new();
    for _ in 0..workers {
        crew.spawn(work(place.clone(), job_inlet.clone(), finding_outlet.clone()));
    }
    drop(finding_outlet);
    let mut hub = Hub {
        frontier,
        jobs,
        findings,
        writer,
        limiter,
        tally,
        in_hand: 0,
        in_hand_max,
        unwritten_max: 0,
    };
    let stopped = rondel::select! {
        stopped = hub.turn_until_done(&place) => stopped,
        panic = first_panic(&mut crew) => std::panic::resume_unwind(panic),
    };
    let Hub { mut frontier, writer, jobs, unwritten_max, .. } = hub;
    drop(jobs);
    if let Ok(_stopped) = stopped {
        let _ = writer.write(frontier.changes()).await;
    }
    let written = writer.finish().await?;
    Ok(Outcome { written, frontier, stopped: stopped.unwrap_or(true), unwritten_max })
}

/// Waits until a worker panics; forever, if none does.
async fn first_panic(crew: &mut JoinSet<()>) -> Box<dyn std::any::Any + Send> {
    while let Some(ended) = crew.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            return error.into_panic();
        }
    }
    std::future::pending().await
}

/// The task in the middle: hands out jobs, takes in findings, hands on batches.
struct Hub<N: Net> {
    frontier: Frontier,
    jobs: mpsc::Sender<Job>,
    findings: mpsc::Receiver<(Job, Finding)>,
    writer: Writer,
    limiter: Option<Arc<Limiter<N>>>,
    tally: Arc<Tally>,
    in_hand: usize,
    in_hand_max: usize,
    unwritten_max: usize,
}

/// The writer has given up; why, it says itself at the end.
struct WriterGaveUp;

impl<N: Net> Hub<N> {
    /// Returns whether it was stopped.
    async fn turn_until_done(&mut self, place: &Workplace<N>) -> Result<bool, WriterGaveUp> {
        let mut stopping = false;
        let mut flush = rondel::time::interval(FLUSH_EVERY);
        loop {
            if !stopping {
                self.hand_out();
            }
            if self.in_hand == 0 {
                return Ok(stopping);
            }
            rondel::select! {
                finding = self.findings.recv() => {
                    // Workers live as long as `jobs`, and that is ours.
                    let Some((job, finding)) = finding else { return Ok(stopping) };
                    self.take_in(job, finding);
                    if self.frontier.changes_len() >= BATCH_LEN {
                        self.write().await?;
                    }
                }
                _ = flush.tick() => self.write().await?,
                () = place.stop.cancelled(), if !stopping => {
                    stopping = true;
                    drop(rondel::spawn(end_the_grace(place.clone())));
                }
            }
        }
    }

    fn hand_out(&mut self) {
        while self.in_hand < self.in_hand_max {
            let Some(job) = self.frontier.next_job() else { return };
            self.jobs.try_send(job).expect("the queue holds all jobs in hand (rule 1)");
            self.in_hand += 1;
        }
    }

    fn take_in(&mut self, job: Job, finding: Finding) {
        self.in_hand -= 1;
        let fetched = {
            let mut counts = self.tally.lock();
            self.frontier.absorb(job, finding, &mut counts);
            counts.fetched
        };
        let unwritten = fetched.saturating_sub(self.writer.pages_written());
        self.unwritten_max =
            self.unwritten_max.max(usize::try_from(unwritten).unwrap_or(usize::MAX));
        for (url, delay) in self.frontier.crawl_delays() {
            if let Some(limiter) = &self.limiter {
                let per_second = 1.0 / delay.as_secs_f64();
                let host = crate::client::authority(&url);
                limiter.set_host(host, LimitSpec::Bucket { per_second, burst: 1 });
            }
        }
    }

    async fn write(&mut self) -> Result<(), WriterGaveUp> {
        let changes = self.frontier.changes();
        self.writer.write(changes).await.map_err(|_| WriterGaveUp)
    }
}

/// Lets what is in flight finish. Fetches that only wait (for the limiter, or for the next attempt)
/// have nothing to lose: they are dropped as soon as no other is in flight.
async fn end_the_grace<N: Net>(place: Workplace<N>) {
    let end = Instant::now() + place.settings.grace;
    while place.client.stats().in_use > 0 && Instant::now() < end {
        sleep(LOOK_EVERY).await;
    }
    place.drop_all.cancel();
}

/// A worker: one job after another, until there are no more.
async fn work<N: Net>(
    place: Workplace<N>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    findings: mpsc::Sender<(Job, Finding)>,
) {
    loop {
        // The lock is held while waiting: the workers queue up behind it, first come first served.
        let job = jobs.lock().await.recv().await;
        let Some(job) = job else { return };
        let finding = if place.stop.is_cancelled() {
            Finding::NotTried
        } else {
            rondel::select! {
                finding = place.visit(&job) => finding,
                () = place.drop_all.cancelled() => Finding::NotTried,
            }
        };
        if findings.send((job, finding)).await.is_err() {
            return;
        }
    }
}

impl<N: Net> Workplace<N> {
    async fn visit(&self, job: &Job) -> Finding {
        match job.kind {
            JobKind::Robots => Finding::Robots(self.ask_for_robots(&job.url).await),
            JobKind::Address(kind) => match self.client.fetch(&self.real_address(&job.url)).await {
                Ok(response) => self.read(job, kind, response).await,
                Err(error) => failure(&error, &job.url),
            },
        }
    }

    /// The platform's pages are known by a name of their own; this is where they really are.
    fn real_address(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Some(address) = self.settings.platform {
            url.set_ip_host(address.ip()).expect("an http URL can have any host");
            url.set_port(Some(address.port())).expect("an http URL can have any port");
        }
        url
    }

    async fn read(&self, job: &Job, kind: Kind, response: Response) -> Finding {
        match kind {
            Kind::Listing => read_listing(&job.url, &response.body),
            Kind::Sitemap => {
                let (url, body) = (job.url.clone(), response.body);
                match apart(body.len(), move || sitemap::parse(&url, &body)).await {
                    Sitemap::Pages(pages) => Finding::List { pages, lists: Vec::new() },
                    Sitemap::Index(lists) => Finding::List { pages: Vec::new(), lists },
                }
            }
            Kind::Page => self.read_page(job, response).await,
        }
    }

    async fn read_page(&self, job: &Job, response: Response) -> Finding {
        let header = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = header.unwrap_or("").to_owned();
        let hypertext = match header {
            Some(header) => html::is_hypertext(header),
            None => response.body.trim_ascii_start().starts_with(b"<"),
        };
        if !hypertext && !self.settings.all_types {
            let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            return Finding::Unwanted(if kind.is_empty() { "no type".into() } else { kind });
        }
        let page = if hypertext {
            let (url, body) = (job.url.clone(), response.body.clone());
            let obey_nofollow = self.settings.obey_nofollow;
            apart(body.len(), move || html::parse(&url, &body, obey_nofollow)).await
        } else {
            html::Page::default()
        };
        // The listing names all profiles; what they say of each other is no news.
        let links = if self.settings.platform.is_some() { Vec::new() } else { page.links };
        let row = PageRow {
            url: job.url.as_str().to_owned(),
            status: response.status.as_u16(),
            content_type,
            title: page.title,
            depth: job.depth,
            fetched_at_ms: unix_ms(),
            latency: response.latency,
            attempts: response.attempts,
            bytes: response.body.len(),
            body: self.settings.bodies.then_some(response.body),
        };
        Finding::Page { row, wire_bytes: response.wire_bytes, links }
    }

    async fn ask_for_robots(&self, url: &Url) -> RobotsAnswer {
        let mut url = url.clone();
        for _ in 0..=ROBOTS_REDIRECTS_MAX {
            let error = match self.client.fetch(&url).await {
                Ok(response) => {
                    let robots = Robots::parse(&response.body, &self.settings.product);
                    return RobotsAnswer::Rules(robots);
                }
                Err(error) => error,
            };
            match (error.location(), error.status()) {
                (Some(location), _) => url = location.clone(),
                (_, Some(status)) if status.is_server_error() || status.as_u16() == 429 => {
                    let line = format!("its robots.txt answers {status}, so it is left alone");
                    return RobotsAnswer::Trouble(line);
                }
                // Any other status, and a redirect to nowhere: there is no robots.txt.
                (_, Some(_)) => return RobotsAnswer::Rules(Robots::allow_all()),
                _ if error.reason() == "redirect-bad" => {
                    return RobotsAnswer::Rules(Robots::allow_all());
                }
                _ => {
                    let line = error.to_string();
                    return RobotsAnswer::Unreachable(error.reason().into_owned(), line);
                }
            }
        }
        RobotsAnswer::Rules(Robots::allow_all())
    }
}

/// Does `work` on the blocking pool if `len` bytes are a lot, else here.
async fn apart<T: Send + 'static>(len: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if len < html::LARGE_PAGE_BYTES {
        return work();
    }
    match rondel::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What a failed fetch means for the crawl.
fn failure(error: &FetchError, asked: &Url) -> Finding {
    if let Some(location) = error.location() {
        return match urls::resolve(asked, location.as_str()) {
            Some(target) => Finding::Redirect(target),
            None => Finding::Unwanted("redirect elsewhere".into()),
        };
    }
    match &*error.reason() {
        "too-large" => Finding::Unwanted("too large".into()),
        reason => Finding::Failed(reason.to_owned(), error.to_string()),
    }
}

/// A listing of the embedded platform.
#[derive(Deserialize)]
struct Listing {
    profiles: Vec<String>,
    others: Vec<String>,
    next: Option<String>,
}

fn read_listing(url: &Url, body: &[u8]) -> Finding {
    match serde_json::from_slice::<Listing>(body) {
        Ok(listing) => Finding::List {
            pages: listing.profiles.iter().filter_map(|href| urls::resolve(url, href)).collect(),
            // All at once rather than from `next` to `next`: a chain is as slow as its slowest
            // link.
            lists: listing
                .others
                .iter()
                .chain(&listing.next)
                .filter_map(|href| urls::resolve(url, href))
                .collect(),
        },
        Err(error) => Finding::Failed("bad listing".into(), format!("{url}: {error}")),
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
