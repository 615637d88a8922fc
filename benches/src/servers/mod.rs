//! Server rows: what a server pays for a request, a connection, an idle one; and what a client
//! pays for a page.
//!
//! ```text
//!   this process ──starts──▶ server (CPU 0, the last)  ◀── loopback ──▶ generator (CPU 1)
//!        └── asks both, line by line: your CPU time?  so many requests, please
//! ```
//!
//! A row is named by its kind and its connections: `echo_64`, `json_1000`, `echo_1_spin`.
//!
//! Rules
//! 1. The server is a fresh process each time, and warm before it is measured.
//! 2. The figure is the server's CPU time, because a generator and a server that wait for each
//!    other show the machine's scheduler. Where waiting is the point (`spin`, `rate`) it is the
//!    time of a request, seen by the generator: of all, the median or the 99th percentile, and not
//!    the mean, which a single stall of the machine decides.
//! 3. Both runtimes serve the same program with the same buffers: `serve.rs`.

pub mod calls;
mod measure;
mod roles;

pub use measure::{Effort, Figures, measure, scrape};
pub use roles::play;

use crate::rows::Row;
use crate::runtimes;

/// How many requests fall due a second where the generator keeps to a rate: about a quarter of what
/// one CPU can serve here.
const RATE: usize = 50_000;

/// What a row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64 bytes come back; 512 bytes of buffer a connection.
    Echo,
    /// 16 KiB come back; as much buffer.
    Echo16k,
    /// hyper, http1, kept alive, a small JSON body.
    Json,
    /// A connection for each request.
    Churn,
    /// Connections that say nothing.
    Idle,
    /// `Echo` by a loop that spins before it sleeps; the peer as always.
    Spin,
    /// `Echo` at a fixed rate.
    Rate,
    /// The scraper's client on a server of pages.
    Scrape,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Echo,
        Self::Spin,
        Self::Echo16k,
        Self::Rate,
        Self::Churn,
        Self::Json,
        Self::Idle,
        Self::Scrape,
    ];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Echo16k => "echo16k",
            Self::Json => "json",
            Self::Churn => "churn",
            Self::Idle => "idle",
            Self::Spin => "spin",
            Self::Rate => "rate",
            Self::Scrape => "scrape",
        }
    }

    /// The unit of its figure.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Echo | Self::Echo16k | Self::Json => "cpu us/req",
            Self::Churn => "cpu us/conn",
            Self::Idle => "bytes/conn",
            Self::Spin => "us, p50",
            Self::Rate => "us, p99",
            Self::Scrape => "cpu us/page",
        }
    }

    /// The connections it is mostly measured with.
    pub fn conns(self) -> &'static [usize] {
        match self {
            Self::Echo | Self::Echo16k | Self::Json => &[1, 64, 1_000, 10_000],
            Self::Churn => &[16],
            Self::Idle => &[8_000],
            Self::Spin => &[1],
            Self::Rate => &[64],
            Self::Scrape => &[50, 150],
        }
    }

    /// Which runtimes it can be measured on: the first is ours, the second tokio.
    ///
    /// Of many threads there is a server, but no client, and nothing that spins.
    pub fn runtimes(self, many: bool) -> Option<[&'static str; 2]> {
        match self {
            Self::Spin | Self::Scrape if many => None,
            _ if many => Some(runtimes::NAMES_OF_MANY),
            Self::Spin => Some(["rondel_spin", "tokio"]),
            _ => Some(runtimes::NAMES),
        }
    }

    /// What the server, or the generator, has to be.
    fn served(self) -> &'static str {
        match self {
            Self::Echo16k => "echo16k",
            Self::Json => "json",
            Self::Scrape => "page",
            Self::Echo | Self::Churn | Self::Idle | Self::Spin | Self::Rate => "echo",
        }
    }
}

/// One row: a kind, with so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it does.
    pub kind: Kind,
    /// Connections at a time; of a client, as many tasks too.
    pub conns: usize,
}

impl Plan {
    /// The row's name.
    pub fn name(self) -> String {
        let conns = self.conns;
        match self.kind {
            Kind::Spin | Kind::Rate => format!("echo_{conns}_{}", self.kind.name()),
            kind => format!("{}_{conns}", kind.name()),
        }
    }

    /// The plan of that name.
    pub fn find(name: &str) -> Option<Self> {
        let number = name.split('_').nth(1)?.parse().ok()?;
        let plans = Kind::ALL.map(|kind| Self { kind, conns: number });
        plans.into_iter().find(|plan| plan.name() == name)
    }

    /// The goal of the ratio to tokio, if the row has one.
    pub fn goal(self, many: bool) -> Option<f64> {
        let name = self.name();
        let row = ROWS.iter().find(|row| row.name == name)?;
        if many { Some(1.0) } else { row.goal }
    }
}

const fn row(name: &'static str, unit: &'static str, goal: f64, what: &'static str) -> Row {
    Row { name, unit, goal: Some(goal), what }
}

/// The rows of the duel.
pub const ROWS: &[Row] = &[
    row("echo_1", "cpu us/req", 1.00, "64 B echoed over one connection"),
    row("echo_1_spin", "us, p50", 0.80, "time of such an echo, by a loop that spins up to 50 us"),
    row("echo_64", "cpu us/req", 0.99, "64 B echoed, 64 connections"),
    row("echo_1000", "cpu us/req", 0.96, "64 B echoed, 1,000 connections"),
    row("echo_10000", "cpu us/req", 0.94, "64 B echoed, 10,000 connections"),
    row("echo16k_64", "cpu us/req", 1.00, "16 KiB echoed, 64 connections"),
    row("echo16k_1000", "cpu us/req", 1.00, "16 KiB echoed, 1,000 connections"),
    row("echo_64_rate", "us, p99", 1.00, "time of an echo at 50,000 a second over 64 connections"),
    row("churn_16", "cpu us/conn", 1.00, "connect, one echo, close; 16 visitors at once"),
    row("json_64", "cpu us/req", 0.97, "hyper, a small JSON body, 64 connections"),
    row("json_1000", "cpu us/req", 0.97, "hyper, a small JSON body, 1,000 connections"),
    row("idle_8000", "bytes/conn", 0.70, "server memory of an idle connection, its 512 B included"),
    row("scrape_50", "cpu us/page", 1.00, "the scraper's client fetches a page of 1 KiB, 50 tasks"),
];

/// Those of the quick duel: one of each kind that needs no minute.
pub const QUICK: &[&str] =
    &["echo_1", "echo_1_spin", "echo_64", "echo_1000", "churn_16", "json_64", "idle_8000"];

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that a row's name says all about it. Method: find each by name and name it.
    #[test]
    fn every_row_is_found_by_its_name() {
        for row in ROWS {
            let plan = Plan::find(row.name).unwrap_or_else(|| panic!("{} is no plan", row.name));
            assert_eq!(plan.name(), row.name);
            assert_eq!(plan.kind.unit(), row.unit);
        }
        assert!(QUICK.iter().all(|name| ROWS.iter().any(|row| row.name == *name)));
        assert!(Plan::find("echo").is_none() && Plan::find("tea_64").is_none());
    }
}
