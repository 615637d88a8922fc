//! Tasks of a `LocalSet`: strangers wake, abort, join and let go, while the set runs or ends.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use crate::model::{block_on, check, poll_once};
use crate::runtime::Runtime;
use crate::task::local_set::LocalSet;

/// Goal: show that a stranger's wake is not lost and publishes what was written before it, whether
/// the set is being polled, about to wait, or waiting.
#[test]
fn a_task_woken_by_a_stranger_is_polled_after_the_wake() {
    check(|| {
        let set = LocalSet::new();
        let done = Arc::new(AtomicBool::new(false));
        let mut stranger = None;
        let threads = Arc::new(Mutex::new(Vec::new()));
        let started = threads.clone();
        let task = set.spawn_local(poll_fn(move |cx| {
            if stranger.replace(()).is_none() {
                let (waker, done) = (cx.waker().clone(), done.clone());
                started.lock().unwrap().push(thread::spawn(move || {
                    done.store(true, Relaxed);
                    waker.wake();
                }));
                return Poll::Pending;
            }
            if done.load(Relaxed) { Poll::Ready(7) } else { Poll::Pending }
        }));
        assert_eq!(set.block_on(&Runtime, task).unwrap(), 7);
        let threads = std::mem::take(&mut *threads.lock().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Goal: show that an abort by a stranger ends a task that would wait for ever, at whatever moment
/// it comes, and wakes whoever polls the set.
#[test]
fn a_task_aborted_by_a_stranger_ends() {
    check(|| {
        let set = LocalSet::new();
        let task = set.spawn_local(pending::<()>());
        let abort = task.abort_handle();
        let stranger = thread::spawn(move || abort.abort());
        block_on(set);
        assert!(task.is_finished());
        assert!(block_on(task).unwrap_err().is_cancelled());
        stranger.join().unwrap();
    });
}

/// Goal: show that a stranger who waits for the output gets it, whenever it comes.
#[test]
fn a_stranger_that_joins_gets_the_output() {
    check(|| {
        let set = LocalSet::new();
        let task = set.spawn_local(async { 7 });
        let stranger = thread::spawn(move || {
            let is_finished = task.is_finished();
            let mut task = pin!(task);
            if is_finished {
                assert!(poll_once(task.as_mut()).is_ready(), "what is finished is ready");
            } else {
                assert_eq!(block_on(task).unwrap(), 7);
            }
        });
        block_on(set);
        stranger.join().unwrap();
    });
}

/// Goal: show that the output is dropped once, whether the handle goes before or after the end.
#[test]
fn a_stranger_that_lets_go_meets_the_end() {
    check(|| {
        let output = Arc::new(());
        let set = LocalSet::new();
        let kept = output.clone();
        let task = set.spawn_local(async move { kept });
        let stranger = thread::spawn(move || drop(task));
        block_on(set);
        stranger.join().unwrap();
        assert_eq!(Arc::strong_count(&output), 1);
    });
}

/// Goal: show that a stranger's wake and abort are harmless while the set ends, and that nobody
/// keeps the waker of whoever polled it.
#[test]
fn a_stranger_may_meet_the_end_of_the_set() {
    struct Poller;
    impl Wake for Poller {
        fn wake(self: Arc<Self>) {}
    }
    check(|| {
        let poller = Arc::new(Poller);
        let mut set = LocalSet::new();
        let wakers = Arc::new(Mutex::new(None));
        let slot = wakers.clone();
        let task = set.spawn_local(poll_fn(move |cx| {
            *slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let waker = Waker::from(poller.clone());
        assert!(Pin::new(&mut set).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let (waker, abort) = (wakers.lock().unwrap().take().unwrap(), task.abort_handle());
        let stranger = thread::spawn(move || {
            waker.wake();
            abort.abort();
        });
        drop(set);
        assert!(block_on(task).unwrap_err().is_cancelled());
        stranger.join().unwrap();
        assert_eq!(Arc::strong_count(&poller), 1);
    });
}
