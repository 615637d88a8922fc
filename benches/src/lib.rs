//! Bodies shared by every runtime: a row is written once and compiled once per runtime.
//!
//! ```text
//!   bodies/, serve.rs ──compiled for──▶ runtimes::tokio    (facade: tokio's names)
//!                     └─compiled for──▶ runtimes::rondel   (facade: the same names, ours)
//!   rows.rs: what each row is called, its unit, its goal      meter.rs: CPU and wall time
//!   servers/: the rows of two processes, server and generator      load.rs: the generator
//!   duel/, bin/servers.rs, bin/scraper_duel.rs: children in turn A B, B A, a ratio per round
//!   lab/: prices, ablation, reactor_race, guide_tables: one idea, one price, one claim at a time
//! ```
//!
//! Rules
//! 1. A body names the runtime only as `rt`; nothing in it knows which one that is.
//! 2. Peers run in processes of their own, in turn, so that a noisy minute hits all.
//! 3. The figure is CPU time of the process; wall time stands beside it.
//! 4. What is compared gives the same guarantees: tokio runs with `enable_all`, as
//!    `#[tokio::main]` builds it, and both sides use thread-safe primitives. A peer that promises
//!    less is named with what it lacks above the table.

// Compiling the bodies once per runtime is the point; see rule 1.
#![allow(clippy::duplicate_mod)]

pub mod ablation;
pub mod child;
pub mod counts;
mod date;
pub mod duel;
#[cfg(feature = "tokio")]
pub mod guide;
pub mod kit;
pub mod lab;
pub mod load;
pub mod machine;
pub mod meter;
pub mod pair;
pub mod prices;
pub mod race;
pub mod report;
pub mod rows;
pub mod runtimes;
pub mod servers;

// Parts of the engine, compiled once more to be measured alone: the files that ship, no copies.
#[path = "../../tests/support/alone.rs"]
mod alone;
#[allow(dead_code)]
#[path = "../../runtime/reactor/mod.rs"]
mod reactor;
#[path = "../../runtime/shim.rs"]
mod shim;
#[allow(dead_code)]
#[path = "../../runtime/time/wheel.rs"]
mod wheel;

pub use meter::Meter;
