//! Floor 5. The receivers of channels as streams.
//!
//! `mpsc` can be polled. The other two have only async functions, so a generator around their loop
//! is the stream; it stands in a box, because nobody can name its type.
//!
//! Real world: tokio-stream keeps the future of one `recv` in a box that it uses again.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::stream::generate;
use crate::sync::broadcast::error::RecvError;
use crate::sync::{broadcast, mpsc, watch};

/// A bounded channel's receiver as a stream. It ends when the senders are gone.
///
/// The twin of `tokio_stream::wrappers::ReceiverStream`; in Python a loop around `Queue.get`.
///
/// **Cancel-safe:** yes.
///
/// ```
/// use rondel::stream::{StreamExt, wrappers::ReceiverStream};
/// use rondel::sync::mpsc;
///
/// rondel::run(async {
///     let (tx, rx) = mpsc::channel(2);
///     rondel::spawn(async move {
///         for number in 1..=3 {
///             tx.send(number).await.unwrap();
///         }
///     });
///     assert_eq!(ReceiverStream::new(rx).collect::<Vec<_>>().await, [1, 2, 3]);
/// });
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ReceiverStream<T> {
    receiver: mpsc::Receiver<T>,
}

/// An unbounded channel's receiver as a stream. It ends when the senders are gone.
///
/// The twin of `tokio_stream::wrappers::UnboundedReceiverStream`.
///
/// **Cancel-safe:** yes.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct UnboundedReceiverStream<T> {
    receiver: mpsc::UnboundedReceiver<T>,
}

macro_rules! of_mpsc {
    ($($Name:ident, $Receiver:ident;)*) => { $(
        impl<T> $Name<T> {
            /// The stream of what `recv` receives.
            pub fn new(recv: mpsc::$Receiver<T>) -> Self {
                Self { receiver: recv }
            }

            /// The receiver, with all that the stream has not handed out.
            pub fn into_inner(self) -> mpsc::$Receiver<T> {
                self.receiver
            }

            /// No more can be sent. What was sent is still handed out; then the stream ends.
            pub fn close(&mut self) {
                self.receiver.close();
            }
        }

        impl<T> Stream for $Name<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.receiver.poll_recv(cx)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let len = self.receiver.len();
                // As many again may come, unless there are no senders.
                let is_last = self.receiver.is_closed() && self.receiver.sender_strong_count() == 0;
                (len, is_last.then_some(len))
            }
        }

        impl<T> AsRef<mpsc::$Receiver<T>> for $Name<T> {
            fn as_ref(&self) -> &mpsc::$Receiver<T> {
                &self.receiver
            }
        }

        impl<T> AsMut<mpsc::$Receiver<T>> for $Name<T> {
            fn as_mut(&mut self) -> &mut mpsc::$Receiver<T> {
                &mut self.receiver
            }
        }

        impl<T> From<mpsc::$Receiver<T>> for $Name<T> {
            fn from(recv: mpsc::$Receiver<T>) -> Self {
                Self::new(recv)
            }
        }
    )* };
}

of_mpsc! {
    ReceiverStream, Receiver;
    UnboundedReceiverStream, UnboundedReceiver;
}

/// A broadcast channel's receiver as a stream. It ends when the senders are gone.
///
/// The twin of `tokio_stream::wrappers::BroadcastStream`. Items are results:
/// [`Lagged`](BroadcastStreamRecvError::Lagged) says that so many were lost because this one did
/// not keep up, and the stream goes on.
///
/// **Cancel-safe:** yes.
/// **Cost:** two allocations for all; per item those locks of a generator more than `recv`.
///
/// ```
/// use rondel::stream::StreamExt;
/// use rondel::stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError::Lagged};
/// use rondel::sync::broadcast;
///
/// rondel::run(async {
///     let (tx, rx) = broadcast::channel(2);
///     (1..=3).for_each(|number| drop(tx.send(number)));
///     drop(tx);
///     let items: Vec<_> = BroadcastStream::new(rx).collect().await;
///     assert_eq!(items, [Err(Lagged(1)), Ok(2), Ok(3)]);
/// });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct BroadcastStream<T> {
    inner: Pin<Box<dyn Stream<Item = Result<T, BroadcastStreamRecvError>> + Send>>,
}

impl<T: Clone + Send + 'static> BroadcastStream<T> {
    /// The stream of what `rx` receives.
    pub fn new(mut rx: broadcast::Receiver<T>) -> Self {
        let inner = generate(|y| async move {
            loop {
                let item = match rx.recv().await {
                    Ok(value) => Ok(value),
                    Err(RecvError::Lagged(missed)) => Err(BroadcastStreamRecvError::Lagged(missed)),
                    Err(RecvError::Closed) => return,
                };
                y.emit(item).await;
            }
        });
        Self { inner: Box::pin(inner) }
    }
}

impl<T> Stream for BroadcastStream<T> {
    type Item = Result<T, BroadcastStreamRecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(cx)
    }
}

impl<T: Clone + Send + 'static> From<broadcast::Receiver<T>> for BroadcastStream<T> {
    fn from(rx: broadcast::Receiver<T>) -> Self {
        Self::new(rx)
    }
}

impl<T> fmt::Debug for BroadcastStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastStream").finish_non_exhaustive()
    }
}

/// What can go wrong in a [`BroadcastStream`].
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum BroadcastStreamRecvError {
    /// The receiver did not keep up, and so many values were lost. The next item is the oldest
    /// value that is kept.
    Lagged(u64),
}

impl fmt::Display for BroadcastStreamRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Lagged(missed) = self;
        write!(f, "channel lagged by {missed}")
    }
}

impl Error for BroadcastStreamRecvError {}

/// A watch channel's receiver as a stream of its values. It ends when the senders are gone.
///
/// The twin of `tokio_stream::wrappers::WatchStream`. It shows the latest value; one that was
/// overwritten before it was asked for never comes.
///
/// **Cancel-safe:** yes.
/// **Cost:** two allocations for all; per item those locks of a generator more than `changed`.
///
/// ```
/// use rondel::stream::{StreamExt, wrappers::WatchStream};
/// use rondel::sync::watch;
///
/// rondel::run(async {
///     let (tx, rx) = watch::channel("start");
///     let mut states = WatchStream::new(rx);
///     assert_eq!(states.next().await, Some("start"));
///     tx.send("overwritten").unwrap();
///     tx.send("end").unwrap();
///     assert_eq!(states.next().await, Some("end"));
///     drop(tx);
///     assert_eq!(states.next().await, None);
/// });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct WatchStream<T> {
    inner: Pin<Box<dyn Stream<Item = T> + Send>>,
}

impl<T: Clone + Send + Sync + 'static> WatchStream<T> {
    /// The current value, then those that it is changed to.
    pub fn new(mut rx: watch::Receiver<T>) -> Self {
        rx.mark_changed();
        Self::from_changes(rx)
    }

    /// The values that it is changed to from what `rx` has seen.
    pub fn from_changes(mut rx: watch::Receiver<T>) -> Self {
        let inner = generate(|y| async move {
            while rx.changed().await.is_ok() {
                let value = rx.borrow_and_update().clone();
                y.emit(value).await;
            }
        });
        Self { inner: Box::pin(inner) }
    }
}

impl<T> Stream for WatchStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.inner.as_mut().poll_next(cx)
    }
}

impl<T: Clone + Send + Sync + 'static> From<watch::Receiver<T>> for WatchStream<T> {
    fn from(rx: watch::Receiver<T>) -> Self {
        Self::new(rx)
    }
}

impl<T> fmt::Debug for WatchStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}
