//! Tasks among strangers: wakes, drops, joins, the doorbell and the end of the loop.
//!
//! The loop of these models is a few lines: it reads notes and runs tasks, like the real one.

use crate::shim::Arc;
use crate::task::cell::{Ran, TaskRef};
use crate::task::home::HomeRef;
use crate::task::id::Origin;
use crate::task::inbox::Note;
use crate::task::join::JoinHandle;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as PlainUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

/// A future that hands its waker out and is ready at its second poll. It counts its drops.
struct Subject {
    waker: std::sync::Arc<std::sync::Mutex<Option<Waker>>>,
    polls: usize,
    /// Written by the stranger before it wakes, read by the poll that the wake brings.
    message: Option<Arc<AtomicUsize>>,
    drops: std::sync::Arc<PlainUsize>,
}

impl Future for Subject {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        self.polls += 1;
        if self.polls == 1 {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Relaxed on purpose: the wake itself must carry what was written before it.
        Poll::Ready(self.message.as_ref().map_or(0, |message| message.load(Relaxed)))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
    }
}

std::thread_local! {
    // Home is one thread of the model, so a plain list will do.
    static QUEUE: RefCell<Vec<TaskRef>> = const { RefCell::new(Vec::new()) };
}

fn queue(task: TaskRef) {
    QUEUE.with_borrow_mut(|queue| queue.push(task));
}

fn read_inbox(home: &HomeRef) {
    let mut notes = std::collections::VecDeque::new();
    home.inbox().take(&mut notes);
    for note in notes {
        match note {
            Note::Spawn([kept, queued]) => {
                queue(queued);
                drop(kept);
            }
            Note::Wake(task) => task.deliver_wake(),
            Note::Abort(task) => task.abort(),
            Note::Join(task, waker) => task.join(&waker),
            Note::Detach(task) => task.deliver_detach(),
            Note::Release(reference) => reference.deliver(),
            Note::Root | Note::Errand(_) => unreachable!("nobody sends it"),
        }
    }
}

/// Runs what is queued. Returns how many polls or cancels that were.
fn run_queue() -> usize {
    let mut runs = 0;
    while let Some(task) = QUEUE.with_borrow_mut(Vec::pop) {
        runs += 1;
        if let Ran::Again(task) = task.run() {
            queue(task);
        }
    }
    runs
}

/// A loop with one task that waits, and its waker.
struct Stage {
    home: HomeRef,
    handle: Option<JoinHandle<usize>>,
    kept: TaskRef,
    waker: Waker,
    drops: std::sync::Arc<PlainUsize>,
}

fn set_stage(ring: Option<Arc<Notify>>, message: Option<Arc<AtomicUsize>>) -> Stage {
    let ring: Box<dyn Fn() + Send + Sync> = match ring {
        Some(bell) => Box::new(move || bell.notify()),
        None => Box::new(|| {}),
    };
    let home = HomeRef::new(queue, || {}, ring);
    let drops = std::sync::Arc::new(PlainUsize::new(0));
    let slot = std::sync::Arc::new(std::sync::Mutex::new(None));
    let subject = Subject { waker: slot.clone(), polls: 0, message, drops: drops.clone() };
    let at_home = home.enter();
    let ([kept, queued], handle) = JoinHandle::new_pair(subject, home.clone(), Origin::here(None));
    assert!(matches!(queued.run(), Ran::Waiting));
    drop(at_home);
    let waker = slot.lock().unwrap().take().unwrap();
    Stage { home, handle: Some(handle), kept, waker, drops }
}

/// Ends the loop as the real one does: cancel, close once there are no notes, settle.
fn end(home: HomeRef, kept: TaskRef) {
    let at_home = home.enter();
    kept.cancel_at_shutdown();
    drop(kept);
    loop {
        while QUEUE.with_borrow_mut(Vec::pop).is_some() {}
        if home.inbox().close() {
            break;
        }
        read_inbox(&home);
    }
    drop(at_home);
    home.settle();
}

#[test]
fn two_strangers_wake_a_task_once_and_it_sees_what_they_wrote() {
    crate::model::check(|| {
        let message = Arc::new(AtomicUsize::new(0));
        let stage = set_stage(None, Some(message.clone()));
        let strangers: Vec<_> = (0..2)
            .map(|_| {
                let (waker, message) = (stage.waker.clone(), message.clone());
                thread::spawn(move || {
                    message.fetch_add(1, Relaxed);
                    waker.wake();
                })
            })
            .collect();
        let at_home = stage.home.enter();
        read_inbox(&stage.home); // perhaps between the two
        let early = run_queue();
        for stranger in strangers {
            stranger.join().unwrap();
        }
        read_inbox(&stage.home);
        let late = run_queue();
        assert_eq!(early + late, 1, "the second poll ends the task");
        drop(stage.waker);
        drop(stage.handle);
        drop(at_home);
        end(stage.home, stage.kept);
        assert_eq!(stage.drops.load(SeqCst), 1);
    });
}

/// The wake is sent while the loop falls asleep: it sees the note, or it is rung. Otherwise loom
/// reports a deadlock.
#[test]
fn no_wake_is_lost_when_the_loop_falls_asleep() {
    crate::model::check(|| {
        let bell = Arc::new(Notify::new());
        let mut stage = set_stage(Some(bell.clone()), None);
        let waker = stage.waker.clone();
        let stranger = thread::spawn(move || waker.wake());
        let at_home = stage.home.enter();
        loop {
            read_inbox(&stage.home);
            if run_queue() > 0 {
                break;
            }
            if stage.home.inbox().fall_asleep() {
                bell.wait();
                stage.home.inbox().wake_up();
            }
        }
        stranger.join().unwrap();
        stage.handle = None;
        drop(stage.waker);
        drop(at_home);
        end(stage.home, stage.kept);
    });
}

#[test]
fn a_stranger_drops_a_waker_while_home_drops_the_rest() {
    crate::model::check(|| {
        let mut stage = set_stage(None, None);
        let waker = stage.waker;
        let stranger = thread::spawn(move || {
            let another = waker.clone();
            drop(waker);
            drop(another);
        });
        let at_home = stage.home.enter();
        stage.handle = None;
        read_inbox(&stage.home);
        drop(at_home);
        end(stage.home, stage.kept);
        stranger.join().unwrap();
        assert_eq!(stage.drops.load(SeqCst), 1);
    });
}

#[test]
fn a_stranger_wakes_a_task_whose_loop_ends() {
    crate::model::check(|| {
        let mut stage = set_stage(None, None);
        let waker = stage.waker;
        let stranger = thread::spawn(move || waker.wake());
        stage.handle = None;
        end(stage.home, stage.kept);
        stranger.join().unwrap();
        assert_eq!(stage.drops.load(SeqCst), 1);
    });
}

/// Counts the wakes of a joiner.
struct Joiner(PlainUsize);

impl Wake for Joiner {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_stranger_joins_while_home_finishes_the_task() {
    crate::model::check(|| {
        let mut stage = set_stage(None, None);
        let mut handle = stage.handle.take().unwrap();
        let stranger = thread::spawn(move || {
            let joiner = std::sync::Arc::new(Joiner(PlainUsize::new(0)));
            let waker = Waker::from(joiner.clone());
            let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            (handle, joiner, polled.is_ready())
        });
        let at_home = stage.home.enter();
        stage.waker.wake();
        read_inbox(&stage.home);
        run_queue();
        let (handle, joiner, ready) = stranger.join().unwrap();
        read_inbox(&stage.home);
        assert!(ready || joiner.0.load(SeqCst) == 1, "the output is there, or the joiner is woken");
        drop(handle);
        drop(at_home);
        end(stage.home, stage.kept);
    });
}

#[test]
fn a_stranger_detaches_while_home_finishes_the_task() {
    crate::model::check(|| {
        let mut stage = set_stage(None, None);
        let handle = stage.handle.take().unwrap();
        let stranger = thread::spawn(move || drop(handle));
        let at_home = stage.home.enter();
        stage.waker.wake();
        run_queue();
        drop(at_home);
        end(stage.home, stage.kept);
        stranger.join().unwrap();
        assert_eq!(stage.drops.load(SeqCst), 1);
    });
}

#[test]
fn a_stranger_spawns_while_the_loop_ends() {
    crate::model::check(|| {
        let mut stage = set_stage(None, None);
        let home = stage.home.clone();
        let stranger = thread::spawn(move || {
            let (task, handle) =
                JoinHandle::new_pair(async { 7 }, home.clone(), Origin::here(None));
            if let Err(Note::Spawn([kept, queued])) = home.post(Note::Spawn(task)) {
                drop(queued);
                kept.cancel_unseen();
                assert!(handle.is_finished());
            }
        });
        stage.handle = None;
        drop(stage.waker);
        end(stage.home, stage.kept);
        stranger.join().unwrap();
    });
}

#[test]
fn a_strangers_reference_to_home_outlives_the_loop() {
    crate::model::check(|| {
        let home = HomeRef::new(queue, || {}, Box::new(|| {}));
        let theirs = home.clone();
        let stranger = thread::spawn(move || {
            let again = theirs.clone();
            drop(theirs);
            let _ = again.post(Note::Root).is_err();
        });
        let at_home = home.enter();
        let plain = home.clone();
        drop(plain);
        drop(at_home);
        home.settle();
        stranger.join().unwrap();
    });
}
