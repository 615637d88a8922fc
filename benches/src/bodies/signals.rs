//! Bodies: what does it cost to tell that something happened, or changed, or is there?

use std::hint::black_box;
use std::sync::Arc;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "watch" => rt::run(watch(meter)),
        "notify" => rt::run(notify(meter)),
        "queue_100" => rt::run(queue(meter, 100_000)),
        _ => return false,
    }
    true
}

async fn watch(meter: &mut Meter) {
    let values = 10_000;
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::watch::channel(0);
        let sink = rt::spawn(async move {
            let mut seen = 0;
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow_and_update());
                seen += 1;
            }
            seen
        });
        let source = rt::spawn(async move {
            for value in 0..values {
                rt::yield_now().await; // one thread: the receiver waits again
                sender.send(value).unwrap();
            }
        });
        source.await.unwrap();
        assert_eq!(sink.await.unwrap(), values, "nothing is overwritten unseen");
        meter.stop(values);
    }
}

async fn notify(meter: &mut Meter) {
    let rounds = 10_000;
    while meter.more() {
        meter.start();
        let (ping, pong) = (Arc::new(rt::Notify::new()), Arc::new(rt::Notify::new()));
        let (pinged, ponging) = (ping.clone(), pong.clone());
        let echo = rt::spawn(async move {
            for _ in 0..rounds {
                pinged.notified().await;
                ponging.notify_one();
            }
        });
        let caller = rt::spawn(async move {
            for _ in 0..rounds {
                ping.notify_one();
                pong.notified().await;
            }
        });
        caller.await.unwrap();
        echo.await.unwrap();
        meter.stop(rounds);
    }
}

async fn queue(meter: &mut Meter, items: usize) {
    while meter.more() {
        meter.start();
        let (putter, mut getter) = rt::queue(100);
        let source = rt::spawn(async move {
            for item in 0..items {
                rt::put(&putter, item).await;
            }
        });
        let sink = rt::spawn(async move {
            for _ in 0..items {
                black_box(rt::get(&mut getter).await);
            }
        });
        source.await.unwrap();
        sink.await.unwrap();
        meter.stop(items);
    }
}
