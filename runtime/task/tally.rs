//! Floor 5. How many are left, and waiting until nobody is.
//!
//! One word: twice the number of those who are there, and a bit for *closed*. A count that is zero
//! may mean "all have ended" or "nobody has begun"; the bit tells the two apart.
//!
//! | state     | word | `enter` | `leave`                | `close` | `reopen` | a wait ends |
//! |-----------|------|---------|------------------------|---------|----------|-------------|
//! | open, 0   | 0    | 2       | -                      | 1, wake | 0        | no          |
//! | open, n   | 2n   | 2n+2    | 2n-2                   | 2n+1    | 2n       | no          |
//! | closed, 0 | 1    | 3       | -                      | 1       | 0        | yes         |
//! | closed, n | 2n+1 | 2n+3    | 2n-1, wake if that is 1 | 2n+1   | 2n       | no          |
//!
//! Rules
//! 1. Whoever brings the word to 1 wakes all who wait; nobody else does.
//! 2. A wait that was made before that moment ends, even if the tally was reopened or filled again
//!    before it was polled: [`Notify::notify_waiters`] reaches futures that exist.
//! 3. The word is brought to 1 first and the waits are told after it; so a wait that is made in
//!    between, on another thread, is ended by a moment that was just over. Who cannot bear that
//!    looks again, as `Roster::wait_for_all` does.
//!
//! Real world: tokio-util's `TaskTracker` is this word; Go's `sync.WaitGroup` has no closed bit,
//! and its users must not add from zero while somebody waits.

use std::fmt;
use std::task::{Context, Poll};

use crate::shim::atomic::{AtomicUsize, Ordering::*};
use crate::sync::notify::{Notified, Notify};

const CLOSED: usize = 1;
const ONE: usize = 2;

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Tally {
    word: AtomicUsize,
    empty: Notify,
}

impl Tally {
    /// Open, and nobody there.
    pub(crate) fn new() -> Self {
        Self { word: AtomicUsize::new(0), empty: Notify::new() }
    }

    fn is_over(&self) -> bool {
        // Acquire: who sees the last one gone sees what it did; pairs with the Release in `leave`.
        self.word.load(Acquire) == CLOSED
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0 // Acquire: pairs with `close`
    }

    pub(crate) fn len(&self) -> usize {
        self.word.load(Acquire) / ONE // Acquire: as in `is_over`
    }

    /// One more. Whoever calls it must call [`leave`](Self::leave) later.
    pub(crate) fn enter(&self) {
        // Relaxed: only the way down needs an order.
        let before = self.word.fetch_add(ONE, Relaxed);
        assert!(before <= usize::MAX / 2, "more tasks than memory has room for");
    }

    /// One less.
    pub(crate) fn leave(&self) {
        // Release: what was done here comes before whatever a wait is followed by. Acquire: the
        // last one passes on what the others did.
        if self.word.fetch_sub(ONE, AcqRel) == ONE | CLOSED {
            self.empty.notify_waiters();
        }
    }

    /// Lets waits end. False: it was closed already.
    pub(crate) fn close(&self) -> bool {
        // AcqRel: whoever learns that somebody else closed or reopened it sees what was done
        // before.
        let before = self.word.fetch_or(CLOSED, AcqRel);
        if before == 0 {
            self.empty.notify_waiters();
        }
        before & CLOSED == 0
    }

    /// Lets no wait end any more, until the next close. False: it was open already.
    pub(crate) fn reopen(&self) -> bool {
        self.word.fetch_and(!CLOSED, AcqRel) & CLOSED != 0 // AcqRel: as in `close`
    }

    /// Waits until it is closed and nobody is there. `name`: see `leaf.rs`.
    pub(crate) fn wait(&self, name: &'static str) -> Wait<'_> {
        // First the future, then the look: what happens in between reaches the future (rule 2).
        let empty = self.empty.notified();
        Wait { tally: self, name, empty, over: self.is_over() }
    }
}

/// See [`Tally::wait`].
pub(crate) struct Wait<'a> {
    tally: &'a Tally,
    name: &'static str,
    empty: Notified<'a>,
    over: bool,
}

impl Wait<'_> {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.over {
            self.over = self.tally.is_over() || self.empty.poll_as(self.name, cx).is_ready();
        }
        if self.over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("tally", &self.tally).field("over", &self.over).finish()
    }
}
