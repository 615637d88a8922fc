//! Floor 5. One value, once, from one task to another.
//!
//! ```text
//!   Sender::send ──value──▶ [ once slot: word, wakers, value ] ──▶ Receiver.await
//!   Sender::closed ◀──"nobody wants it"── Receiver dropped or closed
//! ```
//!
//! Rules
//! 1. The sender finishes once, with a value or without.
//! 2. After a closing no value comes in; one that is in already can still be taken out.
//! 3. An end that is done lets go of the channel: the receiver when it was ready, the sender when
//!    it has sent.
//!
//! At most one task waits at each end, so each end has one place for a waker, and no list. How the
//! ends share a block without a lock, and who frees it, is told in `once_slot.rs`.
//!
//! Real world: asyncio's `Future` without the callbacks; tokio's `oneshot` in two layers.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use self::error::{RecvError, TryRecvError};
use crate::leaf::poll_leaf;
use crate::sync::once_slot::{self, Giver, Taker};
use crate::sync::park;

/// What can go wrong on a oneshot channel.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// The sender was dropped without sending.
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub struct RecvError(pub(super) ());

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl Error for RecvError {}

    /// Why a `try_recv` got nothing.
    #[derive(Debug, Eq, PartialEq, Clone)]
    pub enum TryRecvError {
        /// Nothing was sent yet.
        Empty,
        /// Nothing will come: the sender was dropped, or the value was taken before.
        Closed,
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                Self::Empty => "channel empty",
                Self::Closed => "channel closed",
            })
        }
    }

    impl Error for TryRecvError {}
}

/// A channel for one value.
///
/// The twin of a bare `asyncio.Future` and of `tokio::sync::oneshot::channel`.
///
/// **Cost:** one allocation; one locked instruction for a wait and one for a send, none to receive
/// what is there.
///
/// ```
/// use rondel::sync::oneshot;
///
/// rondel::run(async {
///     let (tx, rx) = oneshot::channel();
///     rondel::spawn(async move { tx.send("answer").unwrap() });
///     assert_eq!(rx.await, Ok("answer"));
/// });
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (giver, taker) = once_slot::pair();
    (Sender { giver }, Receiver { taker: Some(taker) })
}

/// The end that sends the value. Dropping it without sending is an error for the receiver.
pub struct Sender<T> {
    giver: Giver<T>,
}

impl<T> Sender<T> {
    /// Sends the value; never waits.
    ///
    /// - Errors if the receiver is gone or closed; the value comes back.
    ///
    /// `Ok` means that the value is in the channel, not that it will be received.
    pub fn send(self, value: T) -> Result<(), T> {
        self.giver.give(value)
    }

    /// Waits until the receiver is gone or closed: nobody wants the value any more.
    ///
    /// **Cancel-safe:** yes.
    ///
    /// ```
    /// use rondel::sync::oneshot;
    ///
    /// rondel::run(async {
    ///     let (mut tx, rx) = oneshot::channel::<()>();
    ///     rondel::spawn(async move { drop(rx) });
    ///     tx.closed().await;
    ///     assert!(tx.is_closed());
    /// });
    /// ```
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is gone or closed.
    pub fn is_closed(&self) -> bool {
        self.giver.is_refused()
    }

    /// One step of [`closed`](Self::closed), for futures written by hand. Only the waker of the
    /// last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_leaf("oneshot::Sender::closed", cx, |cx| self.giver.wait(cx.waker()))
    }
}

// A panic, wherever it comes from, finds the channel between two steps.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The end that waits for the value: a future.
///
/// - Errors if the sender was dropped without sending.
/// - Panics if polled again after it was ready.
///
/// **Cancel-safe:** yes, when polled by reference (`&mut receiver`).
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    /// `None` once it was ready.
    taker: Option<Taker<T>>,
}

impl<T> Receiver<T> {
    /// Refuses a value from now on. One that was sent before can still be received.
    pub fn close(&mut self) {
        if let Some(taker) = &mut self.taker {
            taker.refuse();
        }
    }

    /// Whether this receiver was ready already, so that polling it would panic.
    pub fn is_terminated(&self) -> bool {
        self.taker.is_none()
    }

    /// Whether there is no value to take at the moment.
    pub fn is_empty(&self) -> bool {
        self.taker.as_ref().is_none_or(Taker::is_empty)
    }

    /// Takes the value if it is there.
    ///
    /// - Errors with [`Empty`](TryRecvError::Empty) or [`Closed`](TryRecvError::Closed).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match &self.taker {
            Some(taker) if !taker.is_settled() => Err(TryRecvError::Empty),
            _ => self.taker.take().and_then(Taker::take).ok_or(TryRecvError::Closed),
        }
    }

    /// Waits for the value and parks the thread meanwhile: for code that is not async.
    ///
    /// - Errors if the sender was dropped without sending.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        park::wait("oneshot::Receiver::blocking_recv", self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_leaf("oneshot::Receiver", cx, |cx| self.poll_value(cx))
    }
}

impl<T> Receiver<T> {
    /// The poll for whoever waits here under a name of its own (rule 2 of `leaf.rs`).
    pub(crate) fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let taker =
            self.taker.as_mut().expect("a oneshot receiver was polled again after it was ready");
        ready!(taker.wait(cx.waker()));
        let value = self.taker.take().and_then(Taker::take);
        Poll::Ready(value.ok_or(RecvError(())))
    }
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
