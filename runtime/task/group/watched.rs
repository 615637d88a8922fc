//! Floor 5. A future or a closure whose end is heard of, whatever the end is.
//!
//! | what happens                      | told to the watcher                                   |
//! |-----------------------------------|-------------------------------------------------------|
//! | it is ready                       | `Ready(output)`; the answer becomes the output        |
//! | it panics                         | `Panicked(payload)`; the same                         |
//! | it is dropped half way: aborted   | `Dropped`                                             |
//! | a drop in it panics, after either | as above, with that payload beside it                 |
//!
//! Rules
//! 1. The future is gone, with all it held, before the watcher hears of the end; and the ticket
//!    goes after it has heard.
//! 2. The watcher hears once.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::roster::Ticket;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// How it ended.
pub(crate) enum End<T> {
    Ready(T),
    Panicked(Payload),
    Dropped,
}

/// Who hears of the end of something with the output `T`.
pub(crate) trait Watcher<T> {
    /// What becomes of the output.
    type Answer;

    /// Hears of the end, and of a panic in the drops that followed it. `ticket` is still valid.
    fn ended(self, ticket: &mut Ticket, end: End<T>, also: Option<Payload>) -> Self::Answer;
}

pin_project! {
    /// See the head of the file.
    pub(crate) struct Watched<F, W>
    where
        F: Future,
        W: Watcher<F::Output>,
    {
        // None: it has ended.
        #[pin]
        future: Option<F>,
        // None: it was told of the end.
        watch: Option<(W, Ticket)>,
    }

    impl<F, W> PinnedDrop for Watched<F, W>
    where
        F: Future,
        W: Watcher<F::Output>,
    {
        fn drop(mut this: Pin<&mut Self>) {
            let _ = this.as_mut().end(End::Dropped);
        }
    }
}

impl<F: Future, W: Watcher<F::Output>> Watched<F, W> {
    pub(crate) fn new(future: F, ticket: Ticket, watcher: W) -> Self {
        Self { future: Some(future), watch: Some((watcher, ticket)) }
    }

    /// Drops the future, tells the watcher, drops the ticket (rule 1). `None`: it had ended.
    fn end(self: Pin<&mut Self>, end: End<F::Output>) -> Option<W::Answer> {
        let mut this = self.project();
        let (watcher, mut ticket) = this.watch.take()?;
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        Some(watcher.ended(&mut ticket, end, dropped.err()))
    }
}

impl<F: Future, W: Watcher<F::Output>> Future for Watched<F, W> {
    type Output = W::Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Answer> {
        let this = self.as_mut().project();
        let (Some(future), Some((_, ticket))) = (this.future.as_pin_mut(), this.watch) else {
            panic!("polled again after it ended");
        };
        let polled = ticket.around(|| catch_unwind(AssertUnwindSafe(|| future.poll(cx))));
        let end = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => End::Ready(output),
            Err(payload) => End::Panicked(payload),
        };
        Poll::Ready(self.end(end).expect("it had not ended before this poll"))
    }
}

/// A closure whose end is heard of; see the head of the file.
pub(crate) struct WatchedCall<F: FnOnce() -> T, T, W: Watcher<T>> {
    work: Option<F>,
    watch: Option<(W, Ticket)>,
    output: std::marker::PhantomData<fn() -> T>,
}

impl<F: FnOnce() -> T, T, W: Watcher<T>> WatchedCall<F, T, W> {
    pub(crate) fn new(work: F, ticket: Ticket, watcher: W) -> Self {
        let watch = Some((watcher, ticket));
        Self { work: Some(work), watch, output: std::marker::PhantomData }
    }

    pub(crate) fn call(mut self) -> W::Answer {
        let (Some(work), Some((watcher, mut ticket))) = (self.work.take(), self.watch.take())
        else {
            unreachable!("`call` and `drop` alone take them, and end this")
        };
        // The closure is used up by its call: what it held is gone when that returns.
        let end = match ticket.around(|| catch_unwind(AssertUnwindSafe(work))) {
            Ok(output) => End::Ready(output),
            Err(payload) => End::Panicked(payload),
        };
        watcher.ended(&mut ticket, end, None)
    }
}

impl<F: FnOnce() -> T, T, W: Watcher<T>> Drop for WatchedCall<F, T, W> {
    fn drop(&mut self) {
        let Some((watcher, mut ticket)) = self.watch.take() else { return };
        let work = self.work.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(work)));
        let _ = watcher.ended(&mut ticket, End::Dropped, dropped.err());
    }
}
