//! Floor 5. Pipes: bytes in one direction, between two ends of this machine.
//!
//! ```text
//!   pipe()                          both ends at once, without a name
//!   OpenOptions  open_receiver      a fifo of the file system: opens though nobody writes yet
//!                open_sender        … fails with ENXIO while nobody reads
//! ```
//!
//! Rules
//! 1. A receiver of a fifo reads the end whenever no sender has it open. Open it with
//!    `read_write(true)` to keep it alive between senders (Linux).
//! 2. Writing to a pipe without a reader is `BrokenPipe`. The process does not die of SIGPIPE: Rust
//!    programs ignore it from their start.
//! 3. A write of at most 4,096 bytes (PIPE_BUF) is never mixed with that of another sender.
//!
//! Real world: asyncio's `connect_read_pipe`; the same interface as tokio's.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::readiness::{append_to, descriptor, readiness};
use super::registered::Registered;
use super::tcp_stream::{write, write_vectored};
use crate::io::named::with_path;
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::reactor::Direction;

/// "No such device or address": the same number on every Unix.
const ENXIO: i32 = 6;

/// Makes a pipe: what the sender writes, the receiver reads. The kernel holds 64 KiB in between;
/// then the sender waits.
///
/// - Errors: the kernel's; mostly "too many open files".
/// - Panics if called outside a running loop.
///
/// Twin of `tokio::net::unix::pipe::pipe`.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let (mut sender, mut receiver) = rondel::net::unix::pipe::pipe()?;
///     sender.write_all(b"all of it").await?;
///     drop(sender);
///     let mut text = String::new();
///     receiver.read_to_string(&mut text).await?;
///     assert_eq!(text, "all of it");
///     Ok(())
/// })
/// # }
/// ```
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (receiver, sender) = io::pipe()?;
    let sender = Sender::from_owned_fd(sender.into())?;
    Ok((sender, Receiver::from_owned_fd(receiver.into())?))
}

/// How to open a fifo of the file system.
///
/// Twin of `tokio::net::unix::pipe::OpenOptions`.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// One direction, and the file must be a fifo.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to open in both directions (Linux): so a sender can be opened before there is a
    /// receiver, and a receiver does not see the end when its senders leave.
    pub fn read_write(&mut self, value: bool) -> &mut Self {
        self.read_write = value;
        self
    }

    /// Whether not to look if the file is a fifo.
    pub fn unchecked(&mut self, value: bool) -> &mut Self {
        self.unchecked = value;
        self
    }

    /// Opens the reading end. It does not wait for a sender.
    ///
    /// - Errors: the kernel's, with the path, and `InvalidInput` if it is not a fifo.
    /// - Panics if called outside a running loop.
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let file = self.open(path.as_ref(), true);
        file.and_then(Receiver::new)
            .map_err(|error| with_path("cannot open for reading", path.as_ref(), error))
    }

    /// Opens the writing end.
    ///
    /// - Errors: the kernel's, with the path; `InvalidInput` if it is not a fifo. If no receiver
    ///   has it open, plain ENXIO: there is no kind for it, so callers go by `raw_os_error`.
    /// - Panics if called outside a running loop.
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let file = self.open(path.as_ref(), false);
        file.and_then(Sender::new).map_err(|error| match error.raw_os_error() {
            Some(ENXIO) => error,
            _ => with_path("cannot open for writing", path.as_ref(), error),
        })
    }

    fn open(&self, path: &Path, reads: bool) -> io::Result<File> {
        let mut options = File::options();
        options.read(reads || self.read_write).write(!reads || self.read_write);
        // Every Unix's own number, which fits: flags are few.
        let file = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
        if !self.unchecked {
            check_fifo(&file)?;
        }
        Ok(file)
    }
}

fn check_fifo(file: &File) -> io::Result<()> {
    if file.metadata()?.file_type().is_fifo() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a pipe"))
}

/// Makes `file` ready for the loop: it must be a pipe that allows what it is wanted for.
fn checked(file: File, wanted: OFlags) -> io::Result<File> {
    check_fifo(&file)?;
    let flags = fcntl_getfl(&file)?;
    let mode = flags & OFlags::RWMODE;
    if mode != wanted && mode != OFlags::RDWR {
        let text = "the pipe is open in the other direction only";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    fcntl_setfl(&file, flags | OFlags::NONBLOCK)?;
    Ok(file)
}

/// The end of a pipe that is written to. Dropping it is the end for the reader, if it is the last.
///
/// Twin of `tokio::net::unix::pipe::Sender`.
pub struct Sender {
    socket: Registered<File>,
}

impl Sender {
    fn new(file: File) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(file)? })
    }

    /// Takes over the end of a pipe, and sets it non-blocking (for all who share it).
    ///
    /// - Errors: `InvalidInput` if it is not a pipe or cannot be written.
    /// - Panics if called outside a running loop.
    pub fn from_file(file: File) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(checked(file, OFlags::WRONLY)?)? })
    }

    /// As [`from_file`](Self::from_file).
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Self> {
        Self::from_file(fd.into())
    }

    /// Gives the descriptor back, in blocking mode, as a child process wants it.
    ///
    /// On a thread that is not in the pipe's loop it is a duplicate.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_nonblocking_fd()?)
    }

    /// Gives the descriptor back as it is.
    ///
    /// On a thread that is not in the pipe's loop it is a duplicate.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.socket.into_inner(File::try_clone)?.into())
    }

    readiness!(poll_read_ready, poll_write_ready);

    /// Writes as much of `buf` as there is room for; never waits.
    ///
    /// Errors: `WouldBlock` if there is no room, `BrokenPipe` if nobody reads any more.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |mut file| write(&mut file, buf))
    }

    /// Like [`try_write`](Self::try_write), from several buffers in order.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |mut file| write_vectored(&mut file, bufs))
    }
}

/// The end of a pipe that is read from.
///
/// Twin of `tokio::net::unix::pipe::Receiver`.
pub struct Receiver {
    socket: Registered<File>,
}

impl Receiver {
    fn new(file: File) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(file)? })
    }

    /// Takes over the end of a pipe, and sets it non-blocking (for all who share it).
    ///
    /// - Errors: `InvalidInput` if it is not a pipe or cannot be read.
    /// - Panics if called outside a running loop.
    pub fn from_file(file: File) -> io::Result<Self> {
        Ok(Self { socket: Registered::new(checked(file, OFlags::RDONLY)?)? })
    }

    /// As [`from_file`](Self::from_file).
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Self> {
        Self::from_file(fd.into())
    }

    /// Gives the descriptor back, in blocking mode, as a child process wants it.
    ///
    /// On a thread that is not in the pipe's loop it is a duplicate.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_nonblocking_fd()?)
    }

    /// Gives the descriptor back as it is.
    ///
    /// On a thread that is not in the pipe's loop it is a duplicate.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.socket.into_inner(File::try_clone)?.into())
    }

    readiness!(poll_read_ready, poll_write_ready);

    /// Reads what is there; never waits. Zero means that no sender is left.
    ///
    /// Errors: `WouldBlock` if nothing is there.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |mut file| Ok((file.read(buf)?, false)))
    }

    /// Like [`try_read`](Self::try_read), into several buffers in order.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |mut file| Ok((file.read_vectored(bufs)?, false)))
    }

    /// Like [`try_read`](Self::try_read), appending to `buf`.
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        append_to(buf, |room| self.try_read(room))
    }
}

fn blocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    fcntl_setfl(fd.as_fd(), fcntl_getfl(fd.as_fd())? - OFlags::NONBLOCK)?;
    Ok(fd)
}

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_io(cx, Direction::Read, |mut file| {
            // Zeroed: `recv`, which needs no written memory, is for sockets only.
            let count = file.read(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok(((), false))
        })
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |mut file| write(&mut file, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |mut file| write_vectored(&mut file, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing to do: the kernel has what was written.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Nothing to do: a pipe ends when its sender is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

descriptor!(Sender);
descriptor!(Receiver);
