//! The scripted streams: every answer by itself, where `rondel::testing::io` has a conversation.

use rondel::io::{AsyncRead, AsyncWrite, ReadBuf};
use rondel::testing::task::spawn;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

pub use rondel::block_on;

/// Polls once and drops the future if it is not ready: what `select!` does to the branch that
/// loses.
pub fn poll_and_drop<F: Future>(future: F) -> Poll<F::Output> {
    spawn(future).poll()
}

pub fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// One answer of a scripted stream.
#[derive(Clone)]
pub enum Step {
    /// A reader: these bytes have come.
    Bytes(&'static [u8]),
    /// A writer: it takes so many bytes at most.
    Take(usize),
    /// Not yet; the caller is woken at once.
    Wait,
    Fail(ErrorKind),
}
pub use Step::*;

/// A reader that gives the bytes of its script, chunk by chunk, and then end of file; and a writer
/// that follows its script, then takes all. It keeps a diary of what was asked of it.
#[derive(Default)]
pub struct Scripted {
    pub reads: VecDeque<Step>,
    pub writes: VecDeque<Step>,
    pub written: Vec<u8>,
    pub read_polls: usize,
    pub write_polls: usize,
    pub diary: Vec<&'static str>,
}

pub fn reader(steps: impl IntoIterator<Item = Step>) -> Scripted {
    Scripted { reads: steps.into_iter().collect(), ..Scripted::default() }
}

pub fn writer(steps: impl IntoIterator<Item = Step>) -> Scripted {
    Scripted { writes: steps.into_iter().collect(), ..Scripted::default() }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read_polls += 1;
        match self.reads.pop_front() {
            None => {}
            Some(Bytes(chunk)) => {
                let (now, later) = chunk.split_at(chunk.len().min(buf.remaining()));
                buf.put_slice(now);
                if !later.is_empty() {
                    self.reads.push_front(Bytes(later));
                }
            }
            Some(Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Take(_)) => unreachable!("a step for writers"),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_polls += 1;
        let count = match self.writes.pop_front() {
            None => buf.len(),
            Some(Take(count)) => count.min(buf.len()),
            Some(Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Bytes(_)) => unreachable!("a step for readers"),
        };
        self.diary.push("write");
        self.written.extend(&buf[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.diary.push("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.diary.push("shutdown");
        Poll::Ready(Ok(()))
    }
}

/// All ways to cut `text` into two chunks, with and without a wait between them.
pub fn cuts(text: &'static str) -> impl Iterator<Item = Vec<Step>> {
    let bytes = text.as_bytes();
    (0..=bytes.len()).flat_map(move |at| {
        let (one, two) = bytes.split_at(at);
        // An empty chunk would mean end of file.
        let chunks: Vec<_> = [one, two].into_iter().filter(|chunk| !chunk.is_empty()).collect();
        [
            chunks.iter().map(|chunk| Bytes(chunk)).collect(),
            chunks.iter().flat_map(|chunk| [Wait, Bytes(chunk)]).collect::<Vec<_>>(),
        ]
    })
}
