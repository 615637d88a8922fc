//! Floor 5. A connection between two processes of this machine.
//!
//! ```text
//!   connect("/run/app.sock") ──▶ UnixListener      pair() ──▶ two ends, for a child or a thread
//!   connect("\0name")           a name in Linux's abstract space: no file, gone with its owner
//! ```
//!
//! Rules
//! 1. A short read does *not* prove that nothing is left: the kernel ends a read where the sender's
//!    credentials change. So a read never marks the direction as drained, as TCP's does.
//!
//! Real world: asyncio's `open_unix_connection`; the same calls as tokio's.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::readiness::{append_to, descriptor, readiness};
use super::registered::Registered;
use super::tcp_socket::EINPROGRESS;
use super::tcp_stream::{check_nonblocking, write, write_vectored};
use super::unix_split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::io::named::with_path;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::reactor::{Direction, Edge};

/// A connection between two processes of this machine, to read from and write to.
///
/// Twin of asyncio's `open_unix_connection` and of `tokio::net::UnixStream`.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let (mut here, mut there) = UnixStream::pair()?;
///     here.write_all(b"ping").await?;
///     let mut word = [0; 4];
///     there.read_exact(&mut word).await?;
///     assert_eq!(&word, b"ping");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixStream {
    socket: Registered<std::os::unix::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path`. On Linux a path that begins with a zero byte is an
    /// abstract name.
    ///
    /// - Errors: the kernel's, with the path: `NotFound`, `ConnectionRefused` if nobody listens
    ///   there any more, `WouldBlock` if the listener's queue is full (the kernel does not tell
    ///   when it is not; try again later).
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes. Dropping the future abandons the attempt and closes its socket.
    /// **Cost:** two system calls and one registration.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        let connected = match SockAddr::unix(path) {
            Ok(addr) => Self::connect_addr(&addr).await,
            Err(error) => Err(error),
        };
        connected.map_err(|error| with_path("cannot connect to", path, error))
    }

    async fn connect_addr(addr: &SockAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        Self::connect_socket(socket, addr).await
    }

    /// Connects a non-blocking socket.
    pub(super) async fn connect_socket(socket: Socket, addr: &SockAddr) -> io::Result<Self> {
        match socket.connect(addr) {
            Err(error) if !EINPROGRESS.contains(&error.raw_os_error()) => return Err(error),
            _ => {}
        }
        let stream = Self { socket: Registered::new(socket.into())? };
        // A new source counts as writable, but this one is so only when it is connected.
        stream.socket.clear_ready(Direction::Write, Edge::NONE);
        loop {
            stream.socket.ready(Direction::Write).await?;
            let known = stream.socket.edge(Direction::Write);
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            match stream.peer_addr() {
                // Woken too early.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    stream.socket.clear_ready(Direction::Write, known);
                }
                Err(error) => return Err(error),
                Ok(_) => return Ok(stream),
            }
        }
    }

    /// Two ends that are connected with each other and have no name.
    ///
    /// - Errors: the kernel's; mostly "too many open files".
    /// - Panics if called outside a running loop.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        Ok((Self { socket: Registered::new(one)? }, Self { socket: Registered::new(other)? }))
    }

    pub(super) fn accepted(socket: mio::net::UnixStream) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(OwnedFd::from(socket).into())? })
    }

    /// Takes over a connection of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks: one read of it
    ///   would stop the whole loop. Call its `set_nonblocking(true)` first.
    /// - Panics if called outside a running loop.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        check_nonblocking(&stream)?;
        Ok(Self { socket: Registered::new(stream)? })
    }

    /// Gives the connection back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixStream> {
        self.socket.into_inner(std::os::unix::net::UnixStream::try_clone)
    }

    /// Our end's address; mostly unnamed at the end that connected.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }

    readiness!(poll_read_ready, poll_write_ready);

    /// Reads what is there; never waits. Zero means the end of the stream.
    ///
    /// Errors: [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there: wait with
    /// [`readable`](Self::readable).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |mut socket| Ok((socket.read(buf)?, false)))
    }

    /// Like [`try_read`](Self::try_read), into several buffers in order.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |mut socket| Ok((socket.read_vectored(bufs)?, false)))
    }

    /// Like [`try_read`](Self::try_read), appending to `buf`.
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        append_to(buf, |room| self.try_read(room))
    }

    /// Writes as much of `buf` as there is room for; never waits.
    ///
    /// Errors: [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room: wait with
    /// [`writable`](Self::writable).
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |mut socket| write(&mut socket, buf))
    }

    /// Like [`try_write`](Self::try_write), from several buffers in order.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |mut socket| write_vectored(&mut socket, bufs))
    }

    /// Splits the stream into two halves that borrow it. Free of cost; both must stay in one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        unix_split::split(self)
    }

    /// Splits the stream into two halves that own it together, one task each.
    ///
    /// Dropping the writing half shuts the writing direction down.
    ///
    /// **Cost:** one allocation.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        unix_split::into_split(self)
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_io(cx, Direction::Read, |socket| {
            buf.receive_from(&SockRef::from(socket))?;
            Ok(((), false))
        })
    }

    pub(super) fn poll_write_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |mut socket| write(&mut socket, buf))
    }

    pub(super) fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |mut socket| write_vectored(&mut socket, bufs))
    }

    /// Ends the writing direction: the peer reads the end of the stream.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        match self.socket.get().shutdown(Shutdown::Write) {
            // The peer was faster: there is nothing left to end.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing to do: the kernel sends what it has taken.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_write())
    }
}

descriptor!(UnixStream);

/// So that code for any kind of half takes the whole as well.
impl AsRef<Self> for UnixStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl TryFrom<std::os::unix::net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// See [`UnixStream::from_std`].
    fn try_from(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}
