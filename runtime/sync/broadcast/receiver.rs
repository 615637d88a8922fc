//! Floor 5. The receiving end of a broadcast channel: a position in what is sent.

use std::fmt;

use super::error::{RecvError, TryRecvError};
use super::ring::{Found, Shared};
use crate::leaf::leaf;
use crate::shim::Arc;
use crate::sync::park;

/// The receiving end of a [`channel`](super::channel). More of them come from
/// [`subscribe`](super::Sender::subscribe) and [`resubscribe`](Self::resubscribe).
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Of the value it sees next.
    position: u64,
}

impl<T> Receiver<T> {
    /// The receiver that `shared` counts already.
    pub(super) fn at(shared: Arc<Shared<T>>, position: u64) -> Self {
        Self { shared, position }
    }

    pub(super) fn subscribe(shared: &Arc<Shared<T>>) -> Self {
        Self::at(shared.clone(), shared.add_receiver())
    }

    /// How many values were sent that it has not seen, with those that it has lost by lagging.
    pub fn len(&self) -> usize {
        (self.shared.end() - self.position) as usize
    }

    /// Whether it has seen everything that was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.senders.strong_count()
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.senders.weak_count()
    }

    /// Whether all senders are gone. There may be values left to receive.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// A new receiver of the same channel. It gets what is sent from now on, not what this one has
    /// still before it.
    ///
    /// ```
    /// use rondel::sync::broadcast;
    ///
    /// let (tx, mut rx) = broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// let mut late = rx.resubscribe();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert_eq!(late.try_recv(), Ok(2));
    /// ```
    pub fn resubscribe(&self) -> Self {
        Self::subscribe(&self.shared)
    }

    /// Waits for the next value.
    ///
    /// - Errors with [`Closed`](RecvError::Closed) when all senders are gone and all values seen,
    ///   or with [`Lagged`](RecvError::Lagged) if values were lost: this one did not keep up. The
    ///   next `recv` then goes on with the oldest value that is kept.
    ///
    /// **Cancel-safe:** yes. Nothing counts as seen until the future is ready.
    /// **Cost:** two short locks, around the clone; one for the last receiver of a value.
    ///
    /// ```
    /// use rondel::sync::broadcast::{self, error::RecvError};
    ///
    /// rondel::run(async {
    ///     let (tx, mut rx) = broadcast::channel(2);
    ///     for number in 1..=3 {
    ///         tx.send(number).unwrap();
    ///     }
    ///     assert_eq!(rx.recv().await, Err(RecvError::Lagged(1)));
    ///     assert_eq!(rx.recv().await, Ok(2));
    ///     drop(tx);
    ///     assert_eq!(rx.recv().await, Ok(3));
    ///     assert_eq!(rx.recv().await, Err(RecvError::Closed));
    /// });
    /// ```
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        leaf("broadcast::Receiver::recv", self.next_value()).await
    }

    async fn next_value(&mut self) -> Result<T, RecvError> {
        loop {
            let ticket = match self.shared.look(&mut self.position, true) {
                Found::Value(value) => return Ok(value.copy()),
                Found::Lagged(missed) => return Err(RecvError::Lagged(missed)),
                Found::End => return Err(RecvError::Closed),
                Found::Nothing(ticket) | Found::Elsewhere(ticket) => ticket,
            };
            ticket.within_a_leaf().await;
        }
    }

    /// Takes the next value if there is one.
    ///
    /// - Errors with [`Empty`](TryRecvError::Empty), or as [`recv`](Self::recv) with
    ///   [`Closed`](TryRecvError::Closed) or [`Lagged`](TryRecvError::Lagged).
    ///
    /// If another receiver is just then cloning the value on another thread, this one parks its
    /// thread until that is done. So a value's `clone` must not itself receive that value.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        loop {
            return match self.shared.look(&mut self.position, false) {
                Found::Value(value) => Ok(value.copy()),
                Found::Lagged(missed) => Err(TryRecvError::Lagged(missed)),
                Found::End => Err(TryRecvError::Closed),
                Found::Nothing(_) => Err(TryRecvError::Empty),
                Found::Elsewhere(ticket) => {
                    crate::park::block_on(ticket.within_a_leaf());
                    continue;
                }
            };
        }
    }

    /// Waits for the next value and parks the thread meanwhile: for code that is not async.
    ///
    /// - Errors as [`recv`](Self::recv).
    /// - Panics inside a running loop.
    ///
    /// ```
    /// use rondel::sync::broadcast;
    ///
    /// let (tx, mut rx) = broadcast::channel(1);
    /// let thread = std::thread::spawn(move || rx.blocking_recv());
    /// rondel::run(async move { tx.send("to a thread") }).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok("to a thread"));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        park::wait("broadcast::Receiver::blocking_recv", self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.remove_receiver(self.position);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
