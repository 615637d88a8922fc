//! Floor 5. A descriptor that a loop listens to: the one place where sockets meet the reactor.
//!
//! Every socket belongs to the loop it was made on, its *home*. Who has the loop's table in reach
//! tries the call if the direction is thought ready, and leaves a waker in the table if it says
//! `WouldBlock`. That is the loop's thread, or on the stealing flavour any thread of the runtime:
//! so a task that was robbed goes on with its sockets where they are. A stranger (another thread,
//! or another loop) may use the socket too:
//!
//! ```text
//!              the table is in reach                a stranger
//!   try        only if thought ready                always
//!   wait       waker into the table                 errand: waker into the table, and re-arm
//!   drop       deregister, close                    errand: deregister, close
//! ```
//!
//! Re-arming makes the kernel repeat its edge, so what became ready between the stranger's try and
//! the errand is told again, and nothing is lost though nobody took a lock.
//!
//! Rules
//! 1. The descriptor stays open until it is deregistered: only `leave` ends a registration, and the
//!    socket is closed after it, by the same owner. (This is rule 1 of the reactor.)
//! 2. Errands run in the order they were sent, so a socket's last errand is the one that closes it.
//! 3. `WouldBlock` always means "wait", also for a direction that is closed: so no call can spin.
//! 4. An errand that never ran because the loop ended wakes its waiter, who then learns of the end.
//! 5. A call costs a step of the task's budget (`budget.rs`): a task whose sockets are always ready
//!    stands in line again after a while, and starves neither tasks nor timers nor other sockets.
//!
//! Real world: tokio shares the readiness word between all threads and pays atomics everywhere.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Wake, Waker};

use crate::current::{self, Handle};
use crate::leaf::poll_leaf;
use crate::reactor::{Direction, Edge, Reactor, Seat, Source, Ticket, Token};
use crate::shim::Arc;
use crate::shim::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::task::home::HomeRef;

/// The result of a call, and whether it proved that the kernel's buffer is drained (for writing:
/// full), so that the next call would say `WouldBlock`.
pub(crate) type Moved<R> = (R, bool);

/// `count` bytes were moved where `room` could have been.
pub(crate) fn moved(count: usize, room: usize) -> Moved<usize> {
    (count, count < room)
}

fn loop_is_gone() -> io::Error {
    io::Error::other("the loop that this socket is registered with has ended")
}

/// What a socket's wait is called at a roll call: one of another loop, as with open sockets of its
/// own a loop calls none.
const WAIT: &str = "a socket of another loop";

/// Tickets of strangers carry this bit; those without it are numbered by the reactor.
const STRANGER: u64 = 1 << 63;

static NEXT_STRANGER: AtomicU64 = AtomicU64::new(STRANGER);

/// The registration: made at home, or on its way there.
#[derive(Clone)]
enum Place {
    Here(Token),
    /// A stranger made the socket. Whoever comes to the loop first with it registers it: the errand
    /// that was sent, or the socket itself.
    Sent(Arc<OnceLock<io::Result<Token>>>),
}

impl Place {
    /// The token; registers first if nobody has, `at_home`. `None`: that is still to be done.
    #[inline(always)]
    fn token(&self, reactor: &mut Reactor, fd: RawFd, at_home: bool) -> Option<io::Result<Token>> {
        match self {
            Self::Here(token) => Some(Ok(*token)),
            Self::Sent(cell) => Self::token_sent(cell, reactor, fd, at_home),
        }
    }

    fn token_sent(
        cell: &OnceLock<io::Result<Token>>,
        reactor: &mut Reactor,
        fd: RawFd,
        at_home: bool,
    ) -> Option<io::Result<Token>> {
        let registered = match cell.get() {
            None if !at_home => return None,
            _ => cell.get_or_init(|| reactor.register(fd)),
        };
        Some(registered.as_ref().map_err(copied).copied())
    }

    /// Why there is no registration and will be none: to wait for it would be to wait for ever.
    fn failure(&self) -> Option<io::Error> {
        match self {
            Self::Here(_) => None,
            Self::Sent(cell) => cell.get()?.as_ref().err().map(copied),
        }
    }

    /// Ends the registration, or sees to it that there will be none.
    fn leave(&self, reactor: &mut Reactor) -> Option<Source> {
        match self {
            Self::Here(token) => reactor.deregister(*token),
            Self::Sent(cell) => match cell.set(Err(loop_is_gone())) {
                Ok(()) => None,
                Err(_) => reactor.deregister(*cell.get()?.as_ref().ok()?),
            },
        }
    }
}

fn copied(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// What a look into the table says about a direction.
enum Look {
    /// It is thought ready since that edge. A stranger does not know, and tries.
    Try(Option<Edge>),
    /// It is not, and the waker sits there already.
    Seated,
    /// It is not, and the waker has to sit down.
    Sit,
}

/// Runs `f` on the reactor of the loop this thread is inside of: what an errand does.
#[inline]
fn with_reactor<R>(f: impl FnOnce(&mut Reactor) -> R) -> Option<R> {
    current::here(|home| f(&mut home.outlook.reactor.borrow()))
}

/// With which loop, and where there.
struct Spot {
    home: HomeRef,
    place: Place,
}

impl Spot {
    /// To be registered there by whoever comes first.
    fn of(home: &HomeRef) -> Self {
        Self { home: home.clone(), place: Place::Sent(Arc::new(OnceLock::new())) }
    }
}

/// A socket (or pipe) and its place in a loop's source table.
pub(crate) struct Registered<S: AsRawFd + Send + 'static> {
    /// `None` only while it is being dropped.
    socket: Option<S>,
    /// Not decided yet for a socket that was made beside the workers of a stealing runtime: the
    /// first of them that looks at it has it, so that accepted connections spread over all.
    spot: OnceLock<Spot>,
    /// The loop that has it if somebody else is the first to wait.
    born: HomeRef,
}

impl<S: AsRawFd + Send + 'static> Registered<S> {
    /// Registers `socket`, which must be non-blocking, with the current loop.
    ///
    /// Panics outside a loop. Errors: the kernel's, and a loop that has ended.
    pub(crate) fn new(socket: S) -> io::Result<Self> {
        Self::try_new(socket).map_err(|(_socket, error)| error)
    }

    /// The same, which gives the socket back with the error.
    pub(crate) fn try_new(socket: S) -> Result<Self, (S, io::Error)> {
        match Self::take_a_place(socket.as_raw_fd()) {
            Ok((spot, born)) => Ok(Self { socket: Some(socket), spot, born }),
            Err(error) => Err((socket, error)),
        }
    }

    fn take_a_place(fd: RawFd) -> io::Result<(OnceLock<Spot>, HomeRef)> {
        let handle = Handle::current();
        let (born, spot) = (handle.home().clone(), OnceLock::new());
        if born.is_here() {
            let token = with_reactor(|reactor| reactor.register(fd)).ok_or_else(loop_is_gone)??;
            let _ = spot.set(Spot { home: born.clone(), place: Place::Here(token) });
        } else if handle.commons().is_none() {
            let Spot { home, place } = spot.get_or_init(|| Spot::of(&born));
            let sent = place.clone();
            // An error stays in the place, where the first call finds it.
            let register = move || drop(with_reactor(|reactor| sent.token(reactor, fd, true)));
            if !home.errand(register) {
                return Err(loop_is_gone());
            }
        }
        Ok((spot, born))
    }

    /// Where it is registered, or is now, if this thread is one of the workers that could have it.
    #[inline]
    fn spot(&self) -> Option<&Spot> {
        self.spot.get().or_else(|| self.settle())
    }

    #[cold]
    fn settle(&self) -> Option<&Spot> {
        let own = current::home_among_neighbours(&self.born)?;
        Some(self.spot.get_or_init(|| Spot::of(&own)))
    }

    /// The socket itself.
    #[inline]
    pub(crate) fn get(&self) -> &S {
        self.socket.as_ref().expect("the socket is there until it is dropped")
    }

    /// Runs `f` on the reactor if that is in reach. Whoever reaches it is as good as at home, but
    /// home alone registers: another thread could not see to it that somebody listens.
    ///
    /// `None` if this thread is a stranger to it, or has to do as one because the socket is on its
    /// way there or the loop has ended.
    #[inline]
    fn in_reach<R>(&self, f: impl FnOnce(&mut Reactor, Token) -> R) -> Option<io::Result<R>> {
        let Spot { home, place } = self.spot()?;
        let done = current::reach(home, |reach| {
            let mut reactor = reach.reactor();
            if reactor.is_over() {
                return None;
            }
            let token = place.token(&mut reactor, self.get().as_raw_fd(), reach.is_own())?;
            Some(token.map(|token| f(&mut reactor, token)))
        });
        done.flatten()
    }

    /// Tries `call` once if that is worth it. `WouldBlock` means: wait.
    #[inline]
    pub(crate) fn try_io<R>(
        &self,
        direction: Direction,
        call: impl FnOnce(&S) -> io::Result<Moved<R>>,
    ) -> io::Result<R> {
        match self.in_reach(|reactor, token| reactor.ready(token, direction)).transpose()? {
            Some(None) => Err(io::ErrorKind::WouldBlock.into()),
            Some(known @ Some(_)) => self.attempt(direction, known, call),
            None => self.attempt(direction, None, call),
        }
    }

    /// Makes the call and notes what it tells of the direction, which is `known` to be ready.
    #[inline]
    fn attempt<R>(
        &self,
        direction: Direction,
        known: Option<Edge>,
        call: impl FnOnce(&S) -> io::Result<Moved<R>>,
    ) -> io::Result<R> {
        match call(self.get()) {
            Ok((result, false)) => Ok(result),
            Ok((result, true)) => {
                if let Some(known) = known {
                    self.in_reach(|reactor, token| reactor.drained(token, direction, known));
                }
                Ok(result)
            }
            Err(error) => {
                if let (io::ErrorKind::WouldBlock, Some(known)) = (error.kind(), known) {
                    self.clear_ready(direction, known);
                }
                Err(error)
            }
        }
    }

    /// Tries `call`, and waits in the direction's one slot after `WouldBlock`: for `poll_read` and
    /// `poll_write`, where the last caller's waker counts.
    #[inline]
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        call: impl FnMut(&S) -> io::Result<Moved<R>>,
    ) -> Poll<io::Result<R>> {
        self.poll_seated(cx, direction, &mut Some(Seat::Slot), call)
    }

    /// Tries `call` until it says something else than `WouldBlock`. Any number of tasks may do so
    /// at once; all are woken, in the order they came.
    pub(crate) async fn io<R>(
        &self,
        direction: Direction,
        mut call: impl FnMut(&S) -> io::Result<Moved<R>>,
    ) -> io::Result<R> {
        let mut watch = Watch::new(self, direction);
        std::future::poll_fn(|cx| self.poll_seated(cx, direction, &mut watch.seat, &mut call)).await
    }

    /// Waits until the direction is thought ready. It may be so without need.
    pub(crate) fn ready(&self, direction: Direction) -> Watch<'_, S> {
        Watch::new(self, direction)
    }

    /// Is the direction closed by the peer? A stranger does not know and says no.
    pub(crate) fn is_closed(&self, direction: Direction) -> bool {
        let closed = self.in_reach(|reactor, token| reactor.is_closed(token, direction));
        matches!(closed, Some(Ok(true)))
    }

    /// The last edge that is known of the direction. A stranger knows none.
    pub(crate) fn edge(&self, direction: Direction) -> Edge {
        let known = self.in_reach(|reactor, token| reactor.ready(token, direction));
        known.and_then(Result::ok).flatten().unwrap_or(Edge::NONE)
    }

    /// Says that the direction is not ready, unless there was an edge since `known`.
    pub(crate) fn clear_ready(&self, direction: Direction, known: Edge) {
        self.in_reach(|reactor, token| reactor.clear_ready(token, direction, known));
    }

    /// Takes the socket out of the loop. `copy` must duplicate it: a stranger gets the copy,
    /// because the original has to go home to be deregistered there.
    pub(crate) fn into_inner(mut self, copy: impl FnOnce(&S) -> io::Result<S>) -> io::Result<S> {
        if let Some(spot) = self.spot.get() {
            let left = current::reach(&spot.home, |reach| spot.place.leave(&mut reach.reactor()));
            if left.is_none() {
                return copy(self.get());
            }
        }
        self.socket.take().ok_or_else(loop_is_gone)
    }

    #[inline]
    fn poll_seated<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        seat: &mut Option<Seat>,
        mut call: impl FnMut(&S) -> io::Result<Moved<R>>,
    ) -> Poll<io::Result<R>> {
        poll_leaf(WAIT, cx, |cx| {
            // One visit to the table answers everything, because most polls end here.
            let look = self.in_reach(|reactor, token| {
                let known = reactor.ready(token, direction);
                if known.is_some() {
                    Look::Try(known)
                } else {
                    let waker = cx.waker();
                    let seated =
                        seat.is_some_and(|s| reactor.is_seated(token, direction, s, waker));
                    if seated { Look::Seated } else { Look::Sit }
                }
            });
            match look.transpose()?.unwrap_or(Look::Try(None)) {
                Look::Seated => return Poll::Pending,
                Look::Sit => {
                    self.sit_down(cx.waker(), direction, seat)?;
                    return Poll::Pending;
                }
                Look::Try(known) => loop {
                    match self.attempt(direction, known, &mut call) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => return Poll::Ready(result),
                    }
                },
            }
            self.sit(cx.waker(), direction, seat)?;
            Poll::Pending
        })
    }

    /// Leaves `waker` on `seat` at home; without one, on a new seat in the crowd.
    fn sit_down(
        &self,
        waker: &Waker,
        direction: Direction,
        seat: &mut Option<Seat>,
    ) -> io::Result<()> {
        // Cloned before and dropped after the borrow: both are the user's code.
        let (waker, sent) = (waker.clone(), waker);
        let sat = self.in_reach(|reactor, token| {
            let seat = *seat.get_or_insert_with(|| Seat::Crowd(reactor.ticket()));
            let displaced = reactor.set_waker(token, direction, seat, waker);
            // Told by a neighbour since we looked: that edge is not told again.
            let missed = reactor.ready(token, direction).is_some();
            let again = if missed { reactor.take_waker(token, direction, seat) } else { None };
            (displaced, again)
        });
        match sat.transpose()? {
            Some((_displaced, again)) => again.into_iter().for_each(Waker::wake),
            None => return self.sit_abroad(sent, direction, seat), // the loop has just ended
        }
        Ok(())
    }

    /// The same after a try that found nothing. The waker may sit there already, or be abroad.
    fn sit(&self, waker: &Waker, direction: Direction, seat: &mut Option<Seat>) -> io::Result<()> {
        let seated = self.in_reach(|reactor, token| {
            seat.is_some_and(|seat| reactor.is_seated(token, direction, seat, waker))
        });
        match seated.transpose()? {
            Some(true) => Ok(()),
            Some(false) => self.sit_down(waker, direction, seat),
            None => self.sit_abroad(waker, direction, seat),
        }
    }

    /// What a stranger does instead of sitting down: sends the waker home, and has the edge
    /// repeated.
    fn sit_abroad(
        &self,
        waker: &Waker,
        direction: Direction,
        seat: &mut Option<Seat>,
    ) -> io::Result<()> {
        let seat = *seat.get_or_insert_with(|| {
            // Relaxed: only the number has to be new.
            Seat::Crowd(Ticket(NEXT_STRANGER.fetch_add(1, Ordering::Relaxed)))
        });
        let Spot { home, place } = self.spot.get_or_init(|| Spot::of(&self.born));
        if let Some(error) = place.failure() {
            return Err(error);
        }
        let (place, fd) = (place.clone(), self.get().as_raw_fd());
        let mut letter = Letter(Some(waker.clone()));
        let sent = home.errand(move || {
            let displaced = with_reactor(|reactor| {
                let token = place.token(reactor, fd, true)?.ok()?;
                let waker = letter.0.take()?;
                let same = reactor.is_seated(token, direction, seat, &waker);
                let displaced = reactor.set_waker(token, direction, seat, waker);
                if reactor.rearm(token).is_err() {
                    letter.0 = reactor.take_waker(token, direction, seat);
                }
                displaced.map(|displaced| (displaced, same))
            });
            // The waker that sat there may be the newer one: its task came home in the meantime. To
            // wake it is never wrong, as it will try again.
            if let Some(Some((displaced, false))) = displaced {
                displaced.wake();
            }
        });
        if sent { Ok(()) } else { Err(loop_is_gone()) }
    }
}

impl<S: AsRawFd + Send + 'static> Drop for Registered<S> {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        let Some(Spot { home, place }) = self.spot.get() else { return };
        let left = current::reach(home, |reach| place.leave(&mut reach.reactor()));
        if left.is_some() {
            drop(socket); // after it was deregistered (rule 1)
            return;
        }
        let place = place.clone();
        // If the loop is gone the socket is closed with the errand, and there is nothing to leave.
        let _ = home.errand(move || {
            drop(with_reactor(|reactor| place.leave(reactor)));
            drop(socket);
        });
    }
}

impl<S: AsRawFd + Send + fmt::Debug + 'static> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A waker on its way home. If it does not arrive, it is woken (rule 4).
struct Letter(Option<Waker>);

impl Drop for Letter {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

/// Remembers that it was woken: how a stranger, who cannot look into the table, knows it is ready.
struct Told {
    told: AtomicBool,
    waker: Waker,
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        // Release: pairs with the Acquire in `Watch::poll_abroad`.
        self.told.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

/// One waiter of one direction. Gives its seat back when dropped.
pub(crate) struct Watch<'a, S: AsRawFd + Send + 'static> {
    registered: &'a Registered<S>,
    direction: Direction,
    seat: Option<Seat>,
    told: Option<Arc<Told>>,
}

impl<'a, S: AsRawFd + Send + 'static> Watch<'a, S> {
    fn new(registered: &'a Registered<S>, direction: Direction) -> Self {
        Self { registered, direction, seat: None, told: None }
    }

    fn poll_abroad(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        if let Some(told) = &self.told {
            // Acquire: pairs with the Release in `Told::wake`.
            if told.told.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            if told.waker.will_wake(waker) {
                return Poll::Pending;
            }
        }
        let told = Arc::new(Told { told: AtomicBool::new(false), waker: waker.clone() });
        let waker = Waker::from(told.clone());
        self.told = Some(told);
        match self.registered.sit(&waker, self.direction, &mut self.seat) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsRawFd + Send + 'static> Future for Watch<'_, S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let direction = this.direction;
        poll_leaf(WAIT, cx, |cx| {
            let ready = this
                .registered
                .in_reach(|reactor, token| reactor.ready(token, direction).is_some());
            match ready.transpose()? {
                None => this.poll_abroad(cx.waker()),
                Some(true) => Poll::Ready(Ok(())),
                Some(false) => {
                    this.registered.sit(cx.waker(), direction, &mut this.seat)?;
                    Poll::Pending
                }
            }
        })
    }
}

impl<S: AsRawFd + Send + 'static> Drop for Watch<'_, S> {
    fn drop(&mut self) {
        let (Some(seat), direction) = (self.seat, self.direction) else { return };
        let take = |reactor: &mut Reactor, token| reactor.take_waker(token, direction, seat);
        if self.registered.in_reach(take).is_some() {
            return;
        }
        let Some(Spot { home, place }) = self.registered.spot.get() else { return };
        let (place, fd) = (place.clone(), self.registered.get().as_raw_fd());
        // If the loop is gone, so is the seat.
        let _ = home.errand(move || {
            drop(with_reactor(|reactor| {
                let token = place.token(reactor, fd, true)?.ok()?;
                reactor.take_waker(token, direction, seat)
            }));
        });
    }
}
