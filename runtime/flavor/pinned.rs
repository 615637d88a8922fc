//! Floor 4. The pinned flavour: a local loop for each core, and nothing in common.
//!
//! Each thread turns a loop of the local flavour, as if it were alone: its tasks never leave it,
//! need not be `Send`, and cost no atomic operation. What a task needs it has on its own loop, its
//! own listener for one: the kernel deals the connections out (`SO_REUSEPORT`).
//!
//! | | local | stealing | pinned |
//! |---|---|---|---|
//! | threads, loops | 1 | n | n |
//! | a task runs on | the one thread | whichever worker has time | the loop it was spawned on |
//! | futures that are not `Send` | yes | in a `LocalSet` | yes |
//! | a wake costs | a flag and a push | an atomic operation more | as local |
//! | uneven load | – | evens out | stays uneven |
//! | one long poll holds up | everybody | nobody | its own loop |
//!
//! A future given to `block_on` runs on the caller's thread, beside the loops.
//!
//! Rules
//! 1. A loop ends on its own thread, by itself: loops wait for nobody. What one still wants of
//!    another then, it wants as a stranger, who gets his note back (`task/inbox.rs`).
//! 2. A panic of somebody's waker ends the turn it came in, and not the loop.
//!
//! The threads are not tied to processors: that is a system call which neither the standard library
//! nor a dependency of Rondel has. A program that wants it makes it first on each loop, by
//! `Runtime::block_on_each`, with a crate of its choice.
//!
//! Real world: Gunicorn with Uvicorn workers, but in processes; nginx; Seastar, glommio and monoio
//! with `io_uring`; actix's arbiters.

use super::local::{Local, Parts};
use super::meeting::Meeting;
use crate::current::{self, Handle};
use crate::loops::{Loops, Team};
use crate::reactor::Reactor;
use crate::services::Services;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::task::info::TaskInfo;
use crate::task::waker::Sleeper;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// The loops, and the right to end them.
pub(crate) struct Pinned {
    loops: Arc<Loops>,
    handle: Handle,
    ending: Arc<Ending>,
}

struct Ending {
    has_begun: AtomicBool,
    meeting: Meeting,
}

impl Pinned {
    /// Starts a loop for each reactor.
    ///
    /// # Errors
    ///
    /// When no more threads can be started.
    pub(crate) fn new(
        reactors: Vec<Reactor>,
        services: &Arc<Services>,
        name: &str,
    ) -> io::Result<Self> {
        let parts = |reactor| Parts::new(reactor, services.clone(), false);
        let parts: Vec<_> = reactors.into_iter().map(parts).collect();
        let loops = Arc::new(Loops::new(parts.iter().map(Parts::home).collect()));
        let meeting = Meeting::new(parts.len());
        let ending = Arc::new(Ending { has_begun: AtomicBool::new(false), meeting });
        let team = || Some(Team::Loops(loops.clone()));
        let handle = Handle::new(parts[0].home(), services.clone(), team());
        let pinned = Self { loops: loops.clone(), handle, ending };
        let total = parts.len();
        for (index, parts) in parts.into_iter().enumerate() {
            let handle = Handle::new(parts.home(), services.clone(), team());
            let (local, ending) = (Local::of(parts, handle), pinned.ending.clone());
            let named = thread::Builder::new().name(format!("{name}-loop-{index}"));
            if let Err(error) = named.spawn(move || ending.run(local)) {
                pinned.ending.meeting.leave_out(total - index);
                return Err(error); // dropped, it ends those that were started
            }
        }
        Ok(pinned)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether this thread may wait for the loops: it is not inside of one.
    pub(crate) fn may_wait(&self) -> bool {
        current::busy().is_none()
    }

    /// Ends the loops and waits at most `limit` for them, if that may be. Returns the tasks that
    /// had to be cancelled, and how many loops are still at it.
    pub(crate) fn end(self, limit: Duration) -> (Vec<TaskInfo>, usize) {
        self.begin_end();
        let limit = if self.may_wait() { limit } else { Duration::ZERO };
        self.ending.meeting.wait_for_all(limit)
    }

    fn begin_end(&self) {
        // Release: pairs with the Acquire in `run`.
        self.ending.has_begun.store(true, Ordering::Release);
        self.loops.homes().iter().for_each(Sleeper::wake_by_ref);
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.begin_end();
    }
}

impl Ending {
    /// Turns a loop until it is to end, then ends it. The root future only waits for that.
    fn run(&self, local: Local) {
        let has_begun = || self.has_begun.load(Ordering::Acquire);
        while !has_begun() {
            let root = poll_fn(|_| if has_begun() { Poll::Ready(()) } else { Poll::Pending });
            // The panic hook has told of it (rule 2).
            let _ = catch_unwind(AssertUnwindSafe(|| local.block_on(root)));
        }
        local.end(&mut |task| self.meeting.note(task));
        self.meeting.go_home();
    }
}
