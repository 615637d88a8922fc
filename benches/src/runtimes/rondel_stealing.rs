//! Rondel, stealing flavour: a worker for each CPU.

#[path = "../bodies.rs"]
pub mod bodies;

mod rt {
    pub(super) use crate::runtimes::rondel::rt::{
        Instant, JoinSet, Mutex, Semaphore, Sleep, broadcast, gather, mpsc, oneshot, select, sleep,
        sleep_until, spawn, spawn_blocking, timeout, unconstrained, watch, yield_now,
    };

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        ::rondel::Builder::new_multi_thread().build().expect("a runtime").block_on(future)
    }
}
