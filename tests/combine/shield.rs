//! `shield`: who waits may be cancelled, the work is not.
//!
//! The situations are those of CPython's tests of `asyncio.shield`, with the moments.

use std::cell::Cell;
use std::rc::Rc;

use rondel::combine::{gather, shield, shield_local};
use rondel::select;
use rondel::task::yield_now;
use rondel::time::{sleep, timeout};

use super::tools::*;

/// Work that tells the log, as a future of its own.
fn work(log: &Log, delay: u64) -> impl Future<Output = u64> + Send + 'static {
    let log = log.clone();
    async move { log.work("work", delay, delay).await }
}

#[test]
fn the_output_comes_through() {
    virtually(async {
        let log = Log::new();
        assert_eq!(shield(work(&log, 10)).await.unwrap(), 10);
        assert_eq!(log.lines(), ["0 work starts", "10 work ends"]);
    });
}

#[test]
fn a_panic_comes_through_as_an_error() {
    virtually(async {
        let error = shield(async { panic!("boom") }).await.unwrap_err();
        assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"boom"));
    });
}

/// Goal: show that the work starts with the call, as asyncio's does, and not with the first poll.
#[test]
fn the_work_starts_before_anybody_waits() {
    virtually(async {
        let log = Log::new();
        let shield = shield(work(&log, 10));
        sleep(millis(10)).await;
        yield_now().await;
        assert_eq!(log.lines(), ["0 work starts", "10 work ends"]);
        assert_eq!(shield.await.unwrap(), 10);
    });
}

/// Goal: show asyncio's `test_shield_cancel_inner`: who aborts the work itself ends it, and the one
/// who waits learns it.
#[test]
fn an_abort_of_the_inner_task_is_seen() {
    virtually(async {
        let log = Log::new();
        let shield = shield(work(&log, 30));
        let abort = shield.abort_handle();
        rondel::spawn(async move {
            sleep(millis(10)).await;
            abort.abort();
        });
        assert!(shield.await.unwrap_err().is_cancelled());
        assert_eq!(log.lines(), ["0 work starts", "10 work is dropped"]);
    });
}

/// Goal: show asyncio's `test_shield_cancel_outer`: a timeout around the shield leaves the work
/// running to its end.
#[test]
fn dropping_the_shield_leaves_the_work_running() {
    virtually(async {
        let log = Log::new();
        assert!(timeout(millis(10), shield(work(&log, 30))).await.is_err());
        sleep(millis(100)).await;
        assert_eq!(log.lines(), ["0 work starts", "30 work ends"]);

        // Without a shield the same timeout ends it.
        let log = Log::new();
        assert!(timeout(millis(10), work(&log, 30)).await.is_err());
        sleep(millis(100)).await;
        assert_eq!(log.lines(), ["0 work starts", "10 work is dropped"]);
    });
}

/// Goal: show the same when the task that waits is aborted.
#[test]
fn aborting_the_task_that_waits_leaves_the_work_running() {
    virtually(async {
        let log = Log::new();
        let inner = log.clone();
        let outer = rondel::spawn(async move { shield(work(&inner, 30)).await.unwrap() });
        sleep(millis(10)).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert_eq!(log.now(), 10);
        sleep(millis(100)).await;
        assert_eq!(log.lines(), ["0 work starts", "30 work ends"]);
    });
}

/// Goal: show that an abort of the waiter before its first poll does not even start the work: the
/// shield is made by the task, and so is never made.
#[test]
fn what_is_aborted_before_the_shield_is_made_never_starts() {
    virtually(async {
        let log = Log::new();
        let inner = log.clone();
        let outer = rondel::spawn(async move { shield(work(&inner, 30)).await.unwrap() });
        outer.abort();
        sleep(millis(100)).await;
        assert!(log.lines().is_empty());
    });
}

/// Goal: show what the docs say of handles: a plain one is shielded already.
#[test]
fn a_plain_handle_is_shielded_already() {
    virtually(async {
        let log = Log::new();
        let mut task = rondel::spawn(work(&log, 30));
        assert!(timeout(millis(10), &mut task).await.is_err());
        assert_eq!(task.await.unwrap(), 30);
    });
}

/// Goal: show asyncio's `test_shield_effect`: one shield, waited for again and again.
#[test]
fn a_shield_can_be_waited_for_again() {
    virtually(async {
        let log = Log::new();
        let mut shield = shield(work(&log, 25));
        let mut times = 0;
        let output = loop {
            select! {
                biased;
                output = &mut shield => break output.unwrap(),
                () = sleep(millis(10)) => times += 1,
            }
        };
        assert_eq!((output, times, log.now()), (25, 2, 25));
    });
}

/// Goal: show asyncio's `test_gather_shield`: cancelling a gather of shields leaves all of them.
#[test]
fn a_gather_of_shields_that_is_dropped_leaves_all_running() {
    virtually(async {
        let log = Log::new();
        let both = gather([20, 30].map(|delay| shield(work(&log, delay))));
        assert!(timeout(millis(10), both).await.is_err());
        sleep(millis(100)).await;
        let ends = log.lines().split_off(2);
        assert_eq!(ends, ["20 work ends", "30 work ends"]);
    });
}

/// Goal: show asyncio's `test_shield_gather`: a whole gather behind one shield.
#[test]
fn a_gather_behind_a_shield_goes_on_as_a_whole() {
    virtually(async {
        let log = Log::new();
        let whole = gather([20, 30].map(|delay| work(&log, delay)));
        assert!(timeout(millis(10), shield(whole)).await.is_err());
        sleep(millis(100)).await;
        let ends = log.lines().split_off(2);
        assert_eq!(ends, ["20 work ends", "30 work ends"]);
    });
}

#[test]
fn the_handle_can_be_looked_at_and_taken_out() {
    virtually(async {
        let log = Log::new();
        let shield = shield(work(&log, 30));
        let id = shield.get_ref().id();
        assert!(!shield.get_ref().is_finished());
        let handle = shield.into_inner();
        assert_eq!(handle.id(), id);
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
    });
}

/// Goal: show the limit of the shield: the end of the runtime ends it.
#[test]
fn the_end_of_the_runtime_ends_the_work_all_the_same() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let log = runtime.block_on(async {
        let log = Log::new();
        assert!(timeout(millis(10), shield(work(&log, 30))).await.is_err());
        log
    });
    assert_eq!(log.lines(), ["0 work starts"]);
    drop(runtime);
    assert_eq!(log.lines().len(), 2);
    assert!(log.lines()[1].ends_with("work is dropped"));
}

#[test]
fn work_that_stays_on_its_thread_can_be_shielded_too() {
    let done = Rc::new(Cell::new(false));
    virtually(async {
        let ours = done.clone();
        let write = async move {
            sleep(millis(30)).await;
            ours.set(true);
        };
        assert!(timeout(millis(10), shield_local(write)).await.is_err());
        sleep(millis(100)).await;
    });
    assert!(done.get());
}
