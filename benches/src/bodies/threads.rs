//! Bodies: what does it cost to cross from one thread to another?

use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "spawn_blocking" => rt::run(spawn_blocking(meter)),
        _ => return false,
    }
    true
}

async fn spawn_blocking(meter: &mut Meter) {
    let times = meter.size().pick(10_000, 2_000);
    while meter.more() {
        meter.start();
        for item in 0..times {
            black_box(rt::spawn_blocking(move || item).await.unwrap());
        }
        meter.stop(times);
    }
}
