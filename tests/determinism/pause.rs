//! `pause`, `resume`, `advance`: the clock of a runtime, stopped and moved while it runs.

use super::{ms, paused};
use rondel::task::{spawn_local, yield_now};
use rondel::testing::Diary;
use rondel::time::{self, Instant, interval, sleep, sleep_until, timeout};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
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
