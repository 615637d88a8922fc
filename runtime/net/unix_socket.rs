//! Floor 5. A Unix socket before it is a listener, a stream or a datagram socket.
//!
//! ```text
//!   UnixSocket ── bind ──▶ listen ───▶ UnixListener
//!        │                 connect ──▶ UnixStream, whose own end has a name, too
//!        └───────────────▶ datagram ─▶ UnixDatagram
//! ```
//!
//! Real world: `UnixStream::connect` and `UnixListener::bind` are enough for most; a client that
//! must be known by a name of its own needs this.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{UnixDatagram, UnixListener, UnixStream};
use crate::io::named::with_path;

/// A Unix socket that neither listens nor is connected.
///
/// Twin of `tokio::net::UnixSocket`.
///
/// ```
/// use rondel::net::UnixSocket;
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let (pid, dir) = (std::process::id(), std::env::temp_dir());
///     let path = |name| dir.join(format!("rondel-{name}-{pid}"));
///     let server = UnixSocket::new_stream()?;
///     server.bind(path("server"))?;
///     let listener = server.listen(16)?;
///     let client = UnixSocket::new_stream()?;
///     client.bind(path("client"))?;
///     let _client = client.connect(path("server")).await?;
///     let (_stream, peer) = listener.accept().await?;
///     assert_eq!(peer.as_pathname(), Some(&*path("client"))); // not unnamed
///     std::fs::remove_file(path("client"))?;
///     std::fs::remove_file(path("server"))
/// })
/// # }
/// ```
pub struct UnixSocket {
    socket: Socket,
    kind: Type,
}

impl UnixSocket {
    /// A socket for datagrams. No loop is needed yet.
    pub fn new_datagram() -> io::Result<Self> {
        Self::new(Type::DGRAM)
    }

    /// A socket for a stream of bytes. No loop is needed yet.
    pub fn new_stream() -> io::Result<Self> {
        Self::new(Type::STREAM)
    }

    fn new(kind: Type) -> io::Result<Self> {
        Ok(Self { socket: Socket::new(Domain::UNIX, kind.nonblocking(), None)?, kind })
    }

    /// An error if the socket is not of the kind that `call` is for.
    fn check(&self, kind: Type, call: &str) -> io::Result<()> {
        if self.kind == kind {
            return Ok(());
        }
        let (is, not) =
            if kind == Type::STREAM { ("stream", "datagram") } else { ("datagram", "stream") };
        let text = format!("`{call}` is for a {is} socket, and this is a {not} socket");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }

    /// Gives the socket a name. On Linux a path that begins with a zero byte is an abstract name,
    /// which needs no file. **Dropping the socket leaves the file.**
    ///
    /// Errors: the kernel's, with the path; mostly `AddrInUse`.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let bound = SockAddr::unix(path).and_then(|addr| self.socket.bind(&addr));
        bound.map_err(|error| with_path("cannot bind", path, error))
    }

    /// Listens: the kernel accepts connections from now on and holds up to `backlog` of them ready.
    ///
    /// - Errors: the kernel's; `InvalidInput` for a datagram socket.
    /// - Panics if called outside a running loop.
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.check(Type::STREAM, "listen")?;
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::from_std(self.socket.into())
    }

    /// Connects to the listener at `path`.
    ///
    /// - Errors: as [`UnixStream::connect`]; `InvalidInput` for a datagram socket.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes. Dropping the future abandons the attempt and closes the socket.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.check(Type::STREAM, "connect")?;
        let path = path.as_ref();
        let connected = match SockAddr::unix(path) {
            Ok(addr) => UnixStream::connect_socket(self.socket, &addr).await,
            Err(error) => Err(error),
        };
        connected.map_err(|error| with_path("cannot connect to", path, error))
    }

    /// Makes it a datagram socket.
    ///
    /// - Errors: `InvalidInput` for a stream socket.
    /// - Panics if called outside a running loop.
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.check(Type::DGRAM, "datagram")?;
        UnixDatagram::from_std(self.socket.into())
    }
}

impl fmt::Debug for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
