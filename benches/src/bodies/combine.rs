//! Bodies: what does it cost to wait for many futures at once?

use std::future::ready;
use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "gather_ready" => rt::run(gather_ready(meter, 10_000)),
        "gather_yield" => rt::run(gather_yield(meter, 10_000)),
        "gather_tasks" => rt::run(gather_tasks(meter, 10_000)),
        _ => return false,
    }
    true
}

async fn gather_ready(meter: &mut Meter, children: usize) {
    while meter.more() {
        meter.start();
        let results = rt::gather((0..children).map(ready)).await;
        black_box(results);
        meter.stop(children);
    }
}

async fn gather_yield(meter: &mut Meter, children: usize) {
    while meter.more() {
        meter.start();
        let results = rt::gather((0..children).map(|child| async move {
            rt::yield_now().await;
            child
        }))
        .await;
        black_box(results);
        meter.stop(children);
    }
}

/// The gathering is done by a task, as in a server: tokio's root future is polled without the
/// budget that makes `join_all` over many tasks quadratic.
async fn gather_tasks(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        meter.start();
        let gathering = rt::spawn(async move {
            let results = rt::gather((0..tasks).map(|task| rt::spawn(ready(task)))).await;
            black_box(results);
        });
        gathering.await.unwrap();
        meter.stop(tasks);
    }
}
