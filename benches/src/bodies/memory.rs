//! Bodies: how many bytes does a task take?

use std::future::pending;
use std::time::Duration;

use super::rt;
use crate::Meter;
use crate::kit::AN_HOUR;
use crate::machine::{cpu_time, rss_bytes};

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "bytes_idle_task" => rt::run(bytes(meter, || rt::detach(rt::spawn(pending::<()>())))),
        "bytes_per_task" => rt::run(bytes(meter, || rt::detach(rt::spawn(rt::sleep(AN_HOUR))))),
        _ => return false,
    }
    true
}

/// A process at rest uses less CPU than this in twenty milliseconds.
const REST_MAX: Duration = Duration::from_millis(1);

/// Waits until all tasks have been polled, and nobody has anything to do.
async fn rest() {
    loop {
        let before = cpu_time();
        rt::sleep(Duration::from_millis(20)).await;
        if cpu_time() - before < REST_MAX {
            return;
        }
    }
}

async fn bytes(meter: &mut Meter, spawn: impl Fn()) {
    let tasks = meter.size().pick(1_000_000, 200_000);
    let before = rss_bytes("self");
    for _ in 0..tasks {
        spawn();
    }
    rest().await;
    let bytes = rss_bytes("self").saturating_sub(before);
    meter.set_figure(bytes as f64 / tasks as f64);
}
