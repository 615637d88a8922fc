//! Floor 5. A blocking stream as an async one, by way of the blocking pool: files and the standard
//! streams.
//!
//! A file is always "ready" for epoll, and a read of it blocks all the same. So each call is a
//! closure on the pool, with a buffer that travels there and back:
//!
//! ```text
//!   | state | holds            | read                     | write                      |
//!   |-------|------------------|--------------------------|----------------------------|
//!   | idle  | nothing unread   | orders one, waits        | orders one, says "taken"   |
//!   | idle  | unread bytes     | gives them               | steps back over them first |
//!   | busy  | one call         | waits for it, then again | waits for it, then again   |
//! ```
//!
//! Rules
//! 1. One call at a time, so they happen in the order in which they were made.
//! 2. A write is "taken" when its bytes are in the buffer. Its error is told by the next call that
//!    writes, flushes or syncs; `flush` waits for it.
//! 3. A read that nobody waits for any more goes on; what it brought is given to the next read.
//! 4. Bytes that were fetched and not given are stepped back over before a write or a seek.
//!
//! Real world: tokio's `Blocking` and `fs::File`; io_uring would need none of this.

use super::ReadBuf;
use crate::leaf::poll_leaf;
use crate::task::{Builder, JoinHandle};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What one call moves at most, if nobody says otherwise: as tokio.
pub(crate) const BUF_LEN_MAX: usize = 2 * 1024 * 1024;

/// Runs a closure on the pool of the current runtime. Panics outside one.
pub(crate) async fn offload<R, F>(work: F) -> io::Result<R>
where
    F: FnOnce() -> io::Result<R> + Send + 'static,
    R: Send + 'static,
{
    Builder::new().spawn_blocking(work)?.await.map_err(io::Error::other)?
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Load {
    /// Its length is the most that it ever held, so that it is zeroed once only.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Load {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn fetch(&mut self, mut from: impl Read, len_max: usize) -> io::Result<()> {
        if self.bytes.len() < len_max {
            self.bytes.resize(len_max, 0);
        }
        (self.start, self.end) = (0, 0);
        loop {
            match from.read(&mut self.bytes[..len_max]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break self.end = read?,
            }
        }
        Ok(())
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.len().min(buf.remaining());
        buf.put_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
    }

    fn take(&mut self, bufs: &[IoSlice<'_>], len_max: usize) -> usize {
        self.bytes.clear();
        for buf in bufs {
            let room = len_max - self.bytes.len();
            self.bytes.extend_from_slice(&buf[..room.min(buf.len())]);
        }
        (self.start, self.end) = (0, self.bytes.len());
        self.end
    }

    fn deliver(&mut self, mut to: impl Write) -> io::Result<()> {
        let result = to.write_all(&self.bytes[self.start..self.end]);
        self.start = self.end; // after an error nobody knows what arrived
        result
    }

    /// Forgets what was not given; says how far one has to step back for it.
    fn forget(&mut self) -> i64 {
        let back = -(self.len() as i64);
        self.start = self.end;
        back
    }
}

/// How a call ended.
#[derive(Debug)]
enum Outcome {
    Read(io::Result<()>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
}

type Done = (Outcome, Load);

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct Offloaded<T> {
    stream: Arc<T>,
    /// Away while a call is under way.
    load: Load,
    call: Option<JoinHandle<Done>>,
    /// Of a write that somebody else's call waited for (rule 2).
    error: Option<io::Error>,
    /// Was written to since the last flush of what is inside.
    is_dirty: bool,
    position: u64,
    pub(crate) buf_len_max: usize,
}

impl<T: Send + Sync + 'static> Offloaded<T> {
    pub(crate) fn new(stream: Arc<T>) -> Self {
        Self {
            stream,
            load: Load::default(),
            call: None,
            error: None,
            is_dirty: false,
            position: 0,
            buf_len_max: BUF_LEN_MAX,
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.call.is_some()
    }

    pub(crate) fn stream(&self) -> &Arc<T> {
        &self.stream
    }

    /// How far one has to step back over what was fetched and not given; it is forgotten.
    pub(crate) fn forget_unread(&mut self) -> i64 {
        self.load.forget()
    }

    /// Has `call` run on the pool. Nothing may be under way.
    fn order(
        &mut self,
        call: impl FnOnce(&T, &mut Load) -> Outcome + Send + 'static,
    ) -> io::Result<()> {
        let (stream, mut load) = (self.stream.clone(), std::mem::take(&mut self.load));
        let ordered = Builder::new().spawn_blocking(move || {
            let outcome = call(&stream, &mut load);
            drop(stream); // before the outcome is seen: then there is one owner less
            (outcome, load)
        });
        self.call = Some(ordered?);
        Ok(())
    }

    /// Waits for the call that is under way. `None`: there is none.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Outcome>>> {
        let Some(call) = &mut self.call else { return Poll::Ready(Ok(None)) };
        let joined = ready!(Pin::new(call).poll(cx));
        self.call = None;
        let (outcome, load) = joined.map_err(io::Error::other)?;
        self.load = load;
        if let Outcome::Seek(Ok(position)) = outcome {
            self.position = position;
        }
        Poll::Ready(Ok(Some(outcome)))
    }

    /// Waits for what is under way, and tells the error of a write.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        match ready!(self.poll_settled(cx))? {
            Some(Outcome::Write(result)) => Poll::Ready(result),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<T: Send + Sync + 'static> Offloaded<T>
where
    for<'a> &'a T: Read,
{
    pub(crate) fn poll_read(
        &mut self,
        name: &'static str,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_leaf(name, cx, |cx| {
            loop {
                match ready!(self.poll_settled(cx))? {
                    Some(Outcome::Read(Err(error))) => return Poll::Ready(Err(error)),
                    Some(Outcome::Read(Ok(()))) if self.load.len() == 0 => {
                        return Poll::Ready(Ok(())); // the end
                    }
                    Some(Outcome::Write(Err(error))) => self.error = Some(error),
                    _ => {}
                }
                if self.load.len() > 0 || buf.remaining() == 0 {
                    self.load.give(buf);
                    return Poll::Ready(Ok(()));
                }
                let len_max = buf.remaining().min(self.buf_len_max);
                self.order(move |stream, load| Outcome::Read(load.fetch(stream, len_max)))?;
            }
        })
    }
}

impl<T: Send + Sync + 'static> Offloaded<T>
where
    for<'a> &'a T: Write,
{
    /// `step_back` moves the stream's position, for those that have one (rule 4).
    pub(crate) fn poll_write(
        &mut self,
        name: &'static str,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        step_back: fn(&T, i64) -> io::Result<()>,
    ) -> Poll<io::Result<usize>> {
        poll_leaf(name, cx, |cx| {
            while self.is_busy() || self.error.is_some() {
                ready!(self.poll_written(cx))?;
            }
            let back = self.load.forget();
            let count = self.load.take(bufs, self.buf_len_max);
            if count == 0 && back == 0 {
                return Poll::Ready(Ok(0));
            }
            self.is_dirty = true;
            self.order(move |stream, load| {
                let stepped = if back == 0 { Ok(()) } else { step_back(stream, back) };
                Outcome::Write(stepped.and_then(|()| load.deliver(stream)))
            })?;
            Poll::Ready(Ok(count))
        })
    }

    /// Waits for what was written, then flushes the buffer that the stream itself has.
    pub(crate) fn poll_flush(
        &mut self,
        name: &'static str,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        poll_leaf(name, cx, |cx| {
            loop {
                while self.is_busy() || self.error.is_some() {
                    ready!(self.poll_written(cx))?;
                }
                if !std::mem::take(&mut self.is_dirty) {
                    return Poll::Ready(Ok(()));
                }
                self.order(|mut stream, _| Outcome::Write(stream.flush()))?;
            }
        })
    }
}

impl<T: Send + Sync + 'static> Offloaded<T>
where
    for<'a> &'a T: Seek,
{
    pub(crate) fn start_seek(&mut self, to: SeekFrom) -> io::Result<()> {
        if self.is_busy() {
            let what = "another call is under way: wait for `poll_complete` before `start_seek`";
            return Err(io::Error::other(what));
        }
        let back = self.load.forget();
        self.order(move |mut stream, _| {
            Outcome::Seek(step_back(stream, back).and_then(|()| stream.seek(to)))
        })
    }

    pub(crate) fn poll_complete(
        &mut self,
        name: &'static str,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        poll_leaf(name, cx, |cx| match ready!(self.poll_settled(cx))? {
            Some(Outcome::Seek(result)) => Poll::Ready(result),
            Some(Outcome::Write(Err(error))) => {
                self.error = Some(error);
                Poll::Ready(Ok(self.position))
            }
            _ => Poll::Ready(Ok(self.position)),
        })
    }
}

/// Moves by `by`, if it is anything.
pub(crate) fn step_back<T>(mut stream: &T, by: i64) -> io::Result<()>
where
    for<'a> &'a T: Seek,
{
    if by == 0 { Ok(()) } else { stream.seek(SeekFrom::Current(by)).map(drop) }
}
