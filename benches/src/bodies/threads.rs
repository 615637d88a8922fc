//! Bodies: what does it cost to cross from one thread to another?

use std::hint::black_box;
use std::thread;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "spawn_blocking" => rt::run(spawn_blocking(meter)),
        "wake_across" => rt::run(wake_across(meter)),
        _ => return false,
    }
    true
}

async fn spawn_blocking(meter: &mut Meter) {
    let times = meter.size().pick(10_000, 2_000);
    while meter.more() {
        meter.start();
        for item in 0..times {
            black_box(rt::spawn_blocking(move || item).await.unwrap());
        }
        meter.stop(times);
    }
}

/// The other end is a runtime of the same kind on a thread of its own.
async fn wake_across(meter: &mut Meter) {
    let rounds = meter.size().pick(10_000, 2_000);
    while meter.more() {
        let (ping, mut pinged) = rt::mpsc::channel(1);
        let (pong, mut ponged) = rt::mpsc::channel(1);
        let echo = thread::spawn(move || {
            rt::run(async move {
                while let Some(ball) = pinged.recv().await {
                    pong.send(ball).await.unwrap();
                }
            });
        });
        ping.send(0).await.unwrap();
        assert_eq!(ponged.recv().await, Some(0)); // the thread is there
        meter.start();
        for ball in 0..rounds {
            ping.send(ball).await.unwrap();
            assert_eq!(ponged.recv().await, Some(ball));
        }
        meter.stop(rounds);
        drop(ping);
        echo.join().unwrap();
    }
}
