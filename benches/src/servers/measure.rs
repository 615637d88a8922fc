//! One run of a server row: start the children, warm them up, ask them before and after.

use std::io;
use std::time::Duration;

use super::{Kind, Plan, RATE};
use crate::child::Talker;
use crate::machine::rss_bytes;

/// What one run found.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// In the unit of the row.
    pub figure: f64,
    /// Wall nanoseconds per request.
    pub wall_ns: f64,
    /// Median and 99th percentile of a request's time in microseconds, if requests were timed.
    pub times_us: Option<[f64; 2]>,
    /// How long the server waited for a CPU, as a share of its CPU time.
    pub wait_share: f64,
    /// How often a thread of the server left its CPU, per request, if requests were counted.
    pub switches: Option<f64>,
    /// Most bytes that the process had resident, if it was a client.
    pub peak_bytes: Option<f64>,
}

/// How much a run does.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Requests, connections or pages; `None`: as many as the row needs to be steady.
    pub requests: Option<usize>,
    /// A fourth of that.
    pub quick: bool,
    /// Requests a second, where they fall due at a rate.
    pub rate: usize,
}

impl Effort {
    /// That of the duel.
    pub fn new(quick: bool) -> Self {
        Self { requests: None, quick, rate: RATE }
    }

    fn requests(self, plan: Plan) -> usize {
        // A connection takes 20 times a request, and 16,000 leave enough of the 28,000 ports free.
        let full = match plan.kind {
            Kind::Churn => 16_000,
            Kind::Scrape => 50_000,
            Kind::Echo16k => 60_000.max(4 * plan.conns),
            _ if plan.conns == 1 => 30_000,
            _ => 200_000,
        };
        self.requests.unwrap_or(if self.quick { full / 4 } else { full })
    }
}

/// Runs `plan` once on `runtime`.
///
/// Fails if a child cannot be started, dies, or falls silent.
pub fn measure(plan: Plan, runtime: &str, effort: Effort) -> io::Result<Figures> {
    let requests = effort.requests(plan);
    match plan.kind {
        Kind::Idle => idle(plan, runtime),
        Kind::Scrape => scrape(runtime, plan.conns, requests),
        _ => serve(plan, runtime, requests, effort.rate),
    }
}

/// A server on `runtime` and a generator with its connections open, both ready.
pub(super) fn start(plan: Plan, runtime: &str) -> io::Result<(Talker, Talker)> {
    let served = plan.kind.served();
    let mut server = Talker::start(&["--server", runtime, served, "0"])?;
    let address = server.hear()?;
    let sent = if plan.kind == Kind::Churn { "churn" } else { served };
    let mut load = Talker::start(&["--load", &address, sent, &plan.conns.to_string()])?;
    load.hear()?;
    Ok((server, load))
}

fn serve(plan: Plan, runtime: &str, requests: usize, rate: usize) -> io::Result<Figures> {
    let (mut server, mut load) = start(plan, runtime)?;
    let _: [f64; 3] = load.ask(&(requests / 10).max(plan.conns).to_string())?; // warms up
    let task = match plan.kind {
        Kind::Rate => format!("{requests} {rate}"),
        _ => requests.to_string(),
    };
    let [cpu_before, wait_before, switches_before] = server.ask("cpu")?;
    let [wall, p50, p99] = load.ask(&task)?;
    let [cpu_after, wait_after, switches_after] = server.ask("cpu")?;
    let (cpu, waited) = (cpu_after - cpu_before, wait_after - wait_before);
    let per_request_us = |ns: f64| ns / requests as f64 / 1e3;
    let figure = match plan.kind {
        Kind::Spin => p50 / 1e3,
        Kind::Rate => p99 / 1e3,
        _ => per_request_us(cpu),
    };
    Ok(Figures {
        figure,
        wall_ns: wall / requests as f64,
        times_us: Some([p50 / 1e3, p99 / 1e3]),
        wait_share: waited / cpu,
        switches: Some((switches_after - switches_before) / requests as f64),
        peak_bytes: None,
    })
}

fn idle(plan: Plan, runtime: &str) -> io::Result<Figures> {
    let mut server = Talker::start(&["--server", runtime, plan.kind.served(), "0"])?;
    let address = server.hear()?;
    let connect = |conns: usize| -> io::Result<Talker> {
        let mut load = Talker::start(&["--load", &address, "echo", &conns.to_string()])?;
        load.hear()?;
        Ok(load)
    };
    let pid = server.id().to_string();
    let _first = connect(1)?; // so that what is paid once is not counted
    let before = rss_bytes(&pid);
    let _load = connect(plan.conns)?;
    std::thread::sleep(Duration::from_millis(100)); // idle by then
    let bytes = rss_bytes(&pid).saturating_sub(before);
    let figure = bytes as f64 / plan.conns as f64;
    Ok(Figures {
        figure,
        wall_ns: 0.0,
        times_us: None,
        wait_share: 0.0,
        switches: None,
        peak_bytes: None,
    })
}

/// Lets the scraper's client on `runtime` fetch `pages` pages with so many `workers`.
///
/// Fails if a child cannot be started or dies.
pub fn scrape(runtime: &str, workers: usize, pages: usize) -> io::Result<Figures> {
    // The same server for both, on the other CPU.
    let mut server = Talker::start(&["--server", "tokio", "page", "1"])?;
    let address = server.hear()?;
    let words = ["--client", runtime, &address, &workers.to_string(), &pages.to_string()];
    let [cpu, peak, wall] = Talker::start(&words)?.hear_numbers()?;
    Ok(Figures {
        figure: cpu / pages as f64 / 1e3,
        wall_ns: wall / pages as f64,
        times_us: None,
        wait_share: 0.0,
        switches: None,
        peak_bytes: Some(peak),
    })
}
