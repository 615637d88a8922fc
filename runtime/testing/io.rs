//! Floor 5. A stream in memory whose peer follows a script.
//!
//! A protocol is a conversation, so a test of one writes the conversation down: what the peer says
//! (`read`), what it wants to hear (`write`), where it takes its time (`wait`), where it fails. The
//! code under test gets a [`Mock`] in the place of its socket.
//!
//! ```text
//!   script of the peer          code under test
//!   read  "220 ready\r\n"  ──▶  reads the greeting
//!   write "HELO me\r\n"    ◀──  must write exactly this: another byte is a panic that shows both
//!   wait  2 s                   waits; in virtual time that takes no time
//!   read  "250 hello\r\n"  ──▶  reads the answer
//!   end                    ──▶  reads end of file; a write is a panic
//! ```
//!
//! Rules
//! 1. Steps are used up from the front. A write may run ahead of reads, because the two directions
//!    of a stream do not wait for each other; it does not run ahead of a wait or a failing write.
//! 2. Bytes are a stream: one step may be read in pieces, and one write may use up several steps.
//! 3. Who waits, for a pause, for the handle or for the other direction, is woken also by the next
//!    step of the other direction: it may be its turn then.
//! 4. The timer knows one waker, that of who asked last. It wakes both sides: the last to ask may
//!    be gone when the time has come.
//!
//! Real world: `tokio_test::io` has the same names and rules; Python's `unittest.mock` has to be
//! taught each call; Go has `net.Pipe`, which is our `io::duplex`.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::roll_call;
use crate::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use crate::time::{Duration, Sleep, sleep};

/// The least wait: a tick of the wheel. Less would be no wait at all.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// Writes the script of a [`Mock`]'s peer.
///
/// The twin of `tokio_test::io::Builder`.
///
/// ```
/// use rondel::io::{AsyncReadExt, AsyncWriteExt};
/// use rondel::testing::io::Builder;
///
/// # rondel::run(async {
/// let mut peer = Builder::new().write(b"ping").read(b"pong").build();
/// peer.write_all(b"ping").await?;
/// let mut answer = String::new();
/// peer.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "pong");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a script does nothing until `build`"]
pub struct Builder {
    script: VecDeque<Step>,
    name: String,
}

/// One step of a script.
#[derive(Debug, Clone)]
enum Step {
    Read(Vec<u8>),
    Write(Vec<u8>),
    Wait(Duration),
    // Shared, because a builder can be cloned and an error can not.
    ReadError(Arc<io::Error>),
    WriteError(Arc<io::Error>),
}

impl Builder {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// The peer says `bytes`.
    pub fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::Read(bytes.to_vec()))
    }

    /// The next read fails.
    pub fn read_error(&mut self, error: io::Error) -> &mut Self {
        self.step(Step::ReadError(Arc::new(error)))
    }

    /// The peer must hear `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::Write(bytes.to_vec()))
    }

    /// The next write fails.
    pub fn write_error(&mut self, error: io::Error) -> &mut Self {
        self.step(Step::WriteError(Arc::new(error)))
    }

    /// The peer does nothing for so long, at least 1 ms, from the first read or write that comes
    /// upon this step.
    ///
    /// That read or write needs a loop, for its timer.
    pub fn wait(&mut self, duration: Duration) -> &mut Self {
        self.step(Step::Wait(duration.max(WAIT_MIN)))
    }

    /// A name for panics and for `Debug`, where a test has several mocks.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = name.into();
        self
    }

    /// The stream. After its script comes the end: reads find end of file, writes panic.
    #[must_use = "dropped at once, it panics: nothing of its script is used up"]
    pub fn build(&mut self) -> Mock {
        self.build_with_handle().0
    }

    /// The stream, and a handle that adds to its script. As long as the handle lives a read behind
    /// the last step waits for more, and a write there fails with
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    #[must_use = "dropped at once, the mock panics: nothing of its script is used up"]
    pub fn build_with_handle(&mut self) -> (Mock, Handle) {
        let (tx, more) = unbounded_channel();
        let mock = Mock {
            script: self.script.clone(),
            name: self.name.clone(),
            more,
            pause: None,
            waiting: [None, None],
        };
        (mock, Handle { tx })
    }

    fn step(&mut self, step: Step) -> &mut Self {
        self.script.push_back(step);
        self
    }
}

/// Adds to the script of a [`Mock`] that is in use; see [`Builder::build_with_handle`].
///
/// The twin of `tokio_test::io::Handle`. Its methods panic when the mock is gone.
///
/// ```
/// use rondel::io::AsyncReadExt;
/// use rondel::testing::{io::Builder, task};
///
/// let (mut peer, mut handle) = Builder::new().build_with_handle();
/// let mut text = String::new();
/// let mut reading = task::spawn(peer.read_to_string(&mut text));
/// rondel::assert_pending!(reading.poll());
/// handle.read(b"late, but here");
/// drop(handle); // the end of the stream
/// rondel::assert_ready_ok!(reading.poll());
/// # drop(reading);
/// assert_eq!(text, "late, but here");
/// ```
#[derive(Debug)]
pub struct Handle {
    tx: UnboundedSender<Step>,
}

impl Handle {
    /// The peer says `bytes`.
    #[track_caller]
    pub fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::Read(bytes.to_vec()))
    }

    /// The next read fails.
    #[track_caller]
    pub fn read_error(&mut self, error: io::Error) -> &mut Self {
        self.step(Step::ReadError(Arc::new(error)))
    }

    /// The peer must hear `bytes`.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Step::Write(bytes.to_vec()))
    }

    /// The next write fails.
    #[track_caller]
    pub fn write_error(&mut self, error: io::Error) -> &mut Self {
        self.step(Step::WriteError(Arc::new(error)))
    }

    #[track_caller]
    fn step(&mut self, step: Step) -> &mut Self {
        if self.tx.send(step).is_err() {
            panic!("the mock is gone: nobody would take this step of its script");
        }
        self
    }
}

/// A stream that follows a script; made by a [`Builder`].
///
/// The twin of `tokio_test::io::Mock`.
///
/// # Panics
///
/// - A write that differs from the script panics and shows both; so does one behind its end.
/// - The drop panics if bytes are left that nobody has read or written, unless the thread panics
///   already. Waits and failures may be left over.
///
/// **Cancel-safe:** yes, both reading and writing. A step that was begun stays begun: what is left
/// of it comes next, and a wait goes on.
/// **Cost:** as little as a test needs.
pub struct Mock {
    script: VecDeque<Step>,
    name: String,
    /// Steps that the handle adds.
    more: UnboundedReceiver<Step>,
    /// The timer of the wait at the front, once somebody has come upon it.
    pause: Option<Sleep>,
    /// Who reads, and who writes, if they wait (rule 3).
    waiting: [Option<Waker>; 2],
}

const READER: usize = 0;
const WRITER: usize = 1;

/// See [`Mock::waker_of_both`].
struct Sides([Option<Waker>; 2]);

impl Wake for Sides {
    fn wake(self: Arc<Self>) {
        self.0.iter().flatten().for_each(Waker::wake_by_ref);
    }
}

impl Mock {
    /// Ready when there is no wait at the front (any more), nor a step that is used up.
    fn poll_front(&mut self, side: usize, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.script.front() {
                Some(Step::Wait(duration)) => {
                    let waker = self.waker_of_both(side, cx);
                    let pause = self.pause.get_or_insert_with(|| sleep(*duration));
                    if Pin::new(pause).poll(&mut Context::from_waker(&waker)).is_pending() {
                        return self.wait(side, cx);
                    }
                    self.pause = None;
                    self.wake_other(side);
                }
                Some(Step::Read(bytes) | Step::Write(bytes)) if bytes.is_empty() => {}
                _ => return Poll::Ready(()),
            }
            self.script.pop_front();
        }
    }

    /// Takes what `bytes` begin with out of the script, as far as that may be written now (rule 1),
    /// and says how much it was.
    fn hear(&mut self, mut bytes: &[u8]) -> usize {
        let length = bytes.len();
        for step in &mut self.script {
            match step {
                Step::Write(expected) => {
                    let n = expected.len().min(bytes.len());
                    if expected[..n] != bytes[..n] {
                        panic!(
                            "{}the write differs from the script:\n expected: b\"{}\"\n  written: \
                             b\"{}\"",
                            prefix(&self.name),
                            expected.escape_ascii(),
                            bytes.escape_ascii(),
                        );
                    }
                    expected.drain(..n);
                    bytes = &bytes[n..];
                }
                Step::Wait(_) | Step::WriteError(_) => break,
                Step::Read(_) | Step::ReadError(_) => {}
            }
        }
        length - bytes.len()
    }

    /// The error at the front: itself, or one of the same kind and text if another mock of the same
    /// builder may need it.
    fn take_error(&mut self) -> io::Error {
        let Some(Step::ReadError(error) | Step::WriteError(error)) = self.script.pop_front() else {
            unreachable!("the caller has seen it at the front");
        };
        Arc::try_unwrap(error).unwrap_or_else(|error| match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        })
    }

    fn wait<T>(&mut self, side: usize, cx: &mut Context<'_>) -> Poll<T> {
        self.waiting[side] = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Wakes this side, and the other one if it waits (rule 4).
    fn waker_of_both(&self, side: usize, cx: &Context<'_>) -> Waker {
        let mut both = self.waiting.clone();
        both[side] = Some(cx.waker().clone());
        Waker::from(Arc::new(Sides(both)))
    }

    fn wake_other(&mut self, side: usize) {
        let other = self.waiting[1 - side].take();
        other.into_iter().for_each(Waker::wake);
    }

    /// Takes one more step from the handle. False: there will be none.
    fn poll_more(&mut self, side: usize, cx: &mut Context<'_>) -> Poll<bool> {
        let Poll::Ready(step) = self.more.poll_recv(cx) else { return self.wait(side, cx) };
        let has_come = step.is_some();
        self.script.extend(step);
        self.wake_other(side);
        Poll::Ready(has_come)
    }

    /// Whether anything is to be written, now or later.
    fn wants_to_hear(&self) -> bool {
        self.script.iter().any(|step| match step {
            Step::Write(bytes) => !bytes.is_empty(), // behind the front it may be used up
            Step::WriteError(_) => true,
            Step::Read(_) | Step::ReadError(_) | Step::Wait(_) => false,
        })
    }

    fn what_is_left(&self) -> String {
        let count = self.script.len();
        match self.name.as_str() {
            "" => format!("({count} actions remain)"),
            name => format!("(name {name}, {count} actions remain)"),
        }
    }
}

impl AsyncRead for Mock {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(me.poll_front(READER, cx));
            let answer = match me.script.front_mut() {
                Some(Step::Read(bytes)) => {
                    let n = bytes.len().min(buf.remaining());
                    buf.put_slice(&bytes[..n]);
                    bytes.drain(..n);
                    Ok(())
                }
                Some(Step::ReadError(_)) => Err(me.take_error()),
                Some(_) => {
                    roll_call::note(|| "a testing::io::Mock that wants to hear first".to_owned());
                    return me.wait(READER, cx);
                }
                None => {
                    if ready!(me.poll_more(READER, cx)) {
                        continue;
                    }
                    Ok(()) // end of file
                }
            };
            me.wake_other(READER);
            return Poll::Ready(answer);
        }
    }
}

impl AsyncWrite for Mock {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(me.poll_front(WRITER, cx));
            if me.script.is_empty() && me.more.is_empty() && !me.more.is_closed() {
                // As tokio-test has it: a peer without plans is gone.
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if !me.wants_to_hear() {
                if ready!(me.poll_more(WRITER, cx)) {
                    continue;
                }
                panic!("unexpected write {}", me.what_is_left());
            }
            let answer = match me.script.front() {
                Some(Step::WriteError(_)) => Err(me.take_error()),
                _ => match me.hear(bytes) {
                    0 => {
                        roll_call::note(|| "a testing::io::Mock that wants to speak first".into());
                        return me.wait(WRITER, cx);
                    }
                    count => Ok(count),
                },
            };
            me.wake_other(WRITER);
            return Poll::Ready(answer);
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // a second panic would end the process, and hide the first
        }
        for step in &self.script {
            let (bytes, verb) = match step {
                Step::Read(bytes) => (bytes, "read"),
                Step::Write(bytes) => (bytes, "write"),
                _ => continue,
            };
            let left = self.what_is_left();
            assert!(bytes.is_empty(), "There is still data left to {verb}. {left}");
        }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("name", &self.name)
            .field("script", &self.script)
            .finish_non_exhaustive()
    }
}

fn prefix(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name}: ") }
}
