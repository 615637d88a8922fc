//! The children of a server row: the server, the load generator, the client.
//!
//! ```text
//!   --server RUNTIME KIND NTH     says its address; then for each line it hears, its CPU
//!                                 nanoseconds, how long it waited for a CPU meanwhile, and
//!                                 how often its threads left one
//!   --load ADDRESS KIND CONNS     says `ready`; then for each line `REQUESTS` or `REQUESTS RATE`
//!                                 it sends so many and says wall, p50 and p99 nanoseconds
//!   --client RUNTIME ADDRESS WORKERS PAGES
//!                                 fetches the pages and says CPU ns, peak bytes, wall ns
//! ```
//!
//! Each program that measures servers hands its arguments to [`play`] first, since it starts
//! itself as these children.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::time::Instant;

use crate::child::number;
use crate::load::{Load, Protocol, Told, churn};
use crate::machine::{
    context_switches, cpu_time, peak_rss_bytes, pin, pin_to_last, raise_open_files, waited,
};
use crate::rows::Flavour;
use crate::runtimes;

/// The CPU of the load generator, counted from the last one.
const LOAD_CPU: usize = 1;
/// How many CPUs a server of many threads gets, and so how many workers.
const CPUS_OF_MANY: usize = 2;

/// Lives the life of a child, if the arguments are a child's.
pub fn play(words: &[&str]) -> Option<io::Result<()>> {
    let played = match *words {
        ["--server", runtime, kind, nth] => number(nth).and_then(|nth| serve(runtime, kind, nth)),
        ["--load", address, kind, conns] => load(address, kind, conns),
        ["--client", runtime, server, workers, pages] => client(runtime, server, workers, pages),
        _ => return None,
    };
    Some(played)
}

fn protocol(kind: &str) -> Protocol {
    match kind {
        "json" => Protocol::Http,
        "echo16k" => Protocol::Echo(16 * 1024),
        _ => Protocol::Echo(64),
    }
}

/// A server's life, pinned to the `nth` CPU, or to two if it has many threads.
fn serve(runtime: &str, kind: &str, nth: usize) -> io::Result<()> {
    raise_open_files();
    let found = runtimes::find(runtime);
    if found.is_some_and(|found| found.flavour == Flavour::Stealing) {
        pin_to_last(CPUS_OF_MANY);
    } else {
        pin(nth);
    }
    std::thread::spawn(|| {
        for _ in io::stdin().lock().lines() {
            let (cpu, waited) = (cpu_time().as_nanos(), waited().as_nanos());
            println!("{cpu} {waited} {}", context_switches());
        }
        std::process::exit(0);
    });
    runtimes::serve(runtime, kind, |address| println!("{address}"));
    Ok(())
}

/// The generator's life; it ends with its input.
fn load(address: &str, kind: &str, conns: &str) -> io::Result<()> {
    raise_open_files();
    pin(LOAD_CPU);
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let conns = number(conns)?;
    let mut load = match kind {
        "churn" => None,
        _ => Some(Load::connect(address, protocol(kind), conns)?),
    };
    println!("ready");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let told = match (&mut load, &words[..]) {
            (Some(load), [requests]) => load.run(number(requests)?)?,
            (Some(load), [requests, rate]) => load.run_at(number(requests)?, number(rate)?)?,
            (None, [visits]) => churn(address, protocol(kind), number(visits)?, conns)?,
            _ => return Err(io::Error::other(format!("told to `{line}`, which means nothing"))),
        };
        let Told { wall, p50, p99 } = told;
        println!("{} {} {}", wall.as_nanos(), p50.as_nanos(), p99.as_nanos());
    }
    Ok(())
}

fn client(runtime: &str, server: &str, workers: &str, pages: &str) -> io::Result<()> {
    raise_open_files();
    pin(0);
    let server = server.parse().map_err(io::Error::other)?;
    let (workers, pages) = (number(workers)?, number(pages)?);
    let started = Instant::now();
    let bytes = runtimes::scrape(runtime, server, workers, pages);
    let wall = started.elapsed();
    if bytes != pages * 1024 {
        return Err(io::Error::other(format!("{pages} pages of 1 KiB had {bytes} bytes")));
    }
    println!("{} {} {}", cpu_time().as_nanos(), peak_rss_bytes("self"), wall.as_nanos());
    Ok(())
}
