//! Bodies: what does it cost to start a task from a thread that runs no loop?

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;

use futures_channel::oneshot;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "spawn_outside" => rt::run(spawn_outside(meter, 10_000)),
        "spawn_across" => rt::run(spawn_across(meter)),
        _ => return false,
    }
    true
}

/// A thread spawns them all, this one joins them.
async fn spawn_outside(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        let runtime = rt::handle();
        let (sender, spawned) = oneshot::channel();
        meter.start();
        let outside = thread::spawn(move || {
            let tasks = (0..tasks).map(|task| runtime.spawn(async move { black_box(task) }));
            sender.send(tasks.collect::<Vec<_>>()).ok();
        });
        for handle in spawned.await.unwrap() {
            black_box(handle.await.unwrap());
        }
        meter.stop(tasks);
        outside.join().unwrap();
    }
}

/// A thread spawns one and sleeps until that one has run, and so on.
async fn spawn_across(meter: &mut Meter) {
    let times = meter.size().pick(10_000, 2_000);
    while meter.more() {
        let runtime = rt::handle();
        let (sender, finished) = oneshot::channel();
        meter.start();
        let outside = thread::spawn(move || {
            let (done, ran) = sync_channel(1);
            for item in 0..times {
                let done = done.clone();
                rt::detach(runtime.spawn(async move { done.send(item).unwrap() }));
                assert_eq!(ran.recv(), Ok(item));
            }
            sender.send(()).unwrap();
        });
        finished.await.unwrap();
        meter.stop(times);
        outside.join().unwrap();
    }
}
