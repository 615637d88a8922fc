//! What structured concurrency shares between threads: the tally, the roster, the crew of a scope.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::model::{block_on, check, poll_and_cancel};
use crate::task::elsewhere::{Elsewhere, Stop};
use crate::task::group::handshake::{StartError, handshake};
use crate::task::group::roster::{Occupant, Roster};
use crate::task::id::Origin;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::scope::crew::Crew;
use crate::task::tally::Tally;

// ---- the tally ----------------------------------------------------------------------------------

async fn wait(tally: &Tally) {
    let mut wait = tally.wait("a model");
    poll_fn(|cx| wait.poll(cx)).await;
}

/// Goal: show that the last one to leave is heard of, whoever it is, and that a wait sees what all
/// of them did. Method: two threads that write, relaxed, and leave.
#[test]
fn a_wait_comes_after_the_writes_of_all_who_left() {
    check(|| {
        let tally = Arc::new(Tally::new());
        let written = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        tally.enter();
        tally.enter();
        tally.close();
        let threads = [0, 1].map(|index| {
            let (tally, written) = (tally.clone(), written.clone());
            thread::spawn(move || {
                written[index].store(true, Relaxed);
                tally.leave();
            })
        });
        block_on(wait(&tally));
        assert!(written.iter().all(|written| written.load(Relaxed)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Goal: show that one of the two hears when the last end and the closing meet.
#[test]
fn a_wait_ends_when_the_last_end_meets_the_closing() {
    check(|| {
        let tally = Arc::new(Tally::new());
        tally.enter();
        let leaver = {
            let tally = tally.clone();
            thread::spawn(move || tally.leave())
        };
        let closer = {
            let tally = tally.clone();
            thread::spawn(move || _ = tally.close())
        };
        block_on(wait(&tally));
        leaver.join().unwrap();
        closer.join().unwrap();
    });
}

/// Goal: show that a wait that exists is reached by a moment that is over at once.
#[test]
fn a_wait_is_reached_by_a_moment_that_passes() {
    check(|| {
        let tally = Arc::new(Tally::new());
        let mut early = tally.wait("a model");
        let passer = {
            let tally = tally.clone();
            thread::spawn(move || {
                tally.close();
                tally.enter();
            })
        };
        block_on(poll_fn(|cx| early.poll(cx)));
        passer.join().unwrap();
        assert!(poll_and_cancel(wait(&tally)).is_none());
    });
}

// ---- the roster ---------------------------------------------------------------------------------

/// A task that notes that it was aborted, and does nothing else.
struct Idle {
    origin: Origin,
    aborted: AtomicBool,
}

impl Idle {
    fn new() -> (Arc<Self>, Occupant) {
        let idle = Arc::new(Self { origin: Origin::here(None), aborted: AtomicBool::new(false) });
        let handle = JoinHandle::<()>::of_elsewhere(idle.clone());
        (idle, Occupant::Task(handle.abort_handle()))
    }
}

impl Stop for Idle {
    fn abort(&self) {
        self.aborted.store(true, Relaxed);
    }

    fn is_finished(&self) -> bool {
        false
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Elsewhere<()> for Idle {
    fn poll_output(&self, _: &Waker) -> Poll<Result<(), JoinError>> {
        Poll::Pending
    }

    fn join(&self, _: &Waker) {}

    fn detach(&self) {}

    fn stop(self: Arc<Self>) -> Arc<dyn Stop> {
        self
    }
}

/// Goal: show that nobody slips in while all are being aborted. Method: one thread spawns, one
/// aborts: the task was refused, or it was aborted.
#[test]
fn who_comes_while_all_are_aborted_is_refused_or_aborted() {
    check(|| {
        let roster = Arc::new(Roster::<()>::new(None));
        let aborter = {
            let roster = roster.clone();
            thread::spawn(move || roster.abort_all())
        };
        if let Some((ticket, seat)) = roster.admit(|| false) {
            let (idle, occupant) = Idle::new();
            seat.take(occupant, |_, ()| unreachable!("it has not ended"));
            aborter.join().unwrap();
            assert!(idle.aborted.load(Relaxed));
            drop(ticket);
        } else {
            aborter.join().unwrap();
        }
    });
}

/// Goal: show that an end is settled once, by the task or by its spawner, before a wait for all is
/// over. Method: the task ends on one thread while its spawner takes the seat on another.
#[test]
fn an_end_is_settled_once_and_before_the_wait_is_over() {
    check(|| {
        let roster = Arc::new(Roster::<()>::new(None));
        let settled = Arc::new(AtomicUsize::new(0));
        let (mut ticket, seat) = roster.admit(|| false).unwrap();
        let task = {
            let (roster, settled) = (roster.clone(), settled.clone());
            thread::spawn(move || {
                let settle = |_, ()| _ = settled.fetch_add(1, Relaxed);
                roster.leave(&mut ticket, (), settle);
                drop(ticket);
            })
        };
        let waiter = {
            let (roster, settled) = (roster.clone(), settled.clone());
            thread::spawn(move || {
                block_on(roster.wait_for_all("a model"));
                assert_eq!(settled.load(Relaxed), 1);
                assert!(roster.admit(|| false).is_none(), "the doors are closed");
            })
        };
        let (_idle, occupant) = Idle::new();
        seat.take(occupant, |_, ()| _ = settled.fetch_add(1, Relaxed));
        task.join().unwrap();
        waiter.join().unwrap();
    });
}

// ---- the handshake ------------------------------------------------------------------------------

/// Goal: show that a child that fails while somebody else says that it has started either has started
/// or has failed before, and that its error is told once in both cases.
/// Method: the child ends on one thread, its `Started` is sent on another, the start waits on a third.
#[test]
fn a_child_has_started_or_has_failed_before() {
    check(|| {
        let (give, given) = std::sync::mpsc::channel();
        let (child, start) = handshake::<u8, &str, _, _>(|started| {
            give.send(started).unwrap();
            std::future::ready(Err("failed"))
        });
        let started = given.try_recv().unwrap();
        let child = thread::spawn(move || block_on(child));
        let sender = thread::spawn(move || started.send(7));
        let answer = block_on(start);
        let told_to_group = child.join().unwrap();
        sender.join().unwrap();
        match answer {
            Ok(7) => assert_eq!(told_to_group, Err("failed")),
            Err(StartError::Failed("failed")) => assert_eq!(told_to_group, Ok(())),
            other => panic!("{other:?}"),
        }
    });
}

// ---- the crew of a scope ------------------------------------------------------------------------

type Child = Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>;

/// A child that waits until another thread, which it starts, has set a flag and woken it, twice.
fn served_by_a_thread() -> Child {
    let done = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    Box::pin(poll_fn(move |cx| {
        let thread = thread.get_or_insert_with(|| {
            let (waker, done) = (cx.waker().clone(), done.clone());
            Some(thread::spawn(move || {
                waker.wake_by_ref(); // in vain
                done.store(true, Relaxed);
                waker.wake();
            }))
        });
        if !done.load(Relaxed) {
            return Poll::Pending;
        }
        thread.take().unwrap().join().unwrap();
        Poll::Ready(Ok(()))
    }))
}

/// Goal: show that no wake of a child is lost and that a wake publishes, though many wakes make one
/// key.
#[test]
fn a_child_of_a_scope_is_polled_after_its_last_wake() {
    check(|| {
        let (mut crew, hatch) = Crew::<Child>::new();
        hatch.hand_in(served_by_a_thread());
        block_on(poll_fn(|cx| crew.poll(cx))).unwrap();
    });
}

/// Goal: show that a child that is handed in from another thread is run, or dropped because the scope
/// is over; it is never left lying.
#[test]
fn a_child_that_is_handed_in_is_run_or_dropped() {
    struct Told(Arc<AtomicUsize>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    check(|| {
        let (mut crew, hatch) = Crew::<Child>::new();
        hatch.hand_in(Box::pin(std::future::ready(Ok(()))));
        let dropped = Arc::new(AtomicUsize::new(0));
        let giver = {
            let told = Told(dropped.clone());
            thread::spawn(move || {
                hatch.hand_in(Box::pin(async move {
                    let _told = told;
                    Ok(())
                }));
            })
        };
        block_on(poll_fn(|cx| crew.poll(cx))).unwrap();
        giver.join().unwrap();
        drop(crew);
        assert_eq!(dropped.load(Relaxed), 1);
    });
}
