//! Floor 5. One end of a simulated connection, with the traits of a real one.
//!
//! All that it knows is which end it is, and its two timers; the rest is `wire.rs`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wire::{Alarms, Wire};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::shim::Arc;

/// A stream between two hosts of a [`Net`](super::Net).
///
/// Reads and writes as a [`TcpStream`](crate::net::TcpStream) does, and fails as it does: a peer
/// that ends the connection by a reset is a
/// [`ConnectionReset`](io::ErrorKind::ConnectionReset), told once; after that reads find the end
/// and writes fail with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// Dropping it closes both directions; if there are bytes that nobody has read, the peer gets a
/// reset, as in TCP.
///
/// With the features `hyper` and `futures-io` it has their traits too.
///
/// # Panics
///
/// A read or a write that has to wait panics outside a runtime: it needs a timer.
///
/// **Cancel-safe:** yes, both reading and writing.
/// **Cost:** a lock and a search for lots for each call; an allocation for each write.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::testing::net::{Net, NetOptions};
///
/// let runtime = rondel::Builder::new().start_paused(true).seed(7).build().unwrap();
/// runtime.block_on(async {
///     let net = Net::new(NetOptions::new());
///     let listener = net.listen(([10, 0, 0, 1], 80))?;
///     let mut client = net.connect(([10, 0, 0, 1], 80)).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"half closed").await?;
///     client.shutdown().await?;
///     let mut text = String::new();
///     server.read_to_string(&mut text).await?; // the end has come
///     server.write_all(text.as_bytes()).await?; // and this direction is open
///     drop(server);
///     text.clear();
///     client.read_to_string(&mut text).await?;
///     assert_eq!(text, "half closed");
/// #   Ok::<(), std::io::Error>(())
/// }).unwrap();
/// ```
pub struct SimStream {
    wire: Arc<Wire>,
    end: usize,
    alarms: Alarms,
}

impl SimStream {
    pub(super) fn new(wire: Arc<Wire>, end: usize) -> Self {
        Self { wire, end, alarms: [None, None] }
    }

    /// This end's address. Never an error; tokio's signature.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.wire.ends[self.end])
    }

    /// The other end's address. Never an error; tokio's signature.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.wire.ends[1 - self.end])
    }

    /// Ends the connection by a reset: what the peer has not read is lost to it.
    ///
    /// What dropping a `TcpStream` does whose linger time is zero.
    ///
    /// ```
    /// use rondel::io::AsyncReadExt;
    /// use rondel::testing::net::{Net, NetOptions};
    ///
    /// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    /// runtime.block_on(async {
    ///     let net = Net::new(NetOptions::new());
    ///     let listener = net.listen(([10, 0, 0, 1], 80)).unwrap();
    ///     let mut client = net.connect(([10, 0, 0, 1], 80)).await.unwrap();
    ///     listener.accept().await.unwrap().0.abort();
    ///     let error = client.read_u8().await.unwrap_err();
    ///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    /// });
    /// ```
    pub fn abort(self) {
        self.wire.abort(self.end);
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        me.wire.poll_read(me.end, cx, buf, &mut me.alarms)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.wire.poll_write(me.end, cx, bytes, &mut me.alarms)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // what was written is on its way
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.shut(self.end);
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.wire.leave(self.end);
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [here, there] = [self.wire.ends[self.end], self.wire.ends[1 - self.end]];
        f.debug_struct("SimStream").field("addr", &here).field("peer", &there).finish()
    }
}
