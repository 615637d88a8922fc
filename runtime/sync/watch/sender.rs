//! Floor 5. The end of a watch channel that changes the value.

use std::fmt;
use std::mem;

use super::error::SendError;
use super::shared::{Shared, Version};
use super::{Receiver, Ref};
use crate::shim::Arc;
use crate::sync::senders::Strong;

/// A channel that holds one value: the latest.
///
/// Receivers see the current value at any time, and can wait for it to change. What was overwritten
/// before they looked they never see. The first value counts as seen by the receiver that is
/// returned.
///
/// The twin of `tokio::sync::watch::channel`; in asyncio, a variable and a `Condition`.
///
/// **Cost:** one allocation.
///
/// ```
/// use rondel::sync::watch;
///
/// rondel::run(async {
///     let (tx, mut rx) = watch::channel("starting");
///     let task = rondel::spawn(async move {
///         let mut seen = vec![];
///         while rx.changed().await.is_ok() {
///             seen.push(*rx.borrow_and_update());
///         }
///         seen
///     });
///     rondel::task::yield_now().await;
///     tx.send("running").unwrap();
///     tx.send("stopping").unwrap(); // overwrites "running" before anybody has looked
///     drop(tx);
///     assert_eq!(task.await.unwrap(), ["stopping"]);
/// });
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(init));
    (Sender { tx: Strong::first(shared.clone()) }, Receiver::at(shared, Version::FIRST))
}

/// The end of a [`channel`] that changes the value; clone it for more of them.
pub struct Sender<T> {
    tx: Strong<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without a receiver; see [`subscribe`](Self::subscribe).
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// let tx = watch::Sender::new(0);
    /// tx.send_replace(1); // `send` would refuse: nobody hears
    /// let rx = tx.subscribe();
    /// assert_eq!(*rx.borrow(), 1);
    /// ```
    pub fn new(init: T) -> Self {
        channel(init).0
    }

    /// Overwrites the value and wakes the receivers that wait.
    ///
    /// - Errors if there is no receiver; the value is in the error, and the channel's is as before.
    ///   To set it all the same there is [`send_replace`](Self::send_replace).
    ///
    /// Waits, with the whole thread, for those who hold a [`Ref`] just now.
    ///
    /// **Cost:** one short lock; waking those who wait.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place and wakes the receivers that wait. Also if there is no receiver.
    ///
    /// `modify` runs while the value is locked: it must not use the channel.
    ///
    /// - Panics if `modify` does. The value stays as `modify` left it, no receiver is woken, and
    ///   the channel can be used as before.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(vec![1]);
    /// tx.send_modify(|list| list.push(2));
    /// assert_eq!(*rx.borrow(), [1, 2]);
    /// ```
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and wakes the receivers that wait if `modify` says that it has
    /// changed something. Returns what `modify` said. Also if there is no receiver.
    ///
    /// `modify` runs while the value is locked: it must not use the channel. What it changes and
    /// does not speak of is there all the same: receivers see it when they look for other reasons.
    ///
    /// - Panics if `modify` does; see [`send_modify`](Self::send_modify).
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// let (tx, rx) = watch::channel(3);
    /// let raise_to = |limit: i32| {
    ///     tx.send_if_modified(|value| {
    ///         let higher = limit > *value;
    ///         *value = limit.max(*value);
    ///         higher
    ///     })
    /// };
    /// assert!(!raise_to(2));
    /// assert!(!rx.has_changed().unwrap());
    /// assert!(raise_to(5));
    /// assert!(rx.has_changed().unwrap());
    /// ```
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        self.tx.chan().change(modify)
    }

    /// Overwrites the value, wakes the receivers that wait, and returns the value from before. Also
    /// if there is no receiver.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|current| mem::swap(current, &mut value));
        value
    }

    /// The current value, locked for reading.
    pub fn borrow(&self) -> Ref<'_, T> {
        let (value, _) = self.tx.chan().read();
        Ref::new(value, false)
    }

    /// Whether there is no receiver. There may be one again, by [`subscribe`](Self::subscribe).
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// rondel::run(async {
    ///     let (tx, rx) = watch::channel(());
    ///     rondel::spawn(async move { drop(rx) });
    ///     tx.closed().await;
    ///     assert!(tx.is_closed());
    /// });
    /// ```
    pub async fn closed(&self) {
        self.tx.chan().closed().await;
    }

    /// A new receiver. The current value counts as seen by it.
    pub fn subscribe(&self) -> Receiver<T> {
        let shared = self.tx.chan();
        shared.add_receiver();
        Receiver::at(shared.clone(), shared.version())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.tx.chan().receiver_count()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.tx.chan().senders.strong_count()
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tx.chan().debug(f.debug_struct("Sender"))
    }
}
