//! Floor 5. `buffered` and `buffer_unordered` over a stream of futures.
//!
//! [`combine::buffered`](crate::combine::buffered()) takes its futures from an iterator; here they
//! come from a stream, which may have to be waited for. The rooms are the same (children.rs).
//!
//! ```text
//!   stream ──▶ [ room 0 | room 1 | room 2 ] ──▶ next()
//!               asked for the next future only while a room is vacant
//! ```
//!
//! Rules
//! 1. At most n futures are in rooms: they run, or have ended and were not fetched.
//! 2. In order, the rooms are a ring, and the oldest is handed out first.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::part::Fuse;
use crate::combine::children::{Children, Order};
use crate::combine::support::MaybeDone;

/// The futures in flight.
struct Rooms<F: Future> {
    children: Children<F>,
    vacant: VecDeque<usize>,
    n: usize,
}

impl<F: Future> Rooms<F> {
    fn new(n: usize, order: Order) -> Self {
        Self { children: Children::vacant(n, order), vacant: (0..n).collect(), n }
    }

    fn taken(&self) -> usize {
        self.n - self.vacant.len()
    }

    /// Fills vacant rooms from the stream, and polls who was woken.
    fn poll(
        &mut self,
        mut stream: Pin<&mut Fuse<impl Stream<Item = F>>>,
        cx: &mut Context<'_>,
        mut ended: impl FnMut(usize),
    ) {
        while let Some(&room) = self.vacant.front() {
            let Poll::Ready(Some(future)) = stream.as_mut().poll_next(cx) else { break };
            self.vacant.pop_front();
            self.children.settle(room, future);
        }
        let _ = self.children.poll_woken(cx, |room, _| {
            ended(room);
            ControlFlow::<()>::Continue(())
        });
    }

    fn take(&mut self, room: usize) -> F::Output {
        self.vacant.push_back(room);
        self.children.room(room).take()
    }

    fn size_hint(&self, (least, most): (usize, Option<usize>)) -> (usize, Option<usize>) {
        let taken = self.taken();
        (least.saturating_add(taken), most.and_then(|most| most.checked_add(taken)))
    }
}

pin_project! {
    /// The stream of [`StreamExt::buffered`](crate::stream::StreamExt::buffered).
    ///
    /// ```
    /// use std::future::{Ready, ready};
    ///
    /// use rondel::stream::{self, Iter, StreamExt, adapters::Buffered};
    ///
    /// let jobs = stream::iter(vec![ready(1), ready(2)]);
    /// let jobs: Buffered<Iter<std::vec::IntoIter<Ready<u8>>>> = jobs.buffered(2);
    /// rondel::run(async { assert_eq!(jobs.collect::<Vec<_>>().await, [1, 2]) });
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Buffered<S>
    where
        S: Stream,
        S::Item: Future,
    {
        #[pin]
        stream: Fuse<S>,
        rooms: Rooms<S::Item>,
        // The room of whoever is handed out next.
        oldest: usize,
    }
}

impl<S: Stream<Item: Future>> Buffered<S> {
    pub(in crate::stream) fn new(stream: S, n: usize) -> Self {
        Self { stream: Fuse::new(stream), rooms: Rooms::new(n, Order::OfRooms), oldest: 0 }
    }
}

impl<S: Stream<Item: Future>> Stream for Buffered<S> {
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut me = self.project();
        // Rooms are vacated and filled first in, first out: a ring (rule 2).
        me.rooms.poll(me.stream.as_mut(), cx, |_| ());
        if me.rooms.taken() == 0 {
            return if me.stream.has_ended() { Poll::Ready(None) } else { Poll::Pending };
        }
        if matches!(*me.rooms.children.room(*me.oldest), MaybeDone::Running { .. }) {
            return Poll::Pending;
        }
        let room = *me.oldest;
        *me.oldest = (room + 1) % me.rooms.n;
        Poll::Ready(Some(me.rooms.take(room)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rooms.size_hint(self.stream.size_hint())
    }
}

impl<S: Stream<Item: Future>> fmt::Debug for Buffered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Buffered");
        f.field("n", &self.rooms.n).field("taken", &self.rooms.taken()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The stream of [`StreamExt::buffer_unordered`](crate::stream::StreamExt::buffer_unordered).
    #[must_use = "streams do nothing unless polled"]
    pub struct BufferUnordered<S>
    where
        S: Stream,
        S::Item: Future,
    {
        #[pin]
        stream: Fuse<S>,
        rooms: Rooms<S::Item>,
        // The rooms whose outputs were not fetched yet.
        ended: VecDeque<usize>,
    }
}

impl<S: Stream<Item: Future>> BufferUnordered<S> {
    pub(in crate::stream) fn new(stream: S, n: usize) -> Self {
        let rooms = Rooms::new(n, Order::OfWakes);
        Self { stream: Fuse::new(stream), rooms, ended: VecDeque::new() }
    }
}

impl<S: Stream<Item: Future>> Stream for BufferUnordered<S> {
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut me = self.project();
        me.rooms.poll(me.stream.as_mut(), cx, |room| me.ended.push_back(room));
        match me.ended.pop_front() {
            Some(room) => Poll::Ready(Some(me.rooms.take(room))),
            None if me.rooms.taken() == 0 && me.stream.has_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rooms.size_hint(self.stream.size_hint())
    }
}

impl<S: Stream<Item: Future>> fmt::Debug for BufferUnordered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("BufferUnordered");
        f.field("n", &self.rooms.n).field("taken", &self.rooms.taken()).finish_non_exhaustive()
    }
}
