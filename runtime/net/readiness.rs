//! Floor 5. What every socket offers beside its own calls: to wait, and to try a call of one's own.
//!
//! ```text
//!   readable, writable, ready   wait until a call is worth trying
//!   poll_…_ready                the same by hand, for a `poll` of one's own
//!   try_io                      one system call of the program's own, if it is worth trying
//!   async_io                    the same, with the waits between
//! ```
//!
//! Written once, as a macro, because each socket has these methods under the same names.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use mio::unix::SourceFd;

use super::registered::{Moved, Registered};
use super::{Interest, Ready};
use crate::reactor::{Direction, Edge};

/// The largest UDP datagram, so that a buffer in between never cuts one.
const DATAGRAM_MAX: usize = 64 * 1024;

/// Appends to `buf` what one `read` gives, at most 4 KiB.
pub(super) fn append_to(
    buf: &mut impl BufMut,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    // Zeroed on the stack and copied, because `BufMut`'s own room is unwritten memory.
    let mut room = [0; 4096];
    let len = buf.remaining_mut().min(room.len());
    let count = read(&mut room[..len])?;
    buf.put_slice(&room[..count]);
    Ok(count)
}

/// Written memory in place of `BufMut`'s own, which is not: for one datagram.
pub(super) fn room_of(buf: &impl BufMut) -> Vec<u8> {
    vec![0; buf.remaining_mut().min(DATAGRAM_MAX)]
}

/// Waits until one of the directions of `interest` is worth trying, and says which.
pub(super) async fn ready<S: AsRawFd + Send + 'static>(
    socket: &Registered<S>,
    interest: Interest,
) -> io::Result<Ready> {
    let mut read = interest.is_readable().then(|| socket.ready(Direction::Read));
    let mut write = interest.is_writable().then(|| socket.ready(Direction::Write));
    poll_fn(|cx| {
        let mut found = Ready::EMPTY;
        if let Some(Poll::Ready(result)) = read.as_mut().map(|read| pin!(read).poll(cx)) {
            result?;
            found = found | Ready::READABLE;
        }
        if let Some(Poll::Ready(result)) = write.as_mut().map(|write| pin!(write).poll(cx)) {
            result?;
            found = found | Ready::WRITABLE;
        }
        if found.is_empty() { Poll::Pending } else { Poll::Ready(Ok(closed(socket, found))) }
    })
    .await
}

/// `found`, and which of its directions are closed.
fn closed<S: AsRawFd + Send + 'static>(socket: &Registered<S>, mut found: Ready) -> Ready {
    if found.is_readable() && socket.is_closed(Direction::Read) {
        found = found | Ready::READ_CLOSED;
    }
    if found.is_writable() && socket.is_closed(Direction::Write) {
        found = found | Ready::WRITE_CLOSED;
    }
    found
}

/// Whether the direction is thought ready; else leaves the waker, where the last caller's counts.
pub(super) fn poll_ready<S: AsRawFd + Send + 'static>(
    socket: &Registered<S>,
    cx: &mut Context<'_>,
    direction: Direction,
) -> Poll<io::Result<()>> {
    let known = socket.edge(direction) != Edge::NONE;
    socket.poll_io(cx, direction, |socket| {
        if known { Ok(((), false)) } else { ask_the_kernel(socket, direction) }
    })
}

/// What a stranger to the socket's loop has to do, as nobody tells it and a wrong "ready" would
/// have it try again and again without a wait. `WouldBlock` if the direction is not ready.
fn ask_the_kernel(socket: &impl AsRawFd, direction: Direction) -> io::Result<Moved<()>> {
    let interest = match direction {
        Direction::Read => mio::Interest::READABLE,
        Direction::Write => mio::Interest::WRITABLE,
    };
    let mut poll = mio::Poll::new()?;
    let fd = socket.as_raw_fd();
    poll.registry().register(&mut SourceFd(&fd), mio::Token(0), interest)?;
    let mut events = mio::Events::with_capacity(1);
    poll.poll(&mut events, Some(Duration::ZERO))?;
    if events.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(((), false)) }
}

pub(super) fn direction_of(interest: Interest) -> Direction {
    if interest.is_readable() { Direction::Read } else { Direction::Write }
}

/// The methods of a type whose field `socket` is a `Registered`; the two names are those of the
/// waits by hand.
macro_rules! readiness {
    ($poll_read:ident, $poll_write:ident) => {
        /// Waits until a read is worth trying: data, the end, or an error.
        ///
        /// It may be wrong; a try knows better.
        ///
        /// **Cancel-safe:** yes.
        pub async fn readable(&self) -> io::Result<()> {
            self.socket.ready(crate::reactor::Direction::Read).await
        }

        /// Waits until a write is worth trying: room in the send buffer, or an error.
        ///
        /// It may be wrong; a try knows better.
        ///
        /// **Cancel-safe:** yes.
        pub async fn writable(&self) -> io::Result<()> {
            self.socket.ready(crate::reactor::Direction::Write).await
        }

        /// Waits until one of the directions of `interest` is worth trying, and says which.
        ///
        /// On a thread that is not in the socket's loop, "closed" is reported as "ready".
        ///
        /// **Cancel-safe:** yes.
        pub async fn ready(&self, interest: super::Interest) -> io::Result<super::Ready> {
            super::readiness::ready(&self.socket, interest).await
        }

        /// [`readable`](Self::readable) by hand: `Pending` keeps the waker, that of the last caller
        /// of this or of another `poll` method that reads.
        ///
        /// **Cost:** a look at the loop's table; on a thread that is not in the socket's loop some
        /// system calls and a descriptor, as it asks the kernel itself.
        pub fn $poll_read(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            super::readiness::poll_ready(&self.socket, cx, crate::reactor::Direction::Read)
        }

        /// [`writable`](Self::writable) by hand: `Pending` keeps the waker, that of the last caller
        /// of this or of another `poll` method that writes.
        ///
        /// **Cost:** a look at the loop's table; on a thread that is not in the socket's loop some
        /// system calls and a descriptor, as it asks the kernel itself.
        pub fn $poll_write(
            &self,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            super::readiness::poll_ready(&self.socket, cx, crate::reactor::Direction::Write)
        }

        /// Runs `call`, which makes a system call of its own on this socket, if that is worth
        /// trying.
        ///
        /// `call` must return [`WouldBlock`](io::ErrorKind::WouldBlock) if and only if the socket
        /// did.
        pub fn try_io<R>(
            &self,
            interest: super::Interest,
            call: impl FnOnce() -> io::Result<R>,
        ) -> io::Result<R> {
            let direction = super::readiness::direction_of(interest);
            self.socket.try_io(direction, |_| call().map(|result| (result, false)))
        }

        /// Runs `call` as [`try_io`](Self::try_io) does, again and again until it does not say
        /// `WouldBlock`.
        ///
        /// **Cancel-safe:** as far as `call` is.
        pub async fn async_io<R>(
            &self,
            interest: super::Interest,
            mut call: impl FnMut() -> io::Result<R>,
        ) -> io::Result<R> {
            let direction = super::readiness::direction_of(interest);
            self.socket.io(direction, |_| call().map(|result| (result, false))).await
        }
    };
}

/// The descriptor and the face of a type whose field `socket` is a `Registered`.
macro_rules! descriptor {
    ($socket:ty) => {
        impl std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.socket.fmt(f)
            }
        }

        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.get().as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.get().as_raw_fd()
            }
        }
    };
}

pub(super) use {descriptor, readiness};
