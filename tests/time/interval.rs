//! Ticks, and those that were missed.

use super::{HOUR, ms, panic_text, paused};
use rondel::time::{Duration, Instant, MissedTickBehavior, interval, interval_at, sleep, timeout};
use std::panic::catch_unwind;

/// Goal: ticks do not drift. Method: work for a part of each period, fractions of a tick included.
#[test]
fn an_interval_ticks_at_once_and_then_every_period() {
    paused().block_on(async {
        let start = Instant::now();
        let period = Duration::from_micros(10_250);
        let mut ticks = interval(period);
        assert_eq!(ticks.period(), period);
        for number in 0..9 {
            assert_eq!(ticks.tick().await, start + period * number);
            assert!(Instant::now() >= start + period * number);
            sleep(ms(4)).await;
        }
        let mut later = interval_at(Instant::now() + HOUR, ms(10));
        let start = Instant::now();
        later.tick().await;
        assert_eq!(start.elapsed(), HOUR);
    });
}

/// Goal: the table at the head of interval.rs is true. Method: take the tick of 20 at 35.
#[test]
fn missed_ticks_burst_delay_or_are_skipped() {
    let expected = [
        (MissedTickBehavior::Burst, [20, 30, 40, 50], [35, 35, 40, 50]),
        (MissedTickBehavior::Delay, [20, 45, 55, 65], [35, 45, 55, 65]),
        (MissedTickBehavior::Skip, [20, 40, 50, 60], [35, 40, 50, 60]),
    ];
    for (behavior, due, taken) in expected {
        paused().block_on(async {
            let start = Instant::now();
            let mut ticks = interval_at(start + ms(10), ms(10));
            ticks.set_missed_tick_behavior(behavior);
            assert_eq!(ticks.missed_tick_behavior(), behavior);
            ticks.tick().await;
            sleep(ms(25)).await;
            for (due, taken) in due.into_iter().zip(taken) {
                assert_eq!(ticks.tick().await, start + ms(due), "{behavior:?}");
                assert_eq!(start.elapsed(), ms(taken), "{behavior:?}");
            }
        });
    }
}

/// Goal: a little late is in time. Method: 5 ms late with `Skip` and `Delay`: nothing is left out.
#[test]
fn a_tick_that_is_five_milliseconds_late_is_not_missed() {
    for behavior in [MissedTickBehavior::Skip, MissedTickBehavior::Delay] {
        paused().block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(2));
            ticks.set_missed_tick_behavior(behavior);
            sleep(ms(5)).await;
            assert_eq!(ticks.tick().await, start);
            assert_eq!(ticks.tick().await, start + ms(2));
        });
    }
}

/// Goal: each reset moves the next tick, and the later ones follow it. Method: virtual time.
#[test]
fn an_interval_can_be_reset() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        sleep(ms(3)).await;
        ticks.reset();
        assert_eq!(ticks.tick().await, start + ms(13));
        ticks.reset_immediately();
        assert_eq!(ticks.tick().await, start + ms(13));
        assert_eq!(start.elapsed(), ms(13));
        ticks.reset_after(ms(100));
        assert_eq!(ticks.tick().await, start + ms(113));
        ticks.reset_at(start + ms(115));
        assert_eq!(ticks.tick().await, start + ms(115));
        assert_eq!(ticks.tick().await, start + ms(125));
    });
}

/// Goal: a tick that was not taken is not lost. Method: give up waiting for it, then take it.
#[test]
fn a_tick_is_cancel_safe() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval_at(start + ms(10), ms(10));
        assert!(timeout(ms(4), ticks.tick()).await.is_err());
        assert!(timeout(ms(4), ticks.tick()).await.is_err());
        assert_eq!(ticks.tick().await, start + ms(10));
    });
}

/// Goal: nonsense is refused as tokio refuses it. Method: catch the panic.
#[test]
fn an_interval_of_zero_panics() {
    rondel::run(async {
        let panic = catch_unwind(|| drop(interval(Duration::ZERO))).unwrap_err();
        assert_eq!(panic_text(panic), "`period` must be non-zero.");
    });
}

/// Goal: "never again" is no overflow. Method: the longest period there is, in every way to set it.
#[test]
fn an_interval_of_any_length_is_accepted() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(Duration::MAX);
        assert_eq!(ticks.tick().await, start);
        ticks.reset();
        ticks.reset_after(Duration::MAX);
        assert!(timeout(HOUR, ticks.tick()).await.is_err());
    });
}
