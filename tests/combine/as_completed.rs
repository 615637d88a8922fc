//! `as_completed`: outputs as they come; the timeout; what is dropped when.
//!
//! The situations are those of CPython's tests of `asyncio.as_completed`, with the moments.

use std::future::{Future, Ready, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures_core::Stream;
use rondel::combine::{AsCompleted, as_completed};
use rondel::time::{Duration, sleep, timeout};

use super::tools::*;

/// All outputs, each with the moment at which it came.
async fn drain<F: Future>(mut ended: AsCompleted<F>, log: &Log) -> Vec<(F::Output, u128)> {
    let mut all = Vec::new();
    while let Some(output) = ended.next().await {
        all.push((output, log.now()));
    }
    all
}

#[test]
fn outputs_come_in_the_order_of_their_ends_at_their_moments() {
    virtually(async {
        let log = Log::new();
        let naps = [30, 10, 20].map(|delay| after(delay, delay));
        assert_eq!(drain(as_completed(naps), &log).await, [(10, 10), (20, 20), (30, 30)]);
    });
}

#[test]
fn the_index_says_which_future_an_output_is_of() {
    virtually(async {
        let mut ended =
            as_completed(["slow", "fast"].map(|name| after(10 - name.len() as u64, name)));
        ended.next_with_index().await.unwrap();
        let mut ended = as_completed([after(30, 'a'), after(10, 'b'), after(20, 'c')]);
        assert_eq!(ended.next_with_index().await, Some((1, 'b')));
        assert_eq!(ended.next_with_index().await, Some((2, 'c')));
        assert_eq!(ended.next_with_index().await, Some((0, 'a')));
        assert_eq!(ended.next_with_index().await, None);
        assert_eq!(ended.next().await, None, "and again");
    });
}

#[test]
fn of_nothing_there_are_no_outputs() {
    assert_eq!(block_on(as_completed(Vec::<Ready<u32>>::new()).next()), None);
}

/// Goal: show asyncio's `test_as_completed_concurrent`: all run at once, also while only the first
/// output is asked for.
#[test]
fn everybody_runs_while_one_output_is_waited_for() {
    virtually(async {
        let log = Log::new();
        let mut ended = as_completed([log.work("a", 10, 1), log.work("b", 10, 2)]);
        assert_eq!(ended.next().await, Some(1));
        assert_eq!(log.now(), 10);
        assert_eq!(log.lines(), ["0 a starts", "0 b starts", "10 a ends", "10 b ends"]);
        assert_eq!(ended.next().await, Some(2));
        assert_eq!(log.now(), 10);
    });
}

/// Goal: show asyncio's `test_as_completed_with_unused_timeout` and `..._resume_iterator`: one may
/// stop asking and go on later. Tasks run on meanwhile; futures stand still.
#[test]
fn one_can_stop_asking_and_go_on_later() {
    virtually(async {
        let log = Log::new();
        let tasks = [30, 10, 20].map(|delay| rondel::spawn(after(delay, delay)));
        let mut ended = as_completed(tasks);
        assert_eq!(ended.next().await.unwrap().unwrap(), 10);
        sleep(millis(90)).await;
        // They ended between two polls, and still come in the order of their ends.
        assert_eq!(ended.next().await.unwrap().unwrap(), 20);
        assert_eq!(ended.next().await.unwrap().unwrap(), 30);
        assert_eq!(log.now(), 100);
    });
}

/// Goal: show asyncio's `test_as_completed_same_tasks_already_done`.
#[test]
fn tasks_that_have_ended_before_come_at_once() {
    virtually(async {
        let tasks = [1, 2, 3].map(|n| rondel::spawn(async move { n }));
        sleep(millis(1)).await;
        let log = Log::new();
        let all = drain(as_completed(tasks), &log).await;
        let all: Vec<_> = all.into_iter().map(|(n, moment)| (n.unwrap(), moment)).collect();
        assert_eq!(all, [(1, 0), (2, 0), (3, 0)]);
    });
}

#[test]
fn failures_are_outputs_and_do_not_stop_the_others() {
    virtually(async {
        let log = Log::new();
        let works = [after(30, Ok(1)), after(10, Err("no")), after(20, Ok(2))];
        let all = drain(as_completed(works), &log).await;
        assert_eq!(all, [(Err("no"), 10), (Ok(2), 20), (Ok(1), 30)]);
    });
}

/// Goal: show that a `next` which is dropped loses nothing. Method: drop one before and one after
/// the end of a child.
#[test]
fn a_next_that_is_dropped_loses_no_output() {
    virtually(async {
        let mut ended = as_completed([after(30, 'a'), after(10, 'b')]);
        assert!(timeout(millis(5), ended.next()).await.is_err());
        assert_eq!(timeout(millis(50), ended.next()).await, Ok(Some('b')));
        assert!(timeout(millis(5), ended.next()).await.is_err());
        assert_eq!(ended.next().await, Some('a'));
    });
    // Both have ended in one poll; the `next` that saw it took one, and the other is still there.
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::default();
    let mut ended = as_completed(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(pin!(ended.next()), &wakes).is_pending());
    gates.iter().for_each(|gate| gate.open(1));
    assert_eq!(poll_once(pin!(ended.next()), &wakes), Poll::Ready(Some(1)));
    assert_eq!(poll_once(pin!(ended.next()), &wakes), Poll::Ready(Some(1)));
    assert_eq!(poll_once(pin!(ended.next()), &wakes), Poll::Ready(None));
}

/// Goal: show that dropping it drops the rest: futures where they are, outputs that nobody fetched.
#[test]
fn dropping_it_drops_the_rest() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let kept = ["first", "second", "third"].map(|page| diary.on_drop(page));
    let children = kept.into_iter().enumerate().map(|(index, kept)| async move {
        if index == 2 {
            pending::<()>().await;
        }
        kept
    });
    let mut ended = as_completed(children);
    let Poll::Ready(Some(first)) = poll_once(pin!(ended.next()), &wakes) else { panic!("pending") };
    drop(ended);
    assert_eq!(diary.pages(), ["second", "third"]);
    drop(first);
}

#[test]
fn a_child_is_dropped_when_it_ends_and_not_when_it_is_fetched() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let mut ended = as_completed([0, 1].map(|_| {
        let kept = diary.on_drop("child dropped");
        async move { drop(kept) }
    }));
    assert!(poll_once(pin!(ended.next()), &wakes).is_ready());
    assert_eq!(diary.pages(), ["child dropped"; 2]);
}

#[test]
fn a_panic_of_a_child_comes_through_and_is_the_end() {
    let mut ended = as_completed([async { panic!("boom") }]);
    for text in ["boom", "polled again after it ended or panicked"] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _: Option<()> = block_on(ended.next());
        }));
        assert_eq!(panic_text(caught.unwrap_err()), text);
    }
}

/// Goal: show that one output costs no look at the other children. Method: 10,000 that end one by
/// one; count the polls.
#[test]
fn ten_thousand_are_polled_twice_each() {
    let gates: Vec<Gate> = (0..10_000).map(|_| Gate::default()).collect();
    let wakes = Arc::default();
    let mut ended = as_completed(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(pin!(ended.next()), &wakes).is_pending());
    for (n, gate) in gates.iter().enumerate().rev() {
        gate.open(n as u32);
        assert_eq!(poll_once(pin!(ended.next()), &wakes), Poll::Ready(Some(n as u32)));
    }
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 20_000);
}

#[test]
fn it_is_a_stream_that_knows_how_many_are_left() {
    let wakes = Arc::default();
    let mut ended = as_completed([ready(1), ready(2)]);
    assert_eq!(ended.size_hint(), (2, Some(2)));
    let next = |ended: &mut AsCompleted<Ready<u32>>| {
        poll_once(pin!(poll_fn(|cx| Pin::new(&mut *ended).poll_next(cx))), &wakes)
    };
    assert_eq!(next(&mut ended), Poll::Ready(Some(1)));
    assert_eq!(ended.size_hint(), (1, Some(1)));
    assert_eq!(next(&mut ended), Poll::Ready(Some(2)));
    assert_eq!(next(&mut ended), Poll::Ready(None));
    assert_eq!(ended.size_hint(), (0, Some(0)));
}

/// Goal: show that no wake from another thread is lost, whatever order they come in. Method: two
/// threads open the gates while the parent takes outputs; it parks, so a lost wake would hang.
#[test]
fn outputs_that_other_threads_bring_all_come() {
    for _ in 0..20 {
        let gates: Vec<Gate> = (0..200).map(|_| Gate::default()).collect();
        let openers = open_from_two_threads(&gates);
        let mut ended = as_completed(gates.into_iter().map(Gate::pass));
        let mut got = block_on(async {
            let mut got = Vec::new();
            while let Some(n) = ended.next().await {
                got.push(n);
            }
            got
        });
        got.sort_unstable();
        assert!(got.into_iter().eq(0..200));
        openers.into_iter().for_each(|opener| opener.join().unwrap());
    }
}

// ---- The timeout -------------------------------------------------------------------------------

/// Goal: show asyncio's `test_as_completed_with_timeout`: outputs until the time runs out, then an
/// error, once; and that the limit is for all together.
#[test]
fn a_timeout_is_an_error_in_the_place_of_the_late_ones() {
    virtually(async {
        let log = Log::new();
        let works = [
            log.work("a", 30, 'a'),
            log.work("b", 10, 'b'),
            log.work("c", 20, 'c'),
            log.work("d", 40, 'd'),
        ];
        let mut ended = as_completed(works).timeout(millis(25));
        assert_eq!(ended.next_with_index().await, Some(Ok((1, 'b'))));
        assert_eq!(ended.next().await, Some(Ok('c')));
        let elapsed = ended.next().await.unwrap().unwrap_err();
        assert_eq!((elapsed.to_string().as_str(), log.now()), ("deadline has elapsed", 25));
        assert_eq!(log.lines().split_off(6), ["25 a is dropped", "25 d is dropped"]);
        assert_eq!(ended.next().await, None);
    });
}

/// Goal: show that a timeout lets tasks run on, as in asyncio: it drops their handles only.
#[test]
fn a_timeout_detaches_tasks() {
    virtually(async {
        let task = rondel::spawn(after(30, ()));
        let watch = task.abort_handle();
        let mut ended = as_completed([task]).timeout(millis(10));
        assert!(ended.next().await.unwrap().is_err());
        assert!(!watch.is_finished());
        sleep(millis(20)).await;
        assert!(watch.is_finished());
    });
}

#[test]
fn a_timeout_that_is_not_needed_changes_nothing() {
    virtually(async {
        let log = Log::new();
        let mut ended = as_completed([after(20, 'a'), after(10, 'b')]).timeout(millis(1_000));
        assert_eq!(ended.size_hint(), (1, Some(2)));
        assert_eq!(ended.next().await, Some(Ok('b')));
        assert_eq!(ended.next().await, Some(Ok('a')));
        assert_eq!((ended.next().await, log.now()), (None, 20));
    });
}

#[test]
fn a_timeout_of_zero_gives_what_is_there() {
    virtually(async {
        let works: [Pin<Box<dyn Future<Output = u32>>>; 3] =
            [Box::pin(ready(1)), Box::pin(pending()), Box::pin(ready(3))];
        let mut ended = as_completed(works).timeout(Duration::ZERO);
        assert_eq!(ended.next().await, Some(Ok(1)));
        assert_eq!(ended.next().await, Some(Ok(3)));
        assert!(ended.next().await.unwrap().is_err());
        assert_eq!(ended.next().await, None);
    });
}

#[test]
fn a_timeout_comes_though_a_child_is_always_busy() {
    virtually(async {
        let mut ended = as_completed([greedy::<()>(|_| pass(1))]).timeout(millis(20));
        assert!(ended.next().await.unwrap().is_err());
    });
}

#[test]
fn the_time_begins_with_the_first_wait_and_not_with_the_call() {
    virtually(async {
        let log = Log::new();
        let mut ended = as_completed([pending::<()>()]).timeout(millis(10));
        sleep(millis(50)).await;
        assert!(ended.next().await.unwrap().is_err());
        assert_eq!(log.now(), 60);
    });
}
