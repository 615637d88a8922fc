//! Bodies: what does it cost to own a set of tasks?

use std::future::ready;
use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "join_set" => rt::run(join_set(meter, 10_000)),
        _ => return false,
    }
    true
}

async fn join_set(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        meter.start();
        let joining = rt::spawn(async move {
            let mut set = rt::JoinSet::new();
            for task in 0..tasks {
                set.spawn(ready(task));
            }
            while let Some(result) = set.join_next().await {
                black_box(result.unwrap());
            }
        });
        joining.await.unwrap();
        meter.stop(tasks);
    }
}
