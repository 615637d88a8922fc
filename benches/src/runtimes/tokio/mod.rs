//! tokio, in both flavours.

mod current_thread;
mod multi_thread;

use super::{Family, Runtime, SERVED, Server, anywhere};
use crate::rows::Flavour;

pub(super) const FAMILY: Family = Family {
    runtimes: &[
        Runtime {
            name: "tokio",
            peer: "tokio",
            flavour: Flavour::Local,
            package: "tokio",
            how: "current_thread, enable_all",
            bodies: current_thread::bodies::run,
            left_out: &[],
            why_not_here: anywhere,
        },
        Runtime {
            name: "tokio_multi_thread",
            peer: "tokio",
            flavour: Flavour::Stealing,
            package: "tokio",
            how: "multi_thread, enable_all",
            bodies: multi_thread::run,
            left_out: &[],
            why_not_here: anywhere,
        },
    ],
    servers: &[
        Server { runtime: "tokio", kinds: SERVED, run: current_thread::serve::run },
        Server { runtime: "tokio_multi_thread", kinds: SERVED, run: multi_thread::serve::run },
    ],
    clients: &[],
};

/// For the client that the scraper brings along.
#[cfg(feature = "peers")]
pub(super) use current_thread::rt;
