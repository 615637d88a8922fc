//! Rondel, stealing flavour: a worker for each CPU.

#[path = "../bodies.rs"]
pub mod bodies;
#[path = "../serve.rs"]
pub mod serve;

mod rt {
    pub(super) use crate::runtimes::rondel::rt::{
        AsyncReadExt, AsyncWriteExt, TcpListener, TcpStream, hyper_io,
    };
    pub(super) use crate::runtimes::rondel::rt::{
        Instant, JoinSet, Mutex, Semaphore, Sleep, broadcast, gather, mpsc, oneshot, select, sleep,
        sleep_until, spawn, spawn_blocking, timeout, unconstrained, watch, yield_now,
    };

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        ::rondel::Builder::new_multi_thread().build().expect("a runtime").block_on(future)
    }
}
