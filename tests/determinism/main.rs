//! What makes a program that waits repeatable: time that stands still, orders drawn by seed, the
//! verdict on a deadlock, and waiting until nobody can run.

mod deadlock;
mod idle;
mod pause;
mod replay;
mod seeds;

use rondel::{Builder, Runtime};
use std::time::Duration;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A runtime whose time stands still until nothing else can run.
fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}
