//! Floor 1. Bells: which of many was woken, and whom to tell.
//!
//! Somebody who looks after many tasks or handles gives each of them a waker of its own, a *bell*.
//! A wake rings: the member's key goes to the end of one list, and whoever listens is woken. Who
//! comes to look takes keys from that list, and so never looks at a member that has not rung.
//!
//! ```text
//!   members: slab of { what is woken, its bell }     rung: [ key 7 | key 2 | ... ]   listener
//!               pop: 7 <─────────────────────────────────────┘  ▲                       ▲
//!                                         member 5 is woken ────┴── and takes it out ───┘
//! ```
//!
//! Rules
//! 1. A key is a slot and a number that is never given out twice: a bell that rings after its
//!    member has gone is not mistaken for that of the slot's next tenant.
//! 2. The listener is stored only while the list is empty, in one step with looking at it: so
//!    either it finds the key, or the ringer finds the listener.
//! 3. No waker is cloned, woken or dropped under the lock.
//!
//! Real world: tokio has two linked lists (idle, notified) behind a lock; futures-rs'
//! `FuturesUnordered` a queue without one; asyncio adds a callback to each task.

use crate::shim::{Mutex, lock};
use std::collections::VecDeque;
use std::task::Waker;

/// Names a member (rule 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) slot: usize,
    pub(crate) number: u64,
}

/// Who has rung, and who listens.
pub(crate) struct Bells(Mutex<Rung>);

#[derive(Default)]
struct Rung {
    keys: VecDeque<Key>,
    listener: Option<Waker>,
}

impl Bells {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Rung::default()))
    }

    /// Puts a key into the list and wakes whoever listens.
    pub(crate) fn ring(&self, key: Key) {
        let listener = {
            let mut rung = lock(&self.0);
            rung.keys.push_back(key);
            rung.listener.take()
        };
        if let Some(listener) = listener {
            listener.wake();
        }
    }

    /// Takes the key that has waited longest.
    pub(crate) fn pop(&self) -> Option<Key> {
        lock(&self.0).keys.pop_front()
    }

    /// Has `waker` woken at the next ring. False: somebody has rung already (rule 2).
    #[must_use]
    pub(crate) fn listen(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let (listens, old) = {
            let mut rung = lock(&self.0);
            if rung.keys.is_empty() {
                (true, rung.listener.replace(waker))
            } else {
                (false, Some(waker))
            }
        };
        drop(old); // after the lock (rule 3)
        listens
    }

    /// Forgets who has rung; the listener goes on listening.
    pub(crate) fn forget_all(&self) {
        lock(&self.0).keys.clear();
    }

    /// Lets the listener go: bells may outlive the one who looked after them, and shall not keep
    /// it.
    pub(crate) fn hang_up(&self) {
        let listener = lock(&self.0).listener.take();
        drop(listener); // after the lock (rule 3)
    }
}
