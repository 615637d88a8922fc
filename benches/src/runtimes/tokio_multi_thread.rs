//! tokio, a worker for each CPU, as `#[tokio::main]` builds it.

#[path = "../bodies/mod.rs"]
pub mod bodies;

mod rt {
    pub(super) use crate::runtimes::tokio::rt::*;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        let mut builder = ::tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().build().expect("a tokio runtime").block_on(future)
    }
}
