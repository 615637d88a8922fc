//! What the machine charges for the steps that runtimes are made of, and the sum of such steps.
//!
//! ```text
//!   steps.rs: one price each, a loop that does nothing else
//!   model.rs: a hot row = so many of each, counted in the engine's source ──▶ sum against measured
//! ```
//!
//! Rules
//! 1. A price is CPU time, less what the empty loop costs. The steps of a loop may overlap in the
//!    processor, so a price is what a step costs among its like, not how long one takes alone.
//! 2. A price is of the thing the engine uses: its block's size, its wheel, its kind of queue.
//! 3. A model lists what the engine does, not what it should do; what is left out is said.

pub mod model;
pub mod steps;

use std::time::Duration;

use crate::machine::cpu_time;
use crate::meter::Size;

pub use model::{MODELS, Model};
pub use steps::{PRICES, Price};

/// The CPU time that `run` takes.
pub(crate) fn timed(run: impl FnOnce()) -> Duration {
    let before = cpu_time();
    run();
    cpu_time() - before
}

/// How long one batch of a price should take.
fn batch_time(size: Size) -> Duration {
    match size {
        Size::Smoke => Duration::from_micros(50),
        Size::Quick => Duration::from_millis(2),
        Size::Full => Duration::from_millis(10),
    }
}

/// How many operations of a price fill one batch.
pub fn calibrate(price: &Price, size: Size) -> usize {
    let mut ops = price.least_ops;
    while (price.run)(ops) < batch_time(size) && ops < 1 << 30 {
        ops *= 2;
    }
    ops
}

/// What one operation of a batch costs, in CPU nanoseconds, the loop included.
pub fn measure(price: &Price, ops: usize) -> f64 {
    (price.run)(ops).as_nanos() as f64 / ops as f64
}
