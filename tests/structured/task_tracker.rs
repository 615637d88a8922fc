//! `TaskTracker`, and the handles that abort on drop.

use std::future::pending;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use rondel::Handle;
use rondel::sync::oneshot;
use rondel::task::{AbortOnDrop, AbortOnDropHandle, LocalSet, TaskTracker, yield_now};
use rondel::testing::wait_until_idle;

use super::{Diary, forever_with};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// ---- the count and the bit ----------------------------------------------------------------------

#[test]
fn a_tracker_is_closed_and_reopened_whatever_is_in_it() {
    let tracker = TaskTracker::default();
    let state = || (tracker.is_closed(), tracker.is_empty(), tracker.len());
    assert_eq!(state(), (false, true, 0));
    assert!(tracker.close());
    assert!(!tracker.close(), "it was closed already");
    assert_eq!(state(), (true, true, 0));
    let token = tracker.token();
    assert_eq!(state(), (true, false, 1));
    assert!(tracker.reopen());
    assert!(!tracker.reopen(), "it was open already");
    assert_eq!(state(), (false, false, 1));
    drop(token);
    assert_eq!(state(), (false, true, 0));
}

#[test]
fn tokens_are_counted_and_clones_count_too() {
    let tracker = TaskTracker::new();
    let mut tokens: Vec<_> = (0..5).map(|_| tracker.token()).collect();
    tokens.push(tokens[0].clone());
    assert_eq!(tracker.len(), 6);
    assert!(TaskTracker::ptr_eq(tokens[5].task_tracker(), &tracker));
    assert!(!TaskTracker::ptr_eq(&TaskTracker::new(), &tracker));
    while tokens.pop().is_some() {
        assert_eq!(tracker.len(), tokens.len());
    }
}

/// Goal: a wait is over exactly when the tracker is closed and empty at one moment.
/// Method: each order of closing and of the last end.
#[test]
fn a_wait_ends_when_the_tracker_is_closed_and_empty() {
    let tracker = TaskTracker::new();
    tracker.close();
    assert!(poll_once(pin!(tracker.wait())).is_ready());

    tracker.reopen();
    let mut wait = pin!(tracker.wait());
    assert!(poll_once(wait.as_mut()).is_pending(), "empty, but open");
    tracker.close();
    assert!(poll_once(wait.as_mut()).is_ready());

    for close_at in 0..=5 {
        let tracker = TaskTracker::new();
        let mut wait = pin!(tracker.wait());
        let tokens: Vec<_> = (0..5).map(|_| tracker.token()).collect();
        for (index, token) in tokens.into_iter().enumerate() {
            assert!(poll_once(wait.as_mut()).is_pending());
            if index == close_at {
                tracker.close();
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            drop(token);
        }
        tracker.close();
        assert!(poll_once(wait.as_mut()).is_ready(), "closed at {close_at}");
    }
}

/// Goal: a moment of being closed and empty is not missed, though it was over when the wait was
/// polled.
#[test]
fn a_wait_remembers_a_moment_that_has_passed() {
    let tracker = TaskTracker::new();
    let mut unpolled = pin!(tracker.wait());
    let mut polled = pin!(tracker.wait());
    assert!(poll_once(polled.as_mut()).is_pending());
    tracker.close();
    tracker.reopen();
    let _token = tracker.token();
    assert!(poll_once(unpolled.as_mut()).is_ready());
    assert!(poll_once(polled.as_mut()).is_ready());
    assert!(poll_once(pin!(tracker.wait())).is_pending(), "a new one waits for the next");
}

#[test]
fn a_respawn_while_open_is_no_such_moment() {
    let tracker = TaskTracker::new();
    let first = tracker.token();
    let mut wait = pin!(tracker.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    drop(first);
    let _second = tracker.token();
    tracker.close();
    assert!(poll_once(wait.as_mut()).is_pending());
}

#[cfg(not(on_workers = "one_loop"))]
#[test]
fn all_who_wait_are_told_and_one_that_gives_up_takes_nothing_with_it() {
    rondel::run(async {
        let tracker = TaskTracker::new();
        let told = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let (tracker, told) = (tracker.clone(), told.clone());
            rondel::spawn(async move {
                tracker.wait().await;
                told.fetch_add(1, SeqCst);
            });
        }
        {
            let mut given_up = pin!(tracker.wait());
            assert!(poll_once(given_up.as_mut()).is_pending());
        }
        wait_until_idle().await;
        tracker.close();
        wait_until_idle().await;
        assert_eq!(told.load(SeqCst), 5);
    });
}

// ---- tasks --------------------------------------------------------------------------------------

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn tasks_of_all_kinds_are_tracked() {
    rondel::run(async {
        let tracker = TaskTracker::new();
        let handle = Handle::current();
        let local = Rc::new(8);
        let (a, b) = (tracker.spawn(async { 1 }), tracker.spawn_on(async { 2 }, &handle));
        let c = tracker.spawn_local(async move { *local });
        let d = tracker.spawn_blocking(|| 16);
        let e = tracker.spawn_blocking_on(|| 32, &handle);
        assert!(tracker.len() >= 3, "those on the loop have not run");
        let set = LocalSet::new();
        let f = tracker.spawn_local_on(async { 64 }, &set);
        tracker.close();
        set.run_until(tracker.wait()).await;
        assert!(tracker.is_empty());
        assert_eq!(f.await.unwrap(), 64);
        let sum = [a, b, c, d, e].map(|handle| async { handle.await.unwrap() });
        assert_eq!(rondel::combine::gather(sum).await.iter().sum::<i32>(), 59);
    });
}

/// Goal: when a wait is over so are all drops, however the task ended.
/// Method: a task that ends, one that panics, one that is aborted; each keeps something.
#[test]
fn a_wait_is_over_after_the_drops() {
    let diary = Diary::default();
    rondel::run(async {
        let tracker = TaskTracker::new();
        tracker.close();
        let (ended, panicked, aborted) =
            (diary.at_drop("ended"), diary.at_drop("panicked"), diary.at_drop("aborted"));
        tracker.spawn(async move { drop(ended) });
        let failed = tracker.spawn(async move {
            let _kept = panicked;
            panic!("boom")
        });
        tracker.spawn(forever_with::<_, ()>(aborted)).abort();
        tracker.wait().await;
        diary.note("the wait is over");
        let failed: Result<(), _> = failed.await;
        assert!(failed.unwrap_err().is_panic());
    });
    let mut pages = diary.pages();
    pages[..3].sort_unstable();
    assert_eq!(pages, ["aborted", "ended", "panicked", "the wait is over"]);
}

/// Goal: the same for closures, those that panic and those that never start.
#[test]
fn a_wait_is_over_after_the_drops_of_closures() {
    let diary = Diary::default();
    let runtime = rondel::Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let tracker = TaskTracker::new();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (panicked, aborted) = (diary.at_drop("panicked"), diary.at_drop("aborted"));
        let busy = tracker.spawn_blocking(move || {
            let _kept = panicked;
            wait.recv().unwrap();
            panic!("boom")
        });
        // It looks at the count when it is dropped: its token must still be there.
        let theirs = tracker.clone();
        let looks = LooksAtDrop(theirs, aborted);
        let queued = tracker.spawn_blocking(move || drop(looks));
        queued.abort();
        assert_eq!(tracker.len(), 1);
        go_on.send(()).unwrap();
        tracker.close();
        tracker.wait().await;
        diary.note("the wait is over");
        let busy: Result<(), _> = busy.await;
        assert!(busy.unwrap_err().is_panic());
    });
    assert_eq!(diary.pages(), ["aborted", "panicked", "the wait is over"]);

    struct LooksAtDrop(TaskTracker, #[allow(dead_code)] super::AtDrop);
    impl Drop for LooksAtDrop {
        fn drop(&mut self) {
            assert_eq!(self.0.len(), 2);
        }
    }
}

#[test]
fn futures_of_others_are_tracked_until_they_are_dropped() {
    rondel::run(async {
        let tracker = TaskTracker::new();
        let mut tracked = Box::pin(tracker.track_future(async { 5 }));
        assert_eq!(tracker.len(), 1);
        assert_eq!(tracked.as_mut().await, 5);
        assert_eq!(tracker.len(), 1, "it is ready, and still there");
        drop(tracked);
        assert!(tracker.is_empty());
    });
}

#[test]
fn dropping_the_tracker_aborts_nobody() {
    let diary = Diary::default();
    rondel::run(async {
        let theirs = diary.clone();
        let tracker = TaskTracker::new();
        let task = tracker.spawn(async move {
            yield_now().await;
            theirs.note("still here");
        });
        drop(tracker);
        task.await.unwrap();
    });
    assert_eq!(diary.pages(), ["still here"]);
}

/// Goal: no end is missed when tasks end on other threads. Method: threads that hold tokens, and a
/// loop that waits, many times.
#[test]
fn tokens_may_be_dropped_on_any_thread() {
    rondel::run(async {
        for _ in 0..200 {
            let tracker = TaskTracker::new();
            tracker.close();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let token = tracker.token();
                    thread::spawn(move || drop(token))
                })
                .collect();
            tracker.wait().await;
            assert!(tracker.is_empty());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn trackers_say_what_they_are() {
    let tracker = TaskTracker::new();
    let tracked = tracker.track_future(std::future::ready(1));
    tracker.close();
    assert_eq!(format!("{tracker:?}"), "TaskTracker { len: 1, is_closed: true }");
    assert!(format!("{tracked:?}").starts_with("TrackedFuture { future: Ready("), "{tracked:?}");
    assert!(format!("{:?}", tracker.wait()).starts_with("TaskTrackerWaitFuture"));
}

#[test]
fn a_deadlock_says_that_it_waits_for_a_tracker() {
    let deadlock = super::paused()
        .try_block_on(async {
            let tracker = TaskTracker::new();
            let _token = tracker.token();
            tracker.close();
            tracker.wait().await;
        })
        .unwrap_err();
    assert_eq!(deadlock.root(), ["TaskTracker::wait"]);
}

// ---- handles that abort on drop -----------------------------------------------------------------

/// A task that lives until it is aborted, and what tells that it was.
fn task() -> (rondel::task::JoinHandle<()>, oneshot::Sender<()>) {
    let (alive, ends) = oneshot::channel();
    (rondel::spawn(async { drop(ends.await) }), alive)
}

#[test]
fn dropping_the_handle_aborts_the_task() {
    rondel::run(async {
        let (handle, mut alive) = task();
        drop(AbortOnDropHandle::new(handle));
        alive.closed().await;

        let (handle, mut alive) = task();
        drop(AbortOnDrop::new(handle.abort_handle()));
        alive.closed().await;
        assert!(handle.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn aborting_by_hand_does_the_same() {
    rondel::run(async {
        let (handle, mut alive) = task();
        let handle = AbortOnDropHandle::new(handle);
        assert!(!handle.is_finished());
        handle.abort_handle().abort();
        alive.closed().await;
        while !handle.is_finished() {
            yield_now().await;
        }
        assert!(handle.as_ref().is_finished());
        assert!(handle.await.unwrap_err().is_cancelled());

        let (handle, mut alive) = task();
        let abort = AbortOnDrop::new(handle.abort_handle());
        assert!(!abort.is_finished());
        abort.abort();
        alive.closed().await;
        while !abort.is_finished() {
            yield_now().await;
        }
    });
}

#[cfg(not(on_workers = "one_loop"))]
#[test]
fn a_handle_that_was_detached_aborts_nobody() {
    rondel::run(async {
        let (handle, alive) = task();
        let handle = AbortOnDropHandle::new(handle).detach();
        wait_until_idle().await;
        assert!(!alive.is_closed());
        drop(AbortOnDrop::new(handle.abort_handle()).detach());
        wait_until_idle().await;
        assert!(!alive.is_closed());
    });
}

#[test]
fn the_handle_gives_the_output() {
    rondel::run(async {
        let handle = AbortOnDropHandle::new(rondel::spawn(async { 7 }));
        let (id, text) = (handle.as_ref().id(), format!("{handle:?}"));
        assert_eq!(text, format!("AbortOnDropHandle {{ id: {id:?} }}"));
        assert_eq!(handle.await.unwrap(), 7);
        let task = rondel::spawn(pending::<()>());
        let abort = AbortOnDrop::new(task.abort_handle());
        assert_eq!(format!("{abort:?}"), format!("AbortOnDrop {{ id: {:?} }}", task.id()));
    });
}
