//! `race` and `race_ok`: the first to end, the first to succeed, and what becomes of the losers.

use std::error::Error;
use std::future::{Future, Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rondel::combine::{AllFailed, race, race_ok};
use rondel::time::{sleep, timeout};

use super::tools::*;

/// Goal: show that the fastest wins, at its moment, and that the losers go from the first to the
/// last before the output is seen.
#[test]
fn the_first_to_end_wins_and_the_losers_are_dropped_before_it_is_seen() {
    virtually(async {
        let log = Log::new();
        let winner = race([
            log.work("slow", 30, "slow"),
            log.work("fast", 10, "fast"),
            log.work("late", 20, "late"),
        ])
        .await;
        log.note(format_args!("{winner} wins"));
        let after_starts =
            ["10 fast ends", "10 slow is dropped", "10 late is dropped", "10 fast wins"];
        assert_eq!(log.lines()[3..], after_starts);
    });
}

#[test]
fn an_error_wins_a_race_like_any_other_output() {
    virtually(async {
        let winner = race([after(20, Ok(1)), after(10, Err("no"))]).await;
        assert_eq!(winner, Err("no"));
    });
}

#[test]
fn of_those_that_are_ready_together_the_first_in_the_list_wins() {
    assert_eq!(block_on(race([ready(1), ready(2), ready(3)])), 1);
    virtually(async {
        assert_eq!(race([after(10, 'a'), after(5, 'b'), after(5, 'c')]).await, 'b');
        assert_eq!(
            race_ok([after(5, Err(())), after(5, Ok('b')), after(5, Ok('c'))]).await,
            Ok('b')
        );
    });
}

/// Goal: show that a child behind the winner is not even polled.
#[test]
fn nobody_is_polled_behind_the_winner() {
    let gates = [Gate::default(), Gate::default(), Gate::default()];
    gates[1].open_early(7);
    assert_eq!(block_on(race(gates.iter().cloned().map(Gate::pass))), 7);
    assert_eq!(gates.each_ref().map(Gate::polls), [1, 1, 0]);
}

#[test]
fn a_race_without_runners_says_so_at_once() {
    let caught = catch_unwind(|| drop(race(Vec::<Ready<u32>>::new())));
    assert_eq!(
        panic_text(caught.unwrap_err()),
        "`race` was given no futures, so nobody can ever win"
    );
}

#[test]
fn a_race_of_one_is_that_one() {
    assert_eq!(block_on(race([ready(5)])), 5);
    assert_eq!(block_on(race_ok([ready(Ok::<_, ()>(5))])), Ok(5));
}

/// Goal: show that only the runners that were woken are polled, among many.
#[test]
fn a_race_of_thousands_polls_only_who_was_woken() {
    let gates: Vec<Gate> = (0..5_000).map(|_| Gate::default()).collect();
    let mut whole = race(gates.iter().cloned().map(Gate::pass));
    let wakes = Arc::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[4_200].wake();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[4_999].open(9);
    assert_eq!(poll_once(Pin::new(&mut whole), &wakes), Poll::Ready(9));
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 5_002);
}

#[test]
fn a_panic_of_a_runner_comes_through_and_drops_the_others() {
    let diary = Diary::default();
    let runners = [0, 1].map(|index| {
        let kept = diary.on_drop("dropped");
        async move {
            let _kept = kept;
            if index == 1 {
                panic!("boom");
            }
            pending::<()>().await
        }
    });
    let caught = catch_unwind(AssertUnwindSafe(|| block_on(race(runners))));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["dropped"; 2]);
}

#[test]
fn a_race_that_has_ended_cannot_be_polled_again() {
    let wakes = Arc::default();
    let mut ended = race([ready(1)]);
    assert!(poll_once(Pin::new(&mut ended), &wakes).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_once(Pin::new(&mut ended), &wakes)));
    assert_eq!(panic_text(again.unwrap_err()), "race polled again after it ended");

    let mut ended = race_ok([ready(Ok::<_, ()>(1))]);
    assert!(poll_once(Pin::new(&mut ended), &wakes).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_once(Pin::new(&mut ended), &wakes)));
    assert_eq!(panic_text(again.unwrap_err()), "race_ok polled again after it ended");
}

/// Goal: show that the first to end wins even if nobody looked in between. Method: tasks that end
/// in another order than that of the list, while the race is not polled.
#[test]
fn of_tasks_that_have_all_ended_the_first_to_end_wins() {
    virtually(async {
        let tasks = |delays: [u64; 3]| delays.map(|delay| rondel::spawn(after(delay, delay)));
        let mut whole = race(tasks([30, 10, 20]));
        assert!(timeout(millis(5), &mut whole).await.is_err());
        sleep(millis(100)).await;
        assert_eq!(whole.await.unwrap(), 10);

        let mut whole = race_ok(tasks([30, 20, 25]));
        assert!(timeout(millis(5), &mut whole).await.is_err());
        sleep(millis(100)).await;
        assert_eq!(whole.await.unwrap(), 20);
    });
}

/// Goal: show that handles that lose are detached, as `asyncio.wait(FIRST_COMPLETED)` leaves them
/// running.
#[test]
fn tasks_that_lose_a_race_run_on() {
    virtually(async {
        let log = Log::new();
        let tasks = [("slow", 30), ("fast", 10)].map(|(name, delay)| {
            let log = log.clone();
            rondel::spawn(async move { log.work(name, delay, name).await })
        });
        assert_eq!(race(tasks).await.unwrap(), "fast");
        sleep(millis(100)).await;
        assert_eq!(log.lines()[2..], ["10 fast ends", "30 slow ends"]);
    });
}

// ---- race_ok -----------------------------------------------------------------------------------

/// Goal: show that failures do not end it, and that the first success does.
#[test]
fn race_ok_goes_on_after_failures() {
    virtually(async {
        let log = Log::new();
        let value = race_ok([
            log.work("bad", 10, Err("refused")),
            log.work("good", 20, Ok("yes")),
            log.work("slow", 30, Ok("later")),
        ])
        .await;
        assert_eq!((value, log.now()), (Ok("yes"), 20));
        assert_eq!(log.lines()[3..], ["10 bad ends", "20 good ends", "20 slow is dropped"]);
    });
}

/// Goal: show that all errors are kept, in the order of the list and not of the ends.
#[test]
fn race_ok_of_failures_keeps_every_error_in_the_order_of_the_list() {
    virtually(async {
        let tries = [(30, "a"), (10, "b"), (20, "c")];
        let error =
            race_ok(tries.map(|(delay, name)| after(delay, Err::<(), _>(name)))).await.unwrap_err();
        assert_eq!(error.errors(), ["a", "b", "c"]);
        assert_eq!(error.to_string(), "all of 3 failed: a; b; c");
        assert_eq!(error.clone().into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(error.into_errors(), ["a", "b", "c"]);
    });
}

#[test]
fn race_ok_of_nothing_fails_without_errors() {
    let error = block_on(race_ok(Vec::<Ready<Result<u32, &str>>>::new())).unwrap_err();
    assert!(error.errors().is_empty());
    assert_eq!(error.to_string(), "there was nothing to try");
}

/// Goal: show that it is an error like any other, also of errors that are only boxes.
#[test]
fn all_failed_is_an_error() {
    async fn ask() -> Result<(), Box<dyn Error + Send + Sync>> {
        race_ok([ready(Err::<(), Box<dyn Error + Send + Sync>>("no".into()))]).await?;
        Ok(())
    }
    let error = block_on(ask()).unwrap_err();
    assert!(error.downcast_ref::<AllFailed<Box<dyn Error + Send + Sync>>>().is_some());
    assert_eq!(error.to_string(), "all of 1 failed: no");
}

/// Goal: show that errors collected and runners in flight go when the race is dropped.
#[test]
fn dropping_a_race_drops_runners_and_errors() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let (error, runner) = (diary.on_drop("error"), diary.on_drop("runner"));
    type Runner = Pin<Box<dyn Future<Output = Result<(), OnDrop>>>>;
    let runners: [Runner; 2] = [
        Box::pin(async { Err(error) }),
        Box::pin(async {
            pending::<()>().await;
            Err(runner)
        }),
    ];
    let mut whole = race_ok(runners);
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!(diary.pages(), [""; 0]);
    drop(whole);
    assert_eq!(diary.pages(), ["error", "runner"]);
}
