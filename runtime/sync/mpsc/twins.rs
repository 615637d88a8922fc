//! Floor 5. What the ends of both channels do alike, written once.
//!
//! A bounded and an unbounded channel differ in how an item is sent. Everything else is the same,
//! and yet it is two types at each end, because the public names are. So the methods are written
//! here as macros, and each file of an end says which of its types get them:
//!
//! ```text
//!   bounded.rs    sender!(Sender, WeakSender)                     receiver!(Receiver)
//!   unbounded.rs  sender!(UnboundedSender, WeakUnboundedSender)   receiver!(UnboundedReceiver)
//! ```
//!
//! Rules
//! 1. The ends are thin: what a method does stands in `chan.rs`, here is only its name and its
//!    document.
//! 2. A sender has a field `tx`, a receiver a field `rx`.
//!
//! Real world: tokio writes them out, twice.

/// The methods of a sender that do not send, and all of its weak twin.
macro_rules! sender {
    ($Sender:ident, $WeakSender:ident) => {
        impl<T> $Sender<T> {
            /// Waits until the receiver is gone or has closed the channel.
            ///
            /// **Cancel-safe:** yes.
            pub async fn closed(&self) {
                self.tx.chan().closed(concat!("mpsc::", stringify!($Sender), "::closed")).await;
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
            pub fn downgrade(&self) -> $WeakSender<T> {
                $WeakSender { tx: self.tx.downgrade() }
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

        impl<T> Clone for $Sender<T> {
            fn clone(&self) -> Self {
                Self { tx: self.tx.clone() }
            }
        }

        impl<T> fmt::Debug for $Sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Sender)).finish_non_exhaustive()
            }
        }

        impl<T> $WeakSender<T> {
            /// A real sender, unless all of them are gone.
            pub fn upgrade(&self) -> Option<$Sender<T>> {
                Some($Sender { tx: self.tx.upgrade()? })
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

        impl<T> Clone for $WeakSender<T> {
            fn clone(&self) -> Self {
                Self { tx: self.tx.clone() }
            }
        }

        impl<T> fmt::Debug for $WeakSender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($WeakSender)).finish_non_exhaustive()
            }
        }
    };
}

/// All methods of a receiver but those that speak of places.
macro_rules! receiver {
    ($Receiver:ident) => {
        impl<T> Unpin for $Receiver<T> {}

        impl<T> $Receiver<T> {
            /// Waits for the next item. `None`: nothing will come any more.
            ///
            /// **Cancel-safe:** yes. Nothing is taken out until the future is ready.
            /// **Cost:** a short lock once for each block of items; with a bound, one atomic
            /// operation for the freed place.
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
                park::wait(concat!(stringify!($Receiver), "::blocking_recv"), self.recv())
            }

            /// [`recv_many`](Self::recv_many) for code that is not async.
            ///
            /// - Panics inside a running loop.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                let name = concat!(stringify!($Receiver), "::blocking_recv_many");
                park::wait(name, self.recv_many(buffer, limit))
            }

            /// Lets nobody begin to send any more. What is in the channel, and what reserved
            /// permits still bring, can be received; after that `recv` returns `None`.
            pub fn close(&mut self) {
                self.rx.close();
            }

            /// Whether the channel is closed: by [`close`](Self::close), or as all senders are
            /// gone.
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

            /// One step of [`recv`](Self::recv), for futures written by hand. Only the waker of the
            /// last call is woken.
            #[inline]
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let name = concat!("mpsc::", stringify!($Receiver), "::recv");
                poll_leaf(name, cx, |cx| self.rx.poll_recv(cx))
            }

            /// One step of [`recv_many`](Self::recv_many), for futures written by hand. Only the
            /// waker of the last call is woken.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                let name = concat!("mpsc::", stringify!($Receiver), "::recv_many");
                poll_leaf(name, cx, |cx| self.rx.poll_recv_many(cx, buffer, limit))
            }

            /// How many senders there are.
            pub fn sender_strong_count(&self) -> usize {
                self.rx.chan().senders.strong_count()
            }

            /// How many weak senders there are.
            pub fn sender_weak_count(&self) -> usize {
                self.rx.chan().senders.weak_count()
            }
        }

        impl<T> fmt::Debug for $Receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Receiver)).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use {receiver, sender};
