//! Sleeping: exact in virtual time, never early in real time; at home, and as a stranger.

use super::{Counter, Diary, HOUR, ms, panic_text, paused, poll_with, wait_until};
use rondel::time::{Duration, Instant, Interval, Sleep, interval, sleep, sleep_until, timeout};
use rondel::{Handle, Runtime};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;

/// Goal: never early, in real time too. Method: sleep for fractions of a tick and measure.
#[test]
fn a_sleep_is_never_early() {
    rondel::run(async {
        for micros in [1, 300, 999, 1_000, 1_001, 2_700] {
            let duration = Duration::from_micros(micros);
            let start = Instant::now();
            sleep(duration).await;
            assert!(start.elapsed() >= duration, "{duration:?} took {:?}", start.elapsed());
        }
    });
}

/// Goal: virtual time jumps straight to the deadline, rounded up to a whole tick.
/// Method: sleep for an hour and for half ticks; compare exactly.
#[test]
fn a_sleep_ends_on_the_first_tick_that_is_not_before_its_deadline() {
    paused().block_on(async {
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
        sleep(Duration::from_micros(10_500)).await;
        assert_eq!(start.elapsed(), HOUR + ms(11));
        sleep(Duration::from_nanos(1)).await;
        assert_eq!(start.elapsed(), HOUR + ms(12));
        sleep(20 * 365 * 24 * HOUR).await;
        assert_eq!(start.elapsed(), 20 * 365 * 24 * HOUR + HOUR + ms(12));
    });
}

/// Goal: what is due needs no waiting. Method: poll zero and past sleeps once, with a waker that
/// nobody must keep.
#[test]
fn a_sleep_that_is_due_is_ready_at_the_first_poll() {
    rondel::run(async {
        let counter = Counter::new();
        let now = Instant::now();
        for mut due in [sleep(Duration::ZERO), sleep_until(now), sleep_until(now - ms(5))] {
            assert!(poll_with(&mut due, &counter).is_ready());
            assert!(poll_with(&mut due, &counter).is_ready(), "and at each later one");
            assert!(due.is_elapsed());
        }
        assert_eq!(Arc::strong_count(&counter), 1);
    });
}

/// Goal: timers fire by deadline; those of one tick in the order in which they began to wait.
/// Method: tasks with mixed deadlines note their names.
#[test]
fn sleepers_wake_by_deadline_and_then_in_the_order_they_fell_asleep() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let mut tasks = Vec::new();
        for (name, at) in [("c", 70), ("a", 5), ("d", 70), ("e", 5_000), ("b", 69), ("f", 5_000)] {
            let diary = diary.clone();
            tasks.push(rondel::task::spawn_local(async move {
                sleep_until(start + ms(at)).await;
                diary.note(format!("{name} at {}", start.elapsed().as_millis()));
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    let pages = diary.pages();
    assert_eq!(
        pages,
        ["a at 5", "b at 69", "c at 70", "d at 70", "e at 5000", "f at 5000"],
        "by deadline"
    );
}

/// Goal: many sleepers of any length each wake exactly on time. Method: 3,000 tasks with
/// pseudo-random durations up to days, each compares the clock with its own deadline.
#[test]
fn thousands_of_sleepers_are_all_exactly_on_time() {
    paused().block_on(async {
        let mut noise = 1_u64;
        let mut tasks = Vec::new();
        for _ in 0..3_000 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let duration = ms((noise >> 33) & ((1 << (noise >> 60 << 1)) - 1));
            tasks.push(rondel::spawn(async move {
                let start = Instant::now();
                sleep(duration).await;
                assert_eq!(start.elapsed(), duration);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Goal: "for ever" is no overflow. Method: the longest durations there are, against a short one.
#[test]
fn a_sleep_of_any_length_is_accepted() {
    paused().block_on(async {
        let mut forever = pin!(sleep(Duration::MAX));
        assert!(timeout(HOUR, forever.as_mut()).await.is_err());
        assert!(!forever.is_elapsed());
        assert_eq!(timeout(Duration::MAX, ready(1)).await, Ok(1));
        assert!(timeout(HOUR, timeout(Duration::MAX, pending::<()>())).await.is_err());
    });
}

/// Goal: a dropped sleep leaves nothing on the wheel. Method: the waker's count, at once, without
/// a turn of the loop between.
#[test]
fn dropping_a_sleep_disarms_it_and_drops_its_waker() {
    paused().block_on(async {
        let counter = Counter::new();
        let mut dropped = sleep(ms(10));
        assert!(poll_with(&mut dropped, &counter).is_pending());
        assert_eq!(Arc::strong_count(&counter), 2);
        drop(dropped);
        assert_eq!(Arc::strong_count(&counter), 1);
        sleep(ms(20)).await;
        assert_eq!(counter.wakes(), 0);
    });
}

/// Goal: the waker of the last poll counts. Method: poll with two wakers in turn, then let it fire.
#[test]
fn a_sleep_wakes_who_polled_last() {
    paused().block_on(async {
        let (first, last) = (Counter::new(), Counter::new());
        let mut moved = sleep(ms(10));
        assert!(poll_with(&mut moved, &first).is_pending());
        assert!(poll_with(&mut moved, &last).is_pending());
        assert_eq!(Arc::strong_count(&first), 1, "the former waker is let go at once");
        assert!(poll_with(&mut moved, &last).is_pending());
        sleep(ms(10)).await;
        assert_eq!((first.wakes(), last.wakes()), (0, 1));
        assert!(poll_with(&mut moved, &last).is_ready());
    });
}

/// Goal: reset works in every state. Method: before the first poll, while waiting, after firing
/// unseen and after it was ready; each time to a later or an earlier moment.
#[test]
fn reset_moves_the_deadline_in_every_state() {
    paused().block_on(async {
        let start = Instant::now();
        let counter = Counter::new();
        let mut moved = pin!(sleep(ms(10)));
        moved.as_mut().reset(start + ms(20)); // before the first poll
        assert_eq!(moved.deadline(), start + ms(20));
        assert!(poll_with(&mut moved, &counter).is_pending());
        moved.as_mut().reset(start + ms(40)); // while waiting: later
        sleep_until(start + ms(30)).await;
        assert!(!moved.is_elapsed());
        assert_eq!(counter.wakes(), 0);
        moved.as_mut().reset(start + ms(35)); // while waiting: earlier
        sleep_until(start + ms(35)).await;
        assert_eq!(counter.wakes(), 1, "the waker moved with it, without a poll");
        moved.as_mut().reset(start + ms(50)); // fired, but nobody looked
        assert!(poll_with(&mut moved, &counter).is_pending());
        moved.as_mut().await;
        assert_eq!(start.elapsed(), ms(50));
        moved.as_mut().reset(start + ms(60)); // after it was ready
        moved.as_mut().await;
        assert_eq!(start.elapsed(), ms(60));
    });
}

/// Goal: a waiting task learns at once that its deadline has been moved into the past.
/// Method: reset to the past, look at the count before the loop turns.
#[test]
fn reset_to_the_past_wakes_the_waiter() {
    paused().block_on(async {
        sleep(ms(5)).await;
        let counter = Counter::new();
        let mut moved = pin!(sleep(HOUR));
        assert!(poll_with(&mut moved, &counter).is_pending());
        moved.as_mut().reset(Instant::now() - ms(1));
        assert_eq!(counter.wakes(), 1);
        assert!(poll_with(&mut moved, &counter).is_ready());
        assert_eq!(Arc::strong_count(&counter), 1);
    });
}

/// A waker whose drop touches the wheel, as a task's future may that holds a sleep of its own.
struct ComesBack;

impl Wake for ComesBack {
    fn wake(self: Arc<Self>) {}
}

impl Drop for ComesBack {
    fn drop(&mut self) {
        let mut other = sleep(HOUR);
        assert!(poll_with(&mut other, &Counter::new()).is_pending());
    }
}

/// Goal: other people's drops may use the wheel. Method: wakers that arm and drop a timer when they
/// are dropped, let go in every way there is. A borrow held too long would panic.
#[test]
fn wakers_may_come_back_to_the_wheel_when_they_are_dropped() {
    paused().block_on(async {
        let poll = |sleep: &mut Sleep| {
            let waker = Waker::from(Arc::new(ComesBack));
            Pin::new(sleep).poll(&mut Context::from_waker(&waker))
        };
        let mut dropped = sleep(ms(5));
        assert!(poll(&mut dropped).is_pending());
        assert!(poll(&mut dropped).is_pending()); // replaced
        drop(dropped); // removed
        let mut fired = sleep(ms(5));
        assert!(poll(&mut fired).is_pending());
        sleep(ms(6)).await; // fired
        let mut reset = sleep(HOUR);
        assert!(poll(&mut reset).is_pending());
        Pin::new(&mut reset).reset(Instant::now() - ms(1));
        assert!(poll(&mut reset).is_ready());
    });
}

/// Goal: the message says what to do. Method: catch the panic outside any runtime.
#[test]
fn a_sleep_outside_a_runtime_panics_and_says_how_to_enter_one() {
    for make in [|| drop(sleep(ms(1))), || drop(interval(ms(1)))] {
        let text = panic_text(catch_unwind(make).unwrap_err());
        assert!(text.contains("no Rondel loop runs on this thread"), "{text}");
        assert!(text.contains("rondel::run"), "{text}");
    }
}

// ---- sleep among strangers ----------------------------------------------------------------------

/// Goal: hyper and friends may keep timers anywhere. Method: the compiler.
#[test]
fn timers_are_send_sync_and_unpin() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Sleep>();
    check::<Interval>();
    check::<rondel::time::Timeout<Sleep>>();
    check::<Instant>();
}

/// Goal: a thread without a loop can wait for a timer of a loop elsewhere, and is not woken early.
/// Method: `Handle::block_on` on a pool thread, with a reset and a second poll on the way.
#[test]
fn a_stranger_can_sleep() {
    rondel::run(async {
        let handle = Handle::current();
        let stranger = move || {
            handle.block_on(async {
                let start = Instant::now();
                sleep(ms(3)).await;
                assert!(start.elapsed() >= ms(3));
                let mut moved = pin!(sleep(HOUR));
                assert!(timeout(ms(2), moved.as_mut()).await.is_err());
                moved.as_mut().reset(start + ms(10));
                moved.as_mut().await;
                assert!(start.elapsed() >= ms(10));
                let mut ticks = interval(ms(1));
                for _ in 0..3 {
                    assert!(ticks.tick().await <= Instant::now());
                }
            });
        };
        rondel::spawn_blocking(stranger).await.unwrap();
    });
}

/// Goal: a stranger's sleep that is dropped leaves nothing behind on the loop. Method: the waker's
/// count while the loop runs on.
#[test]
fn a_strangers_sleep_is_disarmed_when_it_is_dropped() {
    rondel::run(async {
        let handle = Handle::current();
        let stranger = move || {
            let _entered = handle.enter();
            let counter = Counter::new();
            let mut dropped = sleep(HOUR);
            assert!(poll_with(&mut dropped, &counter).is_pending());
            handle.block_on(sleep(ms(1))); // the errand is done by now: errands keep their order
            assert!(poll_with(&mut dropped, &counter).is_pending());
            drop(dropped);
            assert_eq!(Arc::strong_count(&counter), 1);
            let mut at_once = sleep(HOUR);
            assert!(poll_with(&mut at_once, &counter).is_pending());
            drop(at_once); // perhaps before the errand
            assert_eq!((Arc::strong_count(&counter), counter.wakes()), (1, 0));
        };
        rondel::spawn_blocking(stranger).await.unwrap();
    });
}

/// Goal: the waker of the last poll counts abroad too. Method: poll with two wakers in turn.
#[test]
fn a_strangers_sleep_wakes_who_polled_last() {
    rondel::run(async {
        let handle = Handle::current();
        let stranger = move || {
            let _entered = handle.enter();
            let (first, last) = (Counter::new(), Counter::new());
            let mut moved = sleep(ms(20));
            assert!(poll_with(&mut moved, &first).is_pending());
            assert!(poll_with(&mut moved, &last).is_pending());
            assert_eq!(Arc::strong_count(&first), 1, "the former waker is let go at once");
            wait_until(|| last.wakes() == 1);
            assert!(poll_with(&mut moved, &last).is_ready());
            assert!(moved.is_elapsed());
        };
        rondel::spawn_blocking(stranger).await.unwrap();
    });
}

/// Goal: a stranger that starts a loop of its own needs the other one no longer. Method: arm
/// abroad, poll inside the own loop, end the other loop, and wait.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_strangers_sleep_moves_into_the_loop_it_is_polled_in() {
    let other = Runtime::new().unwrap();
    let mut moved = {
        let handle = other.handle().clone();
        let armed = thread::spawn(move || {
            let _entered = handle.enter();
            let mut armed = sleep(ms(250)); // long enough for a busy machine to get to the timeout
            assert!(poll_with(&mut armed, &Counter::new()).is_pending());
            armed
        });
        armed.join().unwrap()
    };
    let own = Runtime::new().unwrap();
    own.block_on(async { assert!(timeout(ms(1), &mut moved).await.is_err()) });
    drop(other);
    own.block_on(&mut moved);
    assert!(Instant::now() >= moved.deadline());
}

/// Goal: a timer goes along with a future that changes loops. Method: poll it in one loop, send it
/// to a thread with a loop of its own, and see that the first loop lets the old waker go.
#[test]
fn a_sleep_moves_to_the_loop_it_is_polled_in() {
    rondel::run(async {
        let counter = Counter::new();
        let start = Instant::now();
        let mut moved = sleep(ms(250)); // long enough for a busy machine to get to the timeout
        assert!(poll_with(&mut moved, &counter).is_pending());
        let old = counter.clone();
        let thread = rondel::spawn_blocking(move || {
            rondel::run(async move {
                assert!(timeout(ms(1), &mut moved).await.is_err());
                wait_until(|| Arc::strong_count(&old) == 2); // here and in the test
                moved.await;
                start.elapsed()
            })
        });
        assert!(thread.await.unwrap() >= ms(250));
        assert_eq!(counter.wakes(), 0);
    });
}

/// Goal: a timer armed at home may be reset, polled and dropped by a stranger. Method: arm it in
/// the loop, hand it to a thread in `Handle::block_on`.
#[test]
fn a_stranger_may_take_over_a_timer_that_was_armed_at_home() {
    rondel::run(async {
        let handle = Handle::current();
        let counter = Counter::new();
        let mut armed = [sleep(HOUR), sleep(HOUR), sleep(HOUR)];
        for sleep in &mut armed {
            assert!(poll_with(sleep, &counter).is_pending());
        }
        let waiter = counter.clone();
        let stranger = move || {
            let [mut reset, mut polled, dropped] = armed;
            Pin::new(&mut reset).reset(Instant::now() + ms(2));
            // The task at home still waits, now for the new deadline.
            wait_until(|| waiter.wakes() == 1);
            handle.block_on(&mut reset);
            handle.block_on(async {
                assert!(timeout(ms(1), &mut polled).await.is_err());
                Pin::new(&mut polled).reset(Instant::now() + ms(1));
                polled.await;
            });
            drop(dropped);
            wait_until(|| Arc::strong_count(&waiter) == 2);
        };
        rondel::spawn_blocking(stranger).await.unwrap();
        assert_eq!(counter.wakes(), 1);
    });
}

/// Goal: a task waits for the last of many deadlines, however fast a stranger sets them.
/// Method: arm a timer at home, let a thread reset it twice and more before the loop can look.
#[test]
fn a_stranger_may_reset_a_timer_again_and_again() {
    /// Waits for it some seconds; whether it came is for the caller to see.
    async fn soon(is_so: impl Fn() -> bool) {
        for _ in 0..5_000 {
            if is_so() {
                return;
            }
            sleep(ms(1)).await;
        }
    }
    rondel::run(async {
        for resets in 1..5 {
            let counter = Counter::new();
            let mut sleep = sleep(HOUR);
            assert!(poll_with(&mut sleep, &counter).is_pending());
            let reset = move || {
                for nth in 1..=resets {
                    let far = if nth == resets { ms(2) } else { HOUR };
                    Pin::new(&mut sleep).reset(Instant::now() + far);
                }
                sleep
            };
            // The loop does not run meanwhile, so that all of it happens between two looks.
            let mut sleep = std::thread::spawn(reset).join().unwrap();
            soon(|| counter.wakes() > 0).await;
            assert_eq!(counter.wakes(), 1, "after {resets} resets");
            Pin::new(&mut sleep).await;
            soon(|| Arc::strong_count(&counter) == 1).await; // a worker may still be waking it
            assert_eq!(Arc::strong_count(&counter), 1);
        }
    });
}

/// Goal: whoever polled last is woken at the last deadline, whatever happened to the sleep before,
/// at home and elsewhere. Method: polls and resets by dice, each at home or on another thread, with
/// and without a look of the loop in between; then one more poll, far resets and a near one.
#[test]
fn a_sleep_that_goes_from_hand_to_hand_wakes_who_polled_last() {
    type Deed = Box<dyn FnOnce(&mut Sleep) + Send>;
    async fn somewhere(sleep: Sleep, abroad: bool, look: bool, deed: Deed) -> Sleep {
        let work = move || {
            let mut sleep = sleep;
            deed(&mut sleep);
            sleep
        };
        let sleep = if abroad { std::thread::spawn(work).join().unwrap() } else { work() };
        if look {
            rondel::time::sleep(ms(1)).await;
        }
        sleep
    }
    let reset = |far: Duration| -> Deed {
        Box::new(move |sleep| Pin::new(sleep).reset(Instant::now() + far))
    };
    let poll = |counter: &Arc<Counter>| -> Deed {
        let counter = counter.clone();
        Box::new(move |sleep| assert!(poll_with(sleep, &counter).is_pending()))
    };
    rondel::run(async {
        for round in 0..128_u32 {
            // The bits of a number that differs much from round to round.
            let mut bits = (round + 1).wrapping_mul(0x9e37_79b9);
            let mut coin = move || {
                bits = bits.rotate_left(7).wrapping_mul(0x85eb_ca6b) ^ (bits >> 13);
                bits & 1 == 1
            };
            let (others, last) = (Counter::new(), Counter::new());
            let mut sleep = sleep(HOUR);
            for _ in 0..3 {
                let deed = if coin() { poll(&others) } else { reset(HOUR) };
                sleep = somewhere(sleep, coin(), coin() && coin(), deed).await;
            }
            sleep = somewhere(sleep, coin(), coin(), poll(&last)).await;
            while coin() {
                sleep = somewhere(sleep, coin(), coin() && coin(), reset(HOUR)).await;
            }
            let mut sleep = somewhere(sleep, coin(), false, reset(ms(1))).await;
            for _ in 0..5_000 {
                if last.wakes() > 0 {
                    break;
                }
                rondel::time::sleep(ms(1)).await;
            }
            assert_eq!(last.wakes(), 1, "round {round}");
            Pin::new(&mut sleep).await;
            assert_eq!(others.wakes(), 0, "round {round}");
        }
    });
}

/// Goal: nobody waits for ever for a loop that is gone. Method: drop the runtime under a stranger
/// that sleeps for an hour, and under one that arms its timer later.
#[test]
fn a_strangers_sleep_panics_when_its_loop_ends() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let waiting = Arc::new(AtomicUsize::new(0));
    let seen = waiting.clone();
    let stranger = thread::spawn(move || {
        let slept = catch_unwind(AssertUnwindSafe(|| {
            handle.block_on(async {
                let mut long = sleep(HOUR);
                poll_fn(|cx| {
                    seen.store(1, Ordering::SeqCst);
                    Pin::new(&mut long).poll(cx)
                })
                .await;
            });
        }));
        let later =
            catch_unwind(AssertUnwindSafe(|| handle.block_on(async { sleep(ms(1)).await })));
        [slept, later].map(|outcome| panic_text(outcome.unwrap_err()))
    });
    wait_until(|| waiting.load(Ordering::SeqCst) == 1);
    runtime.block_on(async { sleep(ms(1)).await });
    drop(runtime);
    for text in stranger.join().unwrap() {
        assert!(text.contains("the loop that kept this timer has ended"), "{text}");
    }
}

/// Goal: who waits beside somebody whose waker panics is woken all the same. Method: two sleeps of
/// one tick, the first with such a waker.
#[test]
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as planned");
        }
    }
    let wakes = Counter::new();
    let runtime = paused();
    let turned = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let (mut first, mut second) = (pin!(sleep(ms(5))), pin!(sleep(ms(5))));
            let panics = Waker::from(Arc::new(Panics));
            assert!(first.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());
            assert!(poll_with(&mut second, &wakes).is_pending());
            sleep(ms(10)).await;
        });
    }));
    assert!(turned.is_err());
    assert_eq!(wakes.wakes(), 1);
}
