//! Rondel, stealing flavour: a worker for each CPU.

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
    use ::rondel::Builder;

    pub(super) use super::super::local::rt::*;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        Builder::new_multi_thread().build().expect("a runtime").block_on(future)
    }

    pub(super) fn run_on<F: Future>(workers: usize, future: F) -> F::Output {
        Builder::new_multi_thread().workers(workers).build().expect("a runtime").block_on(future)
    }
}
