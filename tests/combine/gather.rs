//! `gather` and `try_gather`, and what becomes of siblings when one fails.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rondel::combine::{gather, try_gather};

use super::tools::*;

#[test]
fn gather_returns_outputs_in_order_however_the_children_end() {
    let gates: Vec<Gate> = (0..130).map(|_| Gate::default()).collect();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    let wakes = Arc::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    for (index, gate) in gates.iter().enumerate().rev().skip(1) {
        gate.open(index as u32);
    }
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[129].open(129);
    let Poll::Ready(outputs) = poll_once(Pin::new(&mut whole), &wakes) else { panic!("pending") };
    assert_eq!(outputs, (0..130).collect::<Vec<_>>());
}

#[test]
fn gather_of_nothing_is_ready_at_once_and_empty() {
    assert_eq!(block_on(gather(Vec::<std::future::Ready<u32>>::new())), []);
    assert_eq!(block_on(try_gather(Vec::<std::future::Ready<Result<u32, ()>>>::new())), Ok(vec![]));
}

/// Goal: show that a wake costs one poll of one child, and that many wakes are one of the parent.
#[test]
fn gather_polls_only_the_children_that_were_woken() {
    let gates: Vec<Gate> = (0..5_000).map(|_| Gate::default()).collect();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    let wakes = Arc::<Wakes>::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert!(gates.iter().all(|gate| gate.polls() == 1));

    for woken in [0, 1, 63, 64, 4_095] {
        gates[woken].wake();
    }
    assert_eq!(wakes.count(), 1, "these share an upper word, so the first wake is enough");
    gates[4_096].wake();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    let polled_twice = (0..5_000).filter(|&index| gates[index].polls() == 2).collect::<Vec<_>>();
    assert_eq!(polled_twice, [0, 1, 63, 64, 4_095, 4_096]);
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 5_006);

    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 5_006, "nobody was woken");
}

#[test]
fn gather_of_ten_thousand_that_yield_ends_after_two_polls() {
    let mut whole = gather((0..10_000).map(|index| async move {
        yield_once().await;
        index
    }));
    let wakes = Arc::<Wakes>::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert!(wakes.count() >= 1);
    let Poll::Ready(outputs) = poll_once(Pin::new(&mut whole), &wakes) else { panic!("pending") };
    assert!(outputs.into_iter().eq(0..10_000));
}

/// Goal: show that a child's waker may live longer than the combinator, and then does nothing.
#[test]
fn a_child_waker_is_harmless_after_the_gather_is_dropped_or_has_ended() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    let waker = gates[0].waker();
    drop(whole);
    assert_eq!(Arc::strong_count(&wakes), 1, "the parent's waker went with the gather");
    waker.wake_by_ref();
    let copy = waker.clone();
    assert!(copy.will_wake(&waker));
    std::thread::spawn(move || copy.wake()).join().unwrap();
    drop(waker);
    assert_eq!(wakes.count(), 0);

    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates.iter().for_each(|gate| gate.open(1));
    assert_eq!(poll_once(Pin::new(&mut whole), &wakes), Poll::Ready(vec![1, 1]));
    let before = wakes.count();
    gates[1].wake();
    assert_eq!(wakes.count(), before);
}

#[test]
fn a_wake_of_a_child_that_has_ended_polls_nobody() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[0].open(1);
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[0].wake();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!((gates[0].polls(), gates[1].polls()), (2, 1));
}

#[test]
fn gather_wakes_the_task_that_polled_it_last() {
    let gate = Gate::default();
    let mut whole = gather([gate.clone().pass()]);
    let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
    assert!(poll_once(Pin::new(&mut whole), &first).is_pending());
    assert!(poll_once(Pin::new(&mut whole), &second).is_pending());
    gate.open(1);
    assert_eq!((first.count(), second.count()), (0, 1));
}

/// Goal: show that no wake from another thread is lost while the parent polls.
/// Method: threads open the gates while the parent runs; it parks, so a lost wake would hang.
#[test]
fn gather_is_woken_from_other_threads() {
    for _ in 0..20 {
        let gates: Vec<Gate> = (0..200).map(|_| Gate::default()).collect();
        let openers = open_from_two_threads(&gates);
        let outputs = block_on(gather(gates.into_iter().map(Gate::pass)));
        assert!(outputs.into_iter().eq(0..200));
        openers.into_iter().for_each(|opener| opener.join().unwrap());
    }
}

#[test]
fn a_panic_in_a_child_of_gather_comes_through_and_drops_the_siblings() {
    let diary = Diary::default();
    let children = (0..3).map(|index| {
        let kept = diary.on_drop("dropped");
        async move {
            let _kept = kept;
            if index == 1 {
                panic!("boom");
            }
            pending::<()>().await
        }
    });
    let caught = catch_unwind(AssertUnwindSafe(|| block_on(gather(children))));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["dropped"; 3]);
}

#[test]
fn gather_says_so_when_it_is_polled_after_a_panic_or_after_its_end() {
    let wakes = Arc::default();
    let mut ended = gather([ready(1)]);
    assert!(poll_once(Pin::new(&mut ended), &wakes).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_once(Pin::new(&mut ended), &wakes)));
    assert_eq!(panic_text(again.unwrap_err()), "gather polled again after it ended");

    let mut panicked = gather([async { panic!("boom") }]);
    for text in ["boom", "polled again after it ended or panicked"] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _: Poll<Vec<()>> = poll_once(Pin::new(&mut panicked), &wakes);
        }));
        assert_eq!(panic_text(caught.unwrap_err()), text);
    }
}

#[test]
fn gathers_nest() {
    let rows = (0..3).map(|row| {
        gather((0..3).map(move |column| async move {
            yield_once().await;
            row * 10 + column
        }))
    });
    assert_eq!(block_on(gather(rows)), [[0, 1, 2], [10, 11, 12], [20, 21, 22]]);
}

/// Goal: show that a gather of handles waits for tasks, however many, without asking them in vain.
/// Method: tasks that end in three waves; each handle may be polled twice, to wait and to end.
#[cfg(not(on_workers = "order"))]
#[test]
fn gather_waits_for_ten_thousand_tasks_and_asks_each_handle_twice() {
    let polls = Cell::new(0);
    rondel::run(async {
        let handles: Vec<_> = (0..10_000)
            .map(|index| {
                rondel::spawn(async move {
                    for _ in 0..index % 3 {
                        rondel::task::yield_now().await;
                    }
                    index
                })
            })
            .collect();
        let counted = handles.into_iter().map(|mut handle| {
            let polls = &polls;
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                Pin::new(&mut handle).poll(cx).map(Result::unwrap)
            })
        });
        assert!(gather(counted).await.into_iter().eq(0..10_000));
    });
    assert_eq!(polls.get(), 20_000);
}

#[test]
fn dropping_a_gather_drops_children_and_collected_outputs() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let output = diary.on_drop("output");
    let waiting = diary.on_drop("child");
    let children: [Pin<Box<dyn Future<Output = OnDrop>>>; 2] = [
        Box::pin(async move { output }),
        Box::pin(async move {
            pending::<()>().await;
            waiting
        }),
    ];
    let mut whole = gather(children);
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!(diary.pages(), [""; 0]);
    drop(whole);
    assert_eq!(diary.pages(), ["output", "child"]);
}

#[test]
fn try_gather_returns_all_values_in_order() {
    let values = block_on(try_gather((0..100).map(|index| async move {
        if index % 3 == 0 {
            yield_once().await;
        }
        Ok::<_, ()>(index)
    })));
    assert!(values.unwrap().into_iter().eq(0..100));
}

/// Goal: show that the siblings are dropped before the error is seen, and values as well.
#[test]
fn try_gather_drops_the_siblings_at_the_first_error() {
    let diary = Diary::default();
    block_on(async {
        let failed = try_gather((0..3).map(|index| {
            let kept = diary.on_drop(["value dropped", "", "sibling dropped"][index]);
            async move {
                match index {
                    0 => Ok(kept),
                    1 => {
                        yield_once().await;
                        std::mem::forget(kept);
                        Err("no")
                    }
                    _ => {
                        let _kept = kept;
                        pending().await
                    }
                }
            }
        }))
        .await;
        diary.note("error seen");
        assert_eq!(failed.err(), Some("no"));
    });
    assert_eq!(diary.pages(), ["value dropped", "sibling dropped", "error seen"]);
}

// ---- What becomes of siblings ------------------------------------------------------------------
// Erratum: many guides say that `asyncio.gather` cancels the siblings when one child fails. It does
// not. Here is each case, with the moments.

/// A future that starts at 0 and ends at `delay` with `output`, and tells the log.
fn child(
    log: &Log,
    name: &'static str,
    delay: u64,
    output: Result<u32, &'static str>,
) -> impl Future<Output = Result<u32, &'static str>> + Send + 'static {
    let log = log.clone();
    async move { log.work(name, delay, output).await }
}

/// Goal: show the mode of `return_exceptions=True`: an error is an output, everybody runs on.
#[test]
fn gather_of_results_runs_everybody_to_the_end() {
    virtually(async {
        let log = Log::new();
        let outputs = gather([
            child(&log, "bad", 10, Err("no")),
            child(&log, "good", 30, Ok(1)),
            child(&log, "worse", 20, Err("never")),
        ]);
        assert_eq!(outputs.await, [Err("no"), Ok(1), Err("never")]);
        let ends = ["10 bad ends", "20 worse ends", "30 good ends"];
        assert_eq!(log.lines()[3..], ends);
    });
}

/// Goal: show that plain futures are cancelled where they are, before the error is seen.
#[test]
fn try_gather_of_futures_cancels_the_siblings() {
    virtually(async {
        let log = Log::new();
        let failed = try_gather([
            child(&log, "slow", 30, Ok(1)),
            child(&log, "bad", 10, Err("no")),
            child(&log, "slower", 40, Ok(2)),
        ])
        .await;
        log.note(format_args!("error {}", failed.unwrap_err()));
        rondel::time::sleep(millis(100)).await;
        let ends = ["10 bad ends", "10 slow is dropped", "10 slower is dropped", "10 error no"];
        assert_eq!(log.lines()[3..], ends);
    });
}

/// Goal: show that tasks are detached, exactly as in `asyncio.gather`: the error comes at once, and
/// the siblings run on to their ends, unwatched.
#[test]
fn try_gather_of_handles_detaches_the_siblings() {
    virtually(async {
        let log = Log::new();
        let spawn = |name, delay, output| {
            let task = rondel::spawn(child(&log, name, delay, output));
            async move { task.await.expect("it does not panic") }
        };
        let failed = try_gather([
            spawn("slow", 30, Ok(1)),
            spawn("bad", 10, Err("no")),
            spawn("slower", 40, Err("and nobody hears of it")),
        ])
        .await;
        log.note(format_args!("error {}", failed.unwrap_err()));
        rondel::time::sleep(millis(100)).await;
        let ends = ["10 bad ends", "10 error no", "30 slow ends", "40 slower ends"];
        assert_eq!(log.lines()[3..], ends);
    });
}

/// Goal: the same for bare handles, where a panic is the error; asyncio's `test_one_exception`.
#[test]
fn try_gather_of_bare_handles_fails_with_the_first_panic_and_the_rest_runs_on() {
    virtually(async {
        let log = Log::new();
        let slow = rondel::spawn(child(&log, "slow", 30, Ok(1)));
        let watch = slow.abort_handle();
        let bad = rondel::spawn(async {
            rondel::time::sleep(millis(10)).await;
            panic!("boom")
        });
        let error = try_gather([slow, bad]).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!((log.now(), watch.is_finished()), (10, false));
        rondel::time::sleep(millis(20)).await;
        assert!(watch.is_finished());
        assert_eq!(log.lines(), ["0 slow starts", "30 slow ends"]);
    });
}

/// Goal: show that the first error is the first in time, also if nobody looked in between.
#[test]
fn of_two_failed_tasks_the_first_to_fail_is_told() {
    virtually(async {
        let log = Log::new();
        let spawn = |name, delay, output| {
            let task = rondel::spawn(child(&log, name, delay, output));
            async move { task.await.expect("it does not panic") }
        };
        let mut whole = try_gather([spawn("a", 30, Err("late")), spawn("b", 10, Err("early"))]);
        assert!(rondel::time::timeout(millis(5), &mut whole).await.is_err());
        rondel::time::sleep(millis(100)).await;
        assert_eq!(whole.await, Err("early"));
    });
}

/// Goal: show asyncio's `test_one_cancellation`: one cancelled child is an error of the whole, in
/// the one mode, and an output like any other in the other mode.
#[cfg(not(on_workers = "order"))]
#[test]
fn an_aborted_task_is_an_error_among_the_outputs() {
    rondel::run(async {
        let spawn_both = || {
            let tasks = [1, 2].map(|n| rondel::spawn(async move { n }));
            tasks[1].abort();
            tasks
        };
        let outputs = gather(spawn_both()).await;
        assert_eq!(outputs[0].as_ref().unwrap(), &1);
        assert!(outputs[1].as_ref().unwrap_err().is_cancelled());
        assert!(try_gather(spawn_both()).await.unwrap_err().is_cancelled());
    });
}

/// Goal: show that whoever cancels the gather cancels the children, wherever they are (asyncio's
/// `test_cancellation_broadcast`). Method: abort a task that gathers futures, at 15 ms.
#[test]
fn cancelling_the_outer_task_cancels_the_children() {
    virtually(async {
        let log = Log::new();
        let inner = log.clone();
        let outer = rondel::spawn(async move {
            let children = [10, 20, 30].map(|delay| inner.work("child", delay, ()));
            gather(children).await;
            unreachable!("aborted before");
        });
        rondel::time::sleep(millis(15)).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        rondel::time::sleep(millis(100)).await;
        assert_eq!(
            log.lines()[3..],
            ["10 child ends", "15 child is dropped", "15 child is dropped"]
        );
    });
}

/// Goal: the same for handles: what the outer task drops are handles, so the tasks run on. (Here
/// asyncio differs: cancelling its gather cancels the tasks in it.)
#[test]
fn cancelling_the_outer_task_detaches_tasks_among_the_children() {
    virtually(async {
        let log = Log::new();
        let task = rondel::spawn(child(&log, "task", 30, Ok(1)));
        let outer = rondel::spawn(gather([task]));
        rondel::time::sleep(millis(15)).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        rondel::time::sleep(millis(100)).await;
        assert_eq!(log.lines(), ["0 task starts", "30 task ends"]);
    });
}

/// Goal: show what an abort does when the children have ended and the gatherer was woken, but not
/// polled yet: it still wins, and the outputs are dropped (asyncio's `test_issue46672` asks the
/// same of a gather that is cancelled when it is done).
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn an_abort_between_the_last_end_and_the_next_poll_drops_the_outputs() {
    let diary = Diary::default();
    rondel::run(async {
        let gate = Gate::default();
        let (passing, output) = (gate.clone(), diary.on_drop("output dropped"));
        let ready: Pin<Box<dyn Future<Output = Option<OnDrop>>>> = Box::pin(async { Some(output) });
        let outer = rondel::task::spawn_local(gather([
            ready,
            Box::pin(async {
                passing.pass().await;
                None
            }),
        ]));
        rondel::task::yield_now().await;
        assert_eq!(diary.pages(), [""; 0], "one child has ended, and one waits");
        gate.open(1);
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
    });
    assert_eq!(diary.pages(), ["output dropped"]);
}

/// Goal: show the Rust answer to `gather(a, a)`: the work is done once, by whoever comes first, and
/// the output is cloned.
#[test]
fn two_children_can_share_one_piece_of_work() {
    let times_run = Cell::new(0);
    let shared = rondel::sync::Mutex::new(None);
    let get = async || {
        let mut output = shared.lock().await;
        if output.is_none() {
            times_run.set(times_run.get() + 1);
            *output = Some(after(10, 42).await);
        }
        output.unwrap()
    };
    assert_eq!(virtually(gather([get(), get()])), [42, 42]);
    assert_eq!(times_run.get(), 1);
}

/// Goal: show that the order is that of the list and that the time is that of the slowest.
#[test]
fn gather_takes_as_long_as_the_slowest_and_keeps_the_order() {
    virtually(async {
        let log = Log::new();
        assert_eq!(gather([30, 10, 20].map(|delay| after(delay, delay))).await, [30, 10, 20]);
        assert_eq!(log.now(), 30);
    });
}

// ---- The budget --------------------------------------------------------------------------------

/// Goal: show that a child which spends the whole budget at each poll does not starve those behind
/// it: who was left out comes first next time. Method: two greedy children, with a modest one
/// before, between and behind them; free permits are steps of the budget and never wait.
#[test]
fn greedy_children_do_not_starve_their_siblings() {
    let permits = rondel::sync::Semaphore::new(1);
    let take = async |name: &'static str, times: usize, diary: &Diary| {
        for _ in 0..times {
            drop(permits.acquire().await.unwrap());
        }
        diary.note(name);
    };
    // As many groups of children as make a difference: one, two, and two upper words.
    for between in [0, 100, 5_000] {
        let diary = Diary::default();
        rondel::run(async {
            let mut children: Vec<_> =
                vec![("modest", 5), ("greedy", 128 * 9), ("modest", 5), ("greedy", 128 * 9)];
            children.splice(2..2, vec![("idle", 0); between]);
            children.push(("modest", 5));
            gather(children.into_iter().map(|(name, times)| take(name, times, &diary))).await;
        });
        let mut pages = diary.pages();
        pages.retain(|page| *page != "idle");
        assert_eq!(pages, ["modest", "modest", "modest", "greedy", "greedy"], "{between} between");
    }
}

/// Goal: show that a gather gives way to other tasks when the budget is spent, and polls no child
/// in vain meanwhile. Method: 1,000 children that are ready by one step each; count their polls.
#[cfg(not(on_workers = "order"))]
#[test]
fn a_gather_of_many_ready_children_gives_way_each_128_steps() {
    let polls = Cell::new(0);
    let turns = rondel::run(async {
        let permits = rondel::sync::Semaphore::new(1_000);
        let children = (0..1_000).map(|_| async {
            let mut wait = std::pin::pin!(permits.acquire());
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                wait.as_mut().poll(cx).map(drop)
            })
            .await;
        });
        let other = rondel::spawn(async {
            let mut turns = 0;
            loop {
                turns += 1;
                if turns == 7 {
                    return turns;
                }
                rondel::task::yield_now().await;
            }
        });
        gather(children).await;
        assert!(other.is_finished(), "seven times it was this task's turn");
        other.await.unwrap()
    });
    assert_eq!((polls.get(), turns), (1_000, 7));
}

/// Goal: show that a wake of a child during the poll of a sibling is not lost when that poll ends
/// for want of budget. Method: the first child wakes the last and then spends the budget.
#[test]
fn a_wake_during_a_poll_that_is_cut_short_is_kept() {
    let gate = Gate::default();
    let opener = gate.clone();
    let outputs = rondel::run(async {
        let permits = rondel::sync::Semaphore::new(1);
        let first: Pin<Box<dyn Future<Output = u32>>> = Box::pin(async {
            rondel::task::yield_now().await; // the gate has been polled by then
            opener.open(7);
            for _ in 0..300 {
                drop(permits.acquire().await.unwrap());
            }
            1
        });
        gather([first, Box::pin(gate.clone().pass())]).await
    });
    assert_eq!(outputs, [1, 7]);
    assert!(gate.polls() <= 3, "{} polls", gate.polls());
}
