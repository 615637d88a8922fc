//! Floor 5. A place in a channel, reserved before there is anything to put on it.
//!
//! `send` needs the item first and loses it when it is cancelled. Whoever must not lose it reserves
//! a place, then makes the item, then sends it without waiting.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;

use super::Sender;
use super::chan::{Chan, Tx};

/// One reserved place; see [`Sender::reserve`]. Dropping it gives the place back.
///
/// ```
/// use rondel::sync::mpsc;
///
/// rondel::run(async {
///     let (tx, mut rx) = mpsc::channel(2);
///     drop(tx.reserve().await.unwrap()); // changed its mind
///     for (number, permit) in tx.reserve_many(2).await.unwrap().enumerate() {
///         permit.send(number); // cannot fail, and does not wait
///     }
///     assert_eq!((rx.recv().await, rx.recv().await), (Some(0), Some(1)));
/// });
/// ```
#[must_use]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
    places: usize,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Self {
        Self { chan, places: 1 }
    }

    /// Sends `value` on this place, at once.
    ///
    /// If the receiver is gone by now, the value is dropped. If it has only closed the channel, it
    /// still gets the value.
    pub fn send(mut self, value: T) {
        self.places = 0;
        self.chan.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.unreserve(self.places);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Several reserved places, one [`Permit`] after the other; see [`Sender::reserve_many`]. Dropping
/// it gives back the places that are left.
#[must_use]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T>,
    places: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, places: usize) -> Self {
        Self { chan, places }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.places = self.places.checked_sub(1)?;
        Some(Permit::new(self.chan))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.places, Some(self.places))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        self.chan.unreserve(self.places);
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("PermitIterator");
        out.field("capacity", &self.places).finish_non_exhaustive()
    }
}

/// One reserved place that holds the sender, too; see [`Sender::reserve_owned`]. Dropping it gives
/// the place back.
#[must_use]
pub struct OwnedPermit<T> {
    sender: Option<Tx<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Tx<T>) -> Self {
        Self { sender: Some(sender) }
    }

    /// Sends `value` on this place, at once, and hands back the sender.
    ///
    /// If the receiver is gone by now, the value is dropped. If it has only closed the channel, it
    /// still gets the value.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.take();
        sender.chan().push(value);
        Sender::new(sender)
    }

    /// Gives back the place without sending, and hands back the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.take();
        sender.chan().unreserve(1);
        Sender::new(sender)
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.sender, &other.sender) {
            (Some(mine), Some(theirs)) => mine.same_channel(theirs),
            _ => false,
        }
    }

    /// Whether this and `sender` are of the same channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender.as_ref().is_some_and(|mine| mine.same_channel(sender.tx()))
    }

    fn take(&mut self) -> Tx<T> {
        mem::take(&mut self.sender).expect("only the consuming methods take the sender")
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            sender.chan().unreserve(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
