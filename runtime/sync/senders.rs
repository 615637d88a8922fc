//! Floor 5. Counting the senders of a channel: it ends when the last one goes.
//!
//! ```text
//!   Strong ──clone──▶ Strong          the last `Strong` to be dropped tells the channel
//!      │ downgrade
//!      ▼
//!    Weak ──upgrade──▶ Strong         if there still is one; a channel that has ended stays so
//! ```
//!
//! Rules
//! 1. The strong count never leaves zero again.
//! 2. `last_sender_left` is called once, by whoever took the count to zero.
//!
//! Not the counts of the `Arc` itself: receivers hold one, too.
//! Real world: tokio writes the same into each of its channels.

use crate::shim::Arc;
use crate::shim::atomic::{AtomicUsize, Ordering::*};

/// The two counts of a channel.
pub(crate) struct Senders {
    strong: AtomicUsize,
    weak: AtomicUsize,
}

impl Senders {
    /// Counts one strong sender.
    pub(crate) fn one() -> Self {
        Self { strong: AtomicUsize::new(1), weak: AtomicUsize::new(0) }
    }

    /// How many senders there are. Who reads 0 sees what all of them did.
    pub(crate) fn strong_count(&self) -> usize {
        self.strong.load(Acquire) // pairs with the Release in the drop of `Strong`
    }

    /// How many weak senders there are.
    pub(crate) fn weak_count(&self) -> usize {
        self.weak.load(Relaxed) // a number to look at: nothing hangs on it
    }
}

/// What senders share.
pub(crate) trait Channel {
    /// Where they are counted.
    fn senders(&self) -> &Senders;

    /// There is no sender any more, and never will be.
    fn last_sender_left(&self);
}

/// A counted sender.
pub(crate) struct Strong<C: Channel>(Arc<C>);

impl<C: Channel> Strong<C> {
    /// The one that [`Senders::one`] counts.
    pub(crate) fn first(chan: Arc<C>) -> Self {
        Self(chan)
    }

    pub(crate) fn chan(&self) -> &Arc<C> {
        &self.0
    }

    pub(crate) fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn downgrade(&self) -> Weak<C> {
        Weak::new(&self.0)
    }
}

impl<C: Channel> Clone for Strong<C> {
    fn clone(&self) -> Self {
        // Relaxed: who clones has one, so the count cannot meet zero.
        self.0.senders().strong.fetch_add(1, Relaxed);
        Self(self.0.clone())
    }
}

impl<C: Channel> Drop for Strong<C> {
    fn drop(&mut self) {
        // AcqRel: the last one sees all that the others did before they left.
        if self.0.senders().strong.fetch_sub(1, AcqRel) == 1 {
            self.0.last_sender_left();
        }
    }
}

/// A sender that does not keep the channel open.
pub(crate) struct Weak<C: Channel>(Arc<C>);

impl<C: Channel> Weak<C> {
    fn new(chan: &Arc<C>) -> Self {
        // Relaxed: see `weak_count`.
        chan.senders().weak.fetch_add(1, Relaxed);
        Self(chan.clone())
    }

    pub(crate) fn chan(&self) -> &Arc<C> {
        &self.0
    }

    pub(crate) fn upgrade(&self) -> Option<Strong<C>> {
        let strong = &self.0.senders().strong;
        let mut count = strong.load(Relaxed);
        while count != 0 {
            // AcqRel: as an ordinary clone would, it happens before the last drop.
            match strong.compare_exchange_weak(count, count + 1, AcqRel, Relaxed) {
                Ok(_) => return Some(Strong(self.0.clone())),
                Err(now) => count = now,
            }
        }
        None
    }
}

impl<C: Channel> Clone for Weak<C> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<C: Channel> Drop for Weak<C> {
    fn drop(&mut self) {
        // Relaxed: see `weak_count`.
        self.0.senders().weak.fetch_sub(1, Relaxed);
    }
}
