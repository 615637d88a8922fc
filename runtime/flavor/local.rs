//! Floor 4. The local flavour: one thread, one loop.
//!
//! Rules
//! 1. The loop never leaves the thread that built it: this type is not `Send`, and neither is the
//!    `Runtime` around it. `task/home.rs` and every future that is not `Send` rely on it.
//! 2. `end` leaves nothing behind: tasks are cancelled and dropped at home, then the inbox is
//!    closed, then the home settles its count. What strangers still hold frees itself later.

use crate::current::{self, Entered, Handle, Services};
use crate::reactor::Reactor;
use crate::ready::local::LocalQueue;
use crate::ready::{Job, Ready};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::clock::Clock;
use crate::turn::{Loop, Turned, turn};
use futures_task::{ArcWake, waker_ref};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// One loop and the right to run it.
pub(crate) struct Local {
    lp: Rc<Loop>,
    handle: Handle,
}

impl Local {
    pub(crate) fn new(reactor: Reactor, clock: Clock, services: Arc<Services>) -> Self {
        let doorbell = reactor.doorbell();
        let ring = Box::new(move || {
            // The kernel refuses only when the loop's descriptors are gone, and the loop with them.
            let _ = doorbell.ring();
        });
        let home = HomeRef::new(current::queue_here, ring);
        let handle = Handle::new(home.clone(), services.clone());
        let ready = Ready::Local(LocalQueue::new(home.clone()));
        if clock.is_virtual() {
            // The loop does not let time pass while the pool works, so it must hear of the end. An
            // errand, because that comes after `busy` went down; a joiner's wake comes before.
            let home = home.clone();
            services.pool.when_quiet(Box::new(move || {
                let _ = home.errand(|| {});
            }));
        }
        let busy = Box::new(move || services.pool.busy() > 0);
        Self { lp: Rc::new(Loop::new(home, ready, reactor, clock, busy)), handle }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Makes this thread the loop's home. `doing` names what forbids to block meanwhile.
    ///
    /// # Panics
    ///
    /// Panics if the thread is ending.
    #[track_caller]
    pub(crate) fn enter(&self, doing: Option<&'static str>) -> Entered {
        self.try_enter(doing).expect("a loop cannot be entered while its thread ends")
    }

    fn try_enter(&self, doing: Option<&'static str>) -> Option<Entered> {
        current::enter(Some(self.lp.clone()), Some(self.handle.clone()), doing)
    }

    /// Turns the loop until `future` is done.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = self.enter(Some("Runtime::block_on"));
        let mut future = pin!(future);
        let bell =
            Arc::new(RootWaker { home: self.lp.home.clone(), queued: AtomicBool::new(true) });
        let waker = waker_ref(&bell);
        let mut output = None;
        let mut poll_root = || {
            // AcqRel: pairs with the swap in `wake_by_ref`; what was written before a wake is seen.
            bell.queued.swap(false, Ordering::AcqRel);
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(ready) => output = Some(ready),
                Poll::Pending => return false,
            }
            true
        };
        let Ready::Local(ready) = &self.lp.ready;
        ready.forget_roots(); // a former future may have been woken after its last poll
        self.lp.ready.push(Job::Root);
        self.lp.read_inbox(); // tasks spawned outside must run even beside a root that is soon done
        loop {
            match turn(&self.lp, ready, &mut poll_root) {
                Ok(Turned::Again) => {}
                Ok(Turned::RootDone) => break,
                Err(error) => panic!("the kernel refused to say which sockets are ready: {error}"),
            }
        }
        output.expect("the root future is done only once it has an output")
    }

    /// Ends the loop (rule 2).
    pub(crate) fn end(self) {
        let inside = self.try_enter(Some("the shutdown of a runtime"));
        // A runtime in a thread-local may end after the context: at home it is all the same.
        let at_home = inside.is_none().then(|| self.lp.home.enter());
        self.lp.closing.set(true);
        self.lp.home.inbox().refuse_tasks(); // else a busy stranger could put off the end for ever
        loop {
            self.lp.cancel_all();
            // No notes since the last look: nobody can leave one any more.
            if self.lp.home.inbox().close() {
                break;
            }
            self.lp.read_inbox();
        }
        let Self { lp, handle } = self;
        // Who still waits, on another thread or loop, must learn that nobody listens any more.
        lp.drain_timers_and_sockets().into_iter().for_each(Waker::wake);
        drop((inside, at_home));
        current::forget(&lp);
        drop(handle);
        let home = lp.home.clone();
        drop(lp);
        home.settle();
    }
}

/// Wakes the root future: puts it into the ready queue, from wherever the wake comes.
struct RootWaker {
    home: HomeRef,
    queued: AtomicBool,
}

impl ArcWake for RootWaker {
    fn wake_by_ref(bell: &Arc<Self>) {
        // AcqRel: pairs with the swap in `block_on`.
        if bell.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if bell.home.is_here() {
            current::here(|lp| lp.ready.push(Job::Root));
        } else {
            // Given back when the loop is gone: then there is no root to wake.
            let _ = bell.home.post(Note::Root);
        }
    }
}

impl Loop {
    /// Drops the future of every task that is left, and empties the queue, until none comes anew.
    fn cancel_all(&self) {
        loop {
            let Ready::Local(ready) = &self.ready;
            while let Some(job) = crate::ready::ReadyQueue::pop(ready) {
                drop(job);
            }
            let key = self.live.borrow().iter().next().map(|(key, _)| key);
            let Some(key) = key else {
                if !self.ready.has_work() {
                    return;
                }
                continue;
            };
            let task = self.live.borrow_mut().try_remove(key);
            if let Some(task) = task {
                task.cancel_at_shutdown();
            }
        }
    }

    /// Takes out what still waits for a timer or a socket, though no task of the loop is left.
    fn drain_timers_and_sockets(&self) -> Vec<Waker> {
        let mut sleepers = Vec::new();
        self.wheel.borrow_mut().drain(&mut sleepers);
        self.reactor.borrow_mut().drain(&mut sleepers);
        sleepers
    }
}
