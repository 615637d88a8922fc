//! Floor 1. Wakers that were collected under a lock, to be woken after it.
//!
//! A waker is other people's code: it may come back to the very object that wakes it. So whoever
//! finds out under a lock who is to be woken puts the wakers here, lets go, and then wakes.
//!
//! ```text
//!   lock ── push, push ── unlock ── wake          never: lock ── wake ── unlock
//! ```
//!
//! Real world: tokio has the same list in an array of 32, and locks again for more; the kernel's
//! `wake_q`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

/// Wakers to wake once the lock is released. One needs no heap, and one is what nearly all have.
#[derive(Debug, Default)]
#[must_use = "whoever is in it waits to be woken"]
pub(crate) struct Wakes {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Wakes {
    /// Puts a waker at the end, if there is one.
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        if self.first.is_none() {
            self.first = waker;
        } else {
            self.rest.extend(waker);
        }
    }

    /// First come, first woken: the tasks are queued in the order in which they waited. A waker
    /// that panics, as those of other people may, does not keep the others asleep.
    pub(crate) fn wake(self) {
        if self.rest.is_empty() {
            return self.first.into_iter().for_each(Waker::wake);
        }
        wake_each(self.first.into_iter().chain(self.rest));
    }
}

/// Wakes them all, in order, whoever of them panics; the first panic goes on when all are woken.
pub(crate) fn wake_each(wakers: impl Iterator<Item = Waker>) {
    let mut panic = None;
    for waker in wakers {
        if let Err(caught) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            panic = panic.or(Some(caught));
        }
    }
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}
