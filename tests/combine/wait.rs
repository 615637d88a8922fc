//! `wait`: the three modes, the timeout, and that what is pending comes back unharmed.
//!
//! The situations are those of CPython's tests of `asyncio.wait`, with the moments.

use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rondel::combine::{ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, ReturnWhen, Waited, wait};
use rondel::select;
use rondel::task::{JoinError, JoinHandle};
use rondel::time::{Duration, sleep};

use super::tools::*;

/// Tasks that end after so many milliseconds, with that number.
fn naps<const N: usize>(delays: [u64; N]) -> Vec<JoinHandle<u64>> {
    delays.into_iter().map(|delay| rondel::spawn(after(delay, delay))).collect()
}

/// A task that panics after so many milliseconds.
fn panics_after(delay: u64) -> JoinHandle<u64> {
    rondel::spawn(async move {
        sleep(millis(delay)).await;
        panic!("boom")
    })
}

/// Indices and outputs of those that went well.
fn good(done: Vec<(usize, Result<u64, JoinError>)>) -> Vec<(usize, u64)> {
    done.into_iter().map(|(index, output)| (index, output.unwrap())).collect()
}

// ---- The modes ---------------------------------------------------------------------------------

#[test]
fn all_completed_waits_for_the_slowest_and_tells_the_order_of_ends() {
    virtually(async {
        let log = Log::new();
        let waited = wait(naps([30, 10, 20]), ReturnWhen::AllCompleted).await;
        assert_eq!(log.now(), 30);
        assert_eq!(good(waited.done), [(1, 10), (2, 20), (0, 30)]);
        assert!(waited.pending.is_empty());
    });
}

/// Goal: show asyncio's `test_wait_with_exception`: a failure is an output, and does not end it.
#[test]
fn all_completed_takes_a_failure_as_an_output() {
    virtually(async {
        let log = Log::new();
        let mut tasks = naps([30]);
        tasks.push(panics_after(10));
        let waited = wait(tasks, ALL_COMPLETED).await;
        assert_eq!(log.now(), 30);
        assert!(waited.done[0].1.as_ref().unwrap_err().is_panic());
        assert_eq!(*waited.done[1].1.as_ref().unwrap(), 30);
    });
}

/// Goal: show that the rest comes back in the order of the list, still running, and can be waited
/// for again, as often as one likes.
#[test]
fn first_completed_gives_back_the_rest_to_be_waited_for_again() {
    virtually(async {
        let log = Log::new();
        let mut pending = naps([30, 10, 40, 20]);
        let ids: Vec<_> = pending.iter().map(JoinHandle::id).collect();
        let mut ends = Vec::new();
        while !pending.is_empty() {
            let waited = wait(pending, FIRST_COMPLETED).await;
            if ends.is_empty() {
                let rest: Vec<_> = waited.pending.iter().map(JoinHandle::id).collect();
                assert_eq!(rest, [ids[0], ids[2], ids[3]]);
            }
            ends.extend(good(waited.done).into_iter().map(|(_, delay)| (delay, log.now())));
            pending = waited.pending;
        }
        assert_eq!(ends, [(10, 10), (20, 20), (30, 30), (40, 40)]);
    });
}

/// Goal: show asyncio's `test_wait_really_done`: everybody who has ended when the task looks is
/// done, not only one.
#[test]
fn first_completed_gives_all_that_have_ended() {
    virtually(async {
        let tasks = naps([10, 20, 10, 10]);
        let waited = wait(tasks, FIRST_COMPLETED).await;
        assert_eq!(good(waited.done), [(0, 10), (2, 10), (3, 10)]);
        assert_eq!(waited.pending.len(), 1);
    });
}

/// Goal: show that `done` is in the order of ends, also of tasks that end while nobody looks, and
/// in more than one group of children.
#[test]
fn done_is_in_the_order_of_ends_even_if_nobody_looked() {
    virtually(async {
        let delays = (0..70).map(|n| 10 + n * 37 % 71);
        let tasks = delays.clone().map(|delay| rondel::spawn(after(delay, delay)));
        let mut waiting = wait(tasks, ALL_COMPLETED);
        assert!(rondel::time::timeout(millis(5), &mut waiting).await.is_err());
        sleep(millis(100)).await;
        let order: Vec<_> = good(waiting.await.done).into_iter().map(|(_, delay)| delay).collect();
        let mut sorted: Vec<_> = delays.collect();
        sorted.sort_unstable();
        assert_eq!(order, sorted);
    });
}

#[test]
fn first_exception_ends_with_the_first_failure() {
    virtually(async {
        let log = Log::new();
        let mut tasks = naps([10, 30]);
        tasks.insert(1, panics_after(20));
        let waited = wait(tasks, ReturnWhen::FirstException).await;
        assert_eq!(log.now(), 20);
        let [(0, Ok(10)), (1, Err(error))] = &waited.done[..] else { panic!("{waited:?}") };
        assert!(error.is_panic());
        assert!(!waited.pending[0].is_finished());
    });
}

#[test]
fn first_exception_without_a_failure_waits_for_all() {
    virtually(async {
        let log = Log::new();
        let waited = wait(naps([10, 30, 20]), FIRST_EXCEPTION).await;
        assert_eq!((waited.done.len(), log.now()), (3, 30));
    });
}

/// Goal: show asyncio's `test_wait_first_exception_in_wait`: a task that fails without ever having
/// waited.
#[test]
fn first_exception_sees_a_failure_that_comes_at_once() {
    virtually(async {
        let log = Log::new();
        let mut tasks = naps([10]);
        tasks.push(rondel::spawn(async { panic!("at once") }));
        let waited = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!((waited.done.len(), waited.pending.len(), log.now()), (1, 1, 0));
    });
}

#[test]
fn an_abort_is_a_failure_too() {
    virtually(async {
        let log = Log::new();
        let tasks = naps([30, 20]);
        let abort = tasks[1].abort_handle();
        rondel::spawn(async move {
            sleep(millis(5)).await;
            abort.abort();
        });
        let waited = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!(log.now(), 5);
        assert!(waited.done[0].1.as_ref().unwrap_err().is_cancelled());
    });
}

/// Goal: show that tasks which return a `Result` can say what a failure is, and that a panic is
/// one besides.
#[test]
fn failed_if_looks_into_the_outputs() {
    let fails_after = |delay| rondel::spawn(after(delay, Err::<u64, _>("no")));
    let works_after = |delay| rondel::spawn(after(delay, Ok::<u64, &str>(delay)));
    virtually(async {
        let log = Log::new();
        let tasks = [works_after(10), fails_after(20), works_after(30)];
        let waited = wait(tasks, FIRST_EXCEPTION).failed_if(Result::is_err).await;
        assert_eq!((waited.done.len(), waited.pending.len(), log.now()), (2, 1, 20));
        assert_eq!(*waited.done[1].1.as_ref().unwrap(), Err("no"));

        // Without it an `Ok(Err(_))` is not a failure: the task itself has gone well.
        let tasks = [works_after(10), fails_after(20), works_after(30)];
        assert_eq!(wait(tasks, FIRST_EXCEPTION).await.done.len(), 3);

        let panics = rondel::spawn(async { panic!("boom") });
        let tasks = [works_after(10), panics];
        assert_eq!(wait(tasks, FIRST_EXCEPTION).failed_if(Result::is_err).await.pending.len(), 1);
    });
}

/// Goal: show that the predicate is asked in the one mode that needs it, once for each `Ok`.
#[test]
fn failed_if_is_asked_once_for_each_value() {
    virtually(async {
        let asked = Cell::new(0);
        let count = |_: &u64| {
            asked.set(asked.get() + 1);
            false
        };
        wait(naps([10, 20, 30]), FIRST_EXCEPTION).failed_if(count).await;
        assert_eq!(asked.get(), 3);
        wait(naps([10, 20, 30]), ALL_COMPLETED).failed_if(count).await;
        wait(naps([10, 20, 30]), FIRST_COMPLETED).failed_if(count).await;
        assert_eq!(asked.get(), 3);
    });
}

// ---- What has ended already --------------------------------------------------------------------

#[test]
fn what_has_ended_before_is_done_in_every_mode() {
    virtually(async {
        for mode in [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION] {
            let log = Log::new();
            let tasks = naps([0, 0]);
            sleep(millis(1)).await;
            assert!(tasks.iter().all(JoinHandle::is_finished));
            let waited = wait(tasks, mode).await;
            assert_eq!(good(waited.done), [(0, 0), (1, 0)], "{mode:?}");
            assert_eq!(log.now(), 1);
        }
    });
}

#[test]
fn what_has_failed_before_ends_first_exception_at_once() {
    virtually(async {
        let mut tasks = naps([1_000]);
        tasks.push(panics_after(0));
        sleep(millis(1)).await;
        let log = Log::new();
        let waited = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!((log.now(), waited.done[0].0, waited.pending.len()), (0, 1, 1));
    });
}

#[test]
fn no_futures_at_all_are_refused_as_asyncio_refuses_them() {
    for mode in [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION] {
        let nobody = Vec::<std::future::Ready<Result<(), ()>>>::new();
        let caught = catch_unwind(AssertUnwindSafe(|| drop(wait(nobody, mode))));
        assert_eq!(
            panic_text(caught.unwrap_err()),
            "`wait` was given no futures, and would wait for nothing: ask `is_empty` before"
        );
    }
}

// ---- The timeout -------------------------------------------------------------------------------

/// Goal: show asyncio's `test_wait_with_timeout`: no error, nobody is cancelled, and what is
/// pending runs on, so that its output can still be had.
#[test]
fn a_timeout_leaves_the_pending_running() {
    virtually(async {
        let log = Log::new();
        let waited = wait(naps([10, 30]), ALL_COMPLETED).timeout(millis(20)).await;
        assert_eq!((good(waited.done), log.now()), (vec![(0, 10)], 20));
        let rest = wait(waited.pending, ALL_COMPLETED).timeout(millis(500)).await;
        assert_eq!((good(rest.done), log.now()), (vec![(0, 30)], 30));
    });
}

/// Goal: show that an early end disarms the timer. Method: nothing else is in the loop, so a timer
/// left over would move virtual time on.
#[test]
fn a_timeout_that_was_not_needed_leaves_nothing_behind() {
    virtually(async {
        let log = Log::new();
        for mode in [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION] {
            let waited = wait(naps([10]), mode).timeout(Duration::MAX).await;
            assert_eq!(waited.done.len(), 1);
        }
        assert_eq!(log.now(), 30);
    });
}

/// Goal: show that zero asks everybody once: who has ended is done, the others are not cancelled.
#[test]
fn a_timeout_of_zero_asks_everybody_once() {
    virtually(async {
        let log = Log::new();
        let tasks = naps([0, 10, 0]);
        sleep(millis(1)).await;
        let waited = wait(tasks, ALL_COMPLETED).timeout(Duration::ZERO).await;
        assert_eq!(good(waited.done), [(0, 0), (2, 0)]);
        assert_eq!((waited.pending.len(), log.now()), (1, 1));
        assert_eq!(waited.pending.into_iter().next().unwrap().await.unwrap(), 10);
    });
}

/// Goal: the same for more than the budget of a poll allows: nobody is forgotten who has ended.
#[test]
fn a_timeout_of_zero_asks_everybody_even_if_that_takes_many_budgets() {
    virtually(async {
        let mut tasks: Vec<_> = (0..1_000).map(|n| rondel::spawn(async move { n })).collect();
        tasks.insert(500, rondel::spawn(pending()));
        sleep(millis(1)).await;
        let waited = wait(tasks, ALL_COMPLETED).timeout(Duration::ZERO).await;
        assert_eq!((waited.done.len(), waited.pending.len()), (1_000, 1));
    });
}

/// Goal: show asyncio's `test_wait_concurrent_complete`: an end at the moment of the timeout. The
/// futures are asked before the clock is. (A task is a step further away: it has ended if its turn
/// came before that of the task which waits.)
#[test]
fn who_ends_at_the_moment_of_the_timeout_is_done() {
    virtually(async {
        let works = [20, 10, 20, 21].map(|delay| Box::pin(after(delay, Ok::<_, ()>(delay))));
        let waited = wait(works, ALL_COMPLETED).timeout(millis(20)).await;
        assert_eq!(waited.done, [(1, Ok(10)), (0, Ok(20)), (2, Ok(20))]);
        assert_eq!(waited.pending.len(), 1);
    });
}

/// Goal: show that children which never wait do not outlive the limit. Method: one, and several,
/// that spend the whole budget at each poll; the first lets a millisecond pass each time.
#[test]
fn a_timeout_ends_a_wait_for_children_that_are_always_busy() {
    for count in [1, 3] {
        virtually(async {
            let log = Log::new();
            let works = (0..count).map(|n: u64| {
                Box::pin(greedy::<Result<(), ()>>(move |_| {
                    if n == 0 {
                        pass(1);
                    }
                }))
            });
            let waited = wait(works, ALL_COMPLETED).timeout(millis(20)).await;
            assert_eq!((waited.done.len(), waited.pending.len() as u64), (0, count));
            assert!((20..25).contains(&log.now()), "{}", log.now());
        });
    }
}

/// Goal: show that who has ended when the time runs out is done, even if the budget was spent then.
/// Method: a child lets the time run out, and the third one end, at its fifth poll, and spends the
/// budget; so does the second, which stands in line before the third.
#[test]
fn who_was_woken_before_the_timeout_is_asked_though_the_budget_is_spent() {
    virtually(async {
        let gate = Gate::default();
        let opens = gate.clone();
        let works: [Boxed<'_>; 3] = [
            Box::pin(greedy(move |polls| {
                if polls == 5 {
                    pass(20);
                    opens.open(7);
                }
            })),
            Box::pin(greedy(|_| ())),
            Box::pin(async { Ok(gate.pass().await) }),
        ];
        let waited = wait(works, ALL_COMPLETED).timeout(millis(20)).await;
        assert_eq!(waited.done, [(2, Ok(7))]);
        assert_eq!(waited.pending.len(), 2);
    });
}

#[test]
fn a_timeout_works_in_every_mode() {
    virtually(async {
        for mode in [ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION] {
            let log = Log::new();
            let waited = wait(naps([50, 60]), mode).timeout(millis(20)).await;
            assert_eq!((waited.done.len(), waited.pending.len(), log.now()), (0, 2, 20));
        }
    });
}

// ---- Futures that are not tasks ----------------------------------------------------------------

type Boxed<'a> = Pin<Box<dyn Future<Output = Result<u32, &'static str>> + 'a>>;

/// Goal: show that a plain future comes back where it stood, and goes on from there.
#[test]
fn a_pending_future_goes_on_where_it_stood() {
    virtually(async {
        let log = Log::new();
        let works: Vec<Boxed<'_>> =
            vec![Box::pin(log.work("slow", 30, Ok(1))), Box::pin(log.work("fast", 10, Ok(2)))];
        let Waited { done, pending } = wait(works, FIRST_COMPLETED).await;
        assert_eq!(done, [(1, Ok(2))]);
        assert_eq!(wait(pending, ALL_COMPLETED).await.done, [(0, Ok(1))]);
        let lines = ["0 slow starts", "0 fast starts", "10 fast ends", "30 slow ends"];
        assert_eq!(log.lines(), lines);
    });
}

/// Goal: show that a wake which comes between two waits is not lost: the future that was handed
/// back still keeps the waker of the first. Method: gates, polled by hand.
#[test]
fn a_wake_between_two_waits_is_not_lost() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let passes =
        gates.clone().map(|gate| -> Boxed<'_> { Box::pin(async { Ok(gate.pass().await) }) });
    let mut first = wait(passes, FIRST_COMPLETED);
    assert!(poll_once(Pin::new(&mut first), &wakes).is_pending());
    gates[0].open(1);
    let Poll::Ready(waited) = poll_once(Pin::new(&mut first), &wakes) else {
        panic!("one is done")
    };
    assert_eq!(waited.done, [(0, Ok(1))]);

    let before = wakes.count();
    gates[1].open(2); // by the waker of a combinator that is gone
    assert_eq!(wakes.count(), before);
    let mut second = wait(waited.pending, FIRST_COMPLETED);
    let Poll::Ready(waited) = poll_once(Pin::new(&mut second), &wakes) else {
        panic!("it is open")
    };
    assert_eq!(waited.done, [(0, Ok(2))]);
}

/// Goal: show how to keep the handles whatever happens: lend them.
#[test]
fn handles_can_be_lent() {
    virtually(async {
        let mut tasks = naps([10, 30]);
        let waited = wait(&mut tasks, FIRST_COMPLETED).await;
        assert_eq!(waited.done[0].0, 0);
        assert_eq!(waited.pending.len(), 1);
        assert_eq!(tasks.pop().unwrap().await.unwrap(), 30);
    });
}

/// Goal: show that `&mut wait` survives the turns of a loop, with what it has found so far.
#[test]
fn a_wait_can_be_kept_over_the_turns_of_a_loop() {
    virtually(async {
        let log = Log::new();
        let mut waiting = wait(naps([10, 25]), ALL_COMPLETED);
        let mut turns = 0;
        let waited = loop {
            select! {
                biased;
                waited = &mut waiting => break waited,
                () = sleep(millis(10)) => turns += 1,
            }
        };
        assert_eq!((good(waited.done), turns, log.now()), (vec![(0, 10), (1, 25)], 2, 25));
    });
}

/// Goal: show that dropping a wait detaches tasks and cancels plain futures.
#[test]
fn dropping_a_wait_drops_what_is_in_it() {
    virtually(async {
        let log = Log::new();
        let inner = log.clone();
        let task = rondel::spawn(async move { inner.work("task", 30, ()).await });
        let works: [Boxed<'_>; 1] = [Box::pin(log.work("future", 30, Ok(1)))];
        select! {
            _ = wait([task], ALL_COMPLETED) => unreachable!(),
            _ = wait(works, ALL_COMPLETED) => unreachable!(),
            () = sleep(millis(10)) => {}
        }
        sleep(millis(100)).await;
        let ends = log.lines().split_off(2);
        assert_eq!(ends, ["10 future is dropped", "30 task ends"]);
    });
}

#[test]
fn a_wait_takes_any_iterator_and_says_when_it_is_polled_too_often() {
    let wakes = Arc::default();
    let mut waiting = wait((0..3).map(|n| ready(Ok::<_, ()>(n))), ALL_COMPLETED);
    let Poll::Ready(waited) = poll_once(Pin::new(&mut waiting), &wakes) else { panic!("pending") };
    assert_eq!(waited.done, [(0, Ok(0)), (1, Ok(1)), (2, Ok(2))]);
    let again = catch_unwind(AssertUnwindSafe(|| {
        let _ = poll_once(Pin::new(&mut waiting), &wakes);
    }));
    assert_eq!(panic_text(again.unwrap_err()), "wait polled again after it ended");
}
