//! Floor 5. A TCP connection.
//!
//! Reading and writing are one system call each when the socket is ready, and the table of the
//! reactor says when it is not. A read that fills less than the buffer, or a write that takes less
//! than it was given, has drained the kernel's buffer, so the next one waits without asking.
//!
//! Real world: asyncio's `StreamReader` copies through a buffer of its own; here the kernel writes
//! into the caller's memory.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use socket2::SockRef;

use super::addr::{ToSocketAddrs, first_that_works, resolve};
use super::readiness::{append_to, descriptor, readiness};
use super::registered::{Moved, Registered, moved};
use super::tcp_split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::reactor::{Direction, Edge};

/// A TCP connection, to read from and write to.
///
/// Dropping it closes it. Shutting it down ([`AsyncWrite::poll_shutdown`]) closes the direction out
/// only: the peer reads the end of the stream and may still answer.
///
/// For options that have no method here, use `socket2::SockRef::from(&stream)`: it covers
/// keepalive, buffer sizes and many more.
///
/// Twin of asyncio's `open_connection` with its reader and writer, and of `tokio::net::TcpStream`.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::net::{TcpListener, TcpStream};
///
/// rondel::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
///     let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
///     let (mut server, _) = listener.accept().await.unwrap();
///     client.write_all(b"ping").await.unwrap();
///     let mut word = [0; 4];
///     server.read_exact(&mut word).await.unwrap();
///     assert_eq!(&word, b"ping");
/// });
/// ```
pub struct TcpStream {
    socket: Registered<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to `addr`. If it stands for several addresses they are tried in turn.
    ///
    /// - Errors: the lookup's, and that of the last address tried. The latter keeps the kernel's
    ///   [`ErrorKind`](io::ErrorKind) and names the address.
    /// - Panics if called outside a running loop.
    ///
    /// There is no time limit but the kernel's (about two minutes); see
    /// [`timeout`](crate::time::timeout).
    ///
    /// **Cancel-safe:** yes. Dropping the future abandons the attempt and closes its socket.
    /// **Cost:** three system calls, one registration, one turn of the loop.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let attempt = Self::connect_one;
        first_that_works(resolve(&addr), "cannot connect to", "connect to", attempt).await
    }

    async fn connect_one(addr: SocketAddr) -> io::Result<Self> {
        Self::connected(mio::net::TcpStream::connect(addr)?.into()).await
    }

    /// Waits for the end of a handshake that has begun on a non-blocking socket.
    pub(super) async fn connected(socket: std::net::TcpStream) -> io::Result<Self> {
        let stream = Self { socket: Registered::new(socket)? };
        // A new source counts as writable, but this one is so only when the handshake is over.
        stream.socket.clear_ready(Direction::Write, Edge::NONE);
        loop {
            stream.socket.ready(Direction::Write).await?;
            let known = stream.socket.edge(Direction::Write);
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            match stream.peer_addr() {
                // Woken too early: the handshake goes on.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    stream.socket.clear_ready(Direction::Write, known);
                }
                Err(error) => return Err(error),
                Ok(_) => return Ok(stream),
            }
        }
    }

    /// What `accept` brought in, already non-blocking.
    pub(super) fn accepted(socket: mio::net::TcpStream) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(socket.into())? })
    }

    /// Takes over a connection of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks: one read of it
    ///   would stop the whole loop. Call its `set_nonblocking(true)` first.
    /// - Panics if called outside a running loop.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        check_nonblocking(&stream)?;
        Ok(Self { socket: Registered::new(stream)? })
    }

    /// Gives the connection back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.socket.into_inner(std::net::TcpStream::try_clone)
    }

    /// Our end's address.
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

    /// Whether small writes are sent at once, without waiting to be joined by others.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get().nodelay()
    }

    /// Sends small writes at once (`TCP_NODELAY`): less latency, more packets. Off at first.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.get().set_nodelay(nodelay)
    }

    /// How long closing goes on sending what is still buffered; `None`: in the background.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets how long closing goes on sending (`SO_LINGER`), in whole seconds. Zero throws the
    /// buffer away and resets the connection. Any other limit makes the close *block the loop's
    /// thread* for up to that long.
    pub fn set_linger(&self, limit: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(limit)
    }

    /// Closing throws the buffer away and resets the connection, which never blocks.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// How many hops a packet may make.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets how many hops a packet may make (`IP_TTL`).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    readiness!(poll_read_ready, poll_write_ready);

    /// Reads what is there; never waits. Zero means the end of the stream.
    ///
    /// Errors: [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there: wait with
    /// [`readable`](Self::readable).
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |mut socket| {
            socket.read(buf).map(|count| moved(count, buf.len()))
        })
    }

    /// Like [`try_read`](Self::try_read), into several buffers in order.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        self.socket.try_io(Direction::Read, |mut socket| {
            socket.read_vectored(bufs).map(|count| moved(count, room))
        })
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

    /// Waits for data and copies it to `buf` without taking it out of the stream.
    ///
    /// **Cancel-safe:** yes.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.io(Direction::Read, |socket| Ok((socket.peek(buf)?, false))).await
    }

    /// Copies what is there to `buf` without taking it out of the stream; the count that was
    /// copied.
    ///
    /// Only the waker of the last caller of this or of `poll_read` is kept.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let count = socket.peek(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok((count, false))
        })
    }

    /// Splits the stream into two halves that borrow it. Free of cost; both must stay in one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        tcp_split::split(self)
    }

    /// Splits the stream into two halves that own it together, one task each.
    ///
    /// Dropping the writing half shuts the writing direction down.
    ///
    /// **Cost:** one allocation.
    ///
    /// ```
    /// use rondel::io::{AsyncReadExt, AsyncWriteExt};
    /// use rondel::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// rondel::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (mut server, _) = listener.accept().await?;
    ///     let (mut read, mut write) = client.into_split();
    ///     rondel::spawn(async move { write.write_all(b"the whole of it").await });
    ///     let mut all = String::new();
    ///     server.read_to_string(&mut all).await?; // ends because the writing half was dropped
    ///     assert_eq!(all, "the whole of it");
    ///     server.write_all(b"!").await?;
    ///     assert_eq!(read.read_u8().await?, b'!');
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        tcp_split::into_split(self)
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let count = buf.receive_from(&SockRef::from(socket))?;
            Ok(((), count < room))
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

pub(super) fn write(socket: &mut impl Write, buf: &[u8]) -> io::Result<Moved<usize>> {
    socket.write(buf).map(|count| moved(count, buf.len()))
}

pub(super) fn write_vectored(
    socket: &mut impl Write,
    bufs: &[IoSlice<'_>],
) -> io::Result<Moved<usize>> {
    let len = bufs.iter().map(|buf| buf.len()).sum();
    let count = socket.write_vectored(bufs)?;
    // The kernel takes no more than IOV_MAX (1024) buffers at once, so many prove nothing.
    Ok((count, count < len && bufs.len() <= 1024))
}

/// Refuses a descriptor that would block the loop.
pub(super) fn check_nonblocking(socket: &impl AsFd) -> io::Result<()> {
    if SockRef::from(socket).nonblocking()? {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the descriptor is in blocking mode and would stop the whole loop; \
         call `set_nonblocking(true)` on it first",
    ))
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
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

descriptor!(TcpStream);

/// So that code for any kind of half takes the whole as well.
impl AsRef<Self> for TcpStream {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// See [`TcpStream::from_std`].
    fn try_from(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}
