//! tokio, one thread, as `#[tokio::main(flavor = "current_thread")]` builds it.

#[path = "../bodies.rs"]
pub mod bodies;
#[path = "../scrape.rs"]
pub mod scrape;
#[path = "../serve.rs"]
pub mod serve;

mod rt {
    pub(super) use crate::tokio_net::TokioNet as Net;
    pub(super) use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
    pub(super) use ::tokio::net::{TcpListener, TcpStream};
    pub(super) use ::tokio::sync::{Mutex, Semaphore, broadcast, mpsc, oneshot, watch};
    pub(super) use ::tokio::task::{JoinSet, spawn_blocking, unconstrained, yield_now};
    pub(super) use ::tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
    pub(super) use ::tokio::{select, spawn};
    /// tokio has no `gather` of its own; its users take this one.
    pub(super) use futures_util::future::join_all as gather;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a tokio runtime").block_on(future)
    }

    /// A stream as hyper wants it.
    pub(super) fn hyper_io(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        hyper_util::rt::TokioIo::new(stream)
    }
}
