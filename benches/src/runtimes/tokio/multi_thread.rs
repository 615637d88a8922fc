//! tokio, a worker for each CPU, as `#[tokio::main]` builds it.

#[path = "../../bodies/scaling.rs"]
mod scaling;
#[path = "../../serve.rs"]
pub mod serve;
#[path = "../../bodies/mod.rs"]
mod shared;

use crate::Meter;

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    shared::run(row, meter) || scaling::run(row, meter)
}

mod rt {
    use ::tokio::runtime::Builder;

    pub(super) use super::super::current_thread::rt::*;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        Builder::new_multi_thread().enable_all().build().expect("a tokio runtime").block_on(future)
    }

    pub(super) fn run_on<F: Future>(workers: usize, future: F) -> F::Output {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(workers).enable_all().build();
        runtime.expect("a tokio runtime").block_on(future)
    }
}
