//! Floor 4. The local flavour: one thread, one loop.
//!
//! Who turns the loop, on which thread, and how it all ends. To start is easy; the end is where
//! runtimes have their bugs, so here it is step by step:
//!
//! ```text
//!   closing      a task that is spawned from now on is cancelled at once
//!   cancel_all   drop each future, at home; these drops are programs: they wake, abort, spawn
//!   close        only an inbox without notes closes; a note came: read it, and cancel again
//!   drain        timers and sockets of strangers: wake them, they ask anew and learn of the end
//!   leave        this thread is nobody's home now
//!   settle       whoever drops the last reference to the home frees it, on whatever thread
//! ```
//!
//! A loop is made late: not by `Builder::build`, but by the first thread that runs or enters it. So
//! a runtime may be built on one thread and run on another; what is spawned in between waits in the
//! inbox, as all that strangers bring. From then on that thread is the loop's for good.
//!
//! To drain before the inbox is closed would be wrong: a stranger who is woken then leaves its next
//! waker by an errand, and nobody would ever wake that one.
//!
//! Rules
//! 1. The loop never leaves the thread that made it (`owned.rs`), though the `Runtime` around its
//!    name may. `task/home.rs` and every future that is not `Send` rely on it.
//! 2. `end` leaves nothing behind: tasks are cancelled and dropped at home, then the inbox is
//!    closed, then the home settles its count. What strangers still hold frees itself later.
//!
//! Real world: `asyncio.run` cancels what is left and runs the loop until all have seen their
//! `CancelledError`, so a task that ignores it keeps the program from ending; tokio drops the
//! futures, as here.

use super::owned::{self, Owned};
use crate::budget;
use crate::current::{self, Entered, Handle};
use crate::deadlock::Deadlock;
use crate::outlook::Outlook;
use crate::reactor::Reactor;
use crate::ready::local::LocalQueue;
use crate::ready::{Ready, ReadyQueue};
use crate::services::Services;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Arc, Mutex, lock};
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::task::waker::{self, Sleeper};
use crate::turn::{Loop, Turned, turn};
use crate::wakes::wake_each;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The name of one loop, and the right to run it.
pub(crate) struct Local {
    handle: Handle,
    /// What the loop will be made of, until a thread makes it.
    parts: Mutex<Option<Parts>>,
    /// Tells the thread that owns the loop that this is gone.
    abandoned: Arc<AtomicBool>,
}

/// What a loop is made of: all of it may be sent.
pub(super) struct Parts {
    home: HomeRef,
    reactor: Reactor,
    services: Arc<Services>,
    shuffled: bool,
}

impl Parts {
    pub(super) fn new(reactor: Reactor, services: Arc<Services>, shuffled: bool) -> Self {
        Self { home: new_home(&reactor), reactor, services, shuffled }
    }

    pub(super) fn home(&self) -> HomeRef {
        self.home.clone()
    }
}

/// What forbids a thread to run a loop.
pub(crate) const ELSEWHERE: &str = "another thread has run or entered this local runtime, and its \
                                    loop belongs to that one, as its tasks need not be `Send`: use \
                                    its `Handle` here, or build it with `workers`";

impl Local {
    pub(crate) fn new(reactor: Reactor, services: Arc<Services>, shuffled: bool) -> Self {
        let parts = Parts::new(reactor, services.clone(), shuffled);
        let handle = Handle::new(parts.home(), services.clone(), None);
        // The loop does not let virtual time pass while the pool works, so it must hear of the end.
        // An errand, because that comes after `busy` went down; a joiner's wake comes before.
        let (quiet_home, clock) = (parts.home(), services.clock.clone());
        services.pool.when_quiet(Box::new(move || {
            let _ = clock.is_frozen() && quiet_home.errand(|| {});
        }));
        Self::of(parts, handle)
    }

    /// One of a certain handle.
    pub(super) fn of(parts: Parts, handle: Handle) -> Self {
        Self { handle, parts: Mutex::new(Some(parts)), abandoned: Arc::default() }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The loop. If nobody has it yet this thread makes it (`owned.rs`). `None`: another one has,
    /// or this one is ending.
    fn own(&self) -> Option<Rc<Loop>> {
        if let Some(lp) = owned::find(self.handle.home()) {
            return Some(lp);
        }
        // Two threads may come at the same time; the lock around the parts decides.
        let owned = self.make()?;
        let lp = owned.lp.clone();
        if let Err(owned) = owned::keep(owned) {
            drop(lp);
            owned.end(&mut |_| ());
            return None;
        }
        Some(lp)
    }

    /// Makes the loop. `None` if that was done, here or elsewhere: its parts are there once.
    ///
    /// Also called by `end`, when nobody has run the loop: the notes in its inbox are tasks that
    /// have to be cancelled, and only a loop can read them. All of them are `Send`, having come
    /// here as notes, so any thread will do.
    fn make(&self) -> Option<Owned> {
        let Parts { home, reactor, services, shuffled } = lock(&self.parts).take()?;
        let ready = Ready::Local(LocalQueue::new(home.clone(), shuffled));
        let lp = Rc::new(Loop::new(home, ready, Outlook::alone(reactor), services));
        Some(Owned { lp, handle: self.handle.clone(), abandoned: self.abandoned.clone() })
    }

    /// Makes this thread the loop's home. `None` if it cannot be.
    pub(crate) fn enter(&self) -> Option<Entered> {
        current::enter(Some(self.own()?), Some(self.handle.clone()), None)
    }

    /// Whether this runtime cannot be ended on this thread, as another one has its loop.
    ///
    /// Also true if that thread has ended, and the loop with it.
    pub(crate) fn is_elsewhere(&self) -> bool {
        lock(&self.parts).is_none() && owned::find(self.handle.home()).is_none()
    }

    /// Turns the loop until `future` is done. Tasks that are not done stay where they are, in the
    /// list and in the queue; the next `block_on` goes on with them.
    ///
    /// # Errors
    ///
    /// When time is virtual and nothing can ever run again.
    ///
    /// # Panics
    ///
    /// Panics if the loop is another thread's, and if this one is ending.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Deadlock> {
        let lp = self.own().expect(ELSEWHERE);
        let doing = Some("Runtime::block_on");
        let inside = current::enter(Some(lp.clone()), Some(self.handle.clone()), doing);
        let _inside = inside.expect("a loop cannot be entered while its thread ends");
        let _outer = budget::unlimited(); // put back at the end, whatever the polls leave
        // On the stack: the root need not be `Send` nor `'static`, and no heap is asked for. So it
        // cannot be a task, whose block outlives this call; it only waits in the same line.
        let mut future = pin!(future);
        let home = &lp.home;
        let waker = waker::of_root(home.clone());
        let mut output = None;
        let mut poll_root = || {
            // Before the poll: a wake that comes while it lasts must queue the root once more.
            home.start_root();
            budget::refill();
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(ready) => output = Some(ready),
                Poll::Pending => return false,
            }
            true
        };
        let ready = lp.ready.local();
        home.wake_by_ref(); // perhaps in line already, if a former future was woken after its end
        lp.read_inbox(); // tasks spawned outside must run even beside a root that is soon done
        loop {
            match turn(&lp, ready, &mut poll_root) {
                Ok(Turned::Again) => {}
                Ok(Turned::RootDone) => break,
                Ok(Turned::Deadlock) => return Err(Deadlock::of(&lp, &mut poll_root)),
                Ok(Turned::Left) => unreachable!("no other thread can turn a local loop"),
                // It refuses only a bug of ours, such as a descriptor closed too early.
                Err(error) => panic!("the kernel refused to say which sockets are ready: {error}"),
            }
        }
        Ok(output.expect("the root future is done only once it has an output"))
    }

    /// Ends the loop (rule 2), and tells `cancelled` of each task that had not ended. If another
    /// thread has the loop, that one ends it later; new tasks are cancelled from now on.
    pub(crate) fn end(self, cancelled: &mut dyn FnMut(&TaskRef)) {
        match owned::take(self.handle.home()).or_else(|| self.make()) {
            Some(owned) => owned.end(cancelled),
            None => {
                self.handle.home().inbox().refuse_tasks();
                // Release: pairs with the Acquire in `owned.rs`.
                self.abandoned.store(true, Ordering::Release);
            }
        }
    }
}

/// Ends a loop, on its thread.
pub(super) fn end(lp: Rc<Loop>, handle: Handle, cancelled: &mut dyn FnMut(&TaskRef)) {
    // At home: futures that are not `Send` may be dropped nowhere else (rule 1).
    let doing = Some("the shutdown of a runtime");
    let inside = current::enter(Some(lp.clone()), Some(handle.clone()), doing);
    // A runtime in a thread-local may end after the context: at home it is all the same.
    let at_home = inside.is_none().then(|| lp.home.enter());
    lp.closing.set(true);
    lp.home.inbox().refuse_tasks(); // else a busy stranger could put off the end for ever
    loop {
        let more = lp.read_inbox();
        lp.cancel_all(cancelled);
        // No notes since the last look: nobody can leave one any more.
        if !more && lp.home.inbox().close() {
            break;
        }
    }
    leave(lp, move || drop((inside, at_home, handle)));
}

/// A home for the loop that will have this reactor.
pub(super) fn new_home(reactor: &Reactor) -> HomeRef {
    let doorbell = reactor.doorbell();
    let ring = Box::new(move || {
        // The kernel refuses only when the loop's descriptors are gone, and the loop with them.
        let _ = doorbell.ring();
    });
    // As functions handed down: floor 1 may not know the queue or the reactor, and the waker of a
    // task has to reach both.
    HomeRef::new(current::queue_here, current::queue_root_here, ring)
}

/// The last steps of the end of a loop, when its inbox is closed. `outside` takes this thread out
/// of the loop.
pub(super) fn leave(lp: Rc<Loop>, outside: impl FnOnce()) {
    // Who still waits, on another thread or loop, must learn that nobody listens any more.
    wake_each(lp.drain_timers_and_sockets().into_iter());
    // From here on this thread counts as a stranger, also to itself: `settle` moves the plain
    // count over to the atomic one, and must be the last to touch it (`home.rs`, rule 2).
    outside();
    current::forget(&lp);
    let home = lp.home.clone();
    drop(lp);
    home.settle();
}

impl Loop {
    /// Drops the future of every task that is left, and empties the queue, until none comes anew.
    fn cancel_all(&self, cancelled: &mut dyn FnMut(&TaskRef)) {
        loop {
            // Not run, only let go: each is one reference, and its task is in the list too.
            while let Some(job) = self.ready.local().pop() {
                drop(job);
            }
            // The whole list at once: looking for the first one each time would make it quadratic.
            // Outside the borrow, for a drop may end other tasks (rule 4 of `turn.rs`).
            let tasks: Vec<_> = self.live.borrow_mut().drain().collect();
            if tasks.is_empty() && !self.ready.has_work() {
                return;
            }
            for task in tasks {
                if !task.is_done() {
                    cancelled(&task);
                }
                task.cancel_at_shutdown();
            }
        }
    }

    /// Takes out what still waits for a timer or a socket, though no task of the loop is left:
    /// futures that run on other threads or loops, inside `Handle::block_on` for one. Returned and
    /// not woken here, so that nothing is borrowed when they are.
    fn drain_timers_and_sockets(&self) -> Vec<Waker> {
        let mut sleepers = Vec::new();
        self.outlook.wheel.borrow().end(&mut sleepers);
        self.outlook.reactor.borrow().end(&mut sleepers);
        self.outlook.ear.borrow().close();
        sleepers
    }
}
