//! Floor 5. The channel without a bound: sending never waits, and memory is the limit.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::chan::{self, Rx, Tx, UNBOUNDED, WeakTx};
use super::error::{SendError, TryRecvError};
use crate::leaf::poll_leaf;
use crate::sync::park;

/// A channel without a bound.
///
/// Nothing slows its senders down: if the receiver does not keep up, the items pile up in memory.
/// Prefer [`channel`](super::channel) unless the senders cannot wait or are bounded otherwise.
///
/// The twin of `asyncio.Queue()` and of `tokio::sync::mpsc::unbounded_channel`.
///
/// ```
/// use rondel::sync::mpsc;
///
/// rondel::run(async {
///     let (tx, mut rx) = mpsc::unbounded_channel();
///     tx.send("no await needed").unwrap();
///     drop(tx);
///     assert_eq!(rx.recv().await, Some("no await needed"));
///     assert_eq!(rx.recv().await, None);
/// });
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = chan::channel(UNBOUNDED);
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// The sending end of an [`unbounded_channel`]; clone it for more senders.
pub struct UnboundedSender<T> {
    tx: Tx<T>,
}

impl<T> UnboundedSender<T> {
    /// Sends `value` at once.
    ///
    /// - Errors if the receiver is gone or has closed the channel; the value is in the error.
    ///
    /// **Cost:** one short lock.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.tx.chan().push_unbounded(value).map_err(SendError)
    }

    /// Waits until the receiver is gone or has closed the channel.
    ///
    /// **Cancel-safe:** yes.
    pub async fn closed(&self) {
        self.tx.chan().closed().await;
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.tx.chan().is_closed()
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.same_channel(&other.tx)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped at once is of no use"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").finish_non_exhaustive()
    }
}

/// A sender that does not keep the channel open; see [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T>,
}

impl<T> WeakUnboundedSender<T> {
    /// A real sender, unless all of them are gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        Some(UnboundedSender { tx: self.tx.upgrade()? })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        Self { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").finish_non_exhaustive()
    }
}

/// The receiving end of an [`unbounded_channel`].
pub struct UnboundedReceiver<T> {
    rx: Rx<T>,
}

impl<T> Unpin for UnboundedReceiver<T> {}

impl<T> UnboundedReceiver<T> {
    /// Waits for the next item. `None`: nothing will come any more.
    ///
    /// **Cancel-safe:** yes. Nothing is taken out until the future is ready.
    /// **Cost:** a lock once for each block of items.
    #[inline]
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits for at least one item and appends up to `limit` to `buffer`; returns how many.
    ///
    /// Returns 0 if nothing will come any more, or if `limit` is 0.
    ///
    /// **Cancel-safe:** yes. Nothing is taken out until the future is ready.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
    }

    /// Takes the next item if there is one.
    ///
    /// - Errors with [`Empty`](TryRecvError::Empty) or
    ///   [`Disconnected`](TryRecvError::Disconnected).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv().map_err(|end| match end {
            true => TryRecvError::Disconnected,
            false => TryRecvError::Empty,
        })
    }

    /// Waits for the next item and parks the thread meanwhile: for code that is not async.
    ///
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        park::wait("UnboundedReceiver::blocking_recv", self.recv())
    }

    /// [`recv_many`](Self::recv_many) for code that is not async.
    ///
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        park::wait("UnboundedReceiver::blocking_recv_many", self.recv_many(buffer, limit))
    }

    /// Lets nobody send any more. What is in the channel can still be received; after that `recv`
    /// returns `None`.
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether the channel is closed: by [`close`](Self::close), or as all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether no item is in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items are in the channel.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// One step of [`recv`](Self::recv), for futures written by hand. Only the waker of the last
    /// call is woken.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        poll_leaf("mpsc::UnboundedReceiver::recv", cx, |cx| self.rx.poll_recv(cx))
    }

    /// One step of [`recv_many`](Self::recv_many), for futures written by hand. Only the waker of
    /// the last call is woken.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        poll_leaf("mpsc::UnboundedReceiver::recv_many", cx, |cx| {
            self.rx.poll_recv_many(cx, buffer, limit)
        })
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").finish_non_exhaustive()
    }
}
