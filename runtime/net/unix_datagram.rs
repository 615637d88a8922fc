//! Floor 5. Datagrams between the processes of this machine.
//!
//! ```text
//!   bind(path) ──▶ send_to(path), recv_from     unbound() ──▶ can send, but not be answered
//!   pair()     ──▶ send, recv                   two ends without names
//! ```
//!
//! Unlike UDP's they are never lost and never out of order: a full queue makes the sender wait. The
//! other rules are those of `udp.rs`: one call moves one datagram, what does not fit the reader's
//! buffer is lost, and a datagram of no bytes is one.
//!
//! Rules
//! 1. A `send_to` that finds the receiver's queue full looks again after pauses of 1 to 64 ms: the
//!    kernel tells a connected socket only when there is room again.
//!
//! Real world: the system log's socket.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::readiness::{descriptor, readiness, room_of};
use super::registered::Registered;
use super::tcp_stream::check_nonblocking;
use crate::io::ReadBuf;
use crate::io::named::with_path;
use crate::reactor::Direction;
use crate::task::coop::consume_budget;
use crate::time::sleep;

type Inner = std::os::unix::net::UnixDatagram;

/// The pauses of rule 1: they double.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// A socket for datagrams within this machine.
///
/// All calls take `&self`, so that an `Arc` of it may be used by any number of tasks.
///
/// Twin of `tokio::net::UnixDatagram`.
///
/// ```
/// use rondel::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let (here, there) = UnixDatagram::pair()?;
///     here.send(b"one").await?;
///     here.send(b"two").await?;
///     let mut buf = [0; 16];
///     assert_eq!(there.recv(&mut buf).await?, 3); // not six: each is whole
///     assert_eq!(&buf[..3], b"one");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram {
    socket: Registered<Inner>,
}

impl UnixDatagram {
    /// Makes a socket with the name `path`. On Linux a path that begins with a zero byte is an
    /// abstract name, which needs no file. **Dropping the socket leaves the file.**
    ///
    /// - Errors: the kernel's, with the path; mostly `AddrInUse`: there is a file already.
    /// - Panics if called outside a running loop.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        Self::bind_one(path).map_err(|error| with_path("cannot bind", path, error))
    }

    fn bind_one(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        Self::new(socket.into())
    }

    /// Two sockets that are connected with each other and have no name.
    ///
    /// Panics if called outside a running loop.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = Inner::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
    }

    /// A socket without a name: it can send, and nobody can answer.
    ///
    /// Panics if called outside a running loop.
    pub fn unbound() -> io::Result<Self> {
        Self::new(Inner::unbound()?)
    }

    fn new(socket: Inner) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Registered::new(socket)? })
    }

    /// Takes over a socket of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks.
    /// - Panics if called outside a running loop.
    pub fn from_std(socket: Inner) -> io::Result<Self> {
        check_nonblocking(&socket)?;
        Ok(Self { socket: Registered::new(socket)? })
    }

    /// Gives the socket back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<Inner> {
        self.socket.into_inner(Inner::try_clone)
    }

    /// Names the one peer for [`send`](Self::send) and [`recv`](Self::recv).
    ///
    /// Errors: the kernel's, with the path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        SockAddr::unix(path)
            .and_then(|addr| SockRef::from(self).connect(&addr))
            .map_err(|error| with_path("cannot connect to", path, error))
    }

    /// Our address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The peer's address. Errors: `NotConnected` before [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }

    readiness!(poll_recv_ready, poll_send_ready);

    /// Sends `buf` as one datagram to the connected peer; its length. Waits while its queue is
    /// full.
    ///
    /// Errors: the kernel's; mostly "message too long", `ConnectionRefused` or `NotConnected` if
    /// the peer is gone.
    ///
    /// **Cancel-safe:** yes. The datagram was sent whole or not at all.
    /// **Cost:** one system call.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.io(Direction::Write, |socket| Ok((socket.send(buf)?, false))).await
    }

    /// As [`send`](Self::send), or leaves the waker; the last caller's counts.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |socket| Ok((socket.send(buf)?, false)))
    }

    /// As [`send`](Self::send), without a wait. Errors: also `WouldBlock`.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |socket| Ok((socket.send(buf)?, false)))
    }

    /// Sends `buf` as one datagram to the socket at `path`; its length. Waits while its queue is
    /// full (rule 1 of this file).
    ///
    /// Errors: the kernel's, with the path.
    ///
    /// **Cancel-safe:** yes. The datagram was sent whole or not at all.
    /// **Cost:** one system call.
    pub async fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let path = path.as_ref();
        let wrap = |error| with_path("cannot send to", path, error);
        let addr = SockAddr::unix(path).map_err(wrap)?;
        let mut pause = PAUSE_MIN;
        loop {
            consume_budget().await;
            // Not by the readiness of our own side: it says nothing of the receiver's queue.
            match SockRef::from(self).send_to(buf, &addr) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(wrap),
            }
        }
    }

    /// As [`send_to`](Self::send_to), without a wait. Errors: also `WouldBlock`.
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        SockRef::from(self).send_to(buf, &SockAddr::unix(path)?)
    }

    /// Waits for a datagram; how many bytes of it are in `buf`.
    ///
    /// **What does not fit `buf` is lost.** 0 is an empty datagram, or an empty `buf`.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.io(Direction::Read, |socket| Ok((socket.recv(buf)?, false))).await
    }

    /// As [`recv`](Self::recv), or leaves the waker; the last caller's counts.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            buf.receive_from(&SockRef::from(socket))?;
            Ok(((), false))
        })
    }

    /// As [`recv`](Self::recv), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.recv(buf)?, false)))
    }

    /// As [`recv`](Self::recv), appending to `buf` no more than it has room for, and 64 KiB at
    /// most.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call, a buffer of at most 64 KiB, and a copy.
    pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let mut room = room_of(buf);
        let count = self.recv(&mut room).await?;
        buf.put_slice(&room[..count]);
        Ok(count)
    }

    /// As [`recv_buf`](Self::recv_buf), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let mut room = room_of(buf);
        let count = self.try_recv(&mut room)?;
        buf.put_slice(&room[..count]);
        Ok(count)
    }

    /// As [`recv`](Self::recv), and who sent it; unnamed if that socket has no name.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.io(Direction::Read, |socket| Ok((socket.recv_from(buf)?, false))).await
    }

    /// As [`recv_from`](Self::recv_from), or leaves the waker; the last caller's counts.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let (count, from) = socket.recv_from(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok((from, false))
        })
    }

    /// As [`recv_from`](Self::recv_from), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.recv_from(buf)?, false)))
    }

    /// As [`recv_from`](Self::recv_from), appending to `buf` as [`recv_buf`](Self::recv_buf) does.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** as [`recv_buf`](Self::recv_buf).
    pub async fn recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let mut room = room_of(buf);
        let (count, from) = self.recv_from(&mut room).await?;
        buf.put_slice(&room[..count]);
        Ok((count, from))
    }

    /// As [`recv_buf_from`](Self::recv_buf_from), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let mut room = room_of(buf);
        let (count, from) = self.try_recv_from(&mut room)?;
        buf.put_slice(&room[..count]);
        Ok((count, from))
    }
}

descriptor!(UnixDatagram);

impl TryFrom<Inner> for UnixDatagram {
    type Error = io::Error;

    /// See [`UnixDatagram::from_std`].
    fn try_from(socket: Inner) -> io::Result<Self> {
        Self::from_std(socket)
    }
}
