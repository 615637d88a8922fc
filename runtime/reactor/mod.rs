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
//! Who sleeps has the ear, and not the table: so others may look up a socket and sit down there
//! meanwhile. The workers of a stealing runtime have a table each, but one event queue and one ear:
//! one of them listens for all, and hands what it hears to the tables that it concerns.
//!
//! The event queue is opened with the first source. Until then a loop naps on a condition variable
//! (`doorbell.rs`): one without sockets has no descriptors.
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
pub(crate) use source::{Direction, Edge, Seat, Source, TABLES_MAX, Ticket, Token};

use std::io;
use std::ops::DerefMut;
use std::os::fd::RawFd;
use std::task::Waker;
use std::time::Duration;

use crate::shim::{Arc, Mutex, lock};
use source::{Report, Sources};

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
pub(crate) trait Registrar: Send + Sync {
    /// Starts to report on `fd`, under `key`, for both directions.
    fn register(&self, fd: RawFd, key: usize) -> io::Result<()>;

    /// Makes the kernel say again what is possible now in the directions of `wanted`. More
    /// directions may be told of than were asked for.
    fn rearm(&self, fd: RawFd, key: usize, wanted: Wanted) -> io::Result<()>;

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
    /// Waits for events, the doorbell or `timeout`.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Calls `note` for each event of the last wait. It says what is still waited for there.
    fn tell(&mut self, note: &mut dyn FnMut(usize, Report) -> Awaited) -> io::Result<()>;
}

/// Whose event that was, and what somebody waits for there still. `None`: of a source that is gone.
pub(crate) type Awaited = Option<(RawFd, Wanted)>;

/// What a back end opens: its two halves, and the thing that ends a `wait` from another thread.
pub(crate) struct Opened {
    registrar: Arc<dyn Registrar>,
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

/// The event queue of one or several loops, open or not.
///
/// It is opened by whoever registers the first source, and found there by whoever sleeps next:
///
/// ```text
///   register ──▶ open ──▶ registrar: each table keeps a copy
///                   └───▶ poll, bell: lie here until an ear takes them up
/// ```
pub(crate) struct Kernel {
    open: fn() -> io::Result<Opened>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    registrar: Option<Arc<dyn Registrar>>,
    /// Opened with it, and not with the ear yet.
    heard: Option<(Box<dyn Poll>, Arc<KernelBell>)>,
}

impl Kernel {
    pub(crate) fn new(kind: Kind) -> Arc<Self> {
        Self::of(match kind {
            Kind::Mio => mio::open,
            Kind::Polling => polling::open,
        })
    }

    /// On polling, one-shot even where edges are to be had: so the fall-back can be tested.
    #[allow(dead_code)] // used by tests/reactor.rs
    pub(crate) fn one_shot() -> Arc<Self> {
        Self::of(polling::open_one_shot)
    }

    fn of(open: fn() -> io::Result<Opened>) -> Arc<Self> {
        Arc::new(Self { open, queue: Mutex::default() })
    }

    /// What one registers with, opened if need be. Errors: the kernel's, mostly "too many open
    /// files".
    fn registrar(&self) -> io::Result<Arc<dyn Registrar>> {
        let mut queue = lock(&self.queue);
        if let Some(registrar) = &queue.registrar {
            return Ok(registrar.clone());
        }
        let Opened { registrar, poll, bell } = (self.open)()?;
        *queue = Queue { registrar: Some(registrar.clone()), heard: Some((poll, Arc::new(bell))) };
        Ok(registrar)
    }
}

/// What one listens to the event queue with.
pub(crate) struct Ear {
    kernel: Arc<Kernel>,
    open: Option<(Box<dyn Poll>, Arc<KernelBell>)>,
}

impl Ear {
    pub(crate) fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel, open: None }
    }

    /// Whether there is anything to listen to. If not, a loop dozes (`Doorbell::doze`).
    pub(crate) fn is_open(&mut self) -> bool {
        if self.open.is_none() {
            self.open = lock(&self.kernel.queue).heard.take();
        }
        self.open.is_some()
    }

    /// Waits until a source is ready, `doorbell` rings or `timeout` (`None`: for ever) has passed.
    /// `table` is called for the table of that number, and none is held while this sleeps.
    ///
    /// Moves the wakers of all directions that became ready to `woken`. An interrupted call counts
    /// as one without events: a signal is no error, and the loop turns anyway.
    pub(crate) fn wait<R: DerefMut<Target = Reactor>>(
        &mut self,
        doorbell: &Doorbell,
        timeout: Option<Duration>,
        table: impl Fn(usize) -> Option<R>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let Some((poll, bell)) = &mut self.open else { return Ok(()) };
        // Where one sleeps is written down for those that ring, and who looks only does not sleep.
        let waited = match timeout {
            Some(Duration::ZERO) => poll.wait(timeout), // who is awake is not rung
            _ => doorbell.sleep_at(bell, |rung| {
                poll.wait(if rung { Some(Duration::ZERO) } else { timeout })
            }),
        };
        match waited {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            waited => waited?,
        }
        // A table is held for one event at a time: its worker may be in the middle of something.
        poll.tell(&mut |key, report| {
            let (number, token) = Token::from_key(key);
            table(number)?.sources.report(token, report, woken)
        })
    }

    /// Lets go of the event queue, when the loops end.
    pub(crate) fn close(&mut self) {
        self.open = None;
        *lock(&self.kernel.queue) = Queue::default();
    }
}

/// The table of what one loop knows of its sockets.
pub(crate) struct Reactor {
    kernel: Arc<Kernel>,
    /// There since the first source.
    registrar: Option<Arc<dyn Registrar>>,
    /// Which one it is of those that share the event queue: each event comes with this number, so
    /// that whoever hears it finds the table.
    number: usize,
    sources: Sources,
    doorbell: Doorbell,
    /// The loop has ended, and nobody will ever be told anything.
    over: bool,
}

impl Reactor {
    pub(crate) fn new(kernel: Arc<Kernel>, number: usize) -> Self {
        assert!(number < TABLES_MAX, "{number} tables are more than a token can tell apart");
        Self {
            kernel,
            registrar: None,
            number,
            sources: Sources::default(),
            doorbell: Doorbell::default(),
            over: false,
        }
    }

    pub(crate) fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn registrar(&mut self) -> io::Result<&dyn Registrar> {
        if self.registrar.is_none() {
            self.registrar = Some(self.kernel.registrar()?);
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
    /// The caller keeps `fd` open until it has called `deregister` (rule 1). It is on a loop's
    /// thread, which listens when it next sleeps: the others may all be dozing.
    ///
    /// Errors: the kernel's, mostly "too many open files".
    pub(crate) fn register(&mut self, fd: RawFd) -> io::Result<Token> {
        // The table first: the token that the kernel is told must exist.
        let token = self.sources.insert(fd);
        let key = token.key(self.number);
        if let Err(error) = self.registrar().and_then(|registrar| registrar.register(fd, key)) {
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
            (Some(source), Some(registrar)) => {
                registrar.rearm(source.fd(), token.key(self.number), Wanted::BOTH)
            }
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
            let _ = registrar.rearm(source.fd(), token.key(self.number), source.wanted());
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
    pub(crate) fn end(&mut self, woken: &mut Vec<Waker>) {
        self.over = true;
        self.registrar = None;
        self.sources.drain(woken);
    }
}

impl std::fmt::Debug for Reactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reactor").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
