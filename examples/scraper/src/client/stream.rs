//! The bytes below hyper: plain or TLS, and counted.
//!
//! TLS is rustls between hyper and the stream, without another buffer than rustls's own: `read_tls`
//! and `write_tls` talk to the stream through a small adapter that turns "not yet" into
//! `WouldBlock`.

use std::io::{self, BufRead, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use rustls::ClientConnection;

/// A connection's stream. Counts its successful reads, end of stream included, so that the fetch
/// can tell a connection that was closed while idle from one that broke in the middle.
pub(crate) struct Wire<S> {
    kind: Kind<S>,
    reads: Arc<AtomicU32>,
}

enum Kind<S> {
    Plain(S),
    Tls(Box<Tls<S>>),
}

impl<S> Wire<S> {
    pub(crate) fn plain(stream: S) -> Self {
        Self { kind: Kind::Plain(stream), reads: Arc::default() }
    }

    pub(crate) fn tls(tls: Tls<S>) -> Self {
        Self { kind: Kind::Tls(Box::new(tls)), reads: Arc::default() }
    }

    /// The counter of reads.
    pub(crate) fn reads(&self) -> Arc<AtomicU32> {
        self.reads.clone()
    }
}

impl<S: Read + Write + Unpin> Read for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Tls(tls) => tls.poll_read(cx, buf),
        };
        if matches!(read, Poll::Ready(Ok(()))) {
            // Relaxed, and no read-modify-write: only the connection's task writes it, and what the
            // fetch reads has come through hyper's channel before.
            self.reads.store(self.reads.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
        read
    }
}

impl<S: Read + Write + Unpin> Write for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Tls(tls) => tls.poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(tls) => tls.poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(tls) => tls.poll_shutdown(cx),
        };
        // A goodbye that cannot be said at once is not said: a server that does not read must
        // not hold our slot.
        Poll::Ready(match said {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        })
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Tls(_) => false,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Kind::Tls(tls) => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                tls.poll_write(cx, first.map_or(&[], |buf| buf))
            }
        }
    }
}

/// rustls over a stream.
pub(crate) struct Tls<S> {
    session: ClientConnection,
    stream: S,
    closing: bool,
}

impl<S: Read + Write + Unpin> Tls<S> {
    pub(crate) fn new(session: ClientConnection, stream: S) -> Self {
        Self { session, stream, closing: false }
    }

    /// Drives the handshake to its end, the certificate check included.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads from the stream into rustls. `Ok(0)` is the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = match self.session.read_tls(&mut Adapter { stream: &mut self.stream, cx }) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if let Err(error) = self.session.process_new_packets() {
            // The other side should hear why; whether it does is not our error.
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(count))
    }

    /// Writes what rustls has ready.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Adapter { stream: &mut self.stream, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok(plain) => {
                    let count = plain.len().min(buf.remaining());
                    buf.put_slice(&plain[..count]);
                    reader.consume(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_fill(cx))?;
            // Key updates want an answer; it may as well go out later.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let count = io::Write::write(&mut self.session.writer(), buf)?;
            if count > 0 || buf.is_empty() {
                return match self.poll_send(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    // The rest waits for the flush; hyper always flushes.
                    _ => Poll::Ready(Ok(count)),
                };
            }
            ready!(self.poll_send(cx))?;
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.session.send_close_notify();
        }
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A poll-based stream as the blocking one that rustls expects.
struct Adapter<'a, 'cx, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'cx>,
}

fn blocking<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: Read + Unpin> io::Read for Adapter<'_, '_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(into);
        blocking(Pin::new(&mut *self.stream).poll_read(self.cx, buf.unfilled()))?;
        Ok(buf.filled().len())
    }
}

impl<S: Write + Unpin> io::Write for Adapter<'_, '_, S> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.stream).poll_write(self.cx, from))
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        blocking(Pin::new(&mut *self.stream).poll_write_vectored(self.cx, from))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
