//! Bodies: what does it cost to abort tasks, and to own a set of them?

use std::future::{pending, ready};
use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "abort_100k" => rt::run(abort(meter, 100_000)),
        "join_set" => rt::run(join_set(meter, 10_000)),
        _ => return false,
    }
    true
}

async fn abort(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(pending::<()>())).collect();
        rt::spawn(ready(())).await.unwrap(); // FIFO: all have been polled by now
        meter.start();
        for handle in &handles {
            handle.abort();
        }
        for handle in handles {
            assert!(handle.await.unwrap_err().is_cancelled());
        }
        meter.stop(tasks);
    }
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
