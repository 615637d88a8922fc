//! The embedded platform: a web site with limits and faults, on a loop of its own.
//!
//! ```text
//!   the scraper's thread                     the platform's thread
//!   rondel::run(scrape) ◀──127.0.0.1:port──▶ a second Rondel loop: accept, hyper, faults
//!           └──────────── Measures ◀────────────┘  counts what really arrived
//! ```
//!
//! | address            | answer                                                                |
//! |--------------------|-----------------------------------------------------------------------|
//! | `/listing?page=K`  | JSON: `pages`, `profiles` (addresses, 100 a page), `next` (or null),  |
//! |                    | and on the first one `others`: the addresses of up to 1,000 more      |
//! | `/profile/N`       | HTML, 1 to 4 KiB, now and then 100 KiB; every fourth one gzipped      |
//! | `/robots.txt`      | 404: everything is allowed                                            |
//!
//! It publishes what it allows (a rate, a burst, a number of requests and of connections at once)
//! and enforces it: whoever asks for more gets 429 with `Retry-After`, and is counted as having
//! broken the rule. A scraper that keeps to the limits has zero of these in [`Measures`]; the
//! faults of [`faults`] come on top and break no rule.
//!
//! Rules
//! 1. A request is in flight from its head's arrival until its last piece is handed to hyper. So it
//!    ends before the client can know, and no client that keeps the limit is ever seen above it.
//! 2. A connection counts from its first request, for the same reason turned round: a client may
//!    open one the moment it has closed another, and the kernel tells us of both at once.
//! 3. `burst` is the client's allowance; the platform's own bucket is larger by `in_flight_max`,
//!    because so many requests can be on their way when the platform is held up.

pub mod faults;
mod serve;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rondel::sync::CancellationToken;
use serde::Serialize;

use faults::Fate;

/// The first page of the listing leads to so many others, as a row of page numbers does; whoever
/// wants more follows `next` from the last of them.
const OTHERS_MAX: u64 = 1000;

/// Profiles on one page of the listing.
pub const PROFILES_A_LISTING: u64 = 100;

/// What the platform allows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rules {
    /// Requests a second, on average.
    pub per_second: f64,
    /// Requests at once after a pause.
    pub burst: u32,
    /// Requests in flight at once.
    pub in_flight_max: usize,
    /// Connections at once.
    pub connections_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { per_second: 1250.0, burst: 50, in_flight_max: 150, connections_max: 150 }
    }
}

/// How the platform is to be.
#[derive(Debug, Clone)]
pub struct PlatformConfig {
    /// Profile pages.
    pub pages: u64,
    /// What the faults, latencies and bodies follow from.
    pub seed: u64,
    /// Whether there are faults.
    pub faults: bool,
    /// What is allowed.
    pub rules: Rules,
    /// Which reactor its loop has.
    pub reactor: rondel::Reactor,
}

/// What the platform saw.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measures {
    /// Requests that arrived, whatever became of them.
    pub requests: u64,
    /// Profiles that were delivered at least once.
    pub profiles_delivered: u64,
    /// Profiles that were delivered more than once.
    pub profiles_delivered_again: u64,
    /// Profiles and listings that took another number of requests than the seed foresees.
    pub not_as_foreseen: u64,
    /// Requests beyond the rate.
    pub rate_violations: u64,
    /// Requests beyond the number in flight.
    pub in_flight_violations: u64,
    /// Connections beyond the number allowed.
    pub connection_violations: u64,
    /// Most requests in flight at once.
    pub in_flight_max: usize,
    /// Most connections at once (rule 2).
    pub connections_max: usize,
    /// Connections that sent at least one request.
    pub connections: u64,
    /// Attempts by what became of them.
    pub fates: BTreeMap<&'static str, u64>,
    /// CPU time of the platform's thread.
    pub cpu_seconds: f64,
}

impl Measures {
    /// All rules broken, together.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.rate_violations + self.in_flight_violations + self.connection_violations
    }
}

/// A running platform. Dropping it stops it.
#[derive(Debug)]
pub struct Platform {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Platform {
    /// Starts the platform on a thread and a loop of its own, on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If there is no port, thread or descriptor left.
    pub fn start(config: PlatformConfig) -> io::Result<Self> {
        // Bound here, so that a port that cannot be had is this caller's error.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config));
        let stop = CancellationToken::new();
        let (theirs, until) = (shared.clone(), stop.clone());
        let (ready, started) = std::sync::mpsc::channel();
        let run = move || {
            let runtime = rondel::Builder::new().reactor(theirs.config.reactor).name("platform");
            match runtime.build() {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(serve::serve(listener, theirs.clone(), until));
                    drop(runtime);
                    let cpu = cpu_time::ThreadTime::try_now().map(|cpu| cpu.as_duration());
                    theirs.lock().cpu = cpu.unwrap_or_default();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let thread = thread::Builder::new().name("platform".into()).spawn(run)?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the platform's thread died")))?;
        Ok(Self { address, shared, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it allows, as published.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.shared.config.rules
    }

    /// Stops it and tells what it saw.
    ///
    /// # Panics
    ///
    /// If the platform's thread panicked.
    #[must_use]
    pub fn stop(mut self) -> Measures {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the platform ran to its end");
        }
        self.shared.measures()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    config: PlatformConfig,
    books: Mutex<Books>,
}

/// The counters. Only the platform's thread writes, only the end reads: the lock is never
/// contended.
#[derive(Debug)]
struct Books {
    started: Instant,
    cpu: Duration,
    bucket: Bucket,
    requests: u64,
    /// Index 0 of both is unused: profiles count from 1.
    profile_attempts: Vec<u32>,
    profile_deliveries: Vec<u32>,
    listing_attempts: Vec<u32>,
    in_flight: usize,
    in_flight_max: usize,
    connections_now: usize,
    connections_max: usize,
    connections: u64,
    rate_violations: u64,
    in_flight_violations: u64,
    connection_violations: u64,
    fates: BTreeMap<Fate, u64>,
}

/// A request that may be served, or the reason why not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Serve,
    /// Above a limit: come back after so many seconds.
    Refuse(u64),
}

impl Shared {
    fn new(config: PlatformConfig) -> Self {
        let profiles = usize::try_from(config.pages).unwrap_or(0) + 1;
        let listings = usize::try_from(listings(config.pages)).unwrap_or(0) + 1;
        let books = Books {
            started: Instant::now(),
            cpu: Duration::ZERO,
            bucket: Bucket::new(config.rules),
            requests: 0,
            profile_attempts: vec![0; profiles],
            profile_deliveries: vec![0; profiles],
            listing_attempts: vec![0; listings],
            in_flight: 0,
            in_flight_max: 0,
            connections_now: 0,
            connections_max: 0,
            connections: 0,
            rate_violations: 0,
            in_flight_violations: 0,
            connection_violations: 0,
            fates: BTreeMap::new(),
        };
        Self { config, books: Mutex::new(books) }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has arrived: counts it, and checks it against the limits.
    fn arrive(&self) -> Verdict {
        let rules = self.config.rules;
        let mut books = self.lock();
        books.requests += 1;
        books.in_flight += 1;
        books.in_flight_max = books.in_flight_max.max(books.in_flight);
        if books.in_flight > rules.in_flight_max {
            books.in_flight_violations += 1;
            return Verdict::Refuse(1);
        }
        let now = books.started.elapsed();
        match books.bucket.take(now) {
            Ok(()) => Verdict::Serve,
            Err(wait) => {
                books.rate_violations += 1;
                Verdict::Refuse(wait.as_secs() + 1)
            }
        }
    }

    fn leave(&self) {
        self.lock().in_flight -= 1;
    }

    fn connected(&self) {
        let mut books = self.lock();
        books.connections += 1;
        books.connections_now += 1;
        books.connections_max = books.connections_max.max(books.connections_now);
        if books.connections_now > self.config.rules.connections_max {
            books.connection_violations += 1;
        }
    }

    fn disconnected(&self) {
        self.lock().connections_now -= 1;
    }

    /// The next attempt on `page`, and what becomes of it.
    fn attempt(&self, page: Page) -> (u32, Fate) {
        let PlatformConfig { seed, faults, .. } = self.config;
        let mut books = self.lock();
        let attempts = match page {
            Page::Profile(number) => books.profile_attempts.get_mut(number as usize),
            Page::Listing(number) => books.listing_attempts.get_mut(number as usize),
        };
        let Some(attempts) = attempts else { return (0, Fate::Deliver) };
        let attempt = *attempts;
        *attempts += 1;
        let fate = faults::fate(seed, page.key(), attempt, faults);
        *books.fates.entry(fate).or_default() += 1;
        (attempt, fate)
    }

    fn delivered(&self, page: Page) {
        let Page::Profile(number) = page else { return };
        if let Some(count) = self.lock().profile_deliveries.get_mut(number as usize) {
            *count += 1;
        }
    }

    fn measures(&self) -> Measures {
        let books = self.lock();
        let foreseen = |page: Page, attempts: u32| {
            let needed = faults::attempts_needed(self.config.seed, page.key(), self.config.faults);
            // Not asked for at all is fine: an earlier run may have had it.
            attempts == 0 || attempts == needed
        };
        let surprises = |attempts: &[u32], page: fn(u64) -> Page| {
            let numbered = (1..).zip(attempts.iter().skip(1));
            numbered.filter(|&(number, &attempts)| !foreseen(page(number), attempts)).count() as u64
        };
        let delivered = |wanted: fn(u32) -> bool| {
            books.profile_deliveries.iter().filter(|&&count| wanted(count)).count() as u64
        };
        Measures {
            requests: books.requests,
            profiles_delivered: delivered(|count| count >= 1),
            profiles_delivered_again: delivered(|count| count > 1),
            not_as_foreseen: surprises(&books.profile_attempts, Page::Profile)
                + surprises(&books.listing_attempts, Page::Listing),
            rate_violations: books.rate_violations,
            in_flight_violations: books.in_flight_violations,
            connection_violations: books.connection_violations,
            in_flight_max: books.in_flight_max,
            connections_max: books.connections_max,
            connections: books.connections,
            fates: books.fates.iter().map(|(fate, &count)| (fate.word(), count)).collect(),
            cpu_seconds: books.cpu.as_secs_f64(),
        }
    }
}

/// A page of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Profile(u64),
    Listing(u64),
}

impl Page {
    /// The number that goes into the hash.
    fn key(self) -> u64 {
        match self {
            Self::Profile(number) => number,
            Self::Listing(number) => number | 1 << 40,
        }
    }
}

/// Pages of the listing; even an empty platform has one.
fn listings(pages: u64) -> u64 {
    pages.div_ceil(PROFILES_A_LISTING).max(1)
}

/// The platform's side of the token bucket; it refuses, it does not wait.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    size: f64,
    tokens: f64,
    filled_at: Duration,
}

impl Bucket {
    fn new(rules: Rules) -> Self {
        let size = f64::from(rules.burst) + rules.in_flight_max as f64;
        Self { per_second: rules.per_second, size, tokens: size, filled_at: Duration::ZERO }
    }

    /// Takes a token, or says how long until there is one.
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let gained = (now - self.filled_at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.size);
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the platform's bucket lets the published rate through and not more.
    /// Method: ask 10,000 times a second for ten seconds of made-up time.
    #[test]
    fn the_bucket_enforces_the_published_rate() {
        let rules = Rules { per_second: 100.0, burst: 10, in_flight_max: 5, connections_max: 5 };
        let mut bucket = Bucket::new(rules);
        let granted = (0..100_000)
            .filter(|tick| bucket.take(Duration::from_micros(tick * 100)).is_ok())
            .count();
        assert!((1013..=1016).contains(&granted), "15 at once and 100 a second: {granted}");
    }
}
