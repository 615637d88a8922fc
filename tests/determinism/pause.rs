//! `pause`, `resume`, `advance`: the clock of a runtime, stopped and moved while it runs.

use super::{ms, paused};
use rondel::sync::oneshot;
use rondel::task::{spawn_local, yield_now};
use rondel::testing::Diary;
use rondel::time::{self, Instant, interval, sleep, sleep_until, timeout};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_paused_clock_jumps_to_the_next_deadline_and_no_further() {
    rondel::run(async {
        time::pause();
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
        let first = timeout(HOUR, pending::<()>());
        let second = timeout(2 * HOUR, pending::<()>());
        let (_, _) = rondel::join!(first, second);
        assert_eq!(start.elapsed(), 3 * HOUR);
    });
}

/// Goal: no moment comes twice. Method: real, frozen, moved, real again, each no earlier.
#[test]
fn resume_goes_on_from_where_the_clock_stood() {
    rondel::run(async {
        let real = Instant::now();
        time::pause();
        let frozen = Instant::now();
        assert!(frozen >= real);
        time::advance(HOUR).await;
        time::resume();
        let resumed = Instant::now();
        assert!(resumed >= frozen + HOUR);
        sleep(ms(2)).await; // by the machine's clock, and never early
        assert!(resumed.elapsed() >= ms(2));
        time::pause();
        sleep(HOUR).await;
        assert!(resumed.elapsed() >= HOUR + ms(2));
    });
}

#[test]
fn a_timer_that_was_set_in_real_time_fires_in_virtual_time() {
    rondel::run(async {
        let task = rondel::spawn(sleep(HOUR));
        yield_now().await;
        time::pause();
        task.await.unwrap();
    });
}

#[test]
fn advance_fires_what_is_due_in_the_order_of_the_deadlines() {
    paused().block_on(async {
        let diary = Diary::default();
        for at in [30, 10, 20, 40] {
            let diary = diary.clone();
            spawn_local(async move {
                sleep(ms(at)).await;
                diary.note(at.to_string());
            });
        }
        yield_now().await;
        time::advance(ms(30)).await;
        assert_eq!(diary.pages(), ["10", "20", "30"]);
        time::advance(ms(9)).await;
        assert_eq!(diary.pages().len(), 3);
        time::advance(ms(1)).await;
        assert_eq!(diary.pages().len(), 4);
    });
}

/// Goal: whoever is woken late by a long step sees the whole step. Method: an interval of 10 ms, and
/// one step of 35 ms: the ticks that were missed come at once.
#[test]
fn advance_does_not_stop_between_deadlines() {
    paused().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        let task = spawn_local(async move {
            let mut seen = Vec::new();
            for _ in 0..3 {
                seen.push((ticks.tick().await - start, start.elapsed()));
            }
            seen
        });
        yield_now().await;
        time::advance(ms(35)).await;
        assert!(task.is_finished());
        let late = [10, 20, 30].map(|due| (ms(due), ms(35)));
        assert_eq!(task.await.unwrap(), late);
    });
}

#[test]
fn advance_moves_by_parts_of_a_tick() {
    paused().block_on(async {
        let start = Instant::now();
        let deadline = start + Duration::from_micros(1_500);
        let task = rondel::spawn(sleep_until(deadline));
        yield_now().await;
        time::advance(Duration::from_micros(1_400)).await;
        assert!(!task.is_finished());
        time::advance(Duration::from_micros(600)).await;
        assert!(task.is_finished());
        assert_eq!(start.elapsed(), ms(2));
    });
}

/// Goal: what was made before a step knows of it. Method: a sleep that was not polled yet, with no
/// other timer set, and one poll after the step.
#[test]
fn a_sleep_that_became_due_by_a_step_is_ready_at_its_first_poll() {
    paused().block_on(async {
        let mut nap = pin!(sleep(ms(5)));
        time::advance(ms(10)).await;
        assert!(nap.is_elapsed());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(nap.as_mut().poll(&mut cx).is_ready());
    });
}

/// Goal: the end of time is no panic. Method: go there, and sleep for ever.
#[test]
fn at_the_end_of_time_for_ever_is_now() {
    paused().block_on(async {
        time::advance(Duration::from_secs(i64::MAX as u64 - 100_000_000)).await;
        let now = Instant::now();
        let nap = sleep(Duration::MAX);
        assert!(nap.deadline() >= now);
        nap.await;
    });
}

#[test]
fn a_step_beyond_all_time_is_not_taken() {
    paused().block_on(async {
        let before = Instant::now();
        time::advance(Duration::MAX).await;
        assert_eq!(Instant::now(), before);
    });
}

/// What `what` panics with.
fn complaint(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).unwrap_err();
    let literal = panic.downcast_ref::<&str>().map(ToString::to_string);
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap()
}

#[test]
fn misuse_panics_as_in_tokio() {
    paused().block_on(async { assert_eq!(complaint(time::pause), "time is already frozen") });
    rondel::run(async {
        assert_eq!(complaint(time::resume), "time is not frozen");
        let advance = rondel::spawn(time::advance(ms(1))).await.unwrap_err();
        assert!(advance.to_string().contains("time is not frozen"), "{advance}");
    });
    for outside in [time::pause as fn(), time::resume] {
        assert!(complaint(outside).contains("no Rondel loop runs on this thread"));
    }
}

/// Goal: threads that work for the runtime see its time. Method: ask on the pool, and on a thread
/// that entered the handle, before and after a jump.
#[test]
fn strangers_see_the_time_of_the_runtime_they_work_for() {
    paused().block_on(async {
        let start = Instant::now();
        sleep(HOUR).await;
        let on_the_pool = rondel::spawn_blocking(Instant::now).await.unwrap();
        assert_eq!(on_the_pool - start, HOUR);
        let handle = rondel::Handle::current();
        let there = thread::spawn(move || {
            let outside = Instant::now();
            let _entered = handle.enter();
            (outside, Instant::now())
        });
        let (outside, inside) = there.join().unwrap();
        assert_eq!(inside - start, HOUR);
        assert!(outside < inside, "a thread without a runtime has the machine's time");
    });
}

/// Goal: a loop that sleeps for an hour of real time hears that time was frozen. Method: a thread
/// freezes it while the loop sleeps.
#[test]
fn pausing_from_another_thread_reaches_a_loop_that_sleeps() {
    rondel::run(async {
        let handle = rondel::Handle::current();
        let (asleep, go) = mpsc::channel();
        let other = thread::spawn(move || {
            go.recv().unwrap();
            let _entered = handle.enter();
            time::pause();
        });
        let sleeping = async {
            asleep.send(()).unwrap();
            sleep(HOUR).await;
        };
        sleeping.await;
        other.join().unwrap();
    });
}

/// Goal: a loop that sleeps hears that time was moved. Method: a closure on the pool, for which the
/// loop waits in the kernel, moves the time and then waits for a task that had to sleep for it.
#[test]
fn a_step_taken_on_another_thread_reaches_a_loop_that_sleeps() {
    paused().block_on(async {
        let handle = rondel::Handle::current();
        let (tx, rx) = oneshot::channel();
        let sleeper = async move {
            sleep(HOUR).await;
            tx.send(()).unwrap();
        };
        let task = rondel::spawn(sleeper);
        let (asleep, go) = mpsc::channel();
        let closure = rondel::spawn_blocking(move || {
            go.recv().unwrap();
            handle.block_on(time::advance(HOUR));
            rx.blocking_recv().unwrap();
        });
        yield_now().await; // the sleeper sets its timer
        asleep.send(()).unwrap();
        closure.await.unwrap();
        task.await.unwrap();
    });
}

/// Goal: whatever is done to a clock, no moment comes twice and nobody wakes early. Method: stop it,
/// let it go and move it by lot, also from another thread, while tasks sleep and a thread looks.
#[test]
fn a_clock_that_is_stopped_and_moved_by_lot_never_goes_back_and_never_rings_early() {
    let mut lots = 1_u64;
    let mut draw = move |limit: u64| {
        lots = lots.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (lots >> 33) % limit
    };
    let last = Arc::new(Mutex::new(Instant::now()));
    let look = move || {
        let mut last = last.lock().unwrap();
        let now = Instant::now();
        assert!(now >= *last, "back by {:?}", *last - now);
        *last = now;
    };
    rondel::run(async move {
        let handle = rondel::Handle::current();
        let (done, watch) = (Arc::new(AtomicBool::new(false)), look.clone());
        let (stop, theirs) = (done.clone(), handle.clone());
        let watcher = thread::spawn(move || {
            let _entered = theirs.enter();
            while !stop.load(Ordering::Relaxed) {
                watch();
            }
        });
        let (mut is_frozen, mut tasks) = (false, Vec::new());
        for _ in 0..2_000 {
            look();
            let duration = Duration::from_micros(draw(6_000));
            match draw(8) {
                0 | 1 => {
                    let turn = if is_frozen { time::resume } else { time::pause };
                    is_frozen = !is_frozen;
                    let theirs = handle.clone();
                    if draw(4) == 0 {
                        let abroad = move || {
                            let _entered = theirs.enter();
                            turn();
                        };
                        thread::spawn(abroad).join().unwrap();
                    } else {
                        turn();
                    }
                }
                2 if is_frozen => time::advance(duration).await,
                3 | 4 => tasks.push(rondel::spawn(async move {
                    let start = Instant::now();
                    sleep(duration).await;
                    assert!(start.elapsed() >= duration);
                })),
                5 => tasks.push(rondel::spawn(async move {
                    let start = Instant::now();
                    timeout(duration, pending::<()>()).await.unwrap_err();
                    assert!(start.elapsed() >= duration);
                })),
                _ => yield_now().await,
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
}

#[test]
fn two_runtimes_have_clocks_of_their_own() {
    let (first, second) = (paused(), paused());
    let start = first.block_on(async {
        sleep(HOUR).await;
        Instant::now()
    });
    let other = second.block_on(async { Instant::now() });
    assert!(other < start);
    first.block_on(async { assert_eq!(Instant::now(), start) });
    assert!(Instant::now() < start, "outside it is the machine's time");
}
