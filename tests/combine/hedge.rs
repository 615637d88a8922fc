//! `hedge` and `staggered`: second tries before the first has failed, at exact moments.

use std::cell::Cell;
use std::future::{Future, Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use rondel::combine::{AllFailed, hedge, staggered};
use rondel::time::{Duration, sleep, timeout};

use super::tools::*;

type Answer = Result<&'static str, &'static str>;

/// A try that succeeds after `delay` with its name.
fn good(log: &Log, name: &'static str, delay: u64) -> impl Future<Output = Answer> {
    log.work(name, delay, Ok(name))
}

/// A try that fails after `delay` with its name.
fn bad(log: &Log, name: &'static str, delay: u64) -> impl Future<Output = Answer> {
    log.work(name, delay, Err(name))
}

/// Either of them, as one type.
fn tries<const N: usize>(
    log: &Log,
    tries: [(&'static str, u64, bool); N],
) -> [impl Future<Output = Answer>; N] {
    tries.map(|(name, delay, is_good)| {
        log.work(name, delay, if is_good { Ok(name) } else { Err(name) })
    })
}

// ---- hedge -------------------------------------------------------------------------------------

#[test]
fn a_primary_that_is_fast_enough_has_no_competition() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 1)];
        assert_eq!(hedge(good(&log, "primary", 1_999), millis(2_000), others).await, Ok("primary"));
        assert_eq!(log.lines(), ["0 primary starts", "1999 primary ends"]);
    });
}

/// Goal: show the promise: "primary within 2 s, else the first secondary that succeeds".
#[test]
fn a_slow_primary_is_overtaken_by_the_first_secondary_that_succeeds() {
    virtually(async {
        let log = Log::new();
        let others = tries(&log, [("b", 500, false), ("c", 900, true), ("d", 950, true)]);
        let answer = hedge(good(&log, "a", 10_000), millis(2_000), others).await;
        log.note(format_args!("{} wins", answer.unwrap()));
        assert_eq!(
            log.lines(),
            [
                "0 a starts",
                "2000 b starts",
                "2000 c starts",
                "2000 d starts",
                "2500 b ends",
                "2900 c ends",
                "2900 a is dropped",
                "2900 d is dropped",
                "2900 c wins",
            ]
        );
    });
}

#[test]
fn a_late_primary_still_counts_while_the_secondaries_run() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 1_000)];
        assert_eq!(hedge(good(&log, "primary", 2_500), millis(2_000), others).await, Ok("primary"));
        let ends = log.lines().split_off(2);
        assert_eq!(ends, ["2500 primary ends", "2500 other is dropped"]);
    });
}

#[test]
fn a_primary_that_fails_early_starts_the_secondaries_at_once() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "b", 100), good(&log, "c", 50)];
        assert_eq!(hedge(bad(&log, "a", 300), millis(2_000), others).await, Ok("c"));
        assert_eq!(log.lines()[1..4], ["300 a ends", "300 b starts", "300 c starts"]);
        assert_eq!(log.now(), 350);
    });
}

/// Goal: show that a failure of the primary while the secondaries run is noted and no more.
#[test]
fn a_primary_that_fails_late_changes_nothing() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 1_000)];
        assert_eq!(hedge(bad(&log, "primary", 2_500), millis(2_000), others).await, Ok("other"));
        assert_eq!(log.now(), 3_000);
    });
}

/// Goal: show that all errors come back: the primary's first, whenever it came, then in order.
#[test]
fn when_all_fail_all_errors_are_there_the_primarys_first() {
    virtually(async {
        let log = Log::new();
        let others = [bad(&log, "b", 900), bad(&log, "c", 100)];
        let error = hedge(bad(&log, "a", 2_500), millis(2_000), others).await.unwrap_err();
        assert_eq!(error.errors(), ["a", "b", "c"]);
        assert_eq!(error.to_string(), "all of 3 failed: a; b; c");
        assert_eq!(log.now(), 2_900);
    });
}

#[test]
fn without_secondaries_the_primary_alone_decides() {
    virtually(async {
        let log = Log::new();
        let nobody = || Vec::<Ready<Answer>>::new();
        assert_eq!(hedge(good(&log, "a", 50), millis(10), nobody()).await, Ok("a"));
        assert_eq!(log.now(), 50);
        let error = hedge(bad(&log, "a", 50), millis(10), nobody()).await.unwrap_err();
        assert_eq!((error.into_errors(), log.now()), (vec!["a"], 100));
    });
}

/// Goal: show the moment itself: a primary that ends exactly when its time is up has made it.
#[test]
fn a_primary_that_ends_at_the_last_moment_has_no_competition() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 1)];
        assert_eq!(hedge(good(&log, "primary", 2_000), millis(2_000), others).await, Ok("primary"));
        assert_eq!(log.lines(), ["0 primary starts", "2000 primary ends"]);
    });
}

#[test]
fn after_no_time_all_start_together_and_the_primary_is_polled_first() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 10)];
        assert_eq!(hedge(good(&log, "primary", 10), Duration::ZERO, others).await, Ok("primary"));
        assert_eq!(log.lines()[..2], ["0 primary starts", "0 other starts"]);
    });
}

/// Goal: show that a primary which is ready needs no clock: it works outside any runtime.
#[test]
fn a_primary_that_is_ready_needs_no_runtime() {
    let others = [pending::<Result<u32, ()>>()];
    assert_eq!(block_on(hedge(ready(Ok(1)), millis(2_000), others)), Ok(1));
}

#[test]
fn dropping_a_hedge_drops_all_that_runs_and_starts_nobody() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 100)];
        let whole = hedge(good(&log, "primary", 100), millis(20), others);
        assert!(timeout(millis(10), whole).await.is_err());
        sleep(millis(1_000)).await;
        assert_eq!(log.lines(), ["0 primary starts", "10 primary is dropped"]);

        let log = Log::new();
        let others = [good(&log, "other", 100)];
        let whole = hedge(good(&log, "primary", 100), millis(20), others);
        assert!(timeout(millis(30), whole).await.is_err());
        let ends = log.lines().split_off(2);
        assert_eq!(ends, ["30 primary is dropped", "30 other is dropped"]);
    });
}

/// Goal: show that a second try which wins leaves no timer: virtual time would move on to it.
#[test]
fn nothing_is_left_behind_by_a_hedge() {
    virtually(async {
        let log = Log::new();
        let others = [good(&log, "other", 100)];
        hedge(good(&log, "primary", 10), Duration::MAX, others).await.unwrap();
        sleep(millis(1)).await;
        assert_eq!(log.now(), 11);
    });
}

// ---- staggered ---------------------------------------------------------------------------------

/// Goal: show the starts of RFC 8305: one each delay, until the first success.
#[test]
fn staggered_starts_one_each_delay_until_the_first_success() {
    virtually(async {
        let log = Log::new();
        let tries =
            tries(&log, [("a", 900, true), ("b", 700, true), ("c", 100, true), ("d", 1, true)]);
        let answer = staggered(millis(250), tries).await;
        log.note(format_args!("{} wins", answer.unwrap()));
        assert_eq!(
            log.lines(),
            [
                "0 a starts",
                "250 b starts",
                "500 c starts",
                "600 c ends",
                "600 a is dropped",
                "600 b is dropped",
                "600 c wins",
            ]
        );
    });
}

#[test]
fn a_failure_starts_the_next_at_once_and_the_delay_anew() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 100, false), ("b", 900, true), ("c", 900, true)]);
        assert_eq!(staggered(millis(250), tries).await, Ok("b"));
        let lines = ["0 a starts", "100 a ends", "100 b starts", "350 c starts"];
        assert_eq!(log.lines()[..4], lines);
        assert_eq!(log.now(), 1_000);
    });
}

/// Goal: show that a failure of any try counts, not only of the one that was started last (there
/// asyncio waits out the delay).
#[test]
fn a_failure_of_an_earlier_try_starts_the_next_too() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 300, false), ("b", 900, true), ("c", 10, true)]);
        assert_eq!(staggered(millis(250), tries).await, Ok("c"));
        assert_eq!(log.lines()[1..4], ["250 b starts", "300 a ends", "300 c starts"]);
    });
}

#[test]
fn two_failures_at_one_moment_start_two() {
    virtually(async {
        let log = Log::new();
        let tries =
            tries(&log, [("a", 300, false), ("b", 50, false), ("c", 10, true), ("d", 20, true)]);
        assert_eq!(staggered(millis(250), tries).await, Ok("c"));
        let lines = ["250 b starts", "300 a ends", "300 b ends", "300 c starts", "300 d starts"];
        assert_eq!(log.lines()[1..6], lines);
    });
}

#[test]
fn when_all_tries_fail_all_errors_are_there_in_their_order() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 600, false), ("b", 10, false), ("c", 20, false)]);
        let error = staggered(millis(250), tries).await.unwrap_err();
        assert_eq!(error, AllFailedOf(["a", "b", "c"]));
        assert_eq!(log.now(), 600);
    });
}

/// Compares with a list.
#[derive(Debug)]
struct AllFailedOf<const N: usize>([&'static str; N]);

impl<const N: usize> PartialEq<AllFailedOf<N>> for AllFailed<&'static str> {
    fn eq(&self, other: &AllFailedOf<N>) -> bool {
        self.errors() == other.0
    }
}

#[test]
fn staggered_of_nothing_fails_without_errors() {
    let nobody = Vec::<Ready<Answer>>::new();
    let error = block_on(staggered(millis(250), nobody)).unwrap_err();
    assert!(error.errors().is_empty());
}

#[test]
fn without_a_delay_only_failures_start_the_next() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 10_000, false), ("b", 10, true), ("c", 10, true)]);
        assert_eq!(staggered(None, tries).await, Ok("b"));
        let lines = ["0 a starts", "10000 a ends", "10000 b starts", "10010 b ends"];
        assert_eq!(log.lines(), lines);
    });
}

/// Goal: show that a delay of zero starts all in one poll, but in order: who is ready at once wins
/// before the next is started.
#[test]
fn a_delay_of_zero_starts_all_in_order() {
    virtually(async {
        let log = Log::new();
        let slow = tries(&log, [("a", 20, true), ("b", 10, true)]);
        assert_eq!(staggered(Duration::ZERO, slow).await, Ok("b"));
        assert_eq!(log.lines()[..2], ["0 a starts", "0 b starts"]);

        let polled = Cell::new(0);
        let tries = [Err("no"), Ok("yes"), Ok("never polled")].map(|answer| {
            let polled = &polled;
            async move {
                polled.set(polled.get() + 1);
                answer
            }
        });
        assert_eq!(staggered(Duration::ZERO, tries).await, Ok("yes"));
        assert_eq!(polled.get(), 2);
    });
}

/// Goal: show that futures that fail at once need no time and no runtime, however many there are.
#[test]
fn failures_at_once_need_no_runtime() {
    let tries = (0..1_000).map(|n| ready(if n == 999 { Ok(n) } else { Err(n) }));
    assert_eq!(block_on(staggered(millis(250), tries)), Ok(999));
}

/// Goal: show that a try which ends at the moment of the next start prevents it.
#[test]
fn a_success_at_the_moment_of_a_start_prevents_it() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 250, true), ("b", 1, true)]);
        assert_eq!(staggered(millis(250), tries).await, Ok("a"));
        assert_eq!(log.lines(), ["0 a starts", "250 a ends"]);
    });
}

#[test]
fn dropping_it_drops_what_runs_and_starts_nobody() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 900, true), ("b", 900, true), ("c", 900, true)]);
        assert!(timeout(millis(300), staggered(millis(250), tries)).await.is_err());
        sleep(millis(1_000)).await;
        let lines = ["0 a starts", "250 b starts", "300 a is dropped", "300 b is dropped"];
        assert_eq!(log.lines(), lines);
    });
}

/// Goal: show what happens when nobody polls at the moment of a start: the next poll starts one
/// try, not all that are overdue, and counts the delay from then.
#[test]
fn a_late_poll_starts_one_and_counts_from_then() {
    virtually(async {
        let log = Log::new();
        let tries = tries(&log, [("a", 900, true), ("b", 900, true), ("c", 900, true)]);
        let mut whole = staggered(millis(250), tries);
        assert!(timeout(millis(10), &mut whole).await.is_err());
        sleep(millis(590)).await;
        assert_eq!(whole.await, Ok("a"));
        assert_eq!(log.lines()[1..3], ["600 b starts", "850 c starts"]);
    });
}

#[test]
fn others_are_started_though_the_first_is_always_busy() {
    virtually(async {
        let log = Log::new();
        let answer = hedge(greedy(|_| pass(1)), millis(20), [good(&log, "other", 0)]).await;
        assert_eq!(answer, Ok("other"));
        let tries: [Pin<Box<dyn Future<Output = Answer>>>; 2] =
            [Box::pin(greedy(|_| pass(1))), Box::pin(good(&log, "next", 0))];
        assert_eq!(staggered(millis(20), tries).await, Ok("next"));
    });
}

#[test]
fn a_panic_of_a_try_comes_through_and_drops_the_others() {
    let diary = Diary::default();
    let kept = diary.on_drop("dropped");
    let tries: [Pin<Box<dyn Future<Output = Answer>>>; 2] = [
        Box::pin(async {
            let _kept = kept;
            pending().await
        }),
        Box::pin(async { panic!("boom") }),
    ];
    let caught = catch_unwind(AssertUnwindSafe(|| virtually(staggered(millis(10), tries))));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["dropped"]);
}

#[test]
fn what_has_ended_cannot_be_polled_again() {
    let wakes = Arc::default();
    let mut ended = staggered(None, [ready(Ok::<_, ()>(1))]);
    assert!(poll_once(Pin::new(&mut ended), &wakes).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| {
        let _ = poll_once(Pin::new(&mut ended), &wakes);
    }));
    assert_eq!(panic_text(again.unwrap_err()), "polled again after it ended");
}
