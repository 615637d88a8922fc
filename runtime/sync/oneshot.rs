//! Floor 5. One value, once, from one task to another.
//!
//! ```text
//!   Sender::send ──value──▶ [ slot, under a lock ] ──▶ Receiver.await
//!   Sender::closed ◀──"nobody wants it"── Receiver dropped or closed
//! ```
//!
//! Rules
//! 1. `done` means that the sender has finished, with a value or without; it is said once.
//! 2. After `closed` no value comes in; one that is in already can still be taken out.
//! 3. `settled` is set, under the lock, with the first of the two: who sees it need not get ready
//!    to wait.
//! 4. Values and wakers are dropped, and wakers cloned and woken, outside the lock.
//!
//! At most one task waits at each end, so each end has one place for a waker, and no list.
//! Real world: asyncio's `Future` without the callbacks; tokio does it with one word and no lock.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use self::error::{RecvError, TryRecvError};
use crate::leaf::poll_leaf;
use crate::shim::atomic::{AtomicBool, Ordering::Relaxed};
use crate::shim::{Arc, Mutex, lock};
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

struct Chan<T> {
    settled: AtomicBool,
    slot: Mutex<Slot<T>>,
}

struct Slot<T> {
    value: Option<T>,
    done: bool,
    closed: bool,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

/// A channel for one value.
///
/// The twin of a bare `asyncio.Future` and of `tokio::sync::oneshot::channel`.
///
/// **Cost:** one allocation, and a short lock for each step.
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
    let slot = Slot { value: None, done: false, closed: false, sender: None, receiver: None };
    let chan = Arc::new(Chan { settled: AtomicBool::new(false), slot: Mutex::new(slot) });
    (Sender { chan: Some(chan.clone()) }, Receiver { chan: Some(chan) })
}

/// The end that sends the value. Dropping it without sending is an error for the receiver.
pub struct Sender<T> {
    /// `None` once the value is sent.
    chan: Option<Arc<Chan<T>>>,
}

impl<T> Sender<T> {
    /// Sends the value; never waits.
    ///
    /// - Errors if the receiver is gone or closed; the value comes back.
    ///
    /// `Ok` means that the value is in the channel, not that it will be received.
    pub fn send(mut self, value: T) -> Result<(), T> {
        let chan = self.chan.take().expect("only `send` takes the channel");
        chan.finish(Some(value)).map_or(Ok(()), Err)
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
        lock(&self.chan().slot).closed
    }

    /// One step of [`closed`](Self::closed), for futures written by hand. Only the waker of the
    /// last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_leaf("oneshot::Sender::closed", cx, |cx| {
            let mut waker = Some(cx.waker().clone()); // before the lock (rule 4); dropped after it
            let mut slot = lock(&self.chan().slot);
            if slot.closed {
                return Poll::Ready(());
            }
            mem::swap(&mut slot.sender, &mut waker);
            Poll::Pending
        })
    }

    fn chan(&self) -> &Chan<T> {
        self.chan.as_ref().expect("only `send` takes the channel")
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(chan) = &self.chan {
            chan.finish(None);
        }
    }
}

impl<T> Chan<T> {
    /// The sender's last word: puts the value in and wakes the receiver. Hands back a value that
    /// nobody wants.
    fn finish(&self, value: Option<T>) -> Option<T> {
        let mut slot = lock(&self.slot);
        if slot.closed {
            return value;
        }
        slot.value = value;
        slot.done = true;
        self.settled.store(true, Relaxed); // Relaxed: whoever acts on it takes the lock
        let (receiver, sender) = (slot.receiver.take(), slot.sender.take());
        drop(slot);
        if let Some(waker) = receiver {
            waker.wake();
        }
        drop(sender);
        None
    }

    /// The receiver's last word: lets no value in any more and wakes the sender. Hands out a value
    /// that came before, if `empty`.
    fn close(&self, empty: bool) -> Option<T> {
        let mut slot = lock(&self.slot);
        slot.closed = true;
        self.settled.store(true, Relaxed); // Relaxed: whoever acts on it takes the lock
        let value = if empty { slot.value.take() } else { None };
        let (sender, receiver) = (slot.sender.take(), slot.receiver.take());
        drop(slot);
        if let Some(waker) = sender {
            waker.wake();
        }
        drop(receiver);
        value
    }
}

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
    chan: Option<Arc<Chan<T>>>,
}

impl<T> Receiver<T> {
    /// Refuses a value from now on. One that was sent before can still be received.
    pub fn close(&mut self) {
        if let Some(chan) = &self.chan {
            chan.close(false);
        }
    }

    /// Whether this receiver was ready already, so that polling it would panic.
    pub fn is_terminated(&self) -> bool {
        self.chan.is_none()
    }

    /// Whether there is no value to take at the moment.
    pub fn is_empty(&self) -> bool {
        self.chan.as_ref().is_none_or(|chan| lock(&chan.slot).value.is_none())
    }

    /// Takes the value if it is there.
    ///
    /// - Errors with [`Empty`](TryRecvError::Empty) or [`Closed`](TryRecvError::Closed).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(chan) = &self.chan else { return Err(TryRecvError::Closed) };
        let mut slot = lock(&chan.slot);
        let result = match slot.value.take() {
            Some(value) => Ok(value),
            None if slot.done || slot.closed => Err(TryRecvError::Closed),
            None => return Err(TryRecvError::Empty),
        };
        drop(slot);
        self.chan = None;
        result
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
        let chan =
            self.chan.as_ref().expect("a oneshot receiver was polled again after it was ready");
        // Before the lock (rule 4); dropped after it. Relaxed: at worst a clone too many (rule 3).
        let mut waker = (!chan.settled.load(Relaxed)).then(|| cx.waker().clone());
        let mut slot = lock(&chan.slot);
        if !slot.done && !slot.closed {
            mem::swap(&mut slot.receiver, &mut waker);
            return Poll::Pending;
        }
        let value = slot.value.take();
        drop(slot);
        self.chan = None;
        Poll::Ready(value.ok_or(RecvError(())))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(chan) = &self.chan {
            drop(chan.close(true));
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
