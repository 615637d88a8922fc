//! Floor 5. The channel with a bound: a full one makes its senders wait.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::chan::{self, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError, TrySendError};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::twins::{receiver, sender};
use crate::leaf::{leaf, poll_leaf};
use crate::sync::park;
use crate::wait_list::Refused;

/// A channel with room for `buffer` items.
///
/// Its senders wait while it is full, in the order in which they came. `recv` ends with `None` when
/// every sender is gone and every item is taken.
///
/// The twin of `asyncio.Queue(maxsize)` and of `tokio::sync::mpsc::channel`.
///
/// Panics if `buffer` is 0 or more than [`Semaphore::MAX_PERMITS`].
///
/// **Cost:** one allocation; the buffer grows as it is used.
///
/// [`Semaphore::MAX_PERMITS`]: crate::sync::Semaphore::MAX_PERMITS
///
/// ```
/// use rondel::sync::mpsc;
///
/// rondel::run(async {
///     let (tx, mut rx) = mpsc::channel(1);
///     rondel::spawn(async move {
///         for number in 0..3 {
///             tx.send(number).await.unwrap();
///         }
///     });
///     let mut sum = 0;
///     while let Some(number) = rx.recv().await {
///         sum += number;
///     }
///     assert_eq!(sum, 3);
/// });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let (tx, rx) = chan::channel(buffer);
    (Sender { tx }, Receiver { rx })
}

/// The sending end of a [`channel`]; clone it for more senders.
pub struct Sender<T> {
    tx: Tx<T>,
}

impl<T> Sender<T> {
    pub(super) fn new(tx: Tx<T>) -> Self {
        Self { tx }
    }

    pub(super) fn tx(&self) -> &Tx<T> {
        &self.tx
    }

    /// Sends `value`, and waits for a place as long as the channel is full.
    ///
    /// - Errors if the receiver is gone or has closed the channel; the value is in the error.
    ///
    /// `Ok` means that the value is in the channel, not that it will be received.
    ///
    /// **Cancel-safe: no. If the future is dropped while it waits, `value` is dropped with it.**
    /// Use [`reserve`](Self::reserve) first where that matters. The channel itself takes no harm.
    /// **Cost:** one short lock if there is a place.
    #[inline]
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        leaf("mpsc::Sender::send", self.push_or_wait(value)).await
    }

    #[inline]
    async fn push_or_wait(&self, value: T) -> Result<(), SendError<T>> {
        let value = match self.tx.chan().try_push(value) {
            Ok(()) => return Ok(()),
            Err((value, Refused::Closed)) => return Err(SendError(value)),
            Err((value, Refused::Short)) => value,
        };
        match self.tx.chan().reserve(1).await {
            Ok(()) => {
                self.tx.chan().push(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Sends `value` if there is a place at once.
    ///
    /// - Errors with [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed); the value is
    ///   in the error.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.tx.chan().try_push(value).map_err(|(value, refused)| refuse(refused, value))
    }

    /// Sends `value` and parks the thread while the channel is full: for code that is not async.
    ///
    /// - Errors if the receiver is gone or has closed the channel; the value is in the error.
    /// - Panics inside a running loop.
    ///
    /// ```
    /// use rondel::sync::mpsc;
    ///
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let thread = std::thread::spawn(move || tx.blocking_send("from a thread").unwrap());
    /// assert_eq!(rondel::run(async move { rx.recv().await }), Some("from a thread"));
    /// thread.join().unwrap();
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        park::wait("Sender::blocking_send", self.send(value))
    }

    /// Waits for a place and reserves it.
    ///
    /// - Errors if the receiver is gone or has closed the channel.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    ///
    /// ```
    /// use rondel::sync::mpsc;
    ///
    /// rondel::run(async {
    ///     let (tx, mut rx) = mpsc::channel(1);
    ///     let permit = tx.reserve().await.unwrap();
    ///     assert!(tx.try_send("no room").is_err());
    ///     permit.send("sent for sure");
    ///     assert_eq!(rx.recv().await, Some("sent for sure"));
    /// });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        match leaf("mpsc::Sender::reserve", self.tx.chan().reserve(1)).await {
            Ok(()) => Ok(Permit::new(self.tx.chan())),
            Err(_) => Err(SendError(())),
        }
    }

    /// Waits for `n` places at once and reserves them.
    ///
    /// - Errors if the receiver is gone or has closed the channel, or if the channel never has so
    ///   many places.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        match leaf("mpsc::Sender::reserve_many", self.tx.chan().reserve(n)).await {
            Ok(()) => Ok(PermitIterator::new(self.tx.chan(), n)),
            Err(_) => Err(SendError(())),
        }
    }

    /// Waits for a place and reserves it, in a permit that holds this sender: to move into a task.
    ///
    /// - Errors if the receiver is gone or has closed the channel.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue, and this sender is dropped.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        match leaf("mpsc::Sender::reserve", self.tx.chan().reserve(1)).await {
            Ok(()) => Ok(OwnedPermit::new(self.tx)),
            Err(_) => Err(SendError(())),
        }
    }

    /// Reserves a place if there is one at once.
    ///
    /// - Errors with [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed).
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.tx.chan().try_reserve(1) {
            Ok(()) => Ok(Permit::new(self.tx.chan())),
            Err(refused) => Err(refuse(refused, ())),
        }
    }

    /// Reserves `n` places if there are so many at once.
    ///
    /// - Errors with [`Full`](TrySendError::Full), also if the channel never has so many places, or
    ///   [`Closed`](TrySendError::Closed).
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        match self.tx.chan().try_reserve(n) {
            Ok(()) => Ok(PermitIterator::new(self.tx.chan(), n)),
            Err(refused) => Err(refuse(refused, ())),
        }
    }

    /// Reserves a place if there is one at once, in a permit that holds this sender.
    ///
    /// - Errors with [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed); the sender
    ///   is in the error.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.tx.chan().try_reserve(1) {
            Ok(()) => Ok(OwnedPermit::new(self.tx)),
            Err(refused) => Err(refuse(refused, self)),
        }
    }

    /// How many places are free at the moment; none while senders wait.
    pub fn capacity(&self) -> usize {
        self.tx.chan().free_places()
    }

    /// How many places the channel has.
    pub fn max_capacity(&self) -> usize {
        self.tx.chan().capacity()
    }
}

/// Puts `value` into the error that fits.
fn refuse<V>(refused: Refused, value: V) -> TrySendError<V> {
    match refused {
        Refused::Closed => TrySendError::Closed(value),
        Refused::Short => TrySendError::Full(value),
    }
}

/// A sender that does not keep the channel open; see [`Sender::downgrade`].
pub struct WeakSender<T> {
    tx: WeakTx<T>,
}

sender!(Sender, WeakSender);

/// The receiving end of a [`channel`].
pub struct Receiver<T> {
    rx: Rx<T>,
}

receiver!(Receiver);

impl<T> Receiver<T> {
    /// How many places are free at the moment; none while senders wait.
    pub fn capacity(&self) -> usize {
        self.rx.chan().free_places()
    }

    /// How many places the channel has.
    pub fn max_capacity(&self) -> usize {
        self.rx.chan().capacity()
    }
}
