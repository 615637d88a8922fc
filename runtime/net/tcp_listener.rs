//! Floor 5. A TCP server's ear.
//!
//! `accept` is where a server meets its limits. A connection that died in the queue is no reason to
//! stop serving, so such errors are skipped. A process without free descriptors (`EMFILE`) cannot
//! accept for a while; `accept.rs` says what it does then.
//!
//! Real world: tokio hands both kinds of errors to the program; asyncio does as we do.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::TcpStream;
use super::accept::Patience;
use super::addr::{ToSocketAddrs, first_that_works, resolve};
use super::readiness::descriptor;
use super::registered::{Moved, Registered};
use super::tcp_stream::check_nonblocking;
use crate::reactor::Direction;

/// Connections that the kernel holds ready for `accept`; tokio's number.
pub(super) const BACKLOG: i32 = 1024;

/// A socket that accepts TCP connections.
///
/// Dropping it closes the port; connections that were accepted stay open.
///
/// Twin of asyncio's `start_server` and of `tokio::net::TcpListener`.
///
/// ```
/// use rondel::net::{TcpListener, TcpStream};
///
/// rondel::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
///     let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
///     let (server, peer) = listener.accept().await.unwrap();
///     assert_eq!(peer, client.local_addr().unwrap());
///     assert_eq!(server.local_addr().unwrap(), listener.local_addr().unwrap());
/// });
/// ```
pub struct TcpListener {
    socket: Registered<mio::net::TcpListener>,
    patience: Patience,
}

impl TcpListener {
    /// Listens on `addr`. Port 0 lets the system choose; [`local_addr`](Self::local_addr) tells it.
    ///
    /// If `addr` stands for several addresses, the first that works is taken. The address may be
    /// used again at once after a restart (`SO_REUSEADDR`).
    ///
    /// - Errors: the lookup's, and that of the last address tried, which it names.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let attempt = |addr| future::ready(Self::bind_one(addr));
        first_that_works(resolve(&addr), "cannot listen on", "listen on", attempt).await
    }

    fn bind_one(addr: SocketAddr) -> io::Result<Self> {
        let kind = Type::STREAM.nonblocking();
        let socket = Socket::new(Domain::for_address(addr), kind, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Self::new(socket.into())
    }

    pub(super) fn new(socket: std::net::TcpListener) -> io::Result<Self> {
        // mio's accepts with SOCK_NONBLOCK, which saves a system call per connection.
        let socket = Registered::new(mio::net::TcpListener::from_std(socket))?;
        Ok(Self { socket, patience: Patience::new() })
    }

    /// Waits for a connection; gives it, and the peer's address.
    ///
    /// A connection that failed before it was accepted is skipped. While the process (`EMFILE`) or
    /// the system (`ENFILE`) has no free descriptor, this warns on stderr, once a minute at most,
    /// and tries again after pauses of 5 ms to 1 s; the connections wait in the kernel's queue.
    ///
    /// Several tasks may accept on one listener.
    ///
    /// - Errors: what else the kernel says; it does not mend itself.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes. No connection is lost.
    /// **Cost:** two system calls: `accept4` and the registration.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let mut pause = Duration::ZERO;
        loop {
            match self.socket.io(Direction::Read, accept_once).await {
                Ok((socket, addr)) => return Ok((TcpStream::accepted(socket)?, addr)),
                Err(error) => self.patience.after(error, &mut pause, &self.socket).await?,
            }
        }
    }

    /// Takes a connection if one is there, else keeps the waker; the last caller's counts.
    ///
    /// Errors: as [`accept`](Self::accept), and also `EMFILE` and `ENFILE`: the caller should
    /// pause.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (socket, addr) = ready!(self.socket.poll_io(cx, Direction::Read, accept_once))?;
        Poll::Ready(Ok((TcpStream::accepted(socket)?, addr)))
    }

    /// Takes over a listener of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks: one accept
    ///   would stop the whole loop. Call its `set_nonblocking(true)` first.
    /// - Panics if called outside a running loop.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        check_nonblocking(&listener)?;
        Self::new(listener)
    }

    /// Gives the listener back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        let socket = self.socket.into_inner(|socket| {
            let copy = socket.as_fd().try_clone_to_owned()?;
            Ok(mio::net::TcpListener::from_std(copy.into()))
        })?;
        Ok(socket.into())
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// How many hops a packet may make.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets how many hops a packet may make (`IP_TTL`).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }
}

/// Accepts, skipping connections that died in the queue.
fn accept_once(
    listener: &mio::net::TcpListener,
) -> io::Result<Moved<(mio::net::TcpStream, SocketAddr)>> {
    loop {
        match listener.accept() {
            Err(error) if is_of_one_connection(&error) => {}
            result => return Ok((result?, false)),
        }
    }
}

/// Is this error one of the connection that was to be accepted, not of the listener? Linux reports
/// pending network errors of the new socket that way; see accept(2), "Error handling".
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
    };
    /// Protocol error; it has no `ErrorKind`. Linux's number.
    const EPROTO: i32 = 71;
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | HostUnreachable | NetworkDown | NetworkUnreachable
    ) || error.raw_os_error() == Some(EPROTO)
}

descriptor!(TcpListener);

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// See [`TcpListener::from_std`].
    fn try_from(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}
