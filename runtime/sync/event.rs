//! Floor 5. "It has happened": a flag that tasks can wait for.
//!
//! A notification is news for one, or for those who are there; an event is a state. Who comes after
//! it was set does not wait at all, until somebody clears it.
//!
//! ```text
//!            wait: queue up            wait: go on at once
//!          ┌────────────────┐   set   ┌────────────────┐
//!          │     clear      │ ──────▶ │      set       │      set: everybody in the queue goes on,
//!          └────────────────┘ ◀────── └────────────────┘           also if `clear` follows at once
//!                               clear
//! ```
//!
//! Rules
//! 1. The flag is set under the lock of the list, together with the dismissal of all who wait. Who
//!    queues up before that is dismissed; who comes after it sees the flag, or that it was cleared.
//! 2. Whoever has queued up looks at the flag again (`unless.rs`), so nobody waits beside a set
//!    flag.
//! 3. A waiter goes on because it was dismissed, whatever the flag says by the time it looks.
//!
//! Real world: asyncio's `Event` marks each waiter's future, which is rule 3; trio's has no
//! `clear`, as most programs do not need it; Windows calls it a manual-reset event. tokio has none:
//! a `watch::channel(false)` does the same.

use std::fmt;

use super::unless::acquire_unless;
use crate::leaf::leaf;
use crate::shim::atomic::{AtomicBool, Ordering::*};
use crate::shim::const_outside_loom;
use crate::wait_list::WaitList;

/// A flag that tasks can wait for.
///
/// The twin of `asyncio.Event`; tokio has none.
///
/// **Cost:** one atomic load to look; a short lock to set.
///
/// ```
/// use rondel::sync::Event;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let ready = Arc::new(Event::new());
///     let server = ready.clone();
///     rondel::spawn(async move { server.set() });
///     ready.wait().await;
///     ready.wait().await; // it stays set
///     ready.clear();
///     assert!(!ready.is_set());
/// });
/// ```
pub struct Event {
    /// Never has a permit: all who wait are dismissed together.
    waiters: WaitList,
    set: AtomicBool,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::Event;
        /// static STOPPED: Event = Event::const_new();
        /// assert!(!STOPPED.is_set());
        /// ```
        pub const fn const_new() -> Self {
            Self { waiters: WaitList::new(0), set: AtomicBool::new(false) }
        }
    }

    /// Whether it is set. Never waits.
    pub fn is_set(&self) -> bool {
        // Acquire: who sees it set sees what was done before; pairs with Release in `set`.
        self.set.load(Acquire)
    }

    /// Sets it, and lets everybody go on who waits; who comes later does not have to wait.
    ///
    /// They go on also if it is [cleared](Self::clear) before they run. Setting twice is the same
    /// as setting once.
    pub fn set(&self) {
        // Under the lock (rule 1). Release: pairs with Acquire in `is_set`.
        self.waiters.dismiss_all(|| self.set.store(true, Release));
    }

    /// Unsets it: who comes from now on waits for the next [`set`](Self::set).
    pub fn clear(&self) {
        // Relaxed: that nothing has happened yet is no news that anybody builds on.
        self.set.store(false, Relaxed);
    }

    /// Waits until it is set; ready at once if it is.
    ///
    /// **Cancel-safe:** yes.
    /// **Cost:** one atomic load if it is set; else a place in the waiting list.
    ///
    /// ```
    /// use rondel::sync::Event;
    ///
    /// rondel::run(async {
    ///     let started = Event::new();
    ///     let woken = rondel::join!(started.wait(), async {
    ///         started.set();
    ///         started.clear(); // who waited goes on all the same
    ///     });
    ///     assert_eq!(woken, ((), ()));
    /// });
    /// ```
    pub async fn wait(&self) {
        leaf("Event::wait", self.wait_unless_set()).await;
    }

    async fn wait_unless_set(&self) {
        if !self.is_set() {
            // An error both if it was dismissed and if it is set by now: "go on" (rule 3).
            let _ = acquire_unless(&self.waiters, || self.is_set()).await;
        }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish_non_exhaustive()
    }
}
