//! Bodies: what does a lock cost, free and fought for?

use std::hint::black_box;
use std::sync::Arc;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "mutex" => rt::run(mutex(meter)),
        "mutex_1000" => rt::run(mutex_contended(meter, 1_000)),
        _ => return false,
    }
    true
}

async fn mutex(meter: &mut Meter) {
    let times = 100_000;
    let mutex = rt::Mutex::new(0_usize);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            *mutex.lock().await += 1;
        }
        meter.stop(times);
    }
    black_box(mutex.into_inner());
}

async fn mutex_contended(meter: &mut Meter, tasks: usize) {
    let times = 10;
    let mutex = Arc::new(rt::Mutex::new(0_usize));
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            let mutex = mutex.clone();
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    let mut count = mutex.lock().await;
                    rt::yield_now().await;
                    *count += 1;
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}
