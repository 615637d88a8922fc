//! Bodies: what does a message cost?

use std::hint::black_box;

use super::rt;
use crate::Meter;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let size = meter.size();
    match row {
        "ping_pong_mpsc" => rt::run(ping_pong_mpsc(meter)),
        "ping_pong_oneshot" => rt::run(ping_pong_oneshot(meter)),
        "mpsc_100" => rt::run(mpsc_100(meter, size.pick(1_000_000, 100_000))),
        "mpsc_unbounded" => rt::run(mpsc_unbounded(meter, size.pick(1_000_000, 100_000))),
        "mpsc_100_4x1" => rt::run(mpsc_4x1(meter, size.pick(1_000_000, 100_000))),
        "oneshot" => rt::run(oneshot(meter)),
        "recv_budget" => rt::run(recv_ready(meter)),
        "recv_no_budget" => rt::run(rt::unconstrained(recv_ready(meter))),
        _ => return false,
    }
    true
}

async fn ping_pong_mpsc(meter: &mut Meter) {
    let rounds = 10_000;
    while meter.more() {
        meter.start();
        let (ping, mut pinged) = rt::mpsc::channel(1);
        let (pong, mut ponged) = rt::mpsc::channel(1);
        let echo = rt::spawn(async move {
            while let Some(ball) = pinged.recv().await {
                pong.send(ball).await.unwrap();
            }
        });
        let caller = rt::spawn(async move {
            for ball in 0..rounds {
                ping.send(ball).await.unwrap();
                assert_eq!(ponged.recv().await, Some(ball));
            }
        });
        caller.await.unwrap();
        echo.await.unwrap();
        meter.stop(rounds);
    }
}

async fn ping_pong_oneshot(meter: &mut Meter) {
    let rounds = 1_000;
    while meter.more() {
        meter.start();
        let (pings, pinged): (Vec<_>, Vec<_>) = (0..rounds).map(|_| rt::oneshot::channel()).unzip();
        let (pongs, ponged): (Vec<_>, Vec<_>) = (0..rounds).map(|_| rt::oneshot::channel()).unzip();
        let echo = rt::spawn(async move {
            for (pinged, pong) in pinged.into_iter().zip(pongs) {
                pong.send(pinged.await.unwrap()).unwrap();
            }
        });
        let caller = rt::spawn(async move {
            for (ball, (ping, ponged)) in pings.into_iter().zip(ponged).enumerate() {
                ping.send(ball).unwrap();
                assert_eq!(ponged.await.unwrap(), ball);
            }
        });
        caller.await.unwrap();
        echo.await.unwrap();
        meter.stop(rounds);
    }
}

async fn mpsc_100(meter: &mut Meter, items: usize) {
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::mpsc::channel(100);
        let source = rt::spawn(async move {
            for item in 0..items {
                sender.send(item).await.unwrap();
            }
        });
        let sink = rt::spawn(async move {
            let mut received = 0;
            while let Some(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        });
        source.await.unwrap();
        assert_eq!(sink.await.unwrap(), items);
        meter.stop(items);
    }
}

async fn mpsc_unbounded(meter: &mut Meter, items: usize) {
    let burst = 100;
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::mpsc::unbounded_channel();
        let source = rt::spawn(async move {
            for item in 0..items {
                sender.send(item).unwrap();
                if item % burst == burst - 1 {
                    rt::yield_now().await; // or the channel would grow to its full length
                }
            }
        });
        let sink = rt::spawn(async move {
            let mut received = 0;
            while let Some(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        });
        source.await.unwrap();
        assert_eq!(sink.await.unwrap(), items);
        meter.stop(items);
    }
}

async fn mpsc_4x1(meter: &mut Meter, items: usize) {
    let senders = 4;
    let each = items / senders;
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::mpsc::channel(100);
        let sources: Vec<_> = (0..senders)
            .map(|_| {
                let sender = sender.clone();
                rt::spawn(async move {
                    for item in 0..each {
                        sender.send(item).await.unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let sink = rt::spawn(async move {
            let mut received = 0;
            while let Some(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        });
        for source in sources {
            source.await.unwrap();
        }
        assert_eq!(sink.await.unwrap(), senders * each);
        meter.stop(senders * each);
    }
}

async fn oneshot(meter: &mut Meter) {
    let times = 10_000;
    while meter.more() {
        meter.start();
        for item in 0..times {
            let (sender, receiver) = rt::oneshot::channel();
            sender.send(item).unwrap();
            black_box(receiver.await.unwrap());
        }
        meter.stop(times);
    }
}

async fn recv_ready(meter: &mut Meter) {
    let items = 10_000;
    let (sender, mut receiver) = rt::mpsc::unbounded_channel();
    while meter.more() {
        (0..items).for_each(|item| sender.send(item).unwrap());
        meter.start();
        for _ in 0..items {
            black_box(receiver.recv().await);
        }
        meter.stop(items);
    }
}
