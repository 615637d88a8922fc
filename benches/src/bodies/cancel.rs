//! Bodies: what does it cost to abort tasks?

use std::future::{pending, ready};

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "abort_100k" => rt::run(abort(meter, 100_000)),
        _ => return false,
    }
    true
}

async fn abort(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(pending::<()>())).collect();
        rt::spawn(ready(())).await.unwrap(); // FIFO: all have been polled by now
        meter.start();
        rt::abort_all(handles).await;
        meter.stop(tasks);
    }
}
