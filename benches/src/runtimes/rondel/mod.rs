//! Rondel, in both flavours, and on a loop that spins.

mod local;
mod spin;
mod stealing;

use super::{Family, Runtime, SERVED, Server, anywhere};
use crate::rows::Flavour;

pub(super) const FAMILY: Family = Family {
    runtimes: &[
        Runtime {
            name: "rondel",
            peer: "rondel",
            flavour: Flavour::Local,
            package: "rondel",
            how: "local",
            bodies: local::bodies::run,
            left_out: &[],
            why_not_here: anywhere,
        },
        Runtime {
            name: "rondel_stealing",
            peer: "rondel",
            flavour: Flavour::Stealing,
            package: "rondel",
            how: "stealing",
            bodies: stealing::run,
            left_out: &[],
            why_not_here: anywhere,
        },
    ],
    servers: &[
        Server { runtime: "rondel", kinds: SERVED, run: local::serve::run },
        Server { runtime: "rondel_spin", kinds: SERVED, run: spin::serve::run },
        Server { runtime: "rondel_stealing", kinds: SERVED, run: stealing::serve::run },
    ],
    clients: &[],
};

/// For the client that the scraper brings along.
#[cfg(feature = "peers")]
pub(super) use local::rt;
