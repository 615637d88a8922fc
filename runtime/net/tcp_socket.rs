//! Floor 5. A TCP socket before it is a listener or a stream: what must be said before `bind`.
//!
//! ```text
//!   TcpSocket ── bind ──▶ listen ──▶ TcpListener
//!        │                connect ─▶ TcpStream
//!        └── set_reuseaddr   the address may be bound again at once after a restart
//!            set_reuseport   many sockets may listen on one port: the kernel deals the
//!                            connections out among them, by a hash of both addresses
//! ```
//!
//! `set_reuseport` is what lets each loop of a pinned runtime have a listener of its own. A
//! connection that waits for one listener is not given to another: if its loop is busy, it waits.
//!
//! Real world: nginx's `reuseport`; Python's `loop.create_server(reuse_port=True)`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::{TcpListener, TcpStream};
use crate::io::named::named;

/// "It has begun", which is what one wants to hear: Linux's number and that of the BSDs and macOS.
/// Either means nothing that `connect` could say on the other.
pub(super) const EINPROGRESS: [Option<i32>; 2] = [Some(115), Some(36)];

/// A TCP socket that neither listens nor is connected.
///
/// The twin of `tokio::net::TcpSocket`, and of Python's `socket.socket` given to asyncio.
///
/// ```
/// use rondel::net::{TcpSocket, TcpStream};
///
/// rondel::run(async {
///     let socket = TcpSocket::new_v4().unwrap();
///     socket.set_reuseaddr(true).unwrap();
///     socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
///     let listener = socket.listen(1024).unwrap();
///     let client = TcpSocket::new_v4().unwrap();
///     let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
///     let (_server, peer) = listener.accept().await.unwrap();
///     assert_eq!(peer, client.local_addr().unwrap());
/// });
/// ```
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// Errors: the kernel's; mostly "too many open files". No loop is needed yet.
    pub fn new_v4() -> io::Result<Self> {
        Self::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// Errors: as [`new_v4`](Self::new_v4).
    pub fn new_v6() -> io::Result<Self> {
        Self::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        Ok(Self { socket })
    }

    /// Whether the address may be bound again at once after a restart (`SO_REUSEADDR`). Off at
    /// first; [`TcpListener::bind`] turns it on.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Sets that.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuseaddr)
    }

    /// Whether other sockets may be bound to the same address (`SO_REUSEPORT`). Off at first.
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Sets that, before [`bind`](Self::bind); all the sockets on one address must. The kernel
    /// deals connections out among those that listen.
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuseport)
    }

    /// Takes over a socket of the standard library that is not connected yet: one with options that
    /// have no method here. It is set non-blocking.
    ///
    /// Errors: the kernel's.
    pub fn from_std_stream(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { socket: stream.into() })
    }

    /// Whether the kernel asks a silent peer now and then if it is still there. Off at first. For
    /// the times between the questions use `socket2::SockRef`.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.socket.keepalive()
    }

    /// Sets that (`SO_KEEPALIVE`).
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Whether small writes are sent at once, without waiting to be joined by others.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.tcp_nodelay()
    }

    /// Sends small writes at once (`TCP_NODELAY`). Off at first.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    /// How long closing goes on sending what is still buffered; `None`: in the background.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// Sets that (`SO_LINGER`); see [`TcpStream::set_linger`], which warns of it.
    pub fn set_linger(&self, limit: Option<Duration>) -> io::Result<()> {
        self.socket.set_linger(limit)
    }

    /// Closing throws the buffer away and resets the connection.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }

    /// The size of the send buffer, in bytes. Linux says twice of what was set.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.socket.send_buffer_size().map(saturated)
    }

    /// Sets the size of the send buffer (`SO_SNDBUF`), in bytes.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(size as usize)
    }

    /// The size of the receive buffer, in bytes. Linux says twice of what was set.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.socket.recv_buffer_size().map(saturated)
    }

    /// Sets the size of the receive buffer (`SO_RCVBUF`), in bytes. Before [`listen`](Self::listen)
    /// or [`connect`](Self::connect), because the window is agreed on there.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(size as usize)
    }

    /// The type of service in each packet (IPv4).
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.socket.tos_v4()
    }

    /// Sets that (`IP_TOS`).
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.socket.set_tos_v4(tos)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Gives the socket an address. Port 0 lets the system choose.
    ///
    /// Errors: the kernel's, with the address; mostly "address already in use".
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        let bound = self.socket.bind(&addr.into());
        bound.map_err(|error| named("cannot bind", addr, error))
    }

    /// The address that it was given.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addr = self.socket.local_addr()?;
        addr.as_socket().ok_or_else(|| io::Error::other("a TCP socket has no such address"))
    }

    /// Listens: the kernel accepts connections from now on and holds up to `backlog` of them ready
    /// for [`TcpListener::accept`]. What is more than the system's own limit is cut down to that.
    ///
    /// - Errors: the kernel's.
    /// - Panics if called outside a running loop.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new(self.socket.into())
    }

    /// Connects to `addr`.
    ///
    /// - Errors: the kernel's, with the address.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes. Dropping the future abandons the attempt and closes the socket.
    /// **Cost:** as [`TcpStream::connect`].
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let wrap = |error| named("cannot connect to", addr, error);
        match self.socket.connect(&addr.into()) {
            Err(error) if !EINPROGRESS.contains(&error.raw_os_error()) => Err(wrap(error)),
            _ => TcpStream::connected(self.socket.into()).await.map_err(wrap),
        }
    }
}

fn saturated(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
