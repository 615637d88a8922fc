//! The runtimes: a facade of the same names for each, and the bodies compiled on top of it.
//!
//! `bodies.rs` and `serve.rs` are compiled once per runtime, each time with another facade under
//! the name `rt`. A further runtime is a further facade; what it lacks is put there in its stead.

use crate::{Meter, rows};

pub mod rondel;
pub mod rondel_spin;
pub mod rondel_stealing;
pub mod tokio;
pub mod tokio_multi_thread;

/// The runtimes of one thread by name, as the command line knows them; the first is ours.
pub const NAMES: [&str; 2] = ["rondel", "tokio"];

/// Those of many threads.
pub const NAMES_OF_MANY: [&str; 2] = ["rondel_stealing", "tokio_multi_thread"];

/// Runs a row's body on the named runtime.
///
/// Panics if there is no such runtime or row, and if a row is for one thread only.
pub fn run_row(runtime: &str, row: &rows::Row, meter: &mut Meter) {
    match runtime {
        "rondel" => rondel::bodies::run(row.name, meter),
        "tokio" => tokio::bodies::run(row.name, meter),
        "rondel_stealing" => rondel_stealing::bodies::run(row.name, meter),
        "tokio_multi_thread" => tokio_multi_thread::bodies::run(row.name, meter),
        _ => panic!("no runtime is called {runtime}; there are {NAMES:?}"),
    }
}

/// Runs a server on the named runtime until the process is killed.
///
/// Panics if there is no such runtime or server.
pub fn serve(runtime: &str, kind: &str, listening: impl FnOnce(std::net::SocketAddr)) {
    match runtime {
        "rondel" => rondel::serve::run(kind, listening),
        "rondel_spin" => rondel_spin::serve::run(kind, listening),
        "rondel_stealing" => rondel_stealing::serve::run(kind, listening),
        "tokio" => tokio::serve::run(kind, listening),
        "tokio_multi_thread" => tokio_multi_thread::serve::run(kind, listening),
        _ => panic!("no runtime is called {runtime}; there are {NAMES:?}"),
    }
}

/// Runs the scraper's client on the named runtime; returns the bytes of all bodies.
///
/// Panics if there is no such runtime, or if a page cannot be fetched.
pub fn scrape(runtime: &str, server: std::net::SocketAddr, workers: usize, pages: usize) -> usize {
    match runtime {
        "rondel" => rondel::scrape::run(server, workers, pages),
        "tokio" => tokio::scrape::run(server, workers, pages),
        _ => panic!("no runtime is called {runtime}; there are {NAMES:?}"),
    }
}
