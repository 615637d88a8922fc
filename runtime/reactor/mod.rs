//! Floor 1. The reactor: which sockets can be read or written, and who waits for that.
//!
//! The kernel is asked once per turn, for all sockets together. A socket is registered once, for
//! both directions, edge-triggered: the kernel speaks when something *becomes* possible, and the
//! table remembers it until a call says `WouldBlock`. So a busy socket costs no system call beside
//! its own `recv` and `send`.
//!
//! ```text
//!   Ear::wait ──▶ Poll (mio | polling) ──▶ token, flags ──▶ Sources ──▶ wakers to wake
//!                  ▲                                           ▲
//!   Doorbell::ring from any thread                 set_waker, by whoever has the table
//! ```
//!
//! Who sleeps has the ear, and not the table: so a neighbour of a worker can look up a socket and
//! sit down there while the worker sleeps.
//!
//! The kernel's event queue is opened with the first source. Until then a `wait` is a nap on a
//! condition variable (`doorbell.rs`): a loop without sockets has no descriptors.
//!
//! Rules
//! 1. A descriptor is registered from `register` until `deregister`, and stays open all that time;
//!    its owner sees to it (`net/registered.rs`).
//! 2. An event whose token is not in the table belongs to a socket that is gone. It is ignored.
//! 3. No user's waker is woken, cloned or dropped in here: the caller does it, after its borrow.
//!
//! Knows nothing of tasks, loops or sockets: a source is a descriptor with two lists of wakers.
//! Real world: tokio shares one locked table between threads; asyncio keeps a dict of callbacks
//! and asks level-triggered; libuv re-arms per watcher.

mod doorbell;
mod mio;
mod polling;
mod source;

pub(crate) use doorbell::Doorbell;
use doorbell::KernelBell;
pub(crate) use source::{Direction, Edge, Seat, Source, Ticket, Token};

use std::io;
use std::ops::DerefMut;
use std::os::fd::RawFd;
use std::task::Waker;
use std::time::Duration;

use source::Sources;

/// Events taken from the kernel at once: 3 KiB of buffer. More than 16 made no measurable
/// difference.
const EVENTS_MAX: usize = 256;

/// Which library asks the kernel about sockets. Both do the same; they exist to be raced.
///
/// [`Mio`](Kind::Mio) is the default and the faster one. It reports a closing peer apart from
/// readable data, so a short read saves the read that would have said `WouldBlock`;
/// [`Polling`](Kind::Polling) does not, and pays that read.
///
/// The twin of asyncio's choice between `SelectorEventLoop` and others; tokio has mio only.
///
/// ```
/// let runtime = rondel::Builder::new().reactor(rondel::Reactor::Polling).build().unwrap();
/// runtime.block_on(async { rondel::task::yield_now().await });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Kind {
    /// The [`mio`](https://docs.rs/mio) crate, as under tokio.
    #[default]
    Mio,
    /// The [`polling`](https://docs.rs/polling) crate, as under smol.
    Polling,
}

/// What a kernel's readiness interface must offer beside [`Poll`]: to say what is of interest. It
/// may be called while another thread sleeps in `Poll::wait`.
///
/// | | level-triggered | edge-triggered, as here |
/// |---|---|---|
/// | the kernel speaks | at each wait, while a call is possible | once, when it becomes possible |
/// | who does not read | is told again | is never told again: so `Sources` remembers |
/// | to wait for writing | switch the interest on, later off | nothing: always on |
/// | a busy socket costs | a report at each wait | a report when it had run dry |
///
/// A `dyn` behind one pointer, although there are but two: a call through it is 1 ns beside a
/// system call of 77, and nothing above has to be generic.
pub(crate) trait Registrar: Send {
    /// Starts to report on `fd`, under `token`, for both directions.
    fn register(&self, fd: RawFd, token: Token) -> io::Result<()>;

    /// Makes the kernel say again what is possible now in the directions of `wanted`. More
    /// directions may be told of than were asked for.
    fn rearm(&self, fd: RawFd, token: Token, wanted: Wanted) -> io::Result<()>;

    /// Ends the reports on `fd`.
    fn deregister(&self, fd: RawFd) -> io::Result<()>;

    /// Must `rearm` be called whenever somebody starts to wait? (One-shot reporting.)
    fn rearm_per_wait(&self) -> bool;

    /// Is a FIN reported apart from data? If not, a short read proves nothing: the FIN may have
    /// come with the last bytes, and no second edge will tell of it.
    fn tells_of_fin(&self) -> bool;
}

/// The other half of it: to hear what happened.
pub(crate) trait Poll: Send {
    /// Waits for events, the doorbell or `timeout`. True if there were events.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Hands what the last wait has heard to `sources`.
    fn tell(&mut self, sources: &mut Sources, woken: &mut Vec<Waker>) -> io::Result<()>;
}

/// What a back end opens: its two halves, and the thing that ends a `wait` from another thread.
pub(crate) struct Opened {
    registrar: Box<dyn Registrar>,
    poll: Box<dyn Poll>,
    bell: KernelBell,
}

/// A set of directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Wanted {
    pub(crate) const BOTH: Self = Self { read: true, write: true };

    pub(crate) fn is_empty(self) -> bool {
        !self.read && !self.write
    }
}

/// The table of what one loop has heard of its sockets.
pub(crate) struct Reactor {
    open: fn() -> io::Result<Opened>,
    /// There since the first source.
    registrar: Option<Box<dyn Registrar>>,
    /// Opened with it, and not with the ear yet.
    poll: Option<Box<dyn Poll>>,
    sources: Sources,
    doorbell: Doorbell,
    /// The loop has ended, and nobody will ever be told anything.
    over: bool,
}

/// What one loop listens with.
pub(crate) struct Ear {
    poll: Option<Box<dyn Poll>>,
    doorbell: Doorbell,
}

impl Ear {
    pub(crate) fn new(reactor: &Reactor) -> Self {
        Self { poll: None, doorbell: reactor.doorbell() }
    }

    /// Waits until a source is ready, the doorbell rings or `timeout` (`None`: for ever) has
    /// passed. `reactor` is called for the table, which is not held while this sleeps.
    ///
    /// Moves the wakers of all directions that became ready to `woken`. An interrupted call counts
    /// as one without events: a signal is no error, and the loop turns anyway.
    pub(crate) fn wait<R: DerefMut<Target = Reactor>>(
        &mut self,
        timeout: Option<Duration>,
        reactor: impl Fn() -> R,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        if self.poll.is_none() {
            self.poll = reactor().poll.take();
        }
        let Some(poll) = &mut self.poll else {
            self.doorbell.doze(timeout);
            return Ok(());
        };
        match poll.wait(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
            Ok(false) => Ok(()),
            Ok(true) => poll.tell(&mut reactor().sources, woken),
        }
    }

    /// Lets go of the kernel's event queue, when the loop ends.
    pub(crate) fn close(&mut self) {
        self.poll = None;
    }
}

impl Reactor {
    pub(crate) fn new(kind: Kind) -> Self {
        Self::with_backend(match kind {
            Kind::Mio => mio::open,
            Kind::Polling => polling::open,
        })
    }

    /// On polling, one-shot even where edges are to be had: so the fall-back can be tested.
    #[allow(dead_code)] // used by tests/reactor.rs
    pub(crate) fn one_shot() -> Self {
        Self::with_backend(polling::open_one_shot)
    }

    fn with_backend(open: fn() -> io::Result<Opened>) -> Self {
        Self {
            open,
            registrar: None,
            poll: None,
            sources: Sources::default(),
            doorbell: Doorbell::default(),
            over: false,
        }
    }

    /// The registrar, opened if need be. Errors: the kernel's, mostly "too many open files".
    fn registrar(&mut self) -> io::Result<&dyn Registrar> {
        if self.registrar.is_none() {
            let Opened { registrar, poll, bell } = (self.open)()?;
            self.doorbell.move_to_kernel(bell)?;
            (self.registrar, self.poll) = (Some(registrar), Some(poll));
        }
        Ok(&**self.registrar.as_ref().expect("just opened"))
    }

    /// The thing other threads end a `wait` with.
    pub(crate) fn doorbell(&self) -> Doorbell {
        self.doorbell.clone()
    }

    /// How many sources are registered. With none, a `wait` of zero time can be left out.
    pub(crate) fn sources_len(&self) -> usize {
        self.sources.len()
    }

    /// Whether the loop has ended: who sat down here would wait for ever.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Registers `fd` for both directions. Both are thought ready at first: a new socket can nearly
    /// always be written, and trying is how one finds out.
    ///
    /// The caller keeps `fd` open until it has called `deregister` (rule 1). It is the one who listens:
    /// nobody may doze while the event queue is opened.
    ///
    /// Errors: the kernel's, mostly "too many open files".
    pub(crate) fn register(&mut self, fd: RawFd) -> io::Result<Token> {
        // The table first: the token that the kernel is told must exist.
        let token = self.sources.insert(fd);
        if let Err(error) = self.registrar().and_then(|registrar| registrar.register(fd, token)) {
            self.sources.remove(token);
            return Err(error);
        }
        Ok(token)
    }

    /// Forgets the source. Returns it, because there may be wakers in it that must be dropped after
    /// the caller's borrow (rule 3). `None` for a stale token.
    #[must_use = "drop the source after the borrow of the reactor"]
    pub(crate) fn deregister(&mut self, token: Token) -> Option<Source> {
        let source = self.sources.remove(token)?;
        if let Some(registrar) = &self.registrar {
            // The kernel refuses only what it does not know, and that is the state we want.
            let _ = registrar.deregister(source.fd());
        }
        Some(source)
    }

    /// Makes the kernel repeat the edges of this source: what is possible now is reported at the
    /// next `wait`. A stale token is ignored.
    pub(crate) fn rearm(&mut self, token: Token) -> io::Result<()> {
        match (self.sources.get_mut(token), &self.registrar) {
            (Some(source), Some(registrar)) => registrar.rearm(source.fd(), token, Wanted::BOTH),
            _ => Ok(()),
        }
    }

    /// Is the direction thought ready, and since which edge? Then a call is worth trying.
    #[inline]
    pub(crate) fn ready(&mut self, token: Token, direction: Direction) -> Option<Edge> {
        self.sources.get_mut(token)?.ready(direction)
    }

    /// Has the peer, or an error, closed the direction? Once true this stays true.
    pub(crate) fn is_closed(&mut self, token: Token, direction: Direction) -> bool {
        self.sources.get_mut(token).is_some_and(|source| source.is_closed(direction))
    }

    /// A call said `WouldBlock`: the direction is not ready until the kernel speaks again. If it
    /// has spoken since `known`, the direction stays ready.
    #[inline]
    pub(crate) fn clear_ready(&mut self, token: Token, direction: Direction, known: Edge) {
        if let Some(source) = self.sources.get_mut(token) {
            source.clear_ready(direction, known);
        }
    }

    /// A call moved fewer bytes than it could have, so the kernel's buffer is empty (full): the
    /// next call would say `WouldBlock`, unless the direction is closed.
    #[inline]
    pub(crate) fn drained(&mut self, token: Token, direction: Direction, known: Edge) {
        let tells_of_fin = || self.registrar.as_ref().is_some_and(|it| it.tells_of_fin());
        if direction == Direction::Read && !tells_of_fin() {
            return;
        }
        if let Some(source) = self.sources.get_mut(token)
            && !source.is_closed(direction)
        {
            source.clear_ready(direction, known);
        }
    }

    /// Does a waker that wakes the same task already sit there?
    pub(crate) fn is_seated(
        &mut self,
        token: Token,
        direction: Direction,
        seat: Seat,
        waker: &Waker,
    ) -> bool {
        self.sources.get_mut(token).is_some_and(|source| source.is_seated(direction, seat, waker))
    }

    /// Seats a waker. Returns the one that sat there before, or `waker` itself if the token is
    /// stale; the caller drops (or wakes) it after its borrow.
    #[must_use = "drop or wake the displaced waker after the borrow of the reactor"]
    pub(crate) fn set_waker(
        &mut self,
        token: Token,
        direction: Direction,
        seat: Seat,
        waker: Waker,
    ) -> Option<Waker> {
        let Some(source) = self.sources.get_mut(token) else { return Some(waker) };
        // The waker first, the kernel second: one-shot, the event may come with the next wait.
        let displaced = source.set_waker(direction, seat, waker);
        if let Some(registrar) = &self.registrar
            && registrar.rearm_per_wait()
        {
            // If this fails the descriptor is not registered any more; its owner is closing it.
            let _ = registrar.rearm(source.fd(), token, source.wanted());
        }
        displaced
    }

    /// Takes back the waker that sits on `seat`, for the caller to drop after its borrow.
    #[must_use = "drop the waker after the borrow of the reactor"]
    pub(crate) fn take_waker(
        &mut self,
        token: Token,
        direction: Direction,
        seat: Seat,
    ) -> Option<Waker> {
        self.sources.get_mut(token)?.take_waker(direction, seat)
    }

    /// A fresh ticket for a seat in a crowd.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.sources.ticket()
    }

    /// Moves every waker to `woken`, when the loop ends: who waits must learn that nobody listens.
    /// And closes the kernel's event queue, with what is registered there.
    pub(crate) fn end(&mut self, woken: &mut Vec<Waker>) {
        self.over = true;
        (self.registrar, self.poll) = (None, None);
        self.sources.drain(woken);
    }
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
