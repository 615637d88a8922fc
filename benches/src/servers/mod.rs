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
pub mod roles;
pub mod rows;

pub use measure::{Effort, Figures, measure, scrape};
pub use roles::play;

use crate::rows::{Flavour, Goal};
use crate::runtimes::{NOT_BUILT_IN, scrapes, serves};

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
            _ if many => Some(["rondel_stealing", "tokio_multi_thread"]),
            Self::Spin => Some(["rondel_spin", "tokio"]),
            _ => Some(["rondel", "tokio"]),
        }
    }

    /// Whether the named runtime has what it takes: a server, or a client; else why not.
    pub fn is_had_by(self, runtime: &str) -> Result<(), String> {
        match self {
            Self::Scrape if scrapes(runtime) => Ok(()),
            Self::Scrape => {
                Err(format!("the scraper's client does not run on {runtime} here{NOT_BUILT_IN}"))
            }
            _ if serves(runtime, self.served()) => Ok(()),
            _ => Err(format!("{runtime} has no such server, or its users build it another way")),
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
        let row = rows::ROWS.iter().find(|row| row.name == name)?;
        match row.goal(if many { Flavour::Stealing } else { Flavour::Local }) {
            Goal::Ratio(ratio) => Some(ratio),
            Goal::Absent | Goal::Open | Goal::Figure(_) => None,
        }
    }
}
