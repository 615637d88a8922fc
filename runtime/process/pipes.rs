//! Floor 5. Our ends of a child's pipes: its standard input, output and error as streams.
//!
//! A pipe is a source of the reactor like a socket. Our end is made non-blocking; the child's end
//! is another description, and stays as programs expect it.
//!
//! ```text
//!   ChildStdin ── write ──▶ [ 64 KiB in the kernel ] ──▶ the child's descriptor 0
//!   ChildStdout ◀── read ── [ 64 KiB in the kernel ] ◀── the child's descriptor 1
//! ```
//!
//! Bounded by the kernel's pipe: a child that is not read from stops in its `write`, and one that
//! does not read makes our `write` wait.
//!
//! Real world: tokio's are the same.

use std::io::{self, IoSlice, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::{self, Stdio};
use std::task::{Context, Poll};

use socket2::SockRef;

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::net::registered::{Registered, moved};
use crate::reactor::Direction;

/// A child's standard input; [`Child::stdin`](super::Child::stdin).
///
/// The child sees the end of its input when this is dropped. `shutdown` does not close it, as with
/// tokio. Writing to a child that has closed its end fails with
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
///
/// Twin of `tokio::process::ChildStdin` and of `Process.stdin` of asyncio.
#[derive(Debug)]
pub struct ChildStdin {
    pipe: Registered<PipeWriter>,
}

/// A child's standard output; [`Child::stdout`](super::Child::stdout).
///
/// Ends when every process that holds the other end has closed it: the child's own children too.
///
/// Twin of `tokio::process::ChildStdout` and of `Process.stdout` of asyncio.
#[derive(Debug)]
pub struct ChildStdout {
    pipe: Registered<PipeReader>,
}

/// A child's standard error; [`Child::stderr`](super::Child::stderr).
///
/// Twin of `tokio::process::ChildStderr` and of `Process.stderr` of asyncio.
#[derive(Debug)]
pub struct ChildStderr {
    pipe: Registered<PipeReader>,
}

/// Puts our end of a pipe into the current loop. Panics outside one.
fn register<P: From<OwnedFd> + AsRawFd + Send>(pipe: OwnedFd) -> io::Result<Registered<P>> {
    SockRef::from(&pipe).set_nonblocking(true)?;
    Registered::new(P::from(pipe))
}

macro_rules! ends {
    ($($name:ident: $pipe:ident;)*) => {$(
        impl $name {
            /// Takes the standard library's pipe into the current loop.
            ///
            /// - Errors: no descriptors left.
            /// - Panics if no loop runs on this thread.
            pub fn from_std(inner: process::$name) -> io::Result<Self> {
                Ok(Self { pipe: register(inner.into())? })
            }

            /// Takes the pipe out of the loop, as a blocking descriptor.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let fd: OwnedFd = self.pipe.into_inner($pipe::try_clone)?.into();
                SockRef::from(&fd).set_nonblocking(false)?;
                Ok(fd)
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.pipe.get().as_raw_fd()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.pipe.get().as_fd()
            }
        }

        impl TryFrom<process::$name> for $name {
            type Error = io::Error;

            #[doc = concat!("See [`", stringify!($name), "::from_std`].")]
            fn try_from(inner: process::$name) -> io::Result<Self> {
                Self::from_std(inner)
            }
        }

        /// So that one child's output can be the next one's input: a pipeline.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(end: $name) -> io::Result<Self> {
                end.into_owned_fd().map(Self::from)
            }
        }
    )*};
}

ends! {
    ChildStdin: PipeWriter;
    ChildStdout: PipeReader;
    ChildStderr: PipeReader;
}

macro_rules! readers {
    ($($name:ident),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let polled = self.pipe.poll_io(cx, Direction::Read, |mut pipe| {
                    let room = buf.initialize_unfilled();
                    let count = pipe.read(room)?;
                    Ok(moved(count, room.len()))
                });
                polled.map_ok(|count| buf.advance(count))
            }
        }
    )*};
}

readers!(ChildStdout, ChildStderr);

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe.poll_io(cx, Direction::Write, |mut pipe| Ok(moved(pipe.write(buf)?, buf.len())))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.pipe
            .poll_io(cx, Direction::Write, |mut pipe| Ok(moved(pipe.write_vectored(bufs)?, wanted)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
