//! The runtimes: a facade of the same names for each, and the bodies compiled on top of it.
//!
//! Bodies and servers are compiled once per runtime, each time with another facade under the name
//! `rt`. A further runtime is a further facade and a line in [`RUNTIMES`]. What is natural
//! elsewhere in that runtime's world is put there in its stead; for what is not, the runtime leaves
//! the row out.

use crate::Meter;
use crate::rows::Flavour;

#[cfg(feature = "peers")]
pub mod monoio;
#[cfg(feature = "peers")]
mod monoio_serve;
#[cfg(feature = "peers")]
pub mod monoio_uring;
pub mod rondel;
pub mod rondel_spin;
pub mod rondel_stealing;
#[cfg(feature = "peers")]
pub mod smol;
#[cfg(feature = "peers")]
pub mod smol_threads;
#[cfg(feature = "peers")]
pub mod tokio;
#[cfg(feature = "peers")]
pub mod tokio_multi_thread;

/// A runtime in one flavour.
#[derive(Debug)]
pub struct Runtime {
    /// What a child is told: no other has this name.
    pub name: &'static str,
    /// What `--peers` calls it.
    pub peer: &'static str,
    /// How many threads run its tasks.
    pub flavour: Flavour,
    /// The package whose version is printed.
    pub package: &'static str,
    /// How it is built, in a few words.
    pub how: &'static str,
    /// Runs a row's body; says whether there is one.
    bodies: fn(&str, &mut Meter) -> bool,
    /// Rows that it has but must not run, and why.
    left_out: &'static [(&'static str, &'static str)],
    /// Why it cannot run on this machine, if so.
    pub why_not_here: fn() -> Option<String>,
}

fn anywhere() -> Option<String> {
    None
}

/// All runtimes; in each flavour ours comes first.
pub const RUNTIMES: &[Runtime] = &[
    Runtime {
        name: "rondel",
        peer: "rondel",
        flavour: Flavour::Local,
        package: "rondel",
        how: "local",
        bodies: rondel::bodies::run,
        left_out: &[],
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "tokio",
        peer: "tokio",
        flavour: Flavour::Local,
        package: "tokio",
        how: "current_thread, enable_all",
        bodies: tokio::bodies::run,
        left_out: &[],
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "smol",
        peer: "smol",
        flavour: Flavour::Local,
        package: "smol",
        how: "LocalExecutor",
        bodies: smol::run,
        left_out: &[],
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "monoio",
        peer: "monoio",
        flavour: Flavour::Local,
        package: "monoio",
        how: "epoll; local-sync: not thread-safe; no panic isolation",
        bodies: monoio::run,
        left_out: monoio::LEFT_OUT,
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "monoio_uring",
        peer: "monoio_uring",
        flavour: Flavour::Local,
        package: "monoio",
        how: "io_uring; local-sync: not thread-safe; no panic isolation",
        bodies: monoio_uring::run,
        left_out: monoio::LEFT_OUT,
        why_not_here: monoio_uring::why_not_here,
    },
    Runtime {
        name: "rondel_stealing",
        peer: "rondel",
        flavour: Flavour::Stealing,
        package: "rondel",
        how: "stealing",
        bodies: rondel_stealing::run,
        left_out: &[],
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "tokio_multi_thread",
        peer: "tokio",
        flavour: Flavour::Stealing,
        package: "tokio",
        how: "multi_thread, enable_all",
        bodies: tokio_multi_thread::run,
        left_out: &[],
        why_not_here: anywhere,
    },
    #[cfg(feature = "peers")]
    Runtime {
        name: "smol_threads",
        peer: "smol",
        flavour: Flavour::Stealing,
        package: "smol",
        how: "Executor, a thread for each CPU",
        bodies: smol_threads::run,
        left_out: &[],
        why_not_here: anywhere,
    },
];

impl Runtime {
    /// Runs a row's body on this runtime.
    ///
    /// Fails with the reason if the runtime cannot do the row as its users would.
    pub fn run(&self, row: &str, meter: &mut Meter) -> Result<(), String> {
        if let Some((_, why)) = self.left_out.iter().find(|(name, _)| *name == row) {
            return Err((*why).to_string());
        }
        if (self.bodies)(row, meter) {
            Ok(())
        } else {
            Err(format!("{} lacks it, or its users do it another way", self.peer))
        }
    }
}

/// The runtime that a child is told to use.
pub fn find(name: &str) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.name == name)
}

/// The runtime that `--peers` calls so, in that flavour.
pub fn peer(peer: &str, flavour: Flavour) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.peer == peer && runtime.flavour == flavour)
}

/// The peers there are in a flavour.
pub fn peers(flavour: Flavour) -> Vec<&'static str> {
    let others = RUNTIMES.iter().filter(|runtime| runtime.peer != "rondel");
    others.filter(|runtime| runtime.flavour == flavour).map(|runtime| runtime.peer).collect()
}

/// A server: of what kind, and whom to tell the address.
type Serve = fn(&str, &mut dyn FnMut(std::net::SocketAddr));

/// The kinds of servers that there are.
const SERVED: &[&str] = &["echo", "echo16k", "json", "page"];
/// Those without hyper, which needs an adapter that smol and monoio do not bring along.
#[cfg(feature = "peers")]
const ECHOED: &[&str] = &["echo", "echo16k"];

/// The servers that a runtime has, by their kinds.
const SERVERS: &[(&str, &[&str], Serve)] = &[
    ("rondel", SERVED, rondel::serve::run),
    ("rondel_spin", SERVED, rondel_spin::serve::run),
    ("rondel_stealing", SERVED, rondel_stealing::serve::run),
    #[cfg(feature = "peers")]
    ("tokio", SERVED, tokio::serve::run),
    #[cfg(feature = "peers")]
    ("tokio_multi_thread", SERVED, tokio_multi_thread::serve::run),
    #[cfg(feature = "peers")]
    ("smol", ECHOED, smol::serve::run),
    #[cfg(feature = "peers")]
    ("smol_threads", ECHOED, smol_threads::serve::run),
    #[cfg(feature = "peers")]
    ("monoio", ECHOED, monoio_serve::epoll),
    #[cfg(feature = "peers")]
    ("monoio_uring", ECHOED, monoio_serve::io_uring),
];

/// Whether the named runtime has a server of that kind.
pub fn serves(runtime: &str, kind: &str) -> bool {
    SERVERS.iter().any(|(name, kinds, _)| *name == runtime && kinds.contains(&kind))
}

/// Runs a server on the named runtime until the process is killed.
///
/// Panics if there is no such runtime or server.
pub fn serve(runtime: &str, kind: &str, mut listening: impl FnMut(std::net::SocketAddr)) {
    assert!(serves(runtime, kind), "{runtime} has no server called {kind}");
    let server = SERVERS.iter().find(|(name, ..)| *name == runtime).expect("it serves");
    (server.2)(kind, &mut listening);
}

/// The scraper's client at work: a server, tasks, pages; returns the bytes of all bodies.
type Scrape = fn(std::net::SocketAddr, usize, usize) -> usize;

/// The runtimes that the scraper's client runs on.
const CLIENTS: &[(&str, Scrape)] = &[
    #[cfg(feature = "peers")]
    ("rondel", rondel::scrape::run),
    #[cfg(feature = "peers")]
    ("tokio", tokio::scrape::run),
];

/// Runs the scraper's client on the named runtime; returns the bytes of all bodies.
///
/// Panics if there is no such runtime, or if a page cannot be fetched.
pub fn scrape(runtime: &str, server: std::net::SocketAddr, workers: usize, pages: usize) -> usize {
    let client = CLIENTS.iter().find(|(name, _)| *name == runtime);
    let (_, run) = client.unwrap_or_else(|| panic!("no client of the scraper runs on {runtime}"));
    run(server, workers, pages)
}
