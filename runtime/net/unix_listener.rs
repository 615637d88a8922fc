//! Floor 5. A server's ear for the processes of this machine.
//!
//! As `tcp_listener.rs`, and with its answer to a process without free descriptors.
//!
//! Real world: asyncio removes a stale socket file before it binds; we leave that to the program,
//! as tokio does, because the file may be another server's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::UnixStream;
use super::accept::Patience;
use super::readiness::descriptor;
use super::registered::{Moved, Registered};
use super::tcp_listener::BACKLOG;
use super::tcp_stream::check_nonblocking;
use crate::io::named::with_path;
use crate::reactor::Direction;

/// A socket that accepts connections of this machine's processes.
///
/// **Dropping it leaves the file at its path**; remove it with `std::fs::remove_file`.
///
/// Twin of asyncio's `start_unix_server` and of `tokio::net::UnixListener`.
///
/// ```
/// use rondel::net::{UnixListener, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let path = std::env::temp_dir().join(format!("rondel-doc-{}.sock", std::process::id()));
///     let listener = UnixListener::bind(&path)?;
///     let client = UnixStream::connect(&path).await?;
///     let (server, _unnamed) = listener.accept().await?;
///     assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
///     drop(server);
///     std::fs::remove_file(path)
/// })
/// # }
/// ```
pub struct UnixListener {
    socket: Registered<mio::net::UnixListener>,
    patience: Patience,
}

impl UnixListener {
    /// Listens at `path`. On Linux a path that begins with a zero byte is an abstract name, which
    /// needs no file.
    ///
    /// - Errors: the kernel's, with the path; mostly `AddrInUse`: there is a file already, perhaps
    ///   left by a server that has ended.
    /// - Panics if called outside a running loop.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let path = path.as_ref();
        Self::bind_one(path).map_err(|error| with_path("cannot listen on", path, error))
    }

    fn bind_one(path: &Path) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        socket.listen(BACKLOG)?;
        Self::new(mio::net::UnixListener::from_std(socket.into()))
    }

    fn new(socket: mio::net::UnixListener) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(socket)?, patience: Patience::new() })
    }

    /// Waits for a connection; gives it, and the peer's address, which is mostly unnamed.
    ///
    /// As [`TcpListener::accept`](super::TcpListener::accept), also when descriptors run out.
    ///
    /// - Errors: what the kernel says and does not mend itself.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes. No connection is lost.
    /// **Cost:** two system calls: `accept4` and the registration.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let mut pause = Duration::ZERO;
        loop {
            match self.socket.io(Direction::Read, accept_once).await {
                Ok((socket, addr)) => return Ok((UnixStream::accepted(socket)?, addr)),
                Err(error) => self.patience.after(error, &mut pause, &self.socket).await?,
            }
        }
    }

    /// Takes a connection if one is there, else keeps the waker; the last caller's counts.
    ///
    /// Errors: as [`accept`](Self::accept), and also `EMFILE` and `ENFILE`: the caller should
    /// pause.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (socket, addr) = ready!(self.socket.poll_io(cx, Direction::Read, accept_once))?;
        Poll::Ready(Ok((UnixStream::accepted(socket)?, addr)))
    }

    /// Takes over a listener of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks.
    /// - Panics if called outside a running loop.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        check_nonblocking(&listener)?;
        Self::new(mio::net::UnixListener::from_std(listener))
    }

    /// Gives the listener back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        let socket = self.socket.into_inner(|socket| {
            let copy = socket.as_fd().try_clone_to_owned()?;
            Ok(mio::net::UnixListener::from_std(copy.into()))
        })?;
        Ok(OwnedFd::from(socket).into())
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }
}

fn accept_once(
    listener: &mio::net::UnixListener,
) -> io::Result<Moved<(mio::net::UnixStream, SocketAddr)>> {
    loop {
        match listener.accept() {
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            result => return Ok((result?, false)),
        }
    }
}

descriptor!(UnixListener);

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// See [`UnixListener::from_std`].
    fn try_from(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}
