//! Floor 5. Any descriptor that the kernel can watch: a library's socket, a timerfd, an inotify.
//!
//! ```text
//!   readable().await ──▶ guard ── try_io(call) ──▶ Ok(result)
//!        ▲                             └─ WouldBlock: the readiness is cleared
//!        └────────────────────────────────────────────┘
//! ```
//!
//! Rules
//! 1. The descriptor must be non-blocking; a blocking one is refused, because one call of it would
//!    stop the whole loop.
//! 2. A descriptor can be watched once per loop. A duplicate (`dup`) is another descriptor.
//! 3. Readiness is an edge: it is told once, and again only after a call has said `WouldBlock`. So
//!    clear it when, and only when, that was said.
//! 4. The descriptor stays open while it is watched: `AsFd` promises it, so that safe code cannot
//!    close it behind the loop's back.
//!
//! Real world: asyncio's `loop.add_reader`; the same interface as tokio's.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use super::readiness::{direction_of, poll_ready, ready};
use super::registered::Registered;
use super::tcp_stream::check_nonblocking;
use super::{Interest, Ready};
use crate::reactor::{Direction, Edge};

// The same numbers on every Unix.
const EPERM: i32 = 1;
const EEXIST: i32 = 17;

/// What is watched. The number is noted, so that what is deregistered is what was registered.
struct Watched<T> {
    inner: T,
    fd: RawFd,
}

impl<T> AsRawFd for Watched<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

/// A descriptor of any kind, watched by the loop; `T` owns it and makes the calls.
///
/// Dropping it ends the watch and drops `T`. It asks more of `T` than tokio's: [`AsFd`], the
/// promise that the descriptor stays open as long as `T` lives; and that `T` is `Send` and
/// borrows nothing, because a drop on another thread is sent home to the loop.
///
/// Twin of asyncio's `add_reader` and `add_writer`, and of `tokio::io::unix::AsyncFd`.
///
/// ```
/// use rondel::io::unix::AsyncFd;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let (here, mut there) = UnixStream::pair()?;
///     here.set_nonblocking(true)?;
///     let here = AsyncFd::new(here)?;
///     there.write_all(b"news")?;
///     let mut buf = [0; 16];
///     let count = loop {
///         let mut guard = here.readable().await?;
///         match guard.try_io(|fd| fd.get_ref().read(&mut buf)) {
///             Ok(result) => break result?,
///             Err(_would_block) => continue,
///         }
///     };
///     assert_eq!(&buf[..count], b"news");
///     Ok(())
/// })
/// # }
/// ```
pub struct AsyncFd<T: AsFd + Send + 'static> {
    socket: Registered<Watched<T>>,
}

impl<T: AsFd + Send + 'static> AsyncFd<T> {
    /// Watches `inner` for reading and writing.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the descriptor blocks or is of a
    ///   kind that cannot be watched (a plain file);
    ///   [`AlreadyExists`](io::ErrorKind::AlreadyExists) if the loop watches it already.
    ///   Between several workers the last two are told by the first call instead.
    /// - Panics if called outside a running loop.
    ///
    /// **Cost:** two system calls, one place in the loop's table.
    pub fn new(inner: T) -> io::Result<Self> {
        Self::with_interest(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// As [`new`](Self::new). The loop watches both directions of every descriptor, so the
    /// interest is a note to the reader, and to wait for the other direction is no error.
    pub fn with_interest(inner: T, _interest: Interest) -> io::Result<Self> {
        Self::try_new(inner).map_err(io::Error::from)
    }

    /// As [`new`](Self::new), and gives `inner` back with the error.
    ///
    /// ```
    /// use rondel::io::unix::AsyncFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// rondel::run(async {
    ///     let (here, _there) = UnixStream::pair()?;
    ///     let (here, error) = AsyncFd::try_new(here).unwrap_err().into_parts();
    ///     assert!(error.to_string().contains("blocking mode"));
    ///     here.set_nonblocking(true)?;
    ///     assert!(AsyncFd::try_new(here).is_ok());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        let give_back = |inner, cause| AsyncFdRegisterError { inner, cause };
        if let Err(cause) = check_nonblocking(&inner) {
            return Err(give_back(inner, cause));
        }
        let fd = inner.as_fd().as_raw_fd();
        let registered = Registered::try_new(Watched { inner, fd });
        match registered {
            Ok(socket) => Ok(Self { socket }),
            Err((watched, cause)) => Err(give_back(watched.inner, say(cause))),
        }
    }

    /// As [`with_interest`](Self::with_interest), and gives `inner` back with the error.
    pub fn try_with_interest(
        inner: T,
        _interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        Self::try_new(inner)
    }

    /// What is watched.
    pub fn get_ref(&self) -> &T {
        &self.socket.get().inner
    }

    /// Ends the watch and gives `T` back.
    ///
    /// Errors: on a thread that is not in its loop, because the watch can end only there; `T` is
    /// dropped then. (tokio's cannot fail.)
    pub fn into_inner(self) -> io::Result<T> {
        let abroad = |_: &Watched<T>| {
            Err(io::Error::other(
                "an `AsyncFd` gives its descriptor back only on the loop that watches it",
            ))
        };
        Ok(self.socket.into_inner(abroad)?.inner)
    }

    /// Waits until a read is worth trying. Twin of tokio's.
    ///
    /// **Cancel-safe:** yes.
    pub async fn readable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until a write is worth trying. Twin of tokio's.
    ///
    /// **Cancel-safe:** yes.
    pub async fn writable(&self) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until one of the directions of `interest` is worth trying.
    ///
    /// **Cancel-safe:** yes.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let ready = ready(&self.socket, interest).await.map_err(say)?;
        Ok(self.guard(ready))
    }

    /// [`readable`](Self::readable) by hand: `Pending` keeps the waker, that of the last caller.
    ///
    /// For a `poll_read` of your own type around the descriptor. Elsewhere `readable` is better:
    /// any number of tasks may wait in it.
    ///
    /// ```
    /// use rondel::io::unix::AsyncFd;
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// rondel::run(async {
    ///     let (here, mut there) = UnixStream::pair()?;
    ///     here.set_nonblocking(true)?;
    ///     let here = AsyncFd::new(here)?;
    ///     there.write_all(b"news")?;
    ///     let guard = std::future::poll_fn(|cx| here.poll_read_ready(cx)).await?;
    ///     assert!(guard.ready().is_readable());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let ready = poll_ready(&self.socket, cx, Direction::Read);
        ready.map_ok(|()| self.guard(Ready::READABLE)).map_err(say)
    }

    /// [`writable`](Self::writable) by hand, as [`poll_read_ready`](Self::poll_read_ready).
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let ready = poll_ready(&self.socket, cx, Direction::Write);
        ready.map_ok(|()| self.guard(Ready::WRITABLE)).map_err(say)
    }

    fn guard(&self, ready: Ready) -> AsyncFdReadyGuard<'_, T> {
        let edge = |direction, found| if found { self.socket.edge(direction) } else { Edge::NONE };
        AsyncFdReadyGuard {
            fd: self,
            read: edge(Direction::Read, ready.is_readable()),
            write: edge(Direction::Write, ready.is_writable()),
            ready,
        }
    }

    /// Runs `call` if that is worth it. Errors: also `WouldBlock`, if not or if `call` says so.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.socket
            .try_io(direction_of(interest), |watched| Ok((call(&watched.inner)?, false)))
            .map_err(say)
    }

    /// Runs `call` until it says something else than `WouldBlock`, with waits between.
    ///
    /// **Cancel-safe:** as far as `call` is.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.socket
            .io(direction_of(interest), |watched| Ok((call(&watched.inner)?, false)))
            .await
            .map_err(say)
    }
}

/// Why a descriptor is not watched, and the descriptor.
///
/// Twin of `tokio::io::unix::AsyncFdRegisterError`.
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// What was to be watched, and why it is not.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> Self {
        error.cause
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFdRegisterError").field(&self.cause).finish()
    }
}

impl<T> std::error::Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Says in words what the kernel means when it will not watch a descriptor.
fn say(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(EEXIST) => io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the descriptor is watched by this loop already; \
             share the one `AsyncFd`, or watch a duplicate (`try_clone`)",
        ),
        Some(EPERM) => io::Error::new(
            io::ErrorKind::InvalidInput,
            "the descriptor is of a kind that the kernel cannot watch, such as a plain file; \
             use `spawn_blocking` for it",
        ),
        _ => error,
    }
}

/// Readiness that was found; what one does with the descriptor then goes through it.
///
/// Twin of `tokio::io::unix::AsyncFdReadyGuard`.
#[must_use = "the readiness stays set until a call through the guard says `WouldBlock`"]
pub struct AsyncFdReadyGuard<'a, T: AsFd + Send + 'static> {
    fd: &'a AsyncFd<T>,
    ready: Ready,
    read: Edge,
    write: Edge,
}

impl<'a, T: AsFd + Send + 'static> AsyncFdReadyGuard<'a, T> {
    /// Says that the descriptor is not ready after all, unless it was told so again since. Only
    /// after a call that said `WouldBlock`: an edge that is cleared unused does not come again.
    pub fn clear_ready(&mut self) {
        self.clear_ready_matching(Ready::ALL);
    }

    /// As [`clear_ready`](Self::clear_ready), for the directions of `ready` only.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        if ready.is_readable() && self.ready.is_readable() {
            self.fd.socket.clear_ready(Direction::Read, self.read);
        }
        if ready.is_writable() && self.ready.is_writable() {
            self.fd.socket.clear_ready(Direction::Write, self.write);
        }
    }

    /// Leaves the readiness set. It does nothing, and says that this is meant.
    pub fn retain_ready(&mut self) {}

    /// What was found.
    pub fn ready(&self) -> Ready {
        self.ready
    }

    /// Runs `call`, and clears the readiness if it says `WouldBlock`, which comes back as
    /// [`TryIoError`]: wait again then.
    pub fn try_io<R>(
        &mut self,
        call: impl FnOnce(&AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match call(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// What is watched.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsFd + Send + fmt::Debug + 'static> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard")
            .field("fd", self.fd)
            .field("ready", &self.ready)
            .finish()
    }
}

/// The call said `WouldBlock`: the readiness was not there any more. Not an error of the
/// descriptor.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call would block: wait until the descriptor is ready")
    }
}

impl std::error::Error for TryIoError {}

impl<T: AsFd + Send + fmt::Debug + 'static> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}

impl<T: AsFd + Send + 'static> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd + Send + 'static> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.get().fd
    }
}
