//! Floor 5. A simulated connection: two ways, the pieces under way on them, and what ends both.
//!
//! A write puts a piece on its way and says at once when it will arrive; nobody carries it. A read
//! looks whether the first piece has arrived, and if not, waits for that moment. So no task runs in
//! the background, and in virtual time the clock jumps from arrival to arrival.
//!
//! ```text
//!   write ─▶ [piece, arrives at 12 ms] [piece, 12 ms] [end, 13 ms] ─▶ read
//!            └──────────── bytes: at most `buffer` ─────────────┘
//! ```
//!
//! | what happens              | this end       | the other end                       |
//! |---------------------------|----------------|-------------------------------------|
//! | `shutdown`                | may still read | reads what is left, then the end    |
//! | dropped, all read         | –              | the same; its write earns a reset   |
//! | dropped with bytes unread | –              | a reset, as in TCP                  |
//! | `abort`                   | –              | a reset                             |
//! | the network resets it     | a reset        | a reset                             |
//!
//! Rules
//! 1. Pieces arrive in their order, once, unchanged: it is a stream.
//! 2. From the moment a reset sets out nothing else does, not even an end. It is told to each end
//!    once, as `ConnectionReset`, and takes what was not read with it; after that reads find the
//!    end, and writes a `BrokenPipe`. That is what Linux does.
//! 3. While a link is cut pieces are held, and resets too; healed, they set out anew.
//! 4. Wakers are cloned, woken and dropped while the lock is not held.
//!
//! Real world: turmoil and madsim carry segments by a scheduler of their own.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};

use super::options::{NetOptions, happens, perhaps_a_part};
use super::stats::Totals;
use crate::io::ReadBuf;
use crate::leaf::poll_leaf;
use crate::roll_call;
use crate::shim::{Arc, Mutex, lock};
use crate::time::{Instant, Sleep, sleep_until};
use crate::wakes::Wakes;

/// The two ends. The way of an end is that which it writes to.
pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// What an end does, and may wait to do.
const READING: usize = 0;
const WRITING: usize = 1;
const NAMES: [&str; 2] = ["SimStream::read", "SimStream::write"];

/// The timers of an end: until when it waits to read, and to write.
pub(super) type Alarms = [Option<Sleep>; 2];

pub(super) struct Wire {
    pub(super) ends: [SocketAddr; 2],
    options: Arc<NetOptions>,
    totals: Arc<Totals>,
    state: Mutex<State>,
}

struct State {
    ways: [Way; 2],
    /// A reset is under way, or has come; `reset_at` says when, unless it is held (rule 3).
    is_doomed: bool,
    reset_at: Option<Instant>,
    was_told: [bool; 2],
    is_cut: bool,
    /// By end, then by what it waits to do.
    waiting: [[Option<Waker>; 2]; 2],
}

#[derive(Default)]
struct Way {
    pieces: VecDeque<Piece>,
    unread: usize,
    /// When the last byte has left the sender.
    sent_at: Option<Instant>,
    /// When the last piece arrives.
    last_at: Option<Instant>,
    /// Nothing more goes in.
    is_shut: bool,
    /// Nobody is there to read.
    is_deaf: bool,
}

struct Piece {
    /// `None`: held (rule 3).
    arrives: Option<Instant>,
    /// None: the end of the stream.
    bytes: Bytes,
}

impl Piece {
    fn has_arrived(&self, now: Instant) -> bool {
        self.arrives.is_some_and(|at| at <= now)
    }
}

/// How an attempt went.
enum Tried<T> {
    Done(io::Result<T>),
    /// Nothing to be had before this moment, unless somebody does something.
    Wait(Option<Instant>),
}

impl Wire {
    pub(super) fn new(
        ends: [SocketAddr; 2],
        options: Arc<NetOptions>,
        totals: Arc<Totals>,
        is_cut: bool,
    ) -> Arc<Self> {
        let state = State {
            ways: Default::default(),
            is_doomed: false,
            reset_at: None,
            was_told: [false; 2],
            is_cut,
            waiting: Default::default(),
        };
        Arc::new(Self { ends, options, totals, state: Mutex::new(state) })
    }

    pub(super) fn poll_read(
        &self,
        end: usize,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        alarms: &mut Alarms,
    ) -> Poll<io::Result<()>> {
        self.poll(end, READING, cx, alarms, |state, now, wakes| {
            self.try_read(state, end, now, buf, wakes)
        })
    }

    pub(super) fn poll_write(
        &self,
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
        alarms: &mut Alarms,
    ) -> Poll<io::Result<usize>> {
        self.poll(end, WRITING, cx, alarms, |state, now, wakes| {
            self.try_write(state, end, now, bytes, wakes)
        })
    }

    fn poll<T>(
        &self,
        end: usize,
        side: usize,
        cx: &mut Context<'_>,
        alarms: &mut Alarms,
        mut attempt: impl FnMut(&mut State, Instant, &mut Wakes) -> Tried<T>,
    ) -> Poll<io::Result<T>> {
        poll_leaf(NAMES[side], cx, |cx| {
            // At a roll call the question is what it waits for, and not how it is tormented.
            if !roll_call::is_on() && happens(self.options.interruptions) {
                self.totals.interruptions.add(1);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            loop {
                let (mine, mut wakes) = (cx.waker().clone(), Wakes::default());
                let mut state = lock(&self.state);
                let tried = attempt(&mut state, Instant::now(), &mut wakes);
                let seat = &mut state.waiting[end][side];
                let unused = match &tried {
                    Tried::Wait(_) => [seat.replace(mine), None],
                    Tried::Done(_) => [seat.take(), Some(mine)],
                };
                drop(state);
                drop(unused); // after the lock (rule 4)
                wakes.wake();
                let until = match tried {
                    Tried::Done(answer) => return Poll::Ready(answer),
                    Tried::Wait(until) => until,
                };
                alarms[side] = until.map(sleep_until);
                let Some(alarm) = &mut alarms[side] else { return Poll::Pending };
                // Ready: that moment has come by now. (In virtual time it never has.)
                std::task::ready!(Pin::new(alarm).poll(cx));
            }
        })
    }

    fn try_read(
        &self,
        state: &mut State,
        end: usize,
        now: Instant,
        buf: &mut ReadBuf<'_>,
        wakes: &mut Wakes,
    ) -> Tried<()> {
        if state.is_reset(now) {
            let told = std::mem::replace(&mut state.was_told[end], true);
            return Tried::Done(if told { Ok(()) } else { Err(self.reset_error(end)) });
        }
        let reset_at = state.reset_at;
        let way = &mut state.ways[1 - end];
        let Some(front) = way.pieces.front().filter(|piece| piece.has_arrived(now)) else {
            let arrives = way.pieces.front().and_then(|piece| piece.arrives);
            return Tried::Wait(arrives.into_iter().chain(reset_at).min());
        };
        if front.bytes.is_empty() || buf.remaining() == 0 {
            return Tried::Done(Ok(()));
        }
        let arrived = way.pieces.iter().take_while(|piece| piece.has_arrived(now));
        let there: usize = arrived.map(|piece| piece.bytes.len()).sum();
        let whole = there.min(buf.remaining());
        let count = perhaps_a_part(whole, self.options.partial);
        self.totals.partial.add(u64::from(count < whole));
        self.totals.bytes.add(count as u64);
        way.take(count, buf);
        wakes.push(state.waiting[1 - end][WRITING].take());
        Tried::Done(Ok(()))
    }

    fn try_write(
        &self,
        state: &mut State,
        end: usize,
        now: Instant,
        bytes: &[u8],
        wakes: &mut Wakes,
    ) -> Tried<usize> {
        if state.is_reset(now) {
            let told = std::mem::replace(&mut state.was_told[end], true);
            let broken = || self.error(end, io::ErrorKind::BrokenPipe, "is over: it was reset");
            return Tried::Done(Err(if told { broken() } else { self.reset_error(end) }));
        }
        let way = &state.ways[end];
        if way.is_shut {
            let why = "was shut down: nothing can be written after that";
            return Tried::Done(Err(self.error(end, io::ErrorKind::BrokenPipe, why)));
        }
        let room = self.options.buffer.saturating_sub(way.unread);
        if room == 0 && !bytes.is_empty() {
            return Tried::Wait(state.reset_at);
        }
        let whole = bytes.len().min(room);
        let count = perhaps_a_part(whole, self.options.partial);
        self.totals.partial.add(u64::from(count < whole));
        if count == 0 {
            return Tried::Done(Ok(0));
        }
        let is_reset = !state.is_doomed && happens(self.options.resets);
        self.totals.resets.add(u64::from(is_reset));
        if is_reset || state.is_doomed || way.is_deaf {
            // Lost, but it fills the buffer: a writer must not run on until the reset has come.
            state.ways[end].unread += count;
            self.doom(state, now, wakes); // also the answer to what nobody is there to take
        } else {
            self.send(state, end, now, Bytes::copy_from_slice(&bytes[..count]), wakes);
        }
        Tried::Done(Ok(count))
    }

    /// Puts a piece on its way.
    fn send(&self, state: &mut State, end: usize, now: Instant, bytes: Bytes, wakes: &mut Wakes) {
        let options = &self.options;
        let way = &mut state.ways[end];
        let sent_at = way.sent_at.map_or(now, |before| before.max(now));
        let sent_at = sent_at.add_or_far(options.time_to_send(bytes.len()));
        way.sent_at = Some(sent_at);
        way.unread += bytes.len();
        let (losses, late) = options.draw_losses();
        self.totals.losses.add(u64::from(losses));
        let arrives = sent_at.add_or_far(options.draw_latency()).add_or_far(late);
        let arrives = (!state.is_cut).then(|| way.after_the_last(arrives));
        // Who waits for the piece in front has its moment already.
        if way.pieces.is_empty() {
            wakes.push(state.waiting[1 - end][READING].take());
        }
        way.pieces.push_back(Piece { arrives, bytes });
    }

    /// Sends a reset on its way to both ends.
    fn doom(&self, state: &mut State, now: Instant, wakes: &mut Wakes) {
        if std::mem::replace(&mut state.is_doomed, true) {
            return;
        }
        if !state.is_cut {
            state.reset_at = Some(now.add_or_far(self.options.draw_latency()));
        }
        state.waiting.iter_mut().flatten().for_each(|seat| wakes.push(seat.take()));
    }

    /// No more will be written by `end`.
    pub(super) fn shut(&self, end: usize) {
        self.change(|state, now, wakes| self.shut_way(state, end, now, wakes));
    }

    fn shut_way(&self, state: &mut State, end: usize, now: Instant, wakes: &mut Wakes) {
        // Behind what a reset has torn out no end must be seen: it would pass for the whole.
        if !std::mem::replace(&mut state.ways[end].is_shut, true) && !state.is_doomed {
            self.send(state, end, now, Bytes::new(), wakes);
        }
    }

    /// Ends the connection by a reset.
    pub(super) fn abort(&self, end: usize) {
        self.change(|state, now, wakes| {
            state.ways[end].is_shut = true; // by the reset, not by an end of the stream
            self.doom(state, now, wakes);
        });
    }

    /// `end` is dropped.
    pub(super) fn leave(&self, end: usize) {
        let mut lost = VecDeque::new();
        self.change(|state, now, wakes| {
            self.shut_way(state, end, now, wakes);
            let way = &mut state.ways[1 - end];
            way.is_deaf = true;
            lost = std::mem::take(&mut way.pieces);
            if std::mem::take(&mut way.unread) > 0 {
                self.doom(state, now, wakes);
            }
            // The peer, to learn that there is room for ever; and this end's own, to be rid of.
            wakes.push(state.waiting[1 - end][WRITING].take());
            state.waiting[end].iter_mut().for_each(|seat| wakes.push(seat.take()));
        });
    }

    /// Cuts the link, or heals it (rule 3).
    pub(super) fn set_cut(&self, is_cut: bool) {
        self.change(|state, now, wakes| {
            state.is_cut = is_cut;
            for way in &mut state.ways {
                way.hold_or_release(is_cut, now, &self.options);
            }
            let ahead = state.reset_at.is_none_or(|at| at > now);
            if state.is_doomed && ahead {
                state.reset_at = (!is_cut).then(|| now.add_or_far(self.options.draw_latency()));
            }
            state.waiting.iter_mut().flatten().for_each(|seat| wakes.push(seat.take()));
        });
    }

    /// Does something under the lock, and wakes whom it concerns after it.
    fn change(&self, change: impl FnOnce(&mut State, Instant, &mut Wakes)) {
        let mut wakes = Wakes::default();
        change(&mut lock(&self.state), Instant::now(), &mut wakes);
        wakes.wake();
    }

    fn reset_error(&self, end: usize) -> io::Error {
        self.error(end, io::ErrorKind::ConnectionReset, "was reset")
    }

    fn error(&self, end: usize, kind: io::ErrorKind, what: &str) -> io::Error {
        let [here, there] = [self.ends[end], self.ends[1 - end]];
        io::Error::new(kind, format!("the simulated connection of {here} to {there} {what}"))
    }
}

impl State {
    fn is_reset(&self, now: Instant) -> bool {
        self.reset_at.is_some_and(|at| at <= now)
    }
}

impl Way {
    /// Moves `count` bytes, which have arrived, to `buf`.
    fn take(&mut self, mut count: usize, buf: &mut ReadBuf<'_>) {
        self.unread -= count;
        while count > 0 {
            let front = &mut self.pieces.front_mut().expect("so many bytes have arrived").bytes;
            let part = front.len().min(count);
            buf.put_slice(&front[..part]);
            front.advance(part);
            count -= part;
            if front.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// `at`, or when the piece before arrives if that is later (rule 1).
    fn after_the_last(&mut self, at: Instant) -> Instant {
        let at = self.last_at.map_or(at, |last| last.max(at));
        self.last_at = Some(at);
        at
    }

    fn hold_or_release(&mut self, is_cut: bool, now: Instant, options: &NetOptions) {
        let mut last_at = self.last_at.filter(|_| !is_cut);
        for piece in &mut self.pieces {
            if is_cut && !piece.has_arrived(now) {
                piece.arrives = None;
            } else if !is_cut && piece.arrives.is_none() {
                let at = now.add_or_far(options.draw_latency());
                let at = last_at.map_or(at, |last| last.max(at));
                (piece.arrives, last_at) = (Some(at), Some(at));
            }
        }
        self.last_at = last_at;
    }
}
