//! The peers beside tokio. A build without them is a good deal shorter.

mod monoio;
mod monoio_serve;
mod monoio_uring;
mod smol;
mod smol_threads;

use super::{Family, Runtime, Server, anywhere};
use crate::rows::Flavour;

/// Without hyper, which needs an adapter that smol and monoio do not bring along.
const ECHOED: &[&str] = &["echo", "echo16k"];

pub(super) const FAMILY: Family = Family {
    runtimes: &[
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
            name: "smol_threads",
            peer: "smol",
            flavour: Flavour::Stealing,
            package: "smol",
            how: "Executor, a thread for each CPU",
            bodies: smol_threads::run,
            left_out: &[],
            why_not_here: anywhere,
        },
    ],
    servers: &[
        Server { runtime: "smol", kinds: ECHOED, run: smol::serve::run },
        Server { runtime: "smol_threads", kinds: ECHOED, run: smol_threads::serve::run },
        Server { runtime: "monoio", kinds: ECHOED, run: monoio_serve::epoll },
        Server { runtime: "monoio_uring", kinds: ECHOED, run: monoio_serve::io_uring },
    ],
    clients: &[],
};
