//! Tasks that any thread may run: wakes, aborts, joins and drops against the poll and the end.
//!
//! The queue of these models is invisible to loom: what a poll must see, the task's own state has
//! to carry. A model's worker takes what stands in the queue when it looks; the last look comes
//! when all others are done.

use crate::shim::Arc;
use crate::task::cell::{Ran, TaskRef};
use crate::task::home::{Common, HomeRef};
use crate::task::id::Origin;
use crate::task::join::{JoinError, JoinHandle};
use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as PlainArc;
use std::sync::Mutex as PlainMutex;
use std::sync::atomic::{AtomicUsize as PlainUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// The queue of all workers.
#[derive(Default)]
struct Commons {
    queue: PlainMutex<Vec<TaskRef>>,
    times_queued: PlainUsize,
}

impl Common for Commons {
    fn queue(&self, task: TaskRef) {
        self.times_queued.fetch_add(1, SeqCst);
        self.queue.lock().unwrap().push(task);
    }
}

impl Commons {
    /// Runs what stands in the queue.
    fn work(&self) {
        loop {
            let task = self.queue.lock().unwrap().pop();
            let Some(task) = task else { return };
            if let Ran::Again(task) = task.run() {
                self.queue(task);
            }
        }
    }
}

/// What is counted of a task.
#[derive(Default)]
struct Counts {
    polls: PlainUsize,
    future_drops: PlainUsize,
    output_drops: PlainUsize,
}

impl Counts {
    fn of(count: &PlainUsize) -> usize {
        count.load(SeqCst)
    }
}

/// What a task gives. It counts its drops.
struct Output {
    value: usize,
    counts: PlainArc<Counts>,
}

impl Drop for Output {
    fn drop(&mut self) {
        self.counts.output_drops.fetch_add(1, SeqCst);
    }
}

/// A future that is ready when `message` has come to `wanted`. Its first poll hands the waker out.
struct Subject {
    waker: PlainArc<PlainMutex<Option<Waker>>>,
    message: Arc<AtomicUsize>,
    wanted: usize,
    /// Touched by every poll, so that two at the same time, or out of sight, are found.
    own: loom::cell::UnsafeCell<usize>,
    counts: PlainArc<Counts>,
}

impl Future for Subject {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.own.with_mut(|_| ());
        if self.counts.polls.fetch_add(1, SeqCst) == 0 {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Relaxed on purpose: the wake itself must carry what was written before it.
        let value = self.message.load(Relaxed);
        if value < self.wanted {
            return Poll::Pending;
        }
        Poll::Ready(Output { value, counts: self.counts.clone() })
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
        self.counts.future_drops.fetch_add(1, SeqCst);
    }
}

/// A task that waits, and all that leads to it.
struct Stage {
    commons: PlainArc<Commons>,
    home: HomeRef,
    kept: TaskRef,
    handle: JoinHandle<Output>,
    waker: Waker,
    message: Arc<AtomicUsize>,
    counts: PlainArc<Counts>,
}

/// Sets the stage for a task that wants so many messages.
fn set_stage(wanted: usize) -> Stage {
    let commons = PlainArc::new(Commons::default());
    let home = HomeRef::shared(commons.clone());
    let message = Arc::new(AtomicUsize::new(0));
    let counts = PlainArc::new(Counts::default());
    let slot = PlainArc::new(PlainMutex::new(None));
    let subject = Subject {
        waker: slot.clone(),
        message: message.clone(),
        wanted,
        own: loom::cell::UnsafeCell::new(0),
        counts: counts.clone(),
    };
    let ([kept, queued], handle) = JoinHandle::new_pair(subject, home.clone(), Origin::here(None));
    assert!(matches!(queued.run(), Ran::Waiting));
    let waker = slot.lock().unwrap().take().unwrap();
    Stage { commons, home, kept, handle, waker, message, counts }
}

impl Stage {
    /// Lets all of it go; then everything must be gone, once.
    fn end(self) {
        let Self { commons, home, kept, handle, waker, counts, .. } = self;
        drop((handle, waker));
        check_end(&commons, kept, &counts);
        drop(home);
    }
}

fn check_end(commons: &Commons, kept: TaskRef, counts: &PlainArc<Counts>) {
    kept.cancel_at_shutdown();
    commons.queue.lock().unwrap().clear();
    drop(kept);
    assert_eq!(Counts::of(&counts.future_drops), 1, "the future is dropped once");
    assert!(Counts::of(&counts.output_drops) <= 1, "the output is dropped at most once");
    assert_eq!(PlainArc::strong_count(counts), 1, "the task is gone");
}

/// Polls a handle once.
fn poll(handle: &mut JoinHandle<Output>, waker: &Waker) -> Poll<Result<Output, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

/// Counts its wakes.
#[derive(Default)]
struct Joiner(PlainUsize);

impl Wake for Joiner {
    fn wake(self: PlainArc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Two write and wake, and run what they find; so the task moves from one thread to the other. The
/// poll that follows the last wake sees both messages.
#[test]
fn two_wake_a_task_that_three_threads_run() {
    crate::model::check(|| {
        let mut stage = set_stage(2);
        let others = [(); 2].map(|()| {
            let (waker, message) = (stage.waker.clone(), stage.message.clone());
            let commons = stage.commons.clone();
            thread::spawn(move || {
                message.fetch_add(1, Relaxed);
                waker.wake();
                commons.work();
            })
        });
        crate::model::let_others_first();
        stage.commons.work();
        for other in others {
            other.join().unwrap();
        }
        stage.commons.work();
        assert!(stage.kept.is_done(), "no wake is lost");
        let Poll::Ready(Ok(output)) = poll(&mut stage.handle, Waker::noop()) else {
            unreachable!("it is done")
        };
        assert_eq!(output.value, 2);
        drop(output);
        let polls = Counts::of(&stage.counts.polls);
        assert_eq!(Counts::of(&stage.commons.times_queued), polls - 1, "each wake is one poll");
        stage.end();
    });
}

/// The wake comes before, during or after the poll that ends the task.
#[test]
fn a_wake_meets_the_end() {
    crate::model::check(|| {
        let stage = set_stage(0);
        let other = {
            let waker = stage.waker.clone();
            thread::spawn(move || waker.wake())
        };
        crate::model::let_others_first();
        stage.waker.wake_by_ref();
        stage.commons.work();
        other.join().unwrap();
        stage.commons.work();
        assert_eq!(Counts::of(&stage.counts.polls), 2, "nobody polls what is done");
        assert_eq!(Counts::of(&stage.commons.times_queued), 1);
        stage.end();
    });
}

/// An abort meets a poll that stays pending, and a wake: the task ends, its future dropped once.
#[test]
fn an_abort_meets_a_pending_poll() {
    crate::model::check(|| {
        let mut stage = set_stage(9);
        let abort = stage.handle.abort_handle();
        let other = {
            let commons = stage.commons.clone();
            thread::spawn(move || {
                abort.abort();
                commons.work();
            })
        };
        crate::model::let_others_first();
        stage.waker.wake_by_ref();
        stage.commons.work();
        other.join().unwrap();
        stage.commons.work();
        assert!(stage.kept.is_done(), "the abort is not lost");
        let polled = poll(&mut stage.handle, Waker::noop());
        assert!(matches!(polled, Poll::Ready(Err(error)) if error.is_cancelled()));
        stage.end();
    });
}

/// An abort meets the poll that ends the task: it is cancelled, or too late.
#[test]
fn an_abort_meets_the_end() {
    crate::model::check(|| {
        let mut stage = set_stage(0);
        let abort = stage.handle.abort_handle();
        let other = {
            let commons = stage.commons.clone();
            thread::spawn(move || {
                abort.abort();
                commons.work();
            })
        };
        crate::model::let_others_first();
        stage.waker.wake_by_ref();
        stage.commons.work();
        other.join().unwrap();
        stage.commons.work();
        let Poll::Ready(joined) = poll(&mut stage.handle, Waker::noop()) else {
            unreachable!("it was woken or aborted")
        };
        match joined {
            Ok(output) => drop(output),
            Err(error) => assert!(error.is_cancelled()),
        }
        assert_eq!(Counts::of(&stage.counts.future_drops), 1);
        stage.end();
    });
}

/// The handle leaves a waker, and then another one, while the task ends: the last one is woken, or
/// the output was there already.
#[test]
fn a_join_with_changing_wakers_meets_the_end() {
    crate::model::check(|| {
        let stage = set_stage(0);
        let Stage { commons, home, kept, mut handle, waker, counts, .. } = stage;
        let other = thread::spawn(move || {
            let joiners = [(); 2].map(|()| PlainArc::new(Joiner::default()));
            for joiner in &joiners {
                if poll(&mut handle, &Waker::from(joiner.clone())).is_ready() {
                    return None;
                }
            }
            Some((handle, joiners))
        });
        crate::model::let_others_first();
        waker.wake();
        commons.work();
        if let Some((mut handle, [_, last])) = other.join().unwrap() {
            assert_eq!(Counts::of(&last.0), 1, "the waker left last is woken, once");
            assert!(poll(&mut handle, Waker::noop()).is_ready());
            drop(handle);
            assert_eq!(PlainArc::strong_count(&last), 1, "no waker stays behind");
        }
        assert_eq!(Counts::of(&counts.output_drops), 1);
        check_end(&commons, kept, &counts);
        drop(home);
    });
}

/// A joiner asleep is woken by whoever ends the task, or loom reports a deadlock.
#[test]
fn a_joiner_sleeps_until_one_of_two_threads_ends_the_task() {
    crate::model::check(|| {
        let stage = set_stage(1);
        let Stage { commons, home, kept, handle, waker, counts, message } = stage;
        let other = {
            let (waker, commons) = (waker.clone(), commons.clone());
            thread::spawn(move || {
                message.fetch_add(1, Relaxed);
                waker.wake();
                commons.work();
            })
        };
        crate::model::let_others_first();
        let output = crate::model::block_on(handle).unwrap();
        assert_eq!(output.value, 1);
        drop(output);
        other.join().unwrap();
        drop(waker);
        check_end(&commons, kept, &counts);
        drop(home);
    });
}

/// The handle is dropped while the task ends: one of the two drops the output.
#[test]
fn a_detach_meets_the_end() {
    crate::model::check(|| {
        let stage = set_stage(0);
        let Stage { commons, home, kept, handle, waker, counts, .. } = stage;
        let other = thread::spawn(move || drop(handle));
        crate::model::let_others_first();
        waker.wake();
        commons.work();
        other.join().unwrap();
        assert_eq!(Counts::of(&counts.output_drops), 1, "dropped by one of the two");
        check_end(&commons, kept, &counts);
        drop(home);
    });
}

/// The handle leaves a waker and is dropped, while the task ends.
#[test]
fn a_join_that_is_given_up_meets_the_end() {
    crate::model::check(|| {
        let stage = set_stage(0);
        let Stage { commons, home, kept, mut handle, waker, counts, .. } = stage;
        let joiner = PlainArc::new(Joiner::default());
        let other = {
            let waker = Waker::from(joiner.clone());
            thread::spawn(move || {
                drop(poll(&mut handle, &waker));
                drop(handle);
            })
        };
        crate::model::let_others_first();
        waker.wake();
        commons.work();
        other.join().unwrap();
        assert_eq!(Counts::of(&counts.output_drops), 1);
        check_end(&commons, kept, &counts);
        assert_eq!(PlainArc::strong_count(&joiner), 1, "no waker stays behind");
        drop(home);
    });
}

/// Two wakers and a clone are the last references, on three threads.
#[test]
fn the_last_references_are_dropped_on_two_threads() {
    crate::model::check(|| {
        let stage = set_stage(9);
        let Stage { commons, home, kept, handle, waker, counts, .. } = stage;
        kept.cancel_at_shutdown();
        drop((kept, handle, home));
        let other = {
            let waker = waker.clone();
            thread::spawn(move || {
                let again = waker.clone();
                drop(waker);
                drop(again);
            })
        };
        crate::model::let_others_first();
        drop(waker);
        other.join().unwrap();
        assert_eq!(PlainArc::strong_count(&commons), 1, "task and home are gone");
        assert_eq!(PlainArc::strong_count(&counts), 1);
    });
}

/// A task that nobody will ever wake is freed by whoever lets go of it last: the thread that ran it,
/// or the one that kept it. The count alone says that the other one has done with it.
#[test]
fn a_task_is_freed_by_whoever_comes_last() {
    crate::model::check(|| {
        let Stage { commons, home, kept, handle, waker, counts, .. } = set_stage(9);
        drop((handle, home));
        waker.wake();
        let other = {
            let commons = commons.clone();
            thread::spawn(move || commons.work())
        };
        crate::model::let_others_first();
        drop(kept);
        other.join().unwrap();
        assert_eq!(Counts::of(&counts.future_drops), 1);
        assert_eq!(PlainArc::strong_count(&commons), 1, "task and home are gone");
    });
}

/// A wake meets the end of the runtime, which cancels the task without taking it from a queue.
#[test]
fn a_wake_meets_the_end_of_the_runtime() {
    crate::model::check(|| {
        let stage = set_stage(9);
        let Stage { commons, home, kept, handle, waker, counts, .. } = stage;
        let other = thread::spawn(move || {
            waker.wake();
            drop(handle);
        });
        crate::model::let_others_first();
        kept.cancel_at_shutdown();
        other.join().unwrap();
        check_end(&commons, kept, &counts);
        drop(home);
    });
}

/// Touched by whoever queues a task, and when it is dropped.
struct Touched(AtomicUsize);

impl Common for Touched {
    fn queue(&self, _task: TaskRef) {
        let _ = self.0.load(Relaxed);
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}

/// The home of shared tasks is freed by whoever lets go of it last; the count says that the other
/// one has done with it.
#[test]
fn a_home_is_freed_by_whoever_comes_last() {
    crate::model::check(|| {
        let home = HomeRef::shared(PlainArc::new(Touched(AtomicUsize::new(0))));
        let ([kept, queued], handle) =
            JoinHandle::new_pair(async {}, home.clone(), Origin::here(None));
        drop((kept, handle));
        let theirs = home.clone();
        let other = thread::spawn(move || theirs.queue_shared(queued));
        crate::model::let_others_first();
        drop(home);
        other.join().unwrap();
    });
}
