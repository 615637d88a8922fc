//! Floor 5. The channel without a bound: sending never waits, and memory is the limit.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use super::chan::{self, Rx, Tx, UNBOUNDED, WeakTx};
use super::error::{SendError, TryRecvError};
use super::twins::{receiver, sender};
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
}

/// A sender that does not keep the channel open; see [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T>,
}

sender!(UnboundedSender, WeakUnboundedSender);

/// The receiving end of an [`unbounded_channel`].
pub struct UnboundedReceiver<T> {
    rx: Rx<T>,
}

receiver!(UnboundedReceiver);
