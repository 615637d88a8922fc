//! Floor 2. What a loop offers besides itself: things that any thread may use as they are.
//!
//! A loop's queue, wheel and sockets belong to its thread. The pool, the clock, and the count of
//! those who work for the loop elsewhere belong to everybody who has a handle.
//!
//! Real world: asyncio's loop has its default executor; tokio's handle holds drivers, pool and
//! clock, each behind a lock or atomics.

use crate::blocking::Pool;
use crate::park;
use crate::shim::atomic::{AtomicUsize, Ordering};
use crate::task::inbox::Inbox;
use crate::time::clock::Clock;
use crate::wait_list::WaitList;
use std::sync::Arc;
use std::time::Duration;

/// See the head of the file.
pub(crate) struct Services {
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    /// Where one waits for the loop to have nothing to run; it has no permits.
    pub(crate) idle: WaitList,
    /// How long each loop may spin before it sleeps.
    pub(crate) spin_max: Duration,
    /// Threads that work for the loop without being inside it.
    outside: AtomicUsize,
}

impl Services {
    pub(crate) fn new(pool: Pool, clock: Clock) -> Self {
        let (idle, outside) = (WaitList::new(0), AtomicUsize::new(0));
        Self { pool, clock, idle, spin_max: Duration::ZERO, outside }
    }

    /// Whether nothing can come any more to a loop that has this inbox and nothing to run: no note
    /// is there, and nobody who could leave one.
    pub(crate) fn is_deserted(&self, inbox: &Inbox) -> bool {
        // In this order: whoever goes has left its last note before.
        !self.is_anybody_outside() && !inbox.is_filled()
    }

    /// Whether some thread may yet bring work: one of the pool, one that entered the handle, or one
    /// that waits in a blocking call.
    fn is_anybody_outside(&self) -> bool {
        // Acquire: pairs with the Release in the drop of `Outside`; its last note was left before.
        self.outside.load(Ordering::Acquire) > 0
            || self.pool.busy() > 0
            || park::is_anybody_parked()
    }
}

/// Counts a thread that works for a loop without being inside it, as long as it lives.
pub(crate) struct Outside(Arc<Services>);

impl Outside {
    pub(crate) fn new(services: &Arc<Services>) -> Self {
        // Relaxed: only the way down needs an order.
        services.outside.fetch_add(1, Ordering::Relaxed);
        Self(services.clone())
    }

    /// Whether it is this loop that the thread works for.
    pub(crate) fn is_of(&self, services: &Arc<Services>) -> bool {
        Arc::ptr_eq(&self.0, services)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `is_anybody_outside`.
        self.0.outside.fetch_sub(1, Ordering::Release);
    }
}
