//! Floor 6. hyper on Rondel: its streams, its executor, its timer.
//!
//! hyper knows no runtime. It names four things that it wants of one, and here they are:
//!
//! ```text
//!   hyper::rt::Read + Write   TcpStream, DuplexStream, SimStream, Io<T> for any other
//!   hyper::rt::Executor       HyperExecutor (futures that are Send), LocalExecutor (any)
//!   hyper::rt::Timer          HyperTimer
//! ```
//!
//! The bytes go from the kernel straight into hyper's buffer: hyper lends the room behind its
//! cursor, we read into it, and tell the cursor how much came.
//!
//! Why unsafe is needed here: hyper's cursor is a `ReadBuf` by another name. To read into its room
//! without zeroing it first means to vouch for bytes that the compiler cannot see written.
//!
//! Rule 1. Only a [`ReadBuf`] ever touches the room, and what that counts as filled is written.
//!
//! Real world: `hyper_util::rt::{TokioIo, TokioExecutor, TokioTimer}` are the twins.
#![allow(unsafe_code)]

use crate::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use crate::net::TcpStream;
use crate::task;
use crate::testing::net::SimStream;
use crate::time::{self, Duration, Instant};
use hyper::rt::{Executor, Read, ReadBufCursor, Timer, Write};
use pin_project_lite::pin_project;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant as StdInstant;

/// Reads once from `reader` straight into the room behind hyper's cursor.
#[inline]
fn poll_read_into<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    mut cursor: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: initialised. The room goes into a `ReadBuf`, which makes no byte unwritten; see rule
    // 1.
    let room = unsafe { cursor.as_mut() };
    let mut buf = ReadBuf::uninit(room);
    let place = (buf.filled().as_ptr(), buf.capacity());
    ready!(reader.poll_read(cx, &mut buf))?;
    // A reader could put another `ReadBuf` in the place of ours; what that holds is not in the
    // room. The length counts too, as an empty room begins where its neighbour does.
    let same = place == (buf.filled().as_ptr(), buf.capacity());
    assert!(same, "the reader has swapped the buffer it was given");
    let count = buf.filled().len();
    // SAFETY: initialised. The `ReadBuf` still stands over the cursor's room (just checked), and
    // its filled bytes are the first of it; see rule 1.
    unsafe { cursor.advance(count) };
    Poll::Ready(Ok(()))
}

/// The two writer traits ask the same questions, so one answers through the other.
macro_rules! write_by {
    (
        $other:ident: [$($bound:tt)*] $trait:ident for $type:ty,
        |$me:ident| $inner:expr, $shared:expr
    ) => {
        impl<$($bound)*> $trait for $type {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $me = self;
                $other::poll_write($inner, cx, buf)
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $me = self;
                $other::poll_flush($inner, cx)
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $me = self;
                $other::poll_shutdown($inner, cx)
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $me = self;
                $other::poll_write_vectored($inner, cx, bufs)
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                let $me = self;
                $other::is_write_vectored($shared)
            }
        }
    };
}

macro_rules! stream_for_hyper {
    ($($stream:ty),*) => {$(
        impl Read for $stream {
            #[inline]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                cursor: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read_into(self, cx, cursor)
            }
        }

        write_by!(AsyncWrite: [] Write for $stream, |stream| stream, stream);
    )*};
}

stream_for_hyper!(TcpStream, DuplexStream, SimStream);

pin_project! {
    /// Gives hyper any of our streams, and gives us any of hyper's.
    ///
    /// [`TcpStream`] does not need it. A TLS stream of your own does; and so does hyper's
    /// `Upgraded` when you want to use it with our [`AsyncReadExt`](crate::io::AsyncReadExt).
    ///
    /// Twin of `hyper_util::rt::TokioIo`.
    ///
    /// **Cost:** none; hyper's streams read by our traits have their room zeroed once.
    ///
    /// ```
    /// use rondel::compat::hyper::Io;
    /// use rondel::io::{BufReader, duplex};
    ///
    /// fn for_hyper(stream: impl hyper::rt::Read + hyper::rt::Write) {
    /// #   drop(stream);
    /// }
    /// let (near, far) = duplex(64);
    /// for_hyper(near); // our own streams as they are
    /// for_hyper(Io::new(BufReader::new(far)));
    /// ```
    #[derive(Debug)]
    pub struct Io<T> {
        #[pin]
        inner: T,
    }
}

impl<T> Io<T> {
    /// Wraps `inner`.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream inside.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// The stream inside.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The stream inside.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead> Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        poll_read_into(self.project().inner, cx, cursor)
    }
}

impl<T: Read> AsyncRead for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut room = hyper::rt::ReadBuf::new(buf.initialize_unfilled());
        ready!(self.project().inner.poll_read(cx, room.unfilled()))?;
        let count = room.filled().len();
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

write_by!(AsyncWrite: [T: AsyncWrite] Write for Io<T>, |io| io.project().inner, &io.inner);
write_by!(Write: [T: Write] AsyncWrite for Io<T>, |io| io.project().inner, &io.inner);

/// Runs hyper's background futures as tasks of the current loop.
///
/// Twin of `hyper_util::rt::TokioExecutor`. Its `execute` panics outside a loop, as
/// [`spawn`](crate::spawn) does.
///
/// ```
/// use hyper::rt::Executor;
/// use rondel::compat::hyper::HyperExecutor;
/// # rondel::run(async {
/// let (sender, receiver) = rondel::sync::oneshot::channel();
/// HyperExecutor::new().execute(async move { sender.send("done").unwrap() });
/// assert_eq!(receiver.await, Ok("done"));
/// # });
/// ```
#[derive(Debug, Default, Clone, Copy)]
#[non_exhaustive]
pub struct HyperExecutor {}

impl HyperExecutor {
    /// Makes one. There is nothing to it.
    pub const fn new() -> Self {
        Self {}
    }
}

impl<F> Executor<F> for HyperExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(task::spawn(future));
    }
}

/// Like [`HyperExecutor`], for futures that are not `Send`: the tasks stay on this thread.
///
/// tokio needs a `LocalSet` for that, and hyper-util has no twin.
///
/// ```
/// use hyper::rt::Executor;
/// use rondel::compat::hyper::LocalExecutor;
/// use std::rc::Rc;
/// # rondel::run(async {
/// let (sender, receiver) = rondel::sync::oneshot::channel();
/// let word = Rc::new("done");
/// LocalExecutor::new().execute(async move { sender.send(*word).unwrap() });
/// assert_eq!(receiver.await, Ok("done"));
/// # });
/// ```
#[derive(Debug, Default, Clone, Copy)]
#[non_exhaustive]
pub struct LocalExecutor {}

impl LocalExecutor {
    /// Makes one. There is nothing to it.
    pub const fn new() -> Self {
        Self {}
    }
}

impl<F> Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(task::spawn_local(future));
    }
}

/// Gives hyper our clock and our timers, for its time limits and keep-alive.
///
/// In virtual time hyper's time is virtual, too.
///
/// Twin of `hyper_util::rt::TokioTimer`. Its sleeps panic outside a loop, as
/// [`sleep`](crate::time::sleep) does.
///
/// ```
/// use hyper::rt::Timer;
/// use rondel::compat::hyper::HyperTimer;
/// use std::time::Duration;
/// # rondel::run(async {
/// let timer = HyperTimer::new();
/// let begin = timer.now();
/// timer.sleep(Duration::from_millis(5)).await;
/// assert!(timer.now() - begin >= Duration::from_millis(5));
/// # });
/// ```
#[derive(Debug, Default, Clone, Copy)]
#[non_exhaustive]
pub struct HyperTimer {}

impl HyperTimer {
    /// Makes one. There is nothing to it.
    pub const fn new() -> Self {
        Self {}
    }
}

impl Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep(duration) })
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep { sleep: time::sleep_until(deadline.into()) })
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, new_deadline: StdInstant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(ours) => ours.project().sleep.reset(new_deadline.into()),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

pin_project! {
    /// Our sleep under hyper's name.
    struct HyperSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl Future for HyperSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl hyper::rt::Sleep for HyperSleep {}
