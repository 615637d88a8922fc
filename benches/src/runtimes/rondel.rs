//! Rondel, local flavour: one thread. (Stand-in until the engine is merged.)

#[path = "../bodies.rs"]
pub mod bodies;
#[path = "../serve.rs"]
pub mod serve;

mod rt {
    pub(super) use ::rondel::spawn;
    pub(super) use ::rondel::task::{spawn_blocking, yield_now};
    pub(super) use ::tokio::io::{AsyncReadExt, AsyncWriteExt};
    pub(super) use ::tokio::net::{TcpListener, TcpStream};
    pub(super) use ::tokio::select;
    pub(super) use ::tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
    pub(super) use ::tokio::task::{JoinSet, unconstrained};
    pub(super) use ::tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
    /// tokio has no `gather` of its own; its users take this one.
    pub(super) use futures_util::future::join_all as gather;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        ::rondel::run(future)
    }

    /// A stream as hyper wants it.
    pub(super) fn hyper_io(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        hyper_util::rt::TokioIo::new(stream)
    }
}
