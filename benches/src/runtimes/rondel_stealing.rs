//! Rondel, stealing flavour: a worker for each CPU.

#[path = "../bodies/mod.rs"]
pub mod bodies;

mod rt {
    pub(super) use crate::runtimes::rondel::rt::*;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        ::rondel::Builder::new_multi_thread().build().expect("a runtime").block_on(future)
    }
}
