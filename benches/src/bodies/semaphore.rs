//! Bodies: what does a permit cost, free and fought for?

use std::hint::black_box;
use std::sync::Arc;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "semaphore" => rt::run(semaphore(meter)),
        "semaphore_1000x5" => rt::run(semaphore_contended(meter, 1_000, 5)),
        _ => return false,
    }
    true
}

async fn semaphore(meter: &mut Meter) {
    let times = 100_000;
    let semaphore = rt::Semaphore::new(10);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            drop(black_box(semaphore.acquire().await.unwrap()));
        }
        meter.stop(times);
    }
}

async fn semaphore_contended(meter: &mut Meter, tasks: usize, permits: usize) {
    let times = 10;
    let semaphore = Arc::new(rt::Semaphore::new(permits));
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            let semaphore = semaphore.clone();
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    let permit = semaphore.acquire().await.unwrap();
                    rt::yield_now().await;
                    drop(permit);
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}
