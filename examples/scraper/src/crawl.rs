//! The frontier: what is known of the site, what comes next, what is enough.
//!
//! ```text
//!   start, sitemaps ──▶ offer ──▶ seen before? beyond a limit? ──▶ robots.txt known? ──▶ queue
//!                         ▲                                          │ no: ask, and wait
//!                         │                                          ▼
//!                       absorb ◀── finding ◀── a worker ◀── next_job ◀── queue, by depth
//! ```
//!
//! Nothing here waits or touches the network: it is a plain structure that is told what was found
//! and says what to write down and what to do next. The pipeline does the rest.
//!
//! Rules
//! 1. An address enters `seen` once and is fetched at most once a run; so each page is stored once.
//! 2. A redirect is not followed inside a fetch: its target is offered like a link of the same
//!    depth. So robots, scope and rule 1 hold for it, and a page is stored under the address that
//!    answered.
//! 3. Only addresses of the start's site are in scope, unless other hosts are to be followed. If
//!    the start itself redirects to another host, that host is in scope too: people type `a.org`
//!    and mean `www.a.org`.
//! 4. With a limit on the depth a level is finished before the next begins. Otherwise a page found
//!    the long way round first would get too large a depth, and what it leads to would be missing.
//! 5. No page of a host is asked for before its robots.txt is known.
//! 6. What lies beyond the limits stays in the queue and in the store, so that a later run with
//!    larger limits finds it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use url::{Position, Url};

use crate::report::Counts;
use crate::robots::Robots;
use crate::store::{Change, Kind, PageRow, Past, State};
use crate::urls;

/// Redirects in a row, and sitemaps inside sitemaps.
const HOPS_MAX: u8 = 10;

/// Failures that are kept to be shown.
const FAILURES_SHOWN: usize = 10;

/// What to crawl and what not.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Links from the start, at most.
    pub max_depth: Option<u32>,
    /// Pages in the store, at most.
    pub max_pages: Option<u64>,
    /// Whether links to other hosts are followed.
    pub follow_hosts: bool,
    /// Whether everything is fetched and stored, not only hypertext.
    pub all_types: bool,
    /// Whether robots.txt is asked for and obeyed.
    pub robots: bool,
    /// Whether sitemaps are looked for.
    pub sitemaps: bool,
}

/// Something for a worker to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What to fetch.
    pub url: Url,
    /// What it is.
    pub kind: JobKind,
    /// Links from the start.
    pub depth: u32,
    /// Redirects, or sitemaps around it, so far.
    hops: u8,
    /// Whether this is the start, or where the start has redirected to.
    start: bool,
}

/// What a job fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// An address of the frontier.
    Address(Kind),
    /// A robots.txt.
    Robots,
}

/// What a worker found.
#[derive(Debug)]
pub enum Finding {
    /// A page.
    Page {
        /// The page as it is to be stored.
        row: PageRow,
        /// Bytes of the body as sent.
        wire_bytes: usize,
        /// Where it leads.
        links: Vec<Url>,
    },
    /// A listing or a sitemap.
    List {
        /// Pages it names.
        pages: Vec<Url>,
        /// Further lists it names.
        lists: Vec<Url>,
    },
    /// A redirect.
    Redirect(Url),
    /// Nothing that we want; a word why.
    Unwanted(String),
    /// An answer to the question for robots.txt.
    Robots(RobotsAnswer),
    /// It could not be fetched: a word for counting, a line for people.
    Failed(String, String),
    /// Nobody tried: the run is being stopped.
    NotTried,
}

/// What came of asking for robots.txt.
#[derive(Debug)]
pub enum RobotsAnswer {
    /// The rules, or that there are none.
    Rules(Robots),
    /// The site is in trouble: nothing is allowed. A line for people.
    Trouble(String),
    /// There is no site: a word for counting, a line for people.
    Unreachable(String, String),
}

/// What is known of an origin.
#[derive(Debug)]
enum Host {
    /// Its robots.txt has been asked for; these jobs wait for it.
    Asked(Vec<Job>),
    Known(Robots),
}

/// The state of a crawl.
#[derive(Debug)]
pub struct Frontier {
    scope: Scope,
    sites: HashSet<String>,
    seen: HashSet<String>,
    queues: BTreeMap<u32, VecDeque<Job>>,
    hosts: HashMap<String, Host>,
    /// Jobs at the workers, by depth.
    outstanding: BTreeMap<u32, usize>,
    outstanding_pages: u64,
    stored: u64,
    changes: Vec<Change>,
    crawl_delays: Vec<(Url, Duration)>,
    start_trouble: Option<String>,
    failures: Vec<String>,
}

impl Frontier {
    /// A frontier that goes on from `past`.
    #[must_use]
    pub fn new(scope: Scope, past: Past) -> Self {
        let mut frontier = Self {
            scope,
            sites: HashSet::new(),
            seen: HashSet::new(),
            queues: BTreeMap::new(),
            hosts: HashMap::new(),
            outstanding: BTreeMap::new(),
            outstanding_pages: 0,
            stored: past.pages,
            changes: Vec::new(),
            crawl_delays: Vec::new(),
            start_trouble: None,
            failures: Vec::new(),
        };
        // Whatever an earlier run let in was in scope.
        let known = past.settled.iter().chain(past.queued.iter().map(|(url, ..)| url));
        let sites: HashSet<_> =
            known.filter_map(|url| Url::parse(url).ok()).map(|url| urls::site(&url)).collect();
        frontier.sites.extend(sites);
        frontier.seen.extend(past.settled);
        for (url, kind, depth) in past.queued {
            let Ok(address) = Url::parse(&url) else { continue };
            if frontier.seen.insert(url) {
                frontier.admit(
                    Job::new(address, JobKind::Address(kind), depth),
                    &mut Counts::default(),
                );
            }
        }
        frontier
    }

    /// Starts at `url`; its site is in scope from now on.
    pub fn start(&mut self, url: &Url, kind: Kind, counts: &mut Counts) {
        self.sites.insert(urls::site(url));
        if self.seen.insert(url.as_str().to_owned()) {
            let job = Job { start: true, ..Job::new(url.clone(), JobKind::Address(kind), 0) };
            self.note_found(&job);
            self.admit(job, counts);
        }
    }

    /// The next job, if there is one that may be done now.
    pub fn next_job(&mut self) -> Option<Job> {
        let in_hand = self.stored + self.outstanding_pages;
        let enough = self.scope.max_pages.is_some_and(|max| in_hand >= max);
        let (&depth, queue) = self.queues.iter_mut().next()?;
        if self.scope.max_depth.is_some_and(|max| depth > max) {
            return None;
        }
        let level_open = self.outstanding.keys().next().is_some_and(|&open| open < depth);
        if self.scope.max_depth.is_some() && level_open {
            return None;
        }
        let wanted = queue.front().is_some_and(|job| !(enough && job.is_page()));
        let job = if wanted { queue.pop_front()? } else { return None };
        if queue.is_empty() {
            self.queues.remove(&depth);
        }
        *self.outstanding.entry(job.depth).or_default() += 1;
        self.outstanding_pages += u64::from(job.is_page());
        Some(job)
    }

    /// Takes in what a worker found. What is to be written down waits in
    /// [`changes`](Self::changes).
    pub fn absorb(&mut self, job: Job, finding: Finding, counts: &mut Counts) {
        if let Some(open) = self.outstanding.get_mut(&job.depth) {
            *open -= 1;
            if *open == 0 {
                self.outstanding.remove(&job.depth);
            }
        }
        self.outstanding_pages -= u64::from(job.is_page());
        match finding {
            Finding::Page { row, wire_bytes, links } => {
                self.page(&job, row, wire_bytes, links, counts)
            }
            Finding::List { pages, lists } => self.list(&job, pages, lists, counts),
            Finding::Redirect(target) => self.redirect(job, target, counts),
            Finding::Unwanted(why) => self.unwanted(&job, &why, counts),
            Finding::Robots(answer) => self.robots(&job, answer, counts),
            // A sitemap is an offer of the site, and nobody misses one that is not there.
            Finding::Failed(..) if job.kind == JobKind::Address(Kind::Sitemap) => {
                self.settle(&job, State::Skipped, "no sitemap");
            }
            Finding::Failed(reason, line) => self.failed(&job, &reason, line, counts),
            Finding::NotTried => self.queues.entry(job.depth).or_default().push_front(job),
        }
        counts.waiting = self.waiting();
    }

    /// What is to be written down since the last call.
    pub fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How much there is to be written down.
    #[must_use]
    pub fn changes_len(&self) -> usize {
        self.changes.len()
    }

    /// Crawl delays that were found since the last call, each with an address of its host.
    pub fn crawl_delays(&mut self) -> Vec<(Url, Duration)> {
        std::mem::take(&mut self.crawl_delays)
    }

    /// Why the very start failed, if it did.
    #[must_use]
    pub fn start_trouble(&self) -> Option<&str> {
        self.start_trouble.as_deref()
    }

    /// The first failures, a line each.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Pages in the store or on their way there.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Addresses known, not settled and within the limits.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let reach = self.scope.max_depth.unwrap_or(u32::MAX);
        let queued: usize = self.queues.range(..=reach).map(|(_, queue)| queue.len()).sum();
        let parked = self.hosts.values().map(|host| match host {
            Host::Asked(jobs) => jobs.len(),
            Host::Known(_) => 0,
        });
        let outstanding: usize = self.outstanding.values().sum();
        (queued + parked.sum::<usize>() + outstanding) as u64
    }

    /// Addresses known and not settled, within the limits or not.
    #[must_use]
    pub fn left(&self) -> u64 {
        let reach = self.scope.max_depth.unwrap_or(u32::MAX);
        let beyond = self.queues.iter().filter(|&(&depth, _)| depth > reach);
        self.waiting() + beyond.map(|(_, queue)| queue.len() as u64).sum::<u64>()
    }

    fn page(
        &mut self,
        job: &Job,
        row: PageRow,
        wire_bytes: usize,
        links: Vec<Url>,
        counts: &mut Counts,
    ) {
        counts.fetched += 1;
        counts.bytes += row.bytes as u64;
        counts.wire_bytes += wire_bytes as u64;
        counts.latency.record(row.latency);
        self.stored += 1;
        self.changes.push(Change::Page(row));
        for link in links {
            self.offer(Job::new(link, JobKind::Address(Kind::Page), job.depth + 1), counts);
        }
        self.settle(job, State::Done, "");
    }

    fn list(&mut self, job: &Job, pages: Vec<Url>, lists: Vec<Url>, counts: &mut Counts) {
        // The site itself names what is in its sitemap, so that is as near as the start.
        let depth = if job.kind == JobKind::Address(Kind::Sitemap) { 0 } else { job.depth + 1 };
        for page in pages {
            self.offer(Job::new(page, JobKind::Address(Kind::Page), depth), counts);
        }
        let hops = if job.kind == JobKind::Address(Kind::Sitemap) { job.hops + 1 } else { 0 };
        for list in lists.into_iter().filter(|_| hops <= HOPS_MAX) {
            self.offer(Job { hops, ..Job::new(list, job.kind, job.depth) }, counts);
        }
        self.settle(job, State::Done, "");
    }

    fn redirect(&mut self, job: Job, target: Url, counts: &mut Counts) {
        counts.redirects += 1;
        if target == job.url || job.hops >= HOPS_MAX {
            let reason = if target == job.url { "redirect-loop" } else { "redirect-limit" };
            let line = format!("{}: redirected too often, the next to {target}", job.url);
            return self.failed(&job, reason, line, counts);
        }
        self.settle(&job, State::Redirect, target.as_str());
        if job.start {
            self.sites.insert(urls::site(&target));
        }
        self.offer(Job { url: target, hops: job.hops + 1, ..job }, counts);
    }

    fn unwanted(&mut self, job: &Job, why: &str, counts: &mut Counts) {
        Counts::count(&mut counts.skipped_by, why);
        self.settle(job, State::Skipped, why);
        if job.start {
            self.start_trouble = Some(format!("{}: nothing to crawl ({why})", job.url));
        }
    }

    fn failed(&mut self, job: &Job, reason: &str, line: String, counts: &mut Counts) {
        Counts::count(&mut counts.failed_by, reason);
        self.settle(job, State::Failed, &line);
        if job.start {
            self.start_trouble = Some(line.clone());
        }
        if self.failures.len() < FAILURES_SHOWN {
            self.failures.push(line);
        }
    }

    fn robots(&mut self, job: &Job, answer: RobotsAnswer, counts: &mut Counts) {
        let origin = urls::origin(&job.url);
        let Some(Host::Asked(parked)) = self.hosts.remove(&origin) else { return };
        let (robots, trouble) = match answer {
            RobotsAnswer::Unreachable(reason, line) => {
                // There is no site to have rules, and asking it for pages would only take as long
                // again.
                self.hosts.insert(origin, Host::Known(Robots::refuse_all()));
                for job in parked {
                    self.failed(&job, &reason, line.clone(), counts);
                }
                return;
            }
            RobotsAnswer::Trouble(line) => (Robots::refuse_all(), Some(line)),
            RobotsAnswer::Rules(robots) => (robots, None),
        };
        if let Some(delay) = robots.crawl_delay() {
            self.crawl_delays.push((job.url.clone(), delay));
        }
        let ours = parked.iter().any(|job| job.start);
        let sitemaps = robots.sitemaps().to_vec();
        self.hosts.insert(origin, Host::Known(robots));
        for job in parked {
            let start = job.start.then(|| job.url.clone());
            if !self.admit(job, counts)
                && let Some(url) = start
            {
                let why =
                    trouble.clone().unwrap_or_else(|| "its robots.txt does not allow it".into());
                self.start_trouble = Some(format!("{url}: {why} (see --ignore-robots)"));
            }
        }
        if ours && self.scope.sitemaps && trouble.is_none() {
            self.look_for_sitemaps(&job.url, &sitemaps, counts);
        }
    }

    /// Sitemaps that robots.txt names, or the one where everybody has it.
    fn look_for_sitemaps(&mut self, robots: &Url, named: &[String], counts: &mut Counts) {
        let usual = ["/sitemap.xml".to_owned()];
        let named = if named.is_empty() { &usual[..] } else { named };
        for url in named.iter().filter_map(|url| urls::resolve(robots, url)) {
            self.offer(Job::new(url, JobKind::Address(Kind::Sitemap), 0), counts);
        }
    }

    /// A new address, maybe.
    fn offer(&mut self, job: Job, counts: &mut Counts) {
        let page = job.kind == JobKind::Address(Kind::Page);
        let foreign =
            page && !self.scope.follow_hosts && !self.sites.contains(&urls::site(&job.url));
        if foreign || self.seen.contains(job.url.as_str()) {
            return;
        }
        self.seen.insert(job.url.as_str().to_owned());
        if page && !self.scope.all_types && urls::looks_like_a_file(&job.url) {
            Counts::count(&mut counts.skipped_by, "file");
            return;
        }
        self.note_found(&job);
        self.admit(job, counts);
    }

    /// Queues a job, or parks it until its host's robots.txt is known; false if that forbids it.
    fn admit(&mut self, job: Job, counts: &mut Counts) -> bool {
        if !self.scope.robots || job.kind == JobKind::Address(Kind::Sitemap) {
            self.queue(job);
            return true;
        }
        let origin = urls::origin(&job.url);
        match self.hosts.get_mut(&origin) {
            Some(Host::Known(robots)) => {
                if !robots.allows(&job.url[Position::BeforePath..Position::AfterQuery]) {
                    Counts::count(&mut counts.skipped_by, "robots.txt");
                    self.settle(&job, State::Skipped, "robots.txt");
                    return false;
                }
                self.queue(job);
            }
            Some(Host::Asked(parked)) => parked.push(job),
            None => {
                let url = job.url.join("/robots.txt").expect("a rooted path can always be joined");
                let ask = Job::new(url, JobKind::Robots, job.depth);
                self.hosts.insert(origin, Host::Asked(vec![job]));
                self.queue(ask);
            }
        }
        true
    }

    /// Lists and robots.txt go first: others wait for what is in them.
    fn queue(&mut self, job: Job) {
        let queue = self.queues.entry(job.depth).or_default();
        if job.is_page() { queue.push_back(job) } else { queue.push_front(job) }
    }

    fn note_found(&mut self, job: &Job) {
        if let JobKind::Address(kind) = job.kind {
            let (url, depth) = (job.url.as_str().to_owned(), job.depth);
            self.changes.push(Change::Found { url, kind, depth });
        }
    }

    fn settle(&mut self, job: &Job, state: State, note: &str) {
        let (url, note) = (job.url.as_str().to_owned(), note.to_owned());
        self.changes.push(Change::Settle { url, state, note });
    }
}

impl Job {
    fn new(url: Url, kind: JobKind, depth: u32) -> Self {
        Self { url, kind, depth, hops: 0, start: false }
    }

    fn is_page(&self) -> bool {
        self.kind == JobKind::Address(Kind::Page)
    }
}

#[cfg(test)]
mod tests;
