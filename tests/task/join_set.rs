//! `JoinSet`: tasks joined in the order in which they end.

use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use rondel::task::{JoinSet, LocalSet, yield_now};
use rondel::testing::task::spawn;

/// Ends after that many turns of the loop.
async fn after_turns<T>(turns: u32, value: T) -> T {
    for _ in 0..turns {
        yield_now().await;
    }
    value
}

/// Adds one to its counter when it is dropped.
struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[cfg(not(on_workers = "order"))]
#[test]
fn tasks_come_in_the_order_in_which_they_end() {
    rondel::run(async {
        let mut set = JoinSet::new();
        for turns in [30, 10, 20] {
            set.spawn(after_turns(turns, turns));
        }
        assert_eq!((set.len(), set.is_empty()), (3, false));
        let mut ends = Vec::new();
        while let Some(end) = set.join_next().await {
            ends.push(end.unwrap());
        }
        assert_eq!(ends, [10, 20, 30]);
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
    });
}

/// Goal: the order of ends holds, too, for tasks that end before anybody asks the set.
/// Method: let them end, the last one first, while nobody joins; then join.
#[cfg(not(on_workers = "order"))]
#[test]
fn tasks_that_end_before_anybody_asks_come_in_the_order_of_their_ends() {
    rondel::run(async {
        let mut set = JoinSet::new();
        for turns in [3, 2, 1, 0] {
            set.spawn(after_turns(turns, turns));
        }
        rondel::spawn(after_turns(5, ())).await.unwrap();
        assert_eq!(set.join_all().await, [0, 1, 2, 3]);
    });
}

#[test]
fn an_empty_set_has_nothing_to_wait_for() {
    rondel::run(async {
        let mut set = JoinSet::<()>::new();
        assert!(set.join_next().await.is_none());
        assert!(set.join_next_with_id().await.is_none());
        assert!(set.try_join_next().is_none());
        set.shutdown().await;
        assert_eq!(set.join_all().await, []);
    });
}

#[test]
fn try_join_next_never_waits() {
    rondel::run(async {
        let mut set = JoinSet::new();
        let (go, gone) = rondel::sync::oneshot::channel();
        set.spawn(async { gone.await.unwrap() });
        assert!(set.try_join_next().is_none(), "it cannot have ended");
        go.send('a').unwrap();
        let joined = loop {
            match set.try_join_next() {
                Some(end) => break end.unwrap(),
                None => yield_now().await,
            }
        };
        assert_eq!(joined, 'a');
        assert!(set.is_empty());
    });
}

#[test]
fn ids_tell_which_task_ended_and_how() {
    rondel::run(async {
        let mut set = JoinSet::new();
        let fine = set.spawn(async { 1 }).id();
        let panicked = set.spawn(async { panic!("boom") }).id();
        let aborted = set.spawn(pending());
        aborted.abort();
        let (mut good, mut bad) = (Vec::new(), HashSet::new());
        while let Some(end) = set.join_next_with_id().await {
            match end {
                Ok((id, value)) => good.push((id, value)),
                Err(error) => {
                    bad.insert((error.id(), error.is_panic()));
                }
            }
        }
        assert_eq!(good, [(fine, 1)]);
        assert_eq!(bad, HashSet::from([(panicked, true), (aborted.id(), false)]));
    });
}

/// Goal: show that an end costs one wake and a look at one task, not at all of them.
/// Method: 1,000 tasks that never end and one that does; the waiting task's polls are counted.
#[cfg(not(on_workers = "order"))]
#[test]
fn one_end_among_a_thousand_tasks_polls_the_waiter_once() {
    rondel::run(async {
        let mut set = JoinSet::new();
        for _ in 0..1_000 {
            set.spawn(pending::<u32>());
        }
        set.spawn(after_turns(10, 7));
        let mut polls = 0;
        let end = poll_fn(|cx| {
            polls += 1;
            set.poll_join_next(cx)
        });
        assert_eq!(end.await.unwrap().unwrap(), 7);
        assert_eq!(polls, 2, "one poll to wait, one that finds the end");
    });
}

/// Goal: show that a task spawned after the last poll still wakes the one who waits.
#[test]
fn a_task_that_is_spawned_while_somebody_waits_wakes_him() {
    rondel::run(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<u32>());
        let mut waiting = spawn(set);
        waiting.enter(|cx, set| assert!(set.get_mut().poll_join_next(cx).is_pending()));
        waiting.spawn(async { 3 });
        while !waiting.is_woken() {
            yield_now().await;
        }
        assert_eq!(waiting.wakes(), 1, "its end is what he waits for");
        let mut set = waiting.into_inner();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
    });
}

#[test]
fn a_dropped_join_next_loses_no_output() {
    rondel::run(async {
        let mut set = JoinSet::new();
        let (go, gone) = rondel::sync::oneshot::channel();
        set.spawn(async { gone.await.unwrap() });
        assert!(spawn(set.join_next()).poll().is_pending());
        go.send(5).unwrap();
        let output = loop {
            match set.try_join_next() {
                Some(output) => break output,
                None => yield_now().await,
            }
        };
        assert_eq!(output.unwrap(), 5);
    });
}

#[test]
fn dropping_the_set_aborts_its_tasks() {
    let dropped = Arc::<AtomicUsize>::default();
    let counter = dropped.clone();
    rondel::run(async move {
        let mut set = JoinSet::new();
        let handles: Vec<_> = (0..3)
            .map(|_| {
                let kept = OnDrop(counter.clone());
                set.spawn(async move {
                    let _kept = kept;
                    pending::<()>().await;
                })
            })
            .collect();
        yield_now().await;
        drop(set);
        while !handles.iter().all(rondel::task::AbortHandle::is_finished) {
            yield_now().await;
        }
        assert_eq!(counter.load(SeqCst), 3);
    });
    assert_eq!(dropped.load(SeqCst), 3);
}

#[test]
fn detached_tasks_run_on() {
    let (sender, receiver) = mpsc::channel();
    rondel::run(async {
        let mut set = JoinSet::new();
        set.spawn(async move {
            yield_now().await;
            sender.send("still here").unwrap();
        });
        set.detach_all();
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
        drop(set);
        while receiver.try_recv() != Ok("still here") {
            yield_now().await;
        }
    });
}

/// Goal: show that a bell of a task that was detached is not taken for the slot's next tenant.
#[cfg(not(on_workers = "order"))]
#[test]
fn a_late_end_of_a_detached_task_is_not_mistaken_for_another() {
    rondel::run(async {
        let mut set = JoinSet::new();
        set.spawn(after_turns(3, "old"));
        assert!(set.try_join_next().is_none(), "now the old task knows its bell");
        set.detach_all();
        set.spawn(after_turns(30, "new"));
        for _ in 0..10 {
            yield_now().await;
            assert!(set.try_join_next().is_none());
        }
        assert_eq!(set.join_next().await.unwrap().unwrap(), "new");
    });
}

#[test]
fn shutdown_ends_all_tasks_before_it_returns() {
    rondel::run(async {
        let dropped = Arc::<AtomicUsize>::default();
        let mut set = JoinSet::new();
        for index in 0..4 {
            let kept = OnDrop(dropped.clone());
            set.spawn(async move {
                let _kept = kept;
                assert!(index != 0, "a panic is no reason to stop");
                pending::<()>().await;
            });
        }
        yield_now().await;
        set.shutdown().await;
        assert_eq!((set.len(), dropped.load(SeqCst)), (0, 4));
    });
}

#[cfg(not(on_workers = "order"))]
#[test]
fn abort_all_leaves_the_tasks_to_be_joined() {
    rondel::run(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        yield_now().await; // this one has ended
        set.spawn(pending());
        set.abort_all();
        assert_eq!(set.len(), 2);
        let first = set.join_next().await.unwrap();
        let second = set.join_next().await.unwrap();
        assert_eq!(first.unwrap(), 1);
        assert!(second.unwrap_err().is_cancelled());
    });
}

#[test]
fn join_all_returns_the_outputs_or_passes_the_panic_on() {
    rondel::run(async {
        let set: JoinSet<_> = [2, 1, 3].into_iter().map(|n| after_turns(n * 10, n)).collect();
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [1, 2, 3]);
    });
    let caught = catch_unwind(|| {
        rondel::run(async {
            let mut set = JoinSet::new();
            set.spawn(pending());
            set.spawn(async { panic!("boom") });
            set.join_all().await
        })
    });
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"boom"));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        rondel::run(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>()).abort();
            set.join_all().await
        })
    }));
    let text = caught.unwrap_err().downcast::<String>().unwrap();
    assert!(text.ends_with("was cancelled"), "{text}");
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn sets_are_extended_and_take_local_futures_blocking_work_and_other_loops() {
    let elsewhere = rondel::Builder::new().build().unwrap();
    let handle = elsewhere.handle().clone();
    let (stop, stopped) = signal();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            rondel::run(async {
                let mut set = JoinSet::new();
                set.extend([after_turns(1, 1), after_turns(2, 2)]);
                let local = Rc::new(4);
                set.spawn_local(async move { *local });
                set.spawn_blocking(|| 8);
                set.spawn_on(async { 16 }, &handle);
                set.spawn_blocking_on(|| 32, &handle);
                let outputs = set.join_all().await;
                assert_eq!(outputs.iter().sum::<i32>(), 63);
            });
            stop();
        });
        elsewhere.block_on(stopped);
    });
}

/// A future, and a function that makes it ready from anywhere.
fn signal() -> (impl FnOnce() + Send, impl Future<Output = ()>) {
    let state = Arc::new(Mutex::new((false, None::<Waker>)));
    let theirs = state.clone();
    let set = move || {
        let waker = {
            let mut state = theirs.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let wait = poll_fn(move |cx| {
        let mut state = state.lock().unwrap();
        state.1 = Some(cx.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    });
    (set, wait)
}

/// Goal: show that ends on other threads are neither lost nor doubled.
/// Goal: nobody waits for ever for what cannot run any more.
/// Method: put tasks of a runtime that is gone, and of a set that is gone, into one set.
#[test]
fn tasks_that_ended_before_they_came_are_joined() {
    let gone = rondel::Runtime::new().unwrap();
    let handle = gone.handle().clone();
    drop(gone);
    let mut set = JoinSet::new();
    set.spawn_on(pending::<()>(), &handle);
    set.spawn_blocking_on(|| unreachable!("its pool is closed"), &handle);
    let local = LocalSet::new();
    let inside = local.enter();
    drop(local);
    set.spawn_local(pending());
    drop(inside);
    for _ in 0..3 {
        assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    }
    assert!(set.is_empty());
}

#[test]
fn many_ends_on_other_threads_are_each_joined_once() {
    rondel::run(async {
        let mut set = JoinSet::new();
        for index in 0..500 {
            set.spawn_blocking(move || index);
        }
        let mut seen = set.join_all().await;
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..500));
    });
}

#[test]
fn ten_thousand_tasks_are_joined() {
    rondel::run(async {
        let mut set: JoinSet<_> = (0..10_000u64).map(|n| after_turns((n % 3) as u32, n)).collect();
        let mut total = 0;
        while let Some(end) = set.join_next().await {
            total += end.unwrap();
        }
        assert_eq!(total, 49_995_000);
    });
}

#[test]
fn tasks_of_a_local_set_are_joined_while_it_is_polled() {
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    for number in 0..3 {
        let number = Rc::new(number);
        set.spawn_local_on(async move { *number }, &local);
    }
    let runtime = rondel::Runtime::new().unwrap();
    runtime.block_on(async {
        assert!(set.try_join_next().is_none(), "nobody polls them");
        local
            .run_until(async {
                set.spawn_local(async { 3 }); // inside, this means the local set
                for expected in 0..4 {
                    assert_eq!(set.join_next().await.unwrap().unwrap(), expected);
                }
                assert!(set.join_next().await.is_none());
            })
            .await;
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn tasks_can_be_given_names_of_every_kind() {
    let local = LocalSet::new();
    rondel::run(async {
        let handle = rondel::Handle::current();
        let mut set = JoinSet::new();
        set.build_task().name("a").spawn(async { 1 }).unwrap();
        set.build_task().name("b").spawn_on(async { 2 }, &handle).unwrap();
        set.build_task().name("c").spawn_local(async { 4 }).unwrap();
        set.build_task().name("d").spawn_local_on(async { 8 }, &local).unwrap();
        set.build_task().name("e").spawn_blocking(|| 16).unwrap();
        set.build_task().name("f").spawn_blocking_on(|| 32, &handle).unwrap();
        set.build_task().spawn(async { 64 }).unwrap();
        let outputs = local.run_until(set.join_all()).await;
        assert_eq!(outputs.iter().sum::<i32>(), 127);
    });
}

/// Goal: the waker of the last waiter is let go outside the lock: its drop may use the set.
#[test]
fn a_replaced_waker_may_come_back_to_the_set_when_it_is_dropped() {
    struct ComesBack(rondel::task::AbortHandle);
    impl std::task::Wake for ComesBack {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for ComesBack {
        fn drop(&mut self) {
            self.0.abort(); // its bell rings
        }
    }
    rondel::run(async {
        let mut set = JoinSet::new();
        let abort = set.spawn(pending::<()>());
        yield_now().await;
        let waker = Waker::from(Arc::new(ComesBack(abort)));
        assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
}
