//! tokio, a worker for each CPU, as `#[tokio::main]` builds it.

#[path = "../bodies.rs"]
pub mod bodies;
#[path = "../serve.rs"]
pub mod serve;

mod rt {
    pub(super) use crate::runtimes::tokio::rt::{
        AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, hyper_io,
    };
    pub(super) use crate::runtimes::tokio::rt::{
        Instant, JoinSet, Mutex, Semaphore, Sleep, broadcast, gather, mpsc, oneshot, select, sleep,
        sleep_until, spawn, spawn_blocking, timeout, unconstrained, watch, yield_now,
    };

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        let mut builder = ::tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().build().expect("a tokio runtime").block_on(future)
    }
}
