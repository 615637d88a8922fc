//! `rondel-scraper`: reads the command line, puts the parts together, prints the report.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rondel::sync::CancellationToken;
use rondel_scraper::cli::{Asked, Options, exit, resume_command};
use rondel_scraper::client::{Client, ClientConfig, RondelNet};
use rondel_scraper::crawl::{Frontier, Scope};
use rondel_scraper::limits::{LimitSpec, Limiter, Limits};
use rondel_scraper::pipeline::{self, Outcome, Settings};
use rondel_scraper::platform::{Measures, Platform, PlatformConfig, Rules};
use rondel_scraper::progress::Progress;
use rondel_scraper::report::{self, End, LatencyMs, Report, Tally};
use rondel_scraper::store::{Kind, Store};
use rondel_scraper::{plot, urls};
use url::Url;

/// The name of the embedded platform in the store. `.test` is reserved and never resolves; the
/// real address has another port in each run.
const PLATFORM_START: &str = "http://platform.test/listing";

/// The client keeps a little below the platform's rate. It sends a request again at once, and
/// without asking the limiter, when a reused connection turns out to be dead.
const RATE_MARGIN: f64 = 0.96;

/// Jobs that wait for a worker. Few: a listing or sitemap found now has to pass them, and the pages
/// in it may be what the workers are waiting for.
const QUEUE_LEN: usize = 16;

/// After the first Ctrl-C, requests in flight get this long.
const GRACE: Duration = Duration::from_secs(10);

/// A run that ended badly: what to say, and the exit code.
struct Trouble(String, u8);

fn main() -> ExitCode {
    let code = match Options::read(std::env::args_os()) {
        Asked::Print(text) => {
            print(&text);
            exit::OK
        }
        Asked::Wrong(line) => complain(&line, exit::USAGE),
        Asked::Run(options) => match Run::prepare(*options).and_then(Run::go) {
            Ok(code) => code,
            Err(Trouble(line, code)) => complain(&line, code),
        },
    };
    ExitCode::from(code)
}

/// Prints on stdout; whoever closed it does not want to know.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
}

fn complain(line: &str, code: u8) -> u8 {
    let _ = writeln!(std::io::stderr(), "rondel-scraper: {line}");
    code
}

/// Everything that is needed for a run.
struct Run {
    options: Options,
    client: ClientConfig,
    store: Store,
    store_path: PathBuf,
    /// Deletes the store at the end; only for the platform, and only if all went well.
    temporary: bool,
    frontier: Frontier,
    platform: Option<Platform>,
    tally: Arc<Tally>,
}

impl Run {
    /// Checks everything that can be checked before the first request.
    fn prepare(options: Options) -> Result<Self, Trouble> {
        let tally = Arc::new(Tally::default());
        let mut client = client_config(&options, &tally);
        if let Some(file) = &options.ca_file {
            client =
                client.ca_file(file).map_err(|error| Trouble(error.to_string(), exit::USAGE))?;
        }
        if let Some(file) = &options.plot {
            check_writable(file)?;
        }
        let (store_path, temporary) = store_path(&options);
        let (store, past) = Store::open(&store_path, &options.job(), options.resume)
            .map_err(|error| Trouble(error.to_string(), exit::STORE))?;
        let mut frontier = Frontier::new(scope(&options), past);
        let mut counts = tally.lock();
        let platform = match &options.url {
            Some(url) => {
                frontier.start(url, Kind::Page, &mut counts);
                None
            }
            None => {
                let start = Url::parse(PLATFORM_START).expect("a constant that is a URL");
                frontier.start(&start, Kind::Listing, &mut counts);
                Some(start_platform(&options)?)
            }
        };
        drop(counts);
        Ok(Self { options, client, store, store_path, temporary, frontier, platform, tally })
    }

    /// Runs, reports, and returns the exit code.
    fn go(self) -> Result<u8, Trouble> {
        let Self { options, client, store, store_path, temporary, frontier, platform, tally } =
            self;
        let builder = rondel::Builder::new().reactor(options.reactor).name("scraper");
        let runtime = builder
            .build()
            .map_err(|error| Trouble(format!("cannot start the runtime: {error}"), exit::USAGE))?;
        let before = frontier.stored();
        let started = Instant::now();
        let ended =
            runtime.block_on(scrape(&options, client, store, frontier, platform.as_ref(), &tally));
        let elapsed = started.elapsed();
        drop(runtime);
        let measures = platform.map(Platform::stop);
        let (outcome, traffic) = ended?;
        let mut report = build_report(&options, &outcome, &traffic, &tally, elapsed, measures);
        report.pages_in_store = before + outcome.written.pages;
        // The platform's pages are made up, and a site that was not there has none.
        let keep = match report.end {
            End::Interrupted => true,
            End::Complete => !temporary,
            End::Unreachable => options.store.is_some() || report.pages_in_store > 0,
        };
        report.store = keep.then(|| store_path.display().to_string());
        if !keep {
            remove_store(&store_path);
        }
        if let Some(file) = &options.plot {
            let title = format!("{}: {} pages", report.job, report::number(report.pages_stored));
            plot::draw(file, &tally.lock().latency, &title)
                .map_err(|line| Trouble(line, exit::USAGE))?;
        }
        Ok(conclude(&options, &report, &outcome, &store_path))
    }
}

/// Prints the report and chooses the exit code.
fn conclude(options: &Options, report: &Report, outcome: &Outcome, store: &Path) -> u8 {
    let code = match report.end {
        End::Unreachable => exit::UNREACHABLE,
        End::Interrupted => exit::INTERRUPTED,
        End::Complete if report.failed > 0 => exit::SOME_FAILED,
        End::Complete => exit::OK,
    };
    if report.end == End::Unreachable {
        complain(outcome.frontier.start_trouble().unwrap_or("nothing could be fetched"), code);
    } else {
        for failure in outcome.frontier.failures() {
            complain(&format!("given up: {failure}"), code);
        }
        let shown = outcome.frontier.failures().len() as u64;
        if report.failed > shown {
            complain(&format!("given up: {} more", report.failed - shown), code);
        }
        if !options.json {
            print(&report.to_table());
        }
    }
    if report.end == End::Interrupted {
        let command = resume_command(std::env::args_os(), store);
        let safe = report::number(report.pages_in_store);
        complain(&format!("stopped; {safe} pages are safe. Go on with: {command}"), code);
    }
    if options.json {
        print(&report.to_json());
    }
    code
}

/// Numbers that only the client and the limiter know.
struct Traffic {
    pool: rondel_scraper::client::PoolStats,
    limits: rondel_scraper::limits::LimiterStats,
}

async fn scrape(
    options: &Options,
    client: ClientConfig,
    store: Store,
    frontier: Frontier,
    platform: Option<&Platform>,
    tally: &Arc<Tally>,
) -> Result<(Outcome, Traffic), Trouble> {
    let limiter = Arc::new(Limiter::new(RondelNet, limits(options, platform.map(Platform::rules))));
    let client = Client::new(RondelNet, client).limited(limiter.clone(), |_| "");
    let stop = CancellationToken::new();
    let watch = rondel::spawn(watch_for_ctrl_c(stop.clone()));
    let before = frontier.stored();
    let progress = (!options.quiet).then(|| {
        let pool = client.clone();
        let in_flight = Box::new(move || pool.stats().in_use);
        let total = platform.map(|_| options.pages().saturating_sub(before));
        rondel::spawn(Progress::new(tally.clone(), in_flight, total).run())
    });
    let workers = options.workers as usize;
    let settings = Settings {
        workers,
        queue_len: QUEUE_LEN,
        grace: GRACE,
        all_types: options.all_types,
        bodies: !options.no_bodies,
        obey_nofollow: !options.ignore_robots,
        product: options.product().to_owned(),
        platform: platform.map(Platform::address),
    };
    let writer = store.start(options.store_delay);
    let outcome = pipeline::run(
        settings,
        client.clone(),
        Some(limiter.clone()),
        frontier,
        writer,
        tally.clone(),
        stop,
    );
    let outcome = outcome.await;
    watch.abort();
    if let Some(progress) = progress {
        progress.abort();
        // The bar goes when the task is dropped; the report must come after it.
        let _ = progress.await;
    }
    let outcome = outcome.map_err(|error| Trouble(error.to_string(), exit::STORE))?;
    Ok((outcome, Traffic { pool: client.stats(), limits: limiter.stats() }))
}

/// The first Ctrl-C stops kindly, the second at once.
async fn watch_for_ctrl_c(stop: CancellationToken) {
    if rondel::signal::ctrl_c().await.is_err() {
        // No handler, no kindness: the signal ends the process as it always does.
        return;
    }
    // The second one is listened for before the user is told that it will be heard.
    let mut second = pin!(rondel::signal::ctrl_c());
    let mut came = None;
    rondel::select! {
        biased;
        at_once = &mut second => came = Some(at_once),
        () = std::future::ready(()) => {}
    }
    complain("stopping: what is in flight may finish; Ctrl-C again stops at once", 0);
    stop.cancel();
    let came = match came {
        Some(came) => came,
        None => second.await,
    };
    if came.is_ok() {
        complain("stopped at once; go on with --resume", 0);
        std::process::exit(i32::from(exit::INTERRUPTED));
    }
}

fn client_config(options: &Options, tally: &Arc<Tally>) -> ClientConfig {
    let connections = options.max_connections as usize;
    let for_one_host = if options.url.is_some() { 30 } else { connections };
    let per_host = options.per_host.map_or(for_one_host, |limit| limit as usize);
    let rules = Rules::default();
    let most = if options.url.is_some() { usize::MAX } else { rules.connections_max };
    ClientConfig {
        connections: connections.min(most),
        connections_per_host: per_host.min(connections).min(most),
        keep_alive: options.keep_alive,
        connect_timeout: options.connect_timeout,
        read_timeout: options.read_timeout,
        total_timeout: options.timeout,
        attempts: options.attempts,
        // The frontier decides about redirects: their targets are addresses like any other.
        redirects: 0,
        user_agent: options.user_agent.clone(),
        accept: "text/html,application/xhtml+xml,*/*;q=0.8".to_owned(),
        seed: options.url.is_none().then(|| options.seed()),
        observer: Some(tally.clone()),
        ..ClientConfig::default()
    }
}

fn limits(options: &Options, rules: Option<Rules>) -> Limits {
    let published = rules.map(|rules| LimitSpec::Bucket {
        per_second: rules.per_second * RATE_MARGIN,
        burst: rules.burst,
    });
    // A burst of a tenth of a second keeps the pace even without making the timer work for each.
    let asked = options.rate.map(|per_second| LimitSpec::Bucket {
        per_second,
        burst: (per_second / 10.0).clamp(1.0, 100.0) as u32,
    });
    Limits { global: asked.or(published), ..Limits::default() }
}

fn scope(options: &Options) -> Scope {
    let crawl = options.url.is_some();
    Scope {
        max_depth: options.max_depth,
        max_pages: options.max_pages,
        follow_hosts: options.follow_hosts,
        all_types: options.all_types,
        robots: crawl && !options.ignore_robots,
        sitemaps: crawl && !options.no_sitemaps,
    }
}

fn start_platform(options: &Options) -> Result<Platform, Trouble> {
    let config = PlatformConfig {
        pages: options.pages(),
        seed: options.seed(),
        faults: !options.no_faults,
        rules: Rules::default(),
        reactor: options.reactor,
    };
    Platform::start(config)
        .map_err(|error| Trouble(format!("cannot start the platform: {error}"), exit::USAGE))
}

/// Where the pages go, and whether that is a temporary file.
fn store_path(options: &Options) -> (PathBuf, bool) {
    match (&options.store, &options.url) {
        (Some(path), _) => (path.clone(), false),
        (None, Some(url)) => {
            let site = urls::site(url).replace([':', '[', ']'], "-");
            (PathBuf::from(format!("{}.sqlite", site.trim_matches('-'))), false)
        }
        (None, None) => {
            let name = format!("rondel-scraper-{}.sqlite", std::process::id());
            (std::env::temp_dir().join(name), true)
        }
    }
}

fn remove_store(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // What is not there need not be removed.
        let _ = std::fs::remove_file(name);
    }
}

/// Better now than after an hour of crawling.
fn check_writable(file: &Path) -> Result<(), Trouble> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).open(file);
    let trouble = |error| Trouble(format!("cannot write {}: {error}", file.display()), exit::USAGE);
    opened.map(drop).map_err(trouble)
}

fn build_report(
    options: &Options,
    outcome: &Outcome,
    traffic: &Traffic,
    tally: &Tally,
    elapsed: Duration,
    platform: Option<Measures>,
) -> Report {
    let counts = tally.counts();
    let frontier = &outcome.frontier;
    let end = match (outcome.stopped, frontier.start_trouble()) {
        (true, _) => End::Interrupted,
        (false, Some(_)) if frontier.stored() == 0 => End::Unreachable,
        (false, _) => End::Complete,
    };
    let seconds = elapsed.as_secs_f64();
    Report {
        job: options.job(),
        end,
        pages_stored: outcome.written.pages,
        pages_in_store: 0,
        pages_left: frontier.left(),
        failed: counts.failed(),
        retries: counts.retries(),
        urls_per_second: outcome.written.pages as f64 / seconds.max(1e-9),
        elapsed_seconds: seconds,
        latency_ms: LatencyMs::of(&counts.latency),
        failed_by: counts.failed_by,
        retried_by: counts.retried_by,
        skipped_by: counts.skipped_by,
        redirects: counts.redirects,
        bytes: counts.bytes,
        wire_bytes: counts.wire_bytes,
        connections_opened: traffic.pool.opened,
        connections_reused: traffic.pool.reused,
        connections_max: traffic.pool.open_max,
        max_in_flight: traffic.pool.in_use_max,
        rate_limit_waits: traffic.limits.waits,
        rate_limit_waited_seconds: traffic.limits.waited.as_secs_f64(),
        cpu_seconds: report::cpu_seconds(),
        peak_rss_bytes: report::peak_rss_bytes(),
        store: None,
        store_batches: outcome.written.batches,
        store_busy_seconds: outcome.written.busy.as_secs_f64(),
        unwritten_max: outcome.unwritten_max,
        platform,
    }
}
