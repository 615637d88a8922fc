//! Bodies: how many bytes does a task take?

use std::future::ready;

use super::rt;
use crate::Meter;
use crate::kit::AN_HOUR;
use crate::machine::rss_bytes;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "bytes_per_task" => rt::run(bytes_per_task(meter)),
        _ => return false,
    }
    true
}

async fn bytes_per_task(meter: &mut Meter) {
    let tasks = meter.size().pick(1_000_000, 200_000);
    let before = rss_bytes("self");
    for _ in 0..tasks {
        drop(rt::spawn(rt::sleep(AN_HOUR)));
    }
    rt::spawn(ready(())).await.unwrap(); // FIFO: all sleep by now
    let bytes = rss_bytes("self").saturating_sub(before);
    meter.set_figure(bytes as f64 / tasks as f64);
}
