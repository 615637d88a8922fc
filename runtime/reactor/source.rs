//! Floor 1. The source table: what is known of each socket, and who waits for it.
//!
//! Per direction a source remembers two facts and seats two kinds of waiters:
//!
//! ```text
//!   ready   the next call is thought to succeed; cleared by WouldBlock, set by the kernel
//!   closed  the peer (or an error) ended this direction; never cleared
//!   slot    the one waker of poll_read or poll_write: the last caller sits there
//!   crowd   any number of wakers of `&self` waiters, each with a ticket
//! ```
//!
//! `closed` is sticky because its edge may be spent: data and FIN arrive as one edge, the read
//! takes the data, and nothing would ever tell of the FIN again.
//!
//! The life of an edge, for a task that reads messages of 100 bytes into room for 4096:
//!
//! ```text
//!                                                               ready   slot
//!   1  the task reads: nothing there, WouldBlock                 no     its waker
//!   2  100 bytes come: the kernel queues an edge                 no     its waker
//!   3  wait brings the edge; `report` hands the waker out        yes    -
//!   4  the task reads 100 of 4096: short, so the buffer is       no     -
//!      empty; the next read need not be tried to know that
//!   5  the next read asks the table alone, and waits             no     its waker
//! ```
//!
//! Between 4 and 5 more bytes may come. Nothing is lost: they make a new edge, the kernel keeps it
//! until the next wait, and that wait comes after 5. Two calls a message, `recv` and a share of
//! `epoll_wait`; tried until `WouldBlock`, it would be three.
//!
//! Rules
//! 1. A token names one registration for ever: its slot is used again, its generation is not
//!    (before 2^28 further registrations).
//! 2. Nobody sits twice: a slot holds one waker, a ticket is one seat.
//!
//! Real world: tokio keeps an intrusive list of waiters per socket under a lock, and readiness in
//! an atomic word; asyncio has one callback per direction.
//! Source: epoll(7), questions and answers: a short read or write on a stream shows that the buffer
//! is used up, so it need not be tried until EAGAIN.

use std::os::fd::RawFd;
use std::task::Waker;

use super::Awaited;
use slab::Slab;

// What the kernel is told, and tells us with each event:
//
//   63        52 51                    24 23                 0
//   ┌───────────┬────────────────────────┬────────────────────┐
//   │ table, 12 │ generation, 28         │ slot, 24           │
//   └───────────┴────────────────────────┴────────────────────┘
//
// A token and its table's number are one usize, because that is what epoll gives back.
const _: () = assert!(usize::BITS == 64, "the reactor needs 64-bit tokens");

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const GENERATION_BITS: u32 = 28;
const GENERATION_MASK: u32 = (1 << GENERATION_BITS) - 1;
const TABLE_AT: u32 = SLOT_BITS + GENERATION_BITS;
/// How many tables may share an event queue.
pub(crate) const TABLES_MAX: usize = 1 << (usize::BITS - TABLE_AT);

/// The name of one registration.
///
/// It may outlive the registration: a stranger sends an errand to seat its waker, and before the
/// errand arrives the socket is closed at home, and a new connection gets the same descriptor and
/// the same slot. The waker must not sit down there. The generation tells the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    slot: u32,
    generation: u32,
}

impl Token {
    /// Packed for the kernel, with the number of the table. Never `usize::MAX`, which both back
    /// ends keep for the doorbell.
    pub(super) fn key(self, table: usize) -> usize {
        table << TABLE_AT | (self.generation as usize) << SLOT_BITS | self.slot as usize
    }

    /// Takes whatever the kernel says: a key that names nothing is a token of the past.
    pub(super) fn from_key(key: usize) -> (usize, Self) {
        // The casts cut off what is above.
        let slot = key as u32 & SLOT_MASK;
        (key >> TABLE_AT, Self { slot, generation: (key >> SLOT_BITS) as u32 & GENERATION_MASK })
    }
}

/// Reading or writing. Accepting counts as reading, connecting as writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Which edge of a direction was told last. Between a call that says `WouldBlock` and the note of
/// that, a neighbour that looks after this loop may hear the next edge: so whoever takes the
/// readiness back says which edge it knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge(u32);

impl Edge {
    /// Before the kernel has said anything.
    pub(crate) const NONE: Self = Self(0);
}

/// Names one waiter in a crowd: a future finds its own seat again, to change its waker or to leave
/// when it is dropped. Numbers, because `Waker::will_wake` may say no to one's own waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u64);

/// Where a waker sits.
///
/// ```text
///   stream.read(..)          poll_read, again and again     Slot     the next call replaces it
///   listener.accept() x 3    three futures, three tickets   Crowd    each leaves when dropped
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    Slot,
    Crowd(Ticket),
}

/// What the kernel said of one source, in words that both back ends can say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) read_closed: bool,
    pub(crate) write_closed: bool,
    pub(crate) error: bool,
}

/// One direction of a source.
#[derive(Debug, Default)]
struct Side {
    /// `poll_read` and its kin have no place to keep a ticket between two calls. So they share one
    /// seat per direction, and a later call speaks for the earlier ones, as in tokio.
    slot: Option<Waker>,
    /// Several tasks may wait on one listener, each by `&self`. Mostly empty: then no heap.
    crowd: Vec<(Ticket, Waker)>,
    ready: bool,
    closed: bool,
    edge: u32,
}

impl Side {
    /// A closed direction is ready too: the call that is tried returns at once, with 0 or an error.
    fn report(&mut self, ready: bool, closed: bool, woken: &mut Vec<Waker>) {
        self.closed |= closed;
        if ready || closed {
            self.ready = true;
            self.edge = self.edge.wrapping_add(1);
            self.take_all(woken);
        }
    }

    /// All of the crowd, though the first may take everything: the edge is told once, and who of
    /// them will act on it cannot be known here. Who finds nothing sits down again.
    #[inline]
    fn take_all(&mut self, woken: &mut Vec<Waker>) {
        if let Some(waker) = self.slot.take() {
            woken.push(waker);
        }
        if !self.crowd.is_empty() {
            woken.extend(self.crowd.drain(..).map(|(_, waker)| waker));
        }
    }

    fn waits(&self) -> bool {
        self.slot.is_some() || !self.crowd.is_empty()
    }

    /// By looking through the crowd: it is a handful of tasks on one socket.
    fn seat(&self, seat: Seat) -> Option<&Waker> {
        match seat {
            Seat::Slot => self.slot.as_ref(),
            Seat::Crowd(ticket) => {
                self.crowd.iter().find(|(held, _)| *held == ticket).map(|(_, waker)| waker)
            }
        }
    }

    /// Returns the waker that sat there, for the caller to drop after its borrow (mod.rs, rule 3).
    fn set(&mut self, seat: Seat, waker: Waker) -> Option<Waker> {
        let Seat::Crowd(ticket) = seat else { return self.slot.replace(waker) };
        match self.crowd.iter_mut().find(|(held, _)| *held == ticket) {
            Some((_, seated)) => Some(std::mem::replace(seated, waker)),
            None => {
                self.crowd.push((ticket, waker));
                None
            }
        }
    }

    fn take(&mut self, seat: Seat) -> Option<Waker> {
        let Seat::Crowd(ticket) = seat else { return self.slot.take() };
        let at = self.crowd.iter().position(|(held, _)| *held == ticket)?;
        // In order, so that who came first is woken first.
        Some(self.crowd.remove(at).1)
    }
}

/// One registered descriptor.
#[derive(Debug)]
pub(crate) struct Source {
    read: Side,
    write: Side,
    /// A number, not an owner: the socket belongs to `net/registered.rs` (mod.rs, rule 1).
    fd: RawFd,
    generation: u32,
}

impl Source {
    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }

    /// The last edge, if the direction is ready.
    pub(super) fn ready(&self, direction: Direction) -> Option<Edge> {
        let side = self.side(direction);
        side.ready.then_some(Edge(side.edge))
    }

    pub(super) fn is_closed(&self, direction: Direction) -> bool {
        self.side(direction).closed
    }

    /// Safe at any time: should there be a newer edge than `known`, it was told already and counts,
    /// or the next wait tells of it.
    pub(super) fn clear_ready(&mut self, direction: Direction, known: Edge) {
        let side = self.side_mut(direction);
        side.ready &= side.edge != known.0;
    }

    /// Spares a task that is polled again the clone of its waker.
    pub(super) fn is_seated(&self, direction: Direction, seat: Seat, waker: &Waker) -> bool {
        self.side(direction).seat(seat).is_some_and(|seated| seated.will_wake(waker))
    }

    pub(super) fn set_waker(
        &mut self,
        direction: Direction,
        seat: Seat,
        waker: Waker,
    ) -> Option<Waker> {
        self.side_mut(direction).set(seat, waker)
    }

    pub(super) fn take_waker(&mut self, direction: Direction, seat: Seat) -> Option<Waker> {
        self.side_mut(direction).take(seat)
    }

    /// The directions somebody waits for. Only one-shot reporting has to know.
    pub(super) fn wanted(&self) -> super::Wanted {
        super::Wanted { read: self.read.waits(), write: self.write.waits() }
    }
}

/// All sources of one reactor.
///
/// A slab and not a map: the token's slot is the index, so an event costs one load and one
/// comparison. Entries may move when the slab grows, because nobody keeps a pointer to one.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    slab: Slab<Source>,
    /// One counter for all slots: an empty slot has no memory of its own to keep one in.
    next_generation: u32,
    next_ticket: u64,
}

impl Sources {
    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Panics with more than 2^24 sources; no process is allowed so many descriptors.
    pub(super) fn insert(&mut self, fd: RawFd) -> Token {
        let generation = self.next_generation;
        // The last generation is skipped: with the last slot it would spell the doorbell's key.
        // At 100,000 connections a second the numbers come round after 45 minutes.
        self.next_generation = (generation + 1) % GENERATION_MASK;
        // Optimistic: the first call is tried, and at worst says `WouldBlock`. Pessimistic would
        // cost each new connection a turn, as its first edge is told by the next wait.
        let ready = || Side { ready: true, ..Side::default() };
        let slot = self.slab.insert(Source { read: ready(), write: ready(), fd, generation });
        let slot = u32::try_from(slot).ok().filter(|slot| *slot <= SLOT_MASK);
        let slot = slot.expect("fewer than 2^24 descriptors");
        Token { slot, generation }
    }

    /// `None` for a token of the past.
    #[inline]
    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Source> {
        let source = self.slab.get_mut(token.slot as usize)?;
        (source.generation == token.generation).then_some(source)
    }

    /// With its wakers, which the caller drops after its borrow (mod.rs, rule 3).
    pub(super) fn remove(&mut self, token: Token) -> Option<Source> {
        self.get_mut(token)?;
        self.slab.try_remove(token.slot as usize)
    }

    /// Notes what the kernel said, and moves the wakers of those who waited for it to `woken`. They
    /// are woken when all events of this wait are noted: so no task sees half of a wait.
    pub(super) fn report(
        &mut self,
        token: Token,
        report: Report,
        woken: &mut Vec<Waker>,
    ) -> Awaited {
        let source = self.get_mut(token)?;
        let Report { readable, writable, read_closed, write_closed, error } = report;
        // An error is told by the next call, whichever direction that is: so both must try. It is
        // no reason to call them closed; the back end says so if it is one.
        source.read.report(readable || error, read_closed, woken);
        source.write.report(writable || error, write_closed, woken);
        Some((source.fd(), source.wanted()))
    }

    /// From 1 up; strangers draw theirs elsewhere, with a bit that these never reach.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// When the loop ends. The sources stay: their owners will want to deregister them.
    pub(super) fn drain(&mut self, woken: &mut Vec<Waker>) {
        for (_, source) in &mut self.slab {
            source.read.take_all(woken);
            source.write.take_all(woken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that a token outlives its socket without reaching the next one.
    /// Method: remove a source and insert another, which takes the same slot.
    #[test]
    fn a_stale_token_does_not_reach_the_slots_new_owner() {
        let mut sources = Sources::default();
        let old = sources.insert(3);
        assert!(sources.remove(old).is_some());
        let new = sources.insert(4);
        assert_eq!(new.slot, old.slot);
        assert!(sources.get_mut(old).is_none());
        assert!(sources.remove(old).is_none());
        assert_eq!(sources.get_mut(new).map(|source| source.fd()), Some(4));
    }

    /// Goal: show that packing a token loses nothing and never yields the doorbell's key.
    /// Method: pack and unpack the extremes.
    #[test]
    fn a_token_survives_the_kernel() {
        for token in [
            Token { slot: 0, generation: 0 },
            Token { slot: SLOT_MASK, generation: GENERATION_MASK - 1 },
            Token { slot: 7, generation: 9 },
        ] {
            for table in [0, 1, TABLES_MAX - 1] {
                assert_eq!(Token::from_key(token.key(table)), (table, token));
                assert_ne!(token.key(table), usize::MAX);
            }
        }
    }

    /// Goal: keep an idle connection cheap.
    /// Method: bound the table entry, which is all of the reactor's memory that grows with sockets.
    #[test]
    fn an_idle_source_costs_little() {
        assert!(size_of::<Source>() <= 112, "{} bytes", size_of::<Source>());
    }
}
