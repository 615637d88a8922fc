//! Floor 5. A server: accepts, hands each connection to a task of its own, and ends gracefully.
//!
//! ```text
//!   accept ──▶ a place free? ── yes ──▶ spawn handler(stream, peer)
//!      ▲             └─ no: wait until a handler has ended; clients wait in the kernel's queue
//!   stop ──▶ close the port ──▶ wait for the handlers, at most `grace` ──▶ abort the rest
//! ```
//!
//! Rules
//! 1. Never more than `limit` handlers: what comes then stays in the kernel's queue (1,024), and
//!    what that cannot hold is refused or retried by the client's kernel.
//! 2. A process without free descriptors pauses (`accept.rs`); a connection that died is skipped.
//! 3. A handler that panics takes only its own connection down; the report says how many did.
//!
//! Real world: asyncio's `start_server` with `Server.close()` and `wait_closed()`, without a limit;
//! hyper-util's `GracefulShutdown`.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::pin::pin;
use std::time::Duration;

use super::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::task::{JoinError, JoinSet};
use crate::time::timeout;

/// Handlers at once if nobody says otherwise: half of the 1,024 descriptors that most systems allow
/// a process at first.
const LIMIT: usize = 512;

/// Where connections come from: a listener, or one with something around it (TLS, a log, a fake).
///
/// - `Stream`: a connection. `Addr`: what is known of who is at its other end.
/// - Its twin is axum's `serve::Listener`.
///
/// ```
/// use rondel::net::{Listener, Server};
/// use rondel::sync::{Mutex, mpsc};
///
/// /// Connections from this very program, for a test without sockets.
/// struct Inside(Mutex<mpsc::Receiver<rondel::io::DuplexStream>>);
///
/// impl Listener for Inside {
///     type Stream = rondel::io::DuplexStream;
///     type Addr = ();
///
///     async fn accept(&self) -> std::io::Result<(Self::Stream, ())> {
///         let stream = self.0.lock().await.recv().await;
///         Ok((stream.ok_or(std::io::ErrorKind::NotConnected)?, ()))
///     }
/// }
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     use rondel::io::{AsyncReadExt, AsyncWriteExt};
///     let (tx, rx) = mpsc::channel(1);
///     let client = async {
///         let (mut here, there) = rondel::io::duplex(64);
///         tx.send(there).await.unwrap();
///         assert_eq!(here.read_u8().await.unwrap(), b'!');
///     };
///     let served = Server::new(Inside(Mutex::new(rx)))
///         .serve(client, async |mut stream: rondel::io::DuplexStream, ()| {
///             stream.write_all(b"!").await.unwrap();
///         })
///         .await?;
///     assert_eq!(served.accepted, 1);
///     Ok(())
/// })
/// # }
/// ```
pub trait Listener {
    /// A connection.
    type Stream;

    /// Who is at its other end.
    type Addr;

    /// Waits for a connection. The server drops the future when it stops, and makes a new one after
    /// each handler that ends: so it must be cancel-safe.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Addr)>>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixSocketAddr;

    async fn accept(&self) -> io::Result<(UnixStream, UnixSocketAddr)> {
        Self::accept(self).await
    }
}

/// A server with a limit of connections and a graceful end, on any [`Listener`].
///
/// A Unix listener's file stays when it ends: remove it.
///
/// Twin of asyncio's `start_server`; tokio leaves this loop to the program.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::net::{Server, TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let addr = listener.local_addr()?;
///     let client = async {
///         let mut stream = TcpStream::connect(addr).await.unwrap();
///         assert_eq!(stream.read_u8().await.unwrap(), b'!');
///     };
///     // It stops when the client has been served.
///     let served = Server::new(listener)
///         .limit(100)
///         .serve(client, async |mut stream: TcpStream, _| {
///             stream.write_all(b"!").await.unwrap();
///         })
///         .await?;
///     assert_eq!((served.accepted, served.aborted), (1, 0));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct Server<L = TcpListener> {
    listener: L,
    limit: usize,
    grace: Duration,
}

/// What a [`Server`] did in its life.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Served {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Handlers that had not ended when the grace was over.
    pub aborted: u64,
    /// The first panic.
    pub first_panic: Option<JoinError>,
}

impl<L: Listener> Server<L> {
    /// A server on `listener`, with 512 connections at once and 10 s of grace.
    pub fn new(listener: L) -> Self {
        Self { listener, limit: LIMIT, grace: Duration::from_secs(10) }
    }

    /// How many connections are served at once. Panics if it is zero.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(limit > 0, "a server that may serve nobody: the limit must be at least 1");
        self.limit = limit;
        self
    }

    /// How long the handlers may go on after the stop; then they are aborted.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Serves until `stop` is done, then drains: closes the port, waits for the handlers, and
    /// aborts those that are not done when the grace is over.
    ///
    /// - Errors: `accept`'s, after the same drain. (Want of descriptors is none: it waits.)
    /// - Panics if called outside a running loop, or if `handler` itself panics before its future.
    ///
    /// **Cancel-safe:** no: dropping the future closes the port and aborts all handlers at once.
    /// **Cost:** a task for each connection.
    pub async fn serve<H, Fut>(
        self,
        stop: impl Future<Output = ()>,
        mut handler: H,
    ) -> io::Result<Served>
    where
        H: FnMut(L::Stream, L::Addr) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Self { listener, limit, grace } = self;
        let mut stop = pin!(stop);
        let (mut served, mut handlers) = (Served::default(), JoinSet::new());
        let end = loop {
            crate::select! {
                biased;
                () = &mut stop => break Ok(()),
                Some(ended) = handlers.join_next() => served.note(ended),
                accepted = listener.accept(), if handlers.len() < limit => match accepted {
                    Ok((stream, peer)) => {
                        served.accepted += 1;
                        handlers.spawn(handler(stream, peer));
                    }
                    Err(error) => break Err(error),
                },
            }
        };
        drop(listener);
        let drain = async {
            while let Some(ended) = handlers.join_next().await {
                served.note(ended);
            }
        };
        if timeout(grace, drain).await.is_err() {
            handlers.abort_all();
            while let Some(ended) = handlers.join_next().await {
                served.note(ended);
            }
        }
        end.map(|()| served)
    }
}

impl Served {
    fn note(&mut self, ended: Result<(), JoinError>) {
        match ended {
            Ok(()) => {}
            Err(error) if error.is_panic() => {
                self.panicked += 1;
                self.first_panic.get_or_insert(error);
            }
            Err(_) => self.aborted += 1,
        }
    }
}
