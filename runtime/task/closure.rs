//! Floor 1. A closure on the blocking pool, and what became of it.
//!
//! ```text
//!   pool ──▶ Ticket ──▶ Closure { work, output } ◀── JoinHandle, AbortHandles
//!              runs it, or cancels it when dropped       abort: cancels it, if it waits
//! ```
//!
//! Rules
//! 1. Whoever takes the work out finishes it: the ticket that runs it, or the first who cancels.
//! 2. The work is dropped before the end is known; a panic of that drop is the outcome.
//! 3. The id is set while the work runs or is dropped, and while an output is that nobody wants.
//!
//! Real world: tokio makes a task of each closure; asyncio wraps a `concurrent.futures.Future`.

use super::elsewhere::{Elsewhere, Stop};
use super::id::Origin;
use super::join::JoinError;
use super::output::{Output, drop_caught};
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Mutex, lock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc; // not the shim's: it becomes an `Arc<dyn Elsewhere>`
use std::task::{Poll, Waker};

/// See the head of the file.
pub(crate) struct Closure<F, R> {
    origin: Origin,
    /// None: it runs, has run, or was cancelled (rule 1).
    work: Mutex<Option<F>>,
    output: Output<R>,
    done: AtomicBool,
}

/// The pool's side: runs the closure, or cancels it when dropped without running.
pub(crate) struct Ticket<F: FnOnce() -> R, R>(Arc<Closure<F, R>>);

/// Makes a closure that waits to be run, for the pool and for the handle.
pub(crate) fn new_pair<F, R>(work: F, origin: Origin) -> (Ticket<F, R>, Arc<Closure<F, R>>)
where
    F: FnOnce() -> R,
{
    let (work, output) = (Mutex::new(Some(work)), Output::awaited());
    let closure = Arc::new(Closure { origin, work, output, done: AtomicBool::new(false) });
    (Ticket(closure.clone()), closure)
}

impl<F, R> Closure<F, R> {
    fn take(&self) -> Option<F> {
        lock(&self.work).take()
    }

    fn finish(&self, output: Result<R, JoinError>) {
        // Release: pairs with the Acquire in `is_finished`.
        let mark = || self.done.store(true, Ordering::Release);
        self.output.finish(&self.origin, output, mark);
    }

    /// Ends a closure that has not started.
    fn cancel(&self) {
        let Some(work) = self.take() else { return };
        let id = self.origin.id;
        let _running = id.enter();
        self.finish(Err(match drop_caught(work) {
            Ok(()) => JoinError::cancelled(id),
            Err(panic) => JoinError::panicked(id, panic),
        }));
    }
}

impl<F: FnOnce() -> R, R> Ticket<F, R> {
    /// Runs it, unless it was cancelled.
    pub(crate) fn run(&self) {
        let Some(work) = self.0.take() else { return };
        let id = self.0.origin.id;
        let _running = id.enter();
        let output = catch_unwind(AssertUnwindSafe(work));
        self.0.finish(output.map_err(|panic| JoinError::panicked(id, panic)));
    }
}

impl<F: FnOnce() -> R, R> Drop for Ticket<F, R> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl<F, R> Stop for Closure<F, R>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    fn abort(&self) {
        self.cancel();
    }

    fn is_finished(&self) -> bool {
        // Acquire: pairs with the Release in `finish`, so whoever sees it sees the drops too.
        self.done.load(Ordering::Acquire)
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl<F, R> Elsewhere<R> for Closure<F, R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    fn poll_output(&self, waker: &Waker) -> Poll<Result<R, JoinError>> {
        self.output.poll(waker)
    }

    fn join(&self, waker: &Waker) {
        self.output.join(waker);
    }

    fn detach(&self) {
        self.output.detach(self.origin.id);
    }

    fn stop(self: Arc<Self>) -> Arc<dyn Stop> {
        self
    }
}
