//! The runtimes: a facade of the same names for each, and the bodies compiled on top of it.
//!
//! Bodies and servers are compiled once per runtime, each time with another facade under the name
//! `rt`. A further runtime is a further facade and a line in its `Family`. What is natural
//! elsewhere in that runtime's world is put there in its stead; for what is not, the runtime leaves
//! the row out.
//!
//! | feature | brings along |
//! |---|---|
//! | none | Rondel alone, for counting |
//! | `tokio`, on by default | tokio |
//! | `peers` | smol, monoio, and the scraper, whose client runs on Rondel and on tokio |

use crate::Meter;
use crate::rows::Flavour;

#[cfg(feature = "peers")]
mod others;
mod rondel;
#[cfg(feature = "peers")]
mod scraper;
#[cfg(feature = "tokio")]
mod tokio;

/// What belongs together: the flavours of one runtime, or what one feature brings along.
struct Family {
    runtimes: &'static [Runtime],
    servers: &'static [Server],
    /// The scraper's client, by the names of the runtimes it runs on.
    clients: &'static [(&'static str, Scrape)],
}

/// Ours comes first.
const FAMILIES: &[Family] = &[
    rondel::FAMILY,
    #[cfg(feature = "tokio")]
    tokio::FAMILY,
    #[cfg(feature = "peers")]
    others::FAMILY,
    #[cfg(feature = "peers")]
    scraper::FAMILY,
];

/// What is not built in and how to get it, after a semicolon; nothing if everything is.
pub const NOT_BUILT_IN: &str = if cfg!(feature = "peers") {
    ""
} else if cfg!(feature = "tokio") {
    "; smol, monoio and the scraper are built in by `cargo run --features peers …`"
} else {
    "; peers are built in without `--no-default-features`"
};

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

/// The server of a runtime.
struct Server {
    runtime: &'static str,
    /// What it serves.
    kinds: &'static [&'static str],
    /// Told the kind and whom to tell the address, it serves until the process is killed.
    run: fn(&str, &mut dyn FnMut(std::net::SocketAddr)),
}

/// The kinds of servers that there are.
const SERVED: &[&str] = &["echo", "echo16k", "json", "page"];

/// The scraper's client at work: a server, tasks, pages; returns the bytes of all bodies.
type Scrape = fn(std::net::SocketAddr, usize, usize) -> usize;

/// All runtimes; in each flavour ours comes first.
pub fn all() -> impl Iterator<Item = &'static Runtime> {
    FAMILIES.iter().flat_map(|family| family.runtimes)
}

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
    all().find(|runtime| runtime.name == name)
}

/// The runtime that `--peers` calls so, in that flavour.
pub fn peer(peer: &str, flavour: Flavour) -> Option<&'static Runtime> {
    all().find(|runtime| runtime.peer == peer && runtime.flavour == flavour)
}

/// The peers there are in a flavour.
pub fn peers(flavour: Flavour) -> Vec<&'static str> {
    let others = all().filter(|runtime| runtime.peer != "rondel");
    others.filter(|runtime| runtime.flavour == flavour).map(|runtime| runtime.peer).collect()
}

fn server(runtime: &str, kind: &str) -> Option<&'static Server> {
    let mut servers = FAMILIES.iter().flat_map(|family| family.servers);
    servers.find(|server| server.runtime == runtime && server.kinds.contains(&kind))
}

/// Whether the named runtime has a server of that kind.
pub fn serves(runtime: &str, kind: &str) -> bool {
    server(runtime, kind).is_some()
}

/// Runs a server on the named runtime until the process is killed.
///
/// Panics if there is no such runtime or server.
pub fn serve(runtime: &str, kind: &str, mut listening: impl FnMut(std::net::SocketAddr)) {
    let server = server(runtime, kind);
    let server = server.unwrap_or_else(|| panic!("{runtime} has no server called {kind}"));
    (server.run)(kind, &mut listening);
}

fn client(runtime: &str) -> Option<Scrape> {
    let mut clients = FAMILIES.iter().flat_map(|family| family.clients);
    clients.find(|(name, _)| *name == runtime).map(|(_, run)| *run)
}

/// Whether the scraper's client runs on the named runtime.
pub fn scrapes(runtime: &str) -> bool {
    client(runtime).is_some()
}

/// Runs the scraper's client on the named runtime; returns the bytes of all bodies.
///
/// Panics if there is no such client, or if a page cannot be fetched.
pub fn scrape(runtime: &str, server: std::net::SocketAddr, workers: usize, pages: usize) -> usize {
    let run = client(runtime);
    let run = run.unwrap_or_else(|| panic!("no client of the scraper runs on {runtime}"));
    run(server, workers, pages)
}
