//! Floor 5. The values on their way: who has still to see them, and how they are copied.
//!
//! ```text
//!   position:  6     7     8     9     10 = the end
//!            ┌─────┬─────┬─────┬─────┐
//!   send ──▶ │ "f" │ "g" │  ?  │ "i" │        capacity 4: the next send overwrites "f"
//!            └─────┴─────┴─────┴─────┘
//!   unseen:    1     1     1     3
//!              ▲                 ▲
//!              A               B, C            A has all four before it, B and C only the last;
//!                                              "h" is lent: B has it in hand and copies it
//! ```
//!
//! Positions count all values ever sent. A receiver is a position: that of the value it sees next.
//!
//! Rules
//! 1. A slot is in the ring while some receiver has still to see it. Receivers go from old to new,
//!    so what nobody needs any more is at the front, and is taken out at once.
//! 2. A full ring loses its oldest slot to the next value. Whoever stands before the oldest slot
//!    has lagged: it missed those in between, and goes on at the oldest.
//! 3. A value is copied under no lock, because `clone` is the user's code; and by one receiver at a
//!    time, because it need not be `Sync`. So it is *lent*: taken out of its slot, cloned, and put
//!    back, unless it is not wanted any more. Who comes for it meanwhile waits until it is back.
//! 4. Who is going to wait takes a ticket (`Notified`) and leaves word, both under the lock:
//!    `awaited` in the ring for "anything new", in the slot for "it is back". Who changes that and
//!    finds the word wakes all tickets taken before.
//! 5. Values and wakers are dropped, and wakers cloned and woken, outside the lock.
//!
//! Rule 3 costs a second lock for each copy but the last. One lock for all, where others have one
//! for each slot and one more to send, pays for it (row `broadcast_1x4` of the benches).
//!
//! Real world: tokio has a lock for each slot and one for the end, and clones under the slot's;
//! crossbeam and Go have no such channel; the Disruptor makes the sender wait instead of rule 2.

use std::collections::VecDeque;
use std::mem;

use super::error::SendError;
use crate::leaf::leaf;
use crate::shim::{Mutex, lock};
use crate::sync::notify::{Notified, Notify};
use crate::sync::senders::{Channel, Senders};

pub(super) struct Shared<T> {
    ring: Mutex<Ring<T>>,
    /// Where receivers wait.
    news: Notify,
    /// Where senders wait for the last receiver to go.
    deserted: Notify,
    pub(super) senders: Senders,
    capacity: usize,
}

struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    /// The position of the next value to be sent.
    end: u64,
    receivers: usize,
    /// Some receiver waits for something new (rule 4).
    awaited: bool,
    no_senders: bool,
}

struct Slot<T> {
    /// `None` while it is lent.
    value: Option<T>,
    /// How many receivers have still to see it.
    unseen: usize,
    /// Some receiver waits until it is back (rule 4).
    awaited: bool,
}

impl<T> Ring<T> {
    /// The position of the oldest value that is kept.
    fn oldest(&self) -> u64 {
        self.end - self.slots.len() as u64
    }

    /// The slot at `position`, if it is there: not overwritten, not seen by all, not yet to come.
    fn slot(&mut self, position: u64) -> Option<&mut Slot<T>> {
        let index = position.checked_sub(self.oldest())?;
        self.slots.get_mut(index as usize)
    }
}

/// What a receiver finds at its position.
pub(super) enum Found<'a, T> {
    Value(Lent<'a, T>),
    /// It has missed so many.
    Lagged(u64),
    /// The value is lent, and will be back in a moment.
    Elsewhere(Notified<'a>),
    /// There is nothing new.
    Nothing(Notified<'a>),
    /// There never will be.
    End,
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, receivers: usize) -> Self {
        let ring =
            Ring { slots: VecDeque::new(), end: 0, receivers, awaited: false, no_senders: false };
        Self {
            ring: Mutex::new(ring),
            news: Notify::new(),
            deserted: Notify::new(),
            senders: Senders::one(),
            capacity,
        }
    }

    /// Puts a value in for all receivers there are; says how many.
    pub(super) fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let mut ring = lock(&self.ring);
        let receivers = ring.receivers;
        if receivers == 0 {
            return Err(SendError(value));
        }
        let full = ring.slots.len() == self.capacity;
        let overwritten = if full { ring.slots.pop_front() } else { None };
        ring.slots.push_back(Slot { value: Some(value), unseen: receivers, awaited: false });
        ring.end += 1;
        let awaited = mem::take(&mut ring.awaited);
        drop(ring);
        if awaited {
            self.news.notify_waiters();
        }
        drop(overwritten); // last: it may panic (rule 5)
        Ok(receivers)
    }

    /// Looks at the value at `position`, and moves that on. `waits`: whether the caller is going to
    /// wait if there is nothing.
    pub(super) fn look(&self, position: &mut u64, waits: bool) -> Found<'_, T> {
        let mut ring = lock(&self.ring);
        let oldest = ring.oldest();
        if *position < oldest {
            let missed = oldest - mem::replace(position, oldest);
            return Found::Lagged(missed);
        }
        let Some(slot) = ring.slot(*position) else {
            if ring.no_senders {
                return Found::End;
            }
            ring.awaited |= waits;
            return Found::Nothing(self.news.notified());
        };
        let Some(value) = slot.value.take() else {
            slot.awaited = true;
            ring.awaited = true; // its place may also be taken by something new
            return Found::Elsewhere(self.news.notified());
        };
        slot.unseen -= 1;
        let seen = *position;
        *position += 1;
        let home = if slot.unseen > 0 {
            Some((self, seen))
        } else {
            debug_assert_eq!(seen, oldest, "who saw this saw those before it (rule 1)");
            ring.slots.pop_front();
            None
        };
        Found::Value(Lent { value: Some(value), home })
    }

    /// Counts a new receiver, and returns its position: the end.
    pub(super) fn add_receiver(&self) -> u64 {
        let mut ring = lock(&self.ring);
        ring.receivers += 1;
        ring.end
    }

    /// The receiver at `position` goes, and sees nothing of what is still before it.
    pub(super) fn remove_receiver(&self, position: u64) {
        let mut ring = lock(&self.ring);
        ring.receivers -= 1;
        let deserted = ring.receivers == 0;
        let from = position.saturating_sub(ring.oldest()) as usize;
        ring.slots.range_mut(from..).for_each(|slot| slot.unseen -= 1);
        let seen = ring.slots.iter().take_while(|slot| slot.unseen == 0).count();
        let seen: Vec<_> = ring.slots.drain(..seen).collect(); // rule 1
        drop(ring);
        if deserted {
            self.deserted.notify_waiters();
        }
        drop(seen); // last: it may panic (rule 5)
    }

    /// Waits until there is no receiver.
    pub(super) async fn closed(&self) {
        let wait = async {
            loop {
                let deserted = self.deserted.notified(); // the ticket before the look
                if self.receiver_count() == 0 {
                    return;
                }
                deserted.within_a_leaf().await;
                // Somebody may have subscribed meanwhile: look again.
            }
        };
        leaf("broadcast::Sender::closed", wait).await;
    }

    pub(super) fn receiver_count(&self) -> usize {
        lock(&self.ring).receivers
    }

    /// How many values some receiver has still to see.
    pub(super) fn len(&self) -> usize {
        lock(&self.ring).slots.len()
    }

    /// The position of the next value to be sent.
    pub(super) fn end(&self) -> u64 {
        lock(&self.ring).end
    }
}

impl<T> Channel for Shared<T> {
    fn senders(&self) -> &Senders {
        &self.senders
    }

    fn last_sender_left(&self) {
        let mut ring = lock(&self.ring);
        ring.no_senders = true;
        let awaited = mem::take(&mut ring.awaited);
        drop(ring);
        if awaited {
            self.news.notify_waiters();
        }
    }
}

/// A value in the hands of one receiver (rule 3).
pub(super) struct Lent<'a, T> {
    /// `None` once it is back.
    value: Option<T>,
    /// Where it is wanted back; `None` if its receiver is the last one to see it.
    home: Option<(&'a Shared<T>, u64)>,
}

impl<T: Clone> Lent<'_, T> {
    /// Copies it and puts it back.
    pub(super) fn copy(self) -> T {
        self.value.clone().expect("it is put back by the drop alone")
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let Some((shared, position)) = self.home else { return };
        let mut ring = lock(&shared.ring);
        let Some(slot) = ring.slot(position) else {
            return; // not wanted any more; the value is dropped after the lock
        };
        slot.value = self.value.take();
        let awaited = mem::take(&mut slot.awaited);
        drop(ring);
        if awaited {
            shared.news.notify_waiters();
        }
    }
}
