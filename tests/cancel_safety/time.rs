//! Time: a moment that nobody waits for passes all the same.

use std::future::{pending, poll_fn};
use std::pin::Pin;

use rondel::sync::mpsc;
use rondel::testing::cancel;
use rondel::time::{
    DelayQueue, Duration, Instant, MissedTickBehavior, Sleep, advance, interval, interval_at,
    sleep, sleep_until, timeout, timeout_at,
};

const HOUR: Duration = Duration::from_secs(3_600);

#[rondel::test(start_paused = true)]
async fn sleep_by_reference() {
    let awaits = cancel::in_loop::at_every_await(
        async || ((sleep(HOUR), Instant::now()), ()),
        async |(sleep, _): &mut (Sleep, Instant)| Pin::new(sleep).await,
        async |(), _| {},
        async |(sleep, start), (), cut| {
            assert_eq!(start.elapsed(), if cut.woken { HOUR } else { Duration::ZERO });
            Pin::new(sleep).await;
            assert_eq!(start.elapsed(), HOUR, "the deadline stays where it was");
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// A sleep that is gone wakes nobody: its entry has left the wheel.
#[rondel::test(start_paused = true)]
async fn sleep_by_value() {
    let awaits = cancel::in_loop::at_every_await(
        async || ((), ()),
        async |()| sleep(HOUR).await,
        async |(), _| {},
        async |(), (), cut| assert_eq!(cut.wakers_kept, 0),
    )
    .await;
    assert_eq!(awaits, 1);
}

/// As cancel-safe as what is inside; the timer takes nothing with it.
#[rondel::test(start_paused = true)]
async fn timeouts() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (tx, rx) = mpsc::channel(1);
            ((rx, Vec::new()), tx)
        },
        async |(rx, got)| {
            got.extend(timeout(HOUR, rx.recv()).await.unwrap());
            assert!(timeout(HOUR, rx.recv()).await.is_err());
        },
        async |tx, nth| {
            if nth == 1 {
                tx.try_send(7).unwrap();
            }
        },
        async |(rx, got), tx, cut| {
            got.extend(rx.try_recv());
            assert_eq!(got.len(), cut.given.min(1));
            tx.try_send(8).unwrap();
            assert_eq!(rx.try_recv(), Ok(8));
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

#[rondel::test(start_paused = true)]
async fn ticks() {
    use MissedTickBehavior::{Burst, Delay, Skip};
    for behaviour in [Burst, Delay, Skip] {
        let awaits = cancel::in_loop::at_every_await(
            async || {
                let start = Instant::now();
                let mut hourly = interval(HOUR);
                hourly.set_missed_tick_behavior(behaviour);
                ((hourly, Vec::new(), start), ())
            },
            async |(hourly, ticks, start)| {
                for _ in 0..4 {
                    ticks.push(hourly.tick().await - *start);
                }
            },
            async |(), _| {},
            async |(hourly, ticks, start), (), _| {
                while ticks.len() < 4 {
                    ticks.push(hourly.tick().await - *start);
                }
                assert_eq!(*ticks, [Duration::ZERO, HOUR, 2 * HOUR, 3 * HOUR]);
            },
        )
        .await;
        assert_eq!(awaits, 3, "the first tick is at once");
    }
}

#[rondel::test(start_paused = true)]
async fn send_timeout() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (tx, rx) = mpsc::channel(1);
            tx.try_send(0).unwrap();
            (tx, rx)
        },
        async |tx| tx.send_timeout(1, HOUR).await.unwrap(),
        async |rx, _| assert_eq!(rx.try_recv(), Ok(0)),
        async |tx, rx, cut| {
            assert_eq!((tx.capacity(), rx.len(), cut.wakers_kept), (cut.given, 1 - cut.given, 0));
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// An item leaves the queue only in the hands of whoever polls.
#[rondel::test(start_paused = true)]
async fn delay_queue() {
    async fn drain(queue: &mut DelayQueue<u32>, got: &mut Vec<u32>) {
        while let Some(expired) = poll_fn(|cx| queue.poll_expired(cx)).await {
            got.push(expired.into_inner());
        }
    }
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let mut queue = DelayQueue::new();
            for hours in [1, 2, 2, 3] {
                queue.insert(hours, HOUR * hours);
            }
            ((queue, Vec::new()), ())
        },
        async |(queue, got)| drain(queue, got).await,
        async |(), _| {},
        async |(queue, got), (), _| {
            drain(queue, got).await;
            assert_eq!(*got, [1, 2, 2, 3]);
        },
    )
    .await;
    assert!(awaits >= 3);
}

/// A moment is a moment, however often somebody begins to wait for it.
#[rondel::test(start_paused = true)]
async fn moments() {
    let awaits = cancel::in_loop::at_every_await(
        async || (Instant::now(), ()),
        async |start| {
            sleep_until(*start + HOUR).await;
            assert!(timeout_at(*start + 2 * HOUR, pending::<()>()).await.is_err());
            interval_at(*start + 3 * HOUR, HOUR).tick().await;
        },
        async |(), _| {},
        async |start, (), cut| {
            assert_eq!((start.elapsed(), cut.wakers_kept), (HOUR * cut.given as u32, 0));
            sleep_until(*start + 3 * HOUR).await;
            assert_eq!(start.elapsed(), 3 * HOUR);
        },
    )
    .await;
    assert_eq!(awaits, 3);
}

/// Virtual time that was moved stays moved, whoever moved it.
#[rondel::test(start_paused = true)]
async fn advances() {
    let awaits = cancel::in_loop::at_every_await(
        async || (Instant::now(), ()),
        async |_| advance(HOUR).await,
        async |(), _| unreachable!("it waits for no one"),
        async |start, (), cut| {
            assert_eq!((start.elapsed(), cut.wakers_kept), (HOUR, 0));
        },
    )
    .await;
    assert!(awaits >= 1);
}
