//! Floor 5. The process's own streams: `stdin`, `stdout`, `stderr`.
//!
//! They may be terminals, files or pipes, and are shared with whoever started the process; to make
//! them non-blocking would make them so for the shell as well. So they go through the pool.
//!
//! ```text
//!   task ── write ──▶ Offloaded ── a closure on the pool ──▶ std::io::stdout() ──▶ descriptor 1
//! ```
//!
//! Real world: tokio does the same and tells interactive programs to use a thread for their input;
//! asyncio has `connect_read_pipe`, and trouble with it.

use super::offload::Offloaded;
use super::{AsyncRead, AsyncWrite, ReadBuf};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The standard input; made by [`stdin`].
#[derive(Debug)]
pub struct Stdin {
    inner: Offloaded<io::Stdin>,
}

/// The standard output; made by [`stdout`].
#[derive(Debug)]
pub struct Stdout {
    inner: Offloaded<io::Stdout>,
}

/// The standard error; made by [`stderr`].
#[derive(Debug)]
pub struct Stderr {
    inner: Offloaded<io::Stderr>,
}

/// The standard input of this process, shared with `std::io::stdin`.
///
/// A read occupies a thread of the blocking pool until something is typed, and **it cannot be
/// called off**: what comes is kept for the next read through the same handle, and is lost if the
/// handle is dropped; a runtime that ends waits for it within its limit, 30 s unless said. So for a
/// program that talks to a person, read on a `std::thread` and send the lines through a channel.
///
/// - At the end of the input, or if it is closed, a read gives nothing, as at any end of file.
///
/// Twin of `tokio::io::stdin` and of Python's `sys.stdin`.
///
/// **Cancel-safe:** yes: a dropped read goes on, and the next one gets what it brought.
/// **Cost:** a trip to another thread for each read.
///
/// ```no_run
/// use rondel::io::{AsyncBufReadExt, BufReader, stdin};
/// # rondel::run(async {
/// let mut lines = BufReader::new(stdin()).lines();
/// while let Some(line) = lines.next_line().await? {
///     println!("you said {line}");
/// }
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn stdin() -> Stdin {
    Stdin { inner: Offloaded::new(Arc::new(io::stdin())) }
}

/// The standard output of this process, shared with `println!`.
///
/// What was written is out after a [`flush`](super::AsyncWriteExt::flush), which also tells the
/// error if there was one. **What was not flushed when the runtime ends may be lost.** Two handles
/// are not in step with each other; a `write` of up to 2 MiB stays in one piece.
///
/// Twin of `tokio::io::stdout` and of Python's `sys.stdout`.
///
/// **Cancel-safe:** a dropped write has taken its bytes or none.
/// **Cost:** a trip to another thread for each write.
///
/// ```
/// use rondel::io::{AsyncWriteExt, stdout};
/// # rondel::run(async {
/// let mut out = stdout();
/// out.write_all(b"hello\n").await?;
/// out.flush().await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn stdout() -> Stdout {
    Stdout { inner: Offloaded::new(Arc::new(io::stdout())) }
}

/// The standard error of this process, shared with `eprintln!`. As [`stdout`], but nothing holds
/// the bytes back below it.
///
/// Twin of `tokio::io::stderr` and of Python's `sys.stderr`.
///
/// ```
/// use rondel::io::{AsyncWriteExt, stderr};
/// # rondel::run(async {
/// let mut out = stderr();
/// out.write_all(b"something is wrong\n").await?;
/// out.flush().await?;
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn stderr() -> Stderr {
    Stderr { inner: Offloaded::new(Arc::new(io::stderr())) }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner.poll_read("Stdin::read", cx, buf)
    }
}

/// They have no position, and are never read from.
fn never<T>(_: &T, _: i64) -> io::Result<()> {
    Ok(())
}

macro_rules! writers {
    ($($name:ident: $leaf:literal;)*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.inner.poll_write($leaf, cx, bufs, never)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.inner.poll_flush($leaf, cx)
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    )*};
}

writers! {
    Stdout: "Stdout::write";
    Stderr: "Stderr::write";
}

macro_rules! descriptors {
    ($($name:ident),*) => {$(
        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.inner.stream().as_raw_fd()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.inner.stream().as_fd()
            }
        }
    )*};
}

descriptors!(Stdin, Stdout, Stderr);
