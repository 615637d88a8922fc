//! Bodies: what does a task cost to start, to join, to yield? And a runtime?

use std::future::ready;
use std::hint::black_box;

use super::rt;
use crate::Meter;
use crate::kit::REPEATS;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let size = meter.size();
    match row {
        "spawn_join_1k" => rt::run(spawn_join(meter, 1_000)),
        "spawn_join_100k" => rt::run(spawn_join(meter, 100_000)),
        "spawn_await_each" => rt::run(spawn_await_each(meter)),
        "spawn_detached_1k" => rt::run(spawn_detached(meter)),
        "yield_1" => rt::run(yields(meter, 1, size.pick(100_000, 20_000))),
        "yield_1k" => rt::run(yields(meter, 1_000, size.pick(100, 20))),
        "start_stop" => start_stop(meter),
        _ => return false,
    }
    true
}

async fn spawn_join(meter: &mut Meter, tasks: usize) {
    let repeats = if tasks <= 1_000 { REPEATS } else { 1 };
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..repeats {
            for task in 0..tasks {
                handles.push(rt::spawn(async move { black_box(task) }));
            }
            for handle in handles.drain(..) {
                black_box(handle.await.unwrap());
            }
        }
        meter.stop(tasks * repeats);
    }
}

async fn spawn_await_each(meter: &mut Meter) {
    let tasks = 10_000;
    while meter.more() {
        meter.start();
        for task in 0..tasks {
            black_box(rt::spawn(async move { black_box(task) }).await.unwrap());
        }
        meter.stop(tasks);
    }
}

async fn spawn_detached(meter: &mut Meter) {
    let tasks = 1_000;
    while meter.more() {
        meter.start();
        for _ in 0..REPEATS {
            for task in 1..tasks {
                drop(rt::spawn(async move {
                    black_box(task);
                }));
            }
            // One thread, FIFO: when the last one is done, all are.
            rt::spawn(ready(())).await.unwrap();
        }
        meter.stop(tasks * REPEATS);
    }
}

async fn yields(meter: &mut Meter, tasks: usize, times: usize) {
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    rt::yield_now().await;
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}

fn start_stop(meter: &mut Meter) {
    let times = meter.size().pick(500, 200);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            rt::run(async {});
        }
        meter.stop(times);
    }
}
