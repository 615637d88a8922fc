//! Floor 5. The value of a watch channel, its version, and how a wait for the next one ends.
//!
//! ```text
//!   state:  | version | AWAITED | CLOSED |          value: behind a lock of its own
//!
//!   receiver                               sender
//!   takes a ticket (`Notified`)
//!   sets AWAITED; is the version new?      changes the value under the lock,
//!     yes: done                            then swaps the version in and AWAITED out;
//!     no: waits with the ticket     ◀──    if it was set: wakes all tickets
//! ```
//!
//! Both steps are one atomic operation on one word, so one of them comes first. Either the receiver
//! sees the new version, or the sender sees that a receiver is about to wait; its ticket is older
//! than the wake, so it is reached wherever it is by then. A send that nobody waits for wakes
//! nobody and takes no second lock.
//!
//! Rules
//! 1. The version changes under the write lock only. So under the read lock it is the version of
//!    the value one sees.
//! 2. AWAITED is set by who is going to wait, and cleared with the next version.
//! 3. The closures that change or test the value run under its lock: that is what they are for.
//!    Nothing else of the user's does; a value that was replaced is dropped outside.
//! 4. A closure that panics leaves the value as it was by then, unlocked, and tells nobody.
//!
//! Real world: tokio has eight lists of waiters, so that many threads can wait without contention,
//! and goes through all eight with each send.

use std::fmt;

use super::error::RecvError;
use crate::leaf::leaf;
use crate::shim::atomic::{AtomicUsize, Ordering::*};
use crate::shim::{RwLock, RwLockReadGuard, read, write};
use crate::sync::notify::Notify;
use crate::sync::senders::{Channel, Senders};

/// All senders are gone.
const CLOSED: usize = 1;
/// Some receiver waits for the next version (rule 2).
const AWAITED: usize = 2;
/// One version. It wraps: who sleeps through exactly 2^62 of them (2^30 on 32 bits) misses them.
const VERSION: usize = 4;

/// Which value: they are all different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(usize);

impl Version {
    /// Of the value the channel was made with.
    pub(super) const FIRST: Self = Self(0);

    fn of(state: usize) -> Self {
        Self(state & !(CLOSED | AWAITED))
    }

    fn next(self) -> Self {
        Self(self.0.wrapping_add(VERSION))
    }

    /// One that is not the version of any value since this one, nor of this one.
    pub(super) fn before(self) -> Self {
        Self(self.0.wrapping_sub(VERSION))
    }
}

pub(super) struct Shared<T> {
    value: RwLock<T>,
    state: AtomicUsize,
    receivers: AtomicUsize,
    pub(super) senders: Senders,
    /// Where receivers wait.
    news: Notify,
    /// Where senders wait for the last receiver to go.
    deserted: Notify,
}

impl<T> Shared<T> {
    /// With one sender and one receiver.
    pub(super) fn new(value: T) -> Self {
        Self {
            value: RwLock::new(value),
            state: AtomicUsize::new(Version::FIRST.0),
            receivers: AtomicUsize::new(1),
            senders: Senders::one(),
            news: Notify::new(),
            deserted: Notify::new(),
        }
    }

    /// The current version.
    pub(super) fn version(&self) -> Version {
        // Acquire: who sees a version sees what its sender did before; pairs with `change`.
        Version::of(self.state.load(Acquire))
    }

    pub(super) fn is_closed(&self) -> bool {
        // Acquire: as in `version`; pairs with `last_sender_left`.
        self.state.load(Acquire) & CLOSED != 0
    }

    /// The value, locked for reading, and its version (rule 1).
    pub(super) fn read(&self) -> (RwLockReadGuard<'_, T>, Version) {
        let value = read(&self.value);
        let version = self.version();
        (value, version)
    }

    /// Changes the value. If `change` says that it did, this is a new version.
    pub(super) fn change(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = write(&self.value);
        if !change(&mut value) {
            return false;
        }
        // Relaxed: the lock orders it with other senders, and the exchange corrects the rest.
        let next = Version::of(self.state.load(Relaxed)).next();
        // Not closed: we are a sender. Release: what was done before the send; pairs with Acquire
        // in `look` and `version`.
        let before = self.state.swap(next.0, Release);
        drop(value);
        if before & AWAITED != 0 {
            self.news.notify_waiters();
        }
        true
    }

    /// Whether there is a version that is not `seen`, or the end. Otherwise, leaves word that
    /// somebody is going to wait (rule 2); take the ticket before.
    fn look(&self, seen: &mut Version) -> Option<Result<(), RecvError>> {
        // Acquire, here and below: what the sender did before; pairs with `change`.
        let mut state = self.state.load(Acquire);
        if state == seen.0 {
            state = self.state.fetch_or(AWAITED, Acquire);
        }
        let version = Version::of(state);
        if version != *seen {
            *seen = version;
            return Some(Ok(()));
        }
        (state & CLOSED != 0).then_some(Err(RecvError(())))
    }

    /// Waits for a version that is not `seen`. Goes through no leaf: the caller's is around it.
    pub(super) async fn changed(&self, seen: &mut Version) -> Result<(), RecvError> {
        loop {
            let ticket = self.news.notified();
            if let Some(result) = self.look(seen) {
                return result;
            }
            ticket.within_a_leaf().await;
        }
    }

    pub(super) fn receiver_count(&self) -> usize {
        // Acquire: who sees that all are gone sees what they did; pairs with `remove_receiver`.
        self.receivers.load(Acquire)
    }

    pub(super) fn add_receiver(&self) {
        // Relaxed: a count; who makes a receiver has one, or a sender.
        self.receivers.fetch_add(1, Relaxed);
    }

    pub(super) fn remove_receiver(&self) {
        // Release: see `receiver_count`. Acquire: the last one speaks for all.
        if self.receivers.fetch_sub(1, AcqRel) == 1 {
            self.deserted.notify_waiters();
        }
    }

    /// Waits until there is no receiver.
    pub(super) async fn closed(&self) {
        let wait = async {
            loop {
                let ticket = self.deserted.notified();
                if self.receiver_count() == 0 {
                    return;
                }
                ticket.within_a_leaf().await;
                // Somebody may have subscribed meanwhile: look again.
            }
        };
        leaf("watch::Sender::closed", wait).await;
    }
}

impl<T: fmt::Debug> Shared<T> {
    /// Adds what both ends tell of the channel. The value is shown if it is not locked.
    pub(super) fn debug(&self, mut end: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        end.field("value", &self.value).field("is_closed", &self.is_closed());
        end.field("receiver_count", &self.receiver_count()).finish_non_exhaustive()
    }
}

impl<T> Channel for Shared<T> {
    fn senders(&self) -> &Senders {
        &self.senders
    }

    fn last_sender_left(&self) {
        // Release: what the senders did before; pairs with `is_closed` and `look`.
        if self.state.fetch_or(CLOSED, Release) & AWAITED != 0 {
            self.news.notify_waiters();
        }
    }
}
