//! The reactor race: one echo server, on two libraries, with and without a runtime around them.
//!
//! ```text
//!   mio_bare          mio and nothing else          ┐ what the table of sources adds
//!   mio_table         the engine's reactor on mio   ┤
//!   mio_runtime       Rondel on it                  ┘ what tasks, wakers and the turn add
//!   polling_table     the engine's reactor on polling, edge-triggered
//!   polling_oneshot   the same, re-armed for each wait, as smol does
//!   polling_runtime   Rondel on polling, edge-triggered
//! ```
//!
//! Every one echoes: 512 B a connection, a read, a write, then wait again. polling has no bare loop
//! of its own here, because its calls are unsafe ones: the engine's thin coat is the nearest to it.

mod bare;
mod runtime;
mod table;

use std::io;
use std::net::SocketAddr;

use crate::reactor::{Kernel, Kind};

/// What a connection owns.
const BUFFER_BYTES: usize = 512;

/// The racers by name, and what each is; the first is the base of the ratios.
pub const RACERS: &[(&str, &str)] = &[
    ("mio_runtime", "Rondel on mio, its default"),
    ("polling_runtime", "Rondel on polling, edge-triggered"),
    ("mio_bare", "mio and nothing else"),
    ("mio_table", "the engine's reactor on mio, no runtime"),
    ("polling_table", "the engine's reactor on polling, edge-triggered, no runtime"),
    ("polling_oneshot", "the engine's reactor on polling, re-armed for each wait, no runtime"),
];

/// Serves on a fresh port of loopback, for ever.
///
/// Fails if there is no such racer, no port, or no descriptor left.
pub fn serve(racer: &str, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    match racer {
        "mio_runtime" => runtime::echo(rondel::Reactor::Mio, listening),
        "polling_runtime" => runtime::echo(rondel::Reactor::Polling, listening),
        "mio_bare" => bare::echo(listening),
        "mio_table" => table::echo(Kernel::new(Kind::Mio), listening),
        "polling_table" => table::echo(Kernel::new(Kind::Polling), listening),
        "polling_oneshot" => table::echo(Kernel::one_shot(), listening),
        _ => Err(io::Error::other(format!("no racer is called {racer}; see --list"))),
    }
}

/// Whether the connection goes on after a read gave this.
fn goes_on(read: io::Result<usize>) -> Option<usize> {
    // A client that hangs up, by FIN or by RST, is how every connection of a benchmark ends.
    read.ok().filter(|&bytes| bytes > 0)
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
