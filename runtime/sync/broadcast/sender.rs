//! Floor 5. The sending end of a broadcast channel: it never waits.

use std::fmt;

use super::Receiver;
use super::error::SendError;
use super::ring::Shared;
use crate::shim::Arc;
use crate::sync::senders::{Strong, Weak};

/// A channel that keeps up to `capacity` values for receivers that have not seen them; rounded up
/// to a power of two.
///
/// Every receiver gets a clone of every value that is sent while it exists. A sender never waits:
/// if a receiver has more than `capacity` values before it, it loses the oldest, and learns from
/// [`Lagged`](super::error::RecvError::Lagged) how many. A value is dropped when the last receiver
/// has seen it.
///
/// The twin of `tokio::sync::broadcast::channel`; asyncio has none.
///
/// Panics if `capacity` is 0 or more than `usize::MAX / 2`.
///
/// **Cost:** one allocation; room for the values is made as it is used, up to `capacity`.
///
/// ```
/// use rondel::sync::broadcast;
///
/// rondel::run(async {
///     let (tx, mut rx) = broadcast::channel(16);
///     let mut other = tx.subscribe();
///     let listener = rondel::spawn(async move {
///         let mut heard = vec![];
///         while let Ok(word) = other.recv().await {
///             heard.push(word);
///         }
///         heard
///     });
///     assert_eq!(tx.send("to").unwrap(), 2);
///     assert_eq!(tx.send("all").unwrap(), 2);
///     assert_eq!(rx.recv().await, Ok("to"));
///     drop(tx);
///     assert_eq!(listener.await.unwrap(), ["to", "all"]);
/// });
/// ```
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let tx = Sender::with_receivers(capacity, 1);
    let rx = Receiver::at(tx.tx.chan().clone(), 0);
    (tx, rx)
}

/// The sending end of a [`channel`]; clone it for more senders.
pub struct Sender<T> {
    tx: Strong<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without a receiver; see [`subscribe`](Self::subscribe).
    ///
    /// - `capacity`: as of [`channel`].
    /// - Panics if `capacity` is 0 or more than `usize::MAX / 2`.
    ///
    /// ```
    /// use rondel::sync::broadcast::Sender;
    ///
    /// let tx = Sender::new(4);
    /// assert!(tx.send("nobody hears").is_err());
    /// let mut rx = tx.subscribe();
    /// tx.send("somebody hears").unwrap();
    /// assert_eq!(rx.try_recv(), Ok("somebody hears"));
    /// ```
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::with_receivers(capacity, 0)
    }

    #[track_caller]
    fn with_receivers(capacity: usize, receivers: usize) -> Self {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(
            capacity <= usize::MAX >> 1,
            "broadcast channel capacity exceeded `usize::MAX / 2`"
        );
        let shared = Shared::new(capacity.next_power_of_two(), receivers);
        Self { tx: Strong::first(Arc::new(shared)) }
    }

    /// Sends `value` to all receivers there are; says how many. Never waits.
    ///
    /// - Errors if there is no receiver; the value is in the error. There may be one again later.
    ///
    /// `Ok` means that the value is in the channel, not that it will be received: receivers may go,
    /// or be too slow.
    ///
    /// **Cost:** one short lock; waking those who wait.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.tx.chan().send(value)
    }

    /// A new receiver. It gets what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::subscribe(self.tx.chan())
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped at once is of no use"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many values are kept because some receiver has still to see them.
    ///
    /// ```
    /// use rondel::sync::broadcast;
    ///
    /// let (tx, mut rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(tx.len(), 2);
    /// rx.try_recv().unwrap();
    /// assert_eq!(tx.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.tx.chan().len()
    }

    /// Whether no value is kept: every receiver has seen everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.tx.chan().receiver_count()
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// Waits until there is no receiver.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// ```
    /// use rondel::sync::broadcast;
    ///
    /// rondel::run(async {
    ///     let (tx, rx) = broadcast::channel::<()>(1);
    ///     rondel::spawn(async move { drop(rx) });
    ///     tx.closed().await;
    ///     assert_eq!(tx.receiver_count(), 0);
    /// });
    /// ```
    pub async fn closed(&self) {
        self.tx.chan().closed().await;
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().senders.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().senders.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// A sender that does not keep the channel open; see [`Sender::downgrade`].
pub struct WeakSender<T> {
    tx: Weak<Shared<T>>,
}

impl<T> WeakSender<T> {
    /// A real sender, unless all of them are gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender { tx: self.tx.upgrade()? })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().senders.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().senders.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
