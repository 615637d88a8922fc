//! `rondel::io`: what holds at the borders of chunks, at the end of a stream, after an error, and when
//! a future is dropped half way.
//!
//! The streams here follow a script, step by step, so that every border is hit on purpose. There is no
//! loop: the traits need none.

use bytes::{BufMut, Bytes, BytesMut};
use rondel::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufWriter, ReadBuf, copy, copy_bidirectional, copy_buf, duplex, empty, repeat, sink, split,
};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs one future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls once and drops the future if it is not ready: what `select!` does to the branch that loses.
fn poll_and_drop<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// One answer of a scripted stream.
#[derive(Clone)]
enum Step {
    /// A reader: these bytes have come.
    Bytes(&'static [u8]),
    /// A writer: it takes so many bytes at most.
    Take(usize),
    /// Not yet; the caller is woken at once.
    Wait,
    Fail(ErrorKind),
}
use Step::*;

/// A reader that gives the bytes of its script, chunk by chunk, and then end of file; and a writer
/// that follows its script, then takes all. It keeps a diary of what was asked of it.
#[derive(Default)]
struct Scripted {
    reads: VecDeque<Step>,
    writes: VecDeque<Step>,
    written: Vec<u8>,
    read_polls: usize,
    write_polls: usize,
    diary: Vec<&'static str>,
}

fn reader(steps: impl IntoIterator<Item = Step>) -> Scripted {
    Scripted { reads: steps.into_iter().collect(), ..Scripted::default() }
}

fn writer(steps: impl IntoIterator<Item = Step>) -> Scripted {
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
fn cuts(text: &'static str) -> impl Iterator<Item = Vec<Step>> {
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

// ---- ReadBuf ----

/// Goal: show that the two counts of a `ReadBuf` are kept apart.
/// Method: fill, clear and zero a buffer that began as rubbish, looking at both counts.
#[test]
fn a_read_buf_tells_filled_bytes_from_written_ones() {
    let mut room = [MaybeUninit::uninit(); 8];
    let mut buf = ReadBuf::uninit(&mut room);
    assert_eq!((buf.filled().len(), buf.initialized().len(), buf.remaining()), (0, 0, 8));

    buf.put_slice(b"abc");
    assert_eq!((buf.filled(), buf.initialized(), buf.remaining()), (&b"abc"[..], &b"abc"[..], 5));

    buf.clear();
    assert_eq!((buf.filled(), buf.initialized(), buf.remaining()), (&b""[..], &b"abc"[..], 8));

    assert_eq!(buf.initialize_unfilled_to(5), b"abc\0\0"); // what was written stays
    buf.advance(4);
    assert_eq!((buf.filled(), buf.initialized().len()), (&b"abc\0"[..], 5));
    assert_eq!(buf.initialize_unfilled().len(), 4);
    buf.filled_mut()[0] = b'x';
    buf.set_filled(2);
    assert_eq!(buf.filled(), b"xb");
    assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 2, initialized: 8, capacity: 8 }");
}

/// Goal: show that a `ReadBuf` is a `BufMut` whose room is what is unfilled.
/// Method: put numbers into it through the trait until it is full.
#[test]
fn a_read_buf_takes_what_a_buf_mut_takes() {
    let mut room = [MaybeUninit::uninit(); 6];
    let mut buf = ReadBuf::uninit(&mut room);
    buf.put_slice(b"ab");
    BufMut::put_u32(&mut buf, 0x63646566);
    assert_eq!(buf.filled(), b"abcdef");
    assert_eq!(buf.remaining_mut(), 0);
    assert_eq!(buf.take(3).capacity(), 0);
}

#[test]
#[should_panic(expected = "filled must not become larger than initialized")]
fn a_read_buf_refuses_to_count_unwritten_bytes_as_filled() {
    ReadBuf::uninit(&mut [MaybeUninit::uninit(); 4]).advance(1);
}

#[test]
#[should_panic(expected = "buf.len() must fit in remaining(); buf.len() = 5, remaining() = 4")]
fn a_read_buf_refuses_more_than_it_has_room_for() {
    ReadBuf::uninit(&mut [MaybeUninit::uninit(); 4]).put_slice(b"abcde");
}

// ---- AsyncReadExt ----

/// Goal: show that `read` is one read: it takes what comes first, and gives errors as they are.
/// Method: a script with a wait, a short chunk, a signal and the end.
#[test]
fn read_gives_what_comes_first() {
    let mut reader = reader([Wait, Bytes(b"abc"), Fail(ErrorKind::Interrupted)]);
    let mut buf = [0; 8];
    assert_eq!(block_on(reader.read(&mut buf)).unwrap(), 3);
    assert_eq!(&buf[..3], b"abc");
    assert_eq!(kind(block_on(reader.read(&mut buf))), ErrorKind::Interrupted);
    assert_eq!(block_on(reader.read(&mut buf)).unwrap(), 0);
}

/// Goal: show that a `read` which is dropped while it waits has taken nothing.
#[test]
fn a_dropped_read_loses_nothing() {
    let mut reader = reader([Wait, Bytes(b"abc")]);
    let mut buf = [0; 8];
    assert!(poll_and_drop(reader.read(&mut buf)).is_pending());
    assert_eq!(block_on(reader.read(&mut buf)).unwrap(), 3);
}

/// Goal: show that `read_exact` fills its buffer whatever the chunks, and takes no byte more.
/// Method: every cut of a text; a signal in between; then the byte that follows.
#[test]
fn read_exact_fills_its_buffer_across_chunks() {
    for steps in cuts("hello!") {
        let mut reader = reader([vec![Fail(ErrorKind::Interrupted)], steps].concat());
        let mut buf = [0; 5];
        assert_eq!(block_on(reader.read_exact(&mut buf)).unwrap(), 5);
        assert_eq!(&buf, b"hello");
        assert_eq!(block_on(reader.read_u8()).unwrap(), b'!');
    }
}

/// Goal: show what `read_exact` says when the stream ends early, and that it does not put its words
/// over the reader's own error of the same kind.
#[test]
fn read_exact_reports_an_early_end() {
    let mut buf = [0; 5];
    let error = block_on(reader([Bytes(b"hel")]).read_exact(&mut buf)).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::UnexpectedEof, "early eof".into()));
    assert_eq!(&buf[..3], b"hel");

    let mut own = reader([Bytes(b"hel"), Fail(ErrorKind::UnexpectedEof)]);
    let error = block_on(own.read_exact(&mut buf)).unwrap_err();
    assert_eq!(error.to_string(), "unexpected end of file");
}

/// Goal: show that nothing is asked of a reader when nothing is wanted.
#[test]
fn an_empty_buffer_needs_no_read() {
    let mut reader = reader([Fail(ErrorKind::Other)]);
    assert_eq!(block_on(reader.read_exact(&mut [])).unwrap(), 0);
    assert_eq!(block_on(reader.read_buf(&mut &mut [0_u8; 0][..])).unwrap(), 0);
    assert_eq!(reader.read_polls, 0);
    assert_eq!(block_on((&b"abc"[..]).read(&mut [])).unwrap(), 0);
}

/// Goal: show that every number survives the way through a stream, in both byte orders.
/// Method: write each number, check the bytes, then read it from a stream that gives one byte at a time.
#[test]
fn numbers_survive_byte_by_byte() {
    macro_rules! check {
        ($($number:expr, $read:ident, $write:ident, $to_bytes:ident;)*) => {$(
            let mut bytes = writer([Take(1), Wait, Take(1), Fail(ErrorKind::Interrupted)]);
            block_on(bytes.$write($number)).unwrap();
            assert_eq!(bytes.written, $number.$to_bytes(), stringify!($write));

            let whole: &'static [u8] = bytes.written.leak();
            let mut slow = reader(whole.chunks(1).flat_map(|byte| [Wait, Bytes(byte)]));
            assert_eq!(block_on(slow.$read()).unwrap(), $number, stringify!($read));
            assert_eq!(kind(block_on((&whole[1..]).$read())), ErrorKind::UnexpectedEof);
        )*};
    }
    check! {
        0x12_u8, read_u8, write_u8, to_be_bytes;
        -0x12_i8, read_i8, write_i8, to_be_bytes;
        0x1234_u16, read_u16, write_u16, to_be_bytes;
        -0x1234_i16, read_i16, write_i16, to_be_bytes;
        0x1234_5678_u32, read_u32, write_u32, to_be_bytes;
        -0x1234_5678_i32, read_i32, write_i32, to_be_bytes;
        u64::MAX - 7, read_u64, write_u64, to_be_bytes;
        i64::MIN + 7, read_i64, write_i64, to_be_bytes;
        u128::MAX - 7, read_u128, write_u128, to_be_bytes;
        i128::MIN + 7, read_i128, write_i128, to_be_bytes;
        1.5_f32, read_f32, write_f32, to_be_bytes;
        -1.5_f64, read_f64, write_f64, to_be_bytes;
        0x1234_u16, read_u16_le, write_u16_le, to_le_bytes;
        -0x1234_i16, read_i16_le, write_i16_le, to_le_bytes;
        0x1234_5678_u32, read_u32_le, write_u32_le, to_le_bytes;
        -0x1234_5678_i32, read_i32_le, write_i32_le, to_le_bytes;
        u64::MAX - 7, read_u64_le, write_u64_le, to_le_bytes;
        i64::MIN + 7, read_i64_le, write_i64_le, to_le_bytes;
        u128::MAX - 7, read_u128_le, write_u128_le, to_le_bytes;
        i128::MIN + 7, read_i128_le, write_i128_le, to_le_bytes;
        1.5_f32, read_f32_le, write_f32_le, to_le_bytes;
        -1.5_f64, read_f64_le, write_f64_le, to_le_bytes;
    }
}

/// Goal: show that `read_to_end` appends everything, keeps what came before an error, and goes on
/// after it was dropped.
#[test]
fn read_to_end_loses_nothing() {
    let mut reader = reader([
        Bytes(b"ab"),
        Fail(ErrorKind::Interrupted),
        Wait,
        Bytes(b"cd"),
        Fail(ErrorKind::TimedOut),
        Bytes(b"ef"),
    ]);
    let mut all = b"> ".to_vec();
    assert!(poll_and_drop(reader.read_to_end(&mut all)).is_pending());
    assert_eq!(all, b"> ab");
    assert_eq!(kind(block_on(reader.read_to_end(&mut all))), ErrorKind::TimedOut);
    assert_eq!(all, b"> abcd");
    assert_eq!(block_on(reader.read_to_end(&mut all)).unwrap(), 2);
    assert_eq!(all, b"> abcdef");
}

/// Goal: show that a `Vec` which is just big enough does not grow, and that a long stream arrives whole.
/// Method: look at the capacity; then a megabyte in chunks of odd sizes.
#[test]
fn read_to_end_grows_only_when_it_must() {
    let mut exact = Vec::with_capacity(5);
    block_on(reader([Bytes(b"hello")]).read_to_end(&mut exact)).unwrap();
    assert_eq!((exact.as_slice(), exact.capacity()), (&b"hello"[..], 5));

    let long: &'static [u8] =
        (0..1_000_003_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>().leak();
    for chunk_len in [1_009, 65_537, long.len()] {
        let mut all = Vec::new();
        let count = block_on(reader(long.chunks(chunk_len).map(Bytes)).read_to_end(&mut all));
        assert_eq!(count.unwrap(), long.len());
        assert!(all == long);
    }
}

/// Goal: show that text stays text: what is not UTF-8 is refused and the string is as before, while a
/// letter cut in two by a chunk is fine.
#[test]
fn read_to_string_takes_text_only() {
    for steps in cuts("zwölf Boxkämpfer") {
        let mut text = "> ".to_string();
        assert_eq!(block_on(reader(steps).read_to_string(&mut text)).unwrap(), 18);
        assert_eq!(text, "> zwölf Boxkämpfer");
    }
    for steps in [
        vec![Bytes(b"ab\xff")],
        vec![Bytes(b"ab"), Fail(ErrorKind::InvalidData)],
        vec![Bytes(b"ab\xff"), Fail(ErrorKind::InvalidData)],
    ] {
        let mut text = "> ".to_string();
        let result = block_on(reader(steps).read_to_string(&mut text));
        assert_eq!(kind(result), ErrorKind::InvalidData);
        assert_eq!(text, "> ");
    }
}

/// Goal: show that `read_buf` appends to whatever can take bytes.
#[test]
fn read_buf_fills_vectors_bytes_and_slices() {
    let mut vector = b"> ".to_vec();
    assert_eq!(block_on(reader([Wait, Bytes(b"abc")]).read_buf(&mut vector)).unwrap(), 3);
    assert_eq!(vector, b"> abc");

    let mut bytes = BytesMut::with_capacity(2);
    let mut reader = reader([Bytes(b"abc")]);
    while block_on(reader.read_buf(&mut bytes)).unwrap() > 0 {}
    assert_eq!(&bytes[..], b"abc");

    let mut array = [0; 4];
    let mut slice = &mut array[..];
    assert_eq!(block_on((&b"abcdef"[..]).read_buf(&mut slice)).unwrap(), 4);
    assert_eq!(&array, b"abcd");
}

/// Goal: show that a reader cannot make us believe in bytes that are not there.
/// Method: a reader that puts a buffer of its own in the place of ours.
#[test]
#[should_panic(expected = "the reader has swapped the buffer it was given")]
fn a_reader_that_swaps_the_buffer_is_caught() {
    struct Swapper;
    impl AsyncRead for Swapper {
        fn poll_read(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let mut own = ReadBuf::new(vec![0; 8].leak());
            own.advance(8);
            *buf = own;
            Poll::Ready(Ok(()))
        }
    }
    let _ = block_on(Swapper.read_buf(&mut Vec::with_capacity(64)));
}

/// Goal: show that `take` ends in time, counts, and leaves the rest.
#[test]
fn take_ends_after_its_limit() {
    let mut part = reader([Bytes(b"abc"), Wait, Bytes(b"def")]).take(4);
    let mut all = Vec::new();
    assert_eq!(block_on(part.read_to_end(&mut all)).unwrap(), 4);
    assert_eq!((all.as_slice(), part.limit()), (&b"abcd"[..], 0));
    part.set_limit(1);
    assert_eq!(block_on(part.read_u8()).unwrap(), b'e');
    assert_eq!(block_on(part.into_inner().read_u8()).unwrap(), b'f');

    let mut shown = (&b"abcdef"[..]).take(4);
    assert_eq!(block_on(shown.fill_buf()).unwrap(), b"abcd");
    AsyncBufReadExt::consume(&mut shown, 3);
    assert_eq!(block_on(shown.fill_buf()).unwrap(), b"d");
    AsyncBufReadExt::consume(&mut shown, 1);
    assert_eq!(block_on(shown.fill_buf()).unwrap(), b"");
    assert_eq!(shown.into_inner(), b"ef");
}

/// Goal: show that `chain` goes on to the second reader at the end of the first, and not when it
/// merely waits or was given no room.
#[test]
fn chain_reads_one_after_the_other() {
    let mut both = reader([Bytes(b"ab"), Wait]).chain(reader([Bytes(b"cd")]));
    assert_eq!(block_on(both.read(&mut [])).unwrap(), 0);
    let mut text = String::new();
    block_on(both.read_to_string(&mut text)).unwrap();
    assert_eq!(text, "abcd");

    let mut line = String::new();
    block_on((&b"ab"[..]).chain(&b"cd\nef"[..]).read_line(&mut line)).unwrap();
    assert_eq!(line, "abcd\n");
}

// ---- AsyncBufReadExt ----

/// Goal: show that a mark is found wherever the chunks end.
/// Method: every cut of a text, through buffers of every size.
#[test]
fn read_until_finds_its_mark_across_chunks() {
    for steps in cuts("ab;;cd") {
        for capacity in 1..=8 {
            let mut reader = BufReader::with_capacity(capacity, reader(steps.clone()));
            let mut piece = b"> ".to_vec();
            assert_eq!(block_on(reader.read_until(b';', &mut piece)).unwrap(), 3);
            assert_eq!(block_on(reader.read_until(b';', &mut piece)).unwrap(), 1);
            assert_eq!(block_on(reader.read_until(b';', &mut piece)).unwrap(), 2);
            assert_eq!(block_on(reader.read_until(b';', &mut piece)).unwrap(), 0);
            assert_eq!(piece, b"> ab;;cd");
        }
    }
}

/// Goal: show that lines come out whole and without their ends, wherever the chunks end.
/// Method: every cut of a text with both line ends, an empty line, a letter of two bytes, a lone `\r`
/// and no end of line at the end of file.
#[test]
fn lines_come_whole_across_chunks() {
    for steps in cuts("één\r\n\ntw\ro\r\r\nthree") {
        let mut lines = BufReader::with_capacity(4, reader(steps)).lines();
        let mut all = Vec::new();
        while let Some(line) = block_on(lines.next_line()).unwrap() {
            all.push(line);
        }
        assert_eq!(all, ["één", "", "tw\ro\r", "three"]);
        assert_eq!(block_on(lines.next_line()).unwrap(), None);
    }
}

/// Goal: show that a line which is not text costs that line only.
#[test]
fn lines_go_on_after_a_line_that_is_not_text() {
    let mut lines = (&b"one\n\xff\nthree"[..]).lines();
    assert_eq!(block_on(lines.next_line()).unwrap().as_deref(), Some("one"));
    assert_eq!(kind(block_on(lines.next_line())), ErrorKind::InvalidData);
    assert_eq!(block_on(lines.next_line()).unwrap().as_deref(), Some("three"));
}

/// Goal: show that pieces come out whole, empty ones too, and that no piece follows the last mark.
#[test]
fn segments_come_whole_across_chunks() {
    for steps in cuts(",ab,,c,") {
        let mut pieces = BufReader::new(reader(steps)).split(b',');
        let mut all = Vec::new();
        while let Some(piece) = block_on(pieces.next_segment()).unwrap() {
            all.push(String::from_utf8(piece).unwrap());
        }
        assert_eq!(all, ["", "ab", "", "c"]);
    }
}

/// Goal: show what the documentation says of dropping each of the line readers half way.
/// Method: half a line, a wait at which the future is dropped, and the other half.
#[test]
fn a_dropped_read_line_loses_its_half_and_the_others_do_not() {
    let half_and_half = || BufReader::new(reader([Bytes(b"ab"), Wait, Bytes(b"cd\n")]));

    let (mut reader, mut line) = (half_and_half(), "old ".to_string());
    assert!(poll_and_drop(reader.read_line(&mut line)).is_pending());
    assert_eq!(line, "");
    block_on(reader.read_line(&mut line)).unwrap();
    assert_eq!(line, "cd\n"); // "old " and "ab" are gone

    let (mut reader, mut piece) = (half_and_half(), b"old ".to_vec());
    assert!(poll_and_drop(reader.read_until(b'\n', &mut piece)).is_pending());
    assert_eq!(block_on(reader.read_until(b'\n', &mut piece)).unwrap(), 3);
    assert_eq!(piece, b"old abcd\n");

    let mut lines = half_and_half().lines();
    assert!(poll_and_drop(lines.next_line()).is_pending());
    assert_eq!(block_on(lines.next_line()).unwrap().as_deref(), Some("abcd"));

    let mut pieces = half_and_half().split(b'\n');
    assert!(poll_and_drop(pieces.next_segment()).is_pending());
    assert_eq!(block_on(pieces.next_segment()).unwrap().as_deref(), Some(&b"abcd"[..]));
}

/// Goal: show what `read_line` leaves in the string when it fails.
#[test]
fn read_line_keeps_text_and_refuses_the_rest() {
    let mut line = "old ".to_string();
    let mut broken = BufReader::new(reader([Bytes(b"ab"), Fail(ErrorKind::TimedOut)]));
    assert_eq!(kind(block_on(broken.read_line(&mut line))), ErrorKind::TimedOut);
    assert_eq!(line, "old ab");

    let mut line = "old ".to_string();
    assert_eq!(kind(block_on((&b"\xff\n"[..]).read_line(&mut line))), ErrorKind::InvalidData);
    assert_eq!(line, "old ");
}

/// Goal: show that `fill_buf` waits, shows, takes nothing, and knows the end.
#[test]
fn fill_buf_shows_and_consume_takes() {
    let mut reader = BufReader::new(reader([Wait, Bytes(b"abc")]));
    assert!(poll_and_drop(reader.fill_buf()).is_pending());
    assert_eq!(block_on(reader.fill_buf()).unwrap(), b"abc");
    AsyncBufReadExt::consume(&mut reader, 2);
    assert_eq!(block_on(reader.fill_buf()).unwrap(), b"c");
    AsyncBufReadExt::consume(&mut reader, 1);
    assert_eq!(block_on(reader.fill_buf()).unwrap(), b"");
}

/// Goal: show that a `BufReader` saves reads, and that big reads go past its buffer.
/// Method: count the reads of the reader inside.
#[test]
fn a_buf_reader_asks_seldom_and_steps_aside_for_big_reads() {
    let mut reader = BufReader::with_capacity(4, reader([Bytes(b"abcd"), Bytes(b"efghij")]));
    for letter in b"abcd" {
        assert_eq!(block_on(reader.read_u8()).unwrap(), *letter);
    }
    assert_eq!(reader.get_ref().read_polls, 1);
    let mut big = [0; 6];
    assert_eq!(block_on(reader.read(&mut big)).unwrap(), 6);
    assert_eq!((&big, reader.get_ref().read_polls), (b"efghij", 2));
    assert_eq!(reader.buffer(), b"");
}

// ---- AsyncWriteExt ----

/// Goal: show that `write_all` goes on until all is taken, and says so if nothing more is.
#[test]
fn write_all_writes_all() {
    let steps = [Take(1), Wait, Fail(ErrorKind::Interrupted), Take(2)];
    let mut out = writer(steps);
    block_on(out.write_all(b"hello")).unwrap();
    assert_eq!(out.written, b"hello");

    let mut full = writer([Take(2), Take(0)]);
    assert_eq!(kind(block_on(full.write_all(b"hello"))), ErrorKind::WriteZero);
    assert_eq!(full.written, b"he");

    let mut closed = writer([Fail(ErrorKind::BrokenPipe)]);
    block_on(closed.write_all(b"")).unwrap();
    assert_eq!(kind(block_on(closed.write_all(b"x"))), ErrorKind::BrokenPipe);
}

/// Goal: show that `write_all_buf` can be dropped half way and taken up again.
#[test]
fn a_dropped_write_all_buf_loses_nothing() {
    let mut out = writer([Take(2), Wait]);
    let mut rest = Bytes::from_static(b"hello");
    assert!(poll_and_drop(out.write_all_buf(&mut rest)).is_pending());
    assert_eq!(rest, "llo");
    block_on(out.write_all_buf(&mut rest)).unwrap();
    assert_eq!(out.written, b"hello");
    assert_eq!(block_on(out.write_buf(&mut rest)).unwrap(), 0);
}

/// Goal: show the two ways of a vectored write: all pieces at once, or the first that is not empty.
#[test]
fn write_vectored_takes_all_pieces_or_the_first() {
    let pieces = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")];
    let mut memory = Vec::new();
    assert_eq!(block_on(memory.write_vectored(&pieces)).unwrap(), 4);
    assert_eq!(memory, b"abcd");

    let mut plain = writer([]);
    assert!(!plain.is_write_vectored());
    assert_eq!(block_on(plain.write_vectored(&pieces)).unwrap(), 2);
    assert_eq!(plain.written, b"ab");
    assert_eq!(block_on(plain.write_vectored(&[])).unwrap(), 0);

    let mut two = bytes::Buf::chain(&b"ab"[..], &b"cd"[..]);
    let mut memory = Vec::new();
    assert_eq!(block_on(memory.write_buf(&mut two)).unwrap(), 4);
}

/// Goal: show that memory of a fixed size takes what fits.
#[test]
fn a_cursor_takes_what_fits() {
    let mut array = [0; 3];
    let mut cursor = io::Cursor::new(&mut array[..]);
    assert_eq!(block_on(cursor.write(b"abcd")).unwrap(), 3);
    assert_eq!(kind(block_on(cursor.write_all(b"d"))), ErrorKind::WriteZero);
    assert_eq!(&array, b"abc");

    let mut cursor = io::Cursor::new(b"abc");
    cursor.set_position(u64::MAX);
    assert_eq!(block_on(cursor.read(&mut [0; 4])).unwrap(), 0);
}

/// Goal: show that a `BufWriter` collects small pieces, lets big ones past, and keeps their order.
/// Method: count the writes of the writer inside.
#[test]
fn a_buf_writer_writes_seldom_and_in_order() {
    let mut out = BufWriter::with_capacity(4, writer([]));
    block_on(out.write_all(b"ab")).unwrap();
    block_on(out.write_all(b"c")).unwrap();
    assert_eq!((out.buffer(), out.get_ref().write_polls), (&b"abc"[..], 0));
    block_on(out.write_all(b"de")).unwrap(); // does not fit: "abc" goes out
    assert_eq!((out.buffer(), out.get_ref().written.as_slice()), (&b"de"[..], &b"abc"[..]));
    block_on(out.write_all(b"fghij")).unwrap(); // bigger than the buffer: goes past
    assert_eq!((out.buffer(), out.get_ref().written.as_slice()), (&b""[..], &b"abcdefghij"[..]));
    assert_eq!(out.get_ref().write_polls, 3);
    block_on(out.write_all(b"k")).unwrap();
    block_on(out.shutdown()).unwrap();
    assert_eq!(out.get_ref().written, b"abcdefghijk");
    assert_eq!(out.get_ref().diary, ["write", "write", "write", "write", "shutdown"]);
}

/// Goal: show that a flush which fails or is dropped half way writes no byte twice and loses none.
#[test]
fn a_broken_flush_can_be_taken_up_again() {
    let mut out = BufWriter::new(writer([Take(2), Wait, Take(1), Fail(ErrorKind::TimedOut)]));
    block_on(out.write_all(b"hello")).unwrap();
    assert!(poll_and_drop(out.flush()).is_pending());
    block_on(out.write_all(b" world")).unwrap();
    assert_eq!(kind(block_on(out.flush())), ErrorKind::TimedOut);
    assert_eq!(out.buffer(), b"lo world");
    block_on(out.flush()).unwrap();
    assert_eq!(out.into_inner().written, b"hello world");
}

/// Goal: show that pieces are packed into the buffer, so that a plain writer sees few writes.
#[test]
fn a_buf_writer_packs_the_pieces_of_a_vectored_write() {
    let piece = |bytes: &'static [u8]| IoSlice::new(bytes);
    let mut out = BufWriter::with_capacity(4, writer([]));
    let small = [piece(b"a"), piece(b""), piece(b"b")];
    assert_eq!(block_on(out.write_vectored(&small)).unwrap(), 2);
    assert_eq!(out.buffer(), b"ab");
    let many = [piece(b"c"), piece(b"d"), piece(b"efg"), piece(b"h")];
    assert_eq!(block_on(out.write_vectored(&many)).unwrap(), 2);
    assert_eq!((out.buffer(), out.get_ref().written.as_slice()), (&b"cd"[..], &b"ab"[..]));
    assert_eq!(block_on(out.write_vectored(&[piece(b""), piece(b"efghij")])).unwrap(), 6);
    assert_eq!(block_on(out.write_vectored(&[])).unwrap(), 0);
    assert_eq!(out.get_ref().written, b"abcdefghij");

    let mut past = BufWriter::with_capacity(4, Vec::new()); // a writer that takes pieces itself
    assert_eq!(block_on(past.write_vectored(&many)).unwrap(), 6);
    assert_eq!(past.get_ref(), b"cdefgh");
}

// ---- copy ----

/// Goal: show that `copy` carries everything over waits, signals and short writes, and flushes whenever
/// the reader makes it wait.
#[test]
fn copy_carries_everything_and_flushes_while_it_waits() {
    let interrupted = Fail(ErrorKind::Interrupted);
    let mut from = reader([Bytes(b"ab"), interrupted.clone(), Wait, Wait, Bytes(b"cd")]);
    let mut to = writer([Take(1), Wait, interrupted]);
    assert_eq!(block_on(copy(&mut from, &mut to)).unwrap(), 4);
    assert_eq!(to.written, b"abcd");
    assert_eq!(to.diary, ["write", "write", "flush", "write", "flush"]);
    assert_eq!(block_on(copy(&mut repeat(7).take(100_000), &mut sink())).unwrap(), 100_000);
}

/// Goal: show that while the writer is busy, `copy` fetches more, so that it has one big write to do.
#[test]
fn copy_fetches_more_while_the_writer_is_busy() {
    let mut from = reader([Bytes(b"ab"), Bytes(b"cd"), Bytes(b"ef")]);
    let mut to = writer([Wait, Wait]);
    assert_eq!(block_on(copy(&mut from, &mut to)).unwrap(), 6);
    assert_eq!((to.written.as_slice(), to.write_polls), (&b"abcdef"[..], 3));
}

/// Goal: show how `copy` ends when one side fails.
#[test]
fn copy_ends_with_the_first_error() {
    let mut to = writer([Take(1), Take(0)]);
    let error = block_on(copy(&mut &b"ab"[..], &mut to)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(error.to_string(), "write zero byte into writer");
    let mut from = reader([Bytes(b"ab"), Fail(ErrorKind::ConnectionReset)]);
    let mut to = writer([]);
    assert_eq!(kind(block_on(copy(&mut from, &mut to))), ErrorKind::ConnectionReset);
    assert_eq!(to.written, b"ab");
    assert_eq!(block_on(copy(&mut empty(), &mut empty())).unwrap(), 0);
}

/// Goal: show that `copy_buf` dropped half way has taken only what it has written.
#[test]
fn a_dropped_copy_buf_loses_nothing() {
    let mut from = BufReader::new(reader([Bytes(b"abcd"), Wait, Bytes(b"ef")]));
    let mut to = writer([Take(3), Wait]);
    assert!(poll_and_drop(copy_buf(&mut from, &mut to)).is_pending());
    assert_eq!(from.buffer(), b"d");
    assert_eq!(block_on(copy_buf(&mut from, &mut to)).unwrap(), 3);
    assert_eq!(to.written, b"abcdef");
}

/// Goal: show that the end of one direction is passed on at once and does not end the other.
/// Method: a client that ends its request, and a server that answers only when it has seen that end.
#[test]
fn copy_bidirectional_passes_a_half_close_on() {
    let (mut client, mut front) = duplex(3);
    let (mut back, mut server) = duplex(3);
    let proxy = thread::spawn(move || block_on(copy_bidirectional(&mut front, &mut back)));
    let server = thread::spawn(move || {
        block_on(async {
            let mut request = String::new();
            server.read_to_string(&mut request).await.unwrap();
            server.write_all(format!("you said {request}").as_bytes()).await.unwrap();
        });
    });
    block_on(async {
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "you said hello");
    });
    server.join().unwrap();
    assert_eq!(proxy.join().unwrap().unwrap(), (5, 14));
}

/// Goal: show that an error in one direction ends both, and that each side is shut down once.
#[test]
fn copy_bidirectional_ends_with_the_first_error() {
    let mut a = reader([Wait, Wait, Wait, Bytes(b"late")]);
    let mut b = reader([Bytes(b"x"), Fail(ErrorKind::ConnectionReset)]);
    assert_eq!(kind(block_on(copy_bidirectional(&mut a, &mut b))), ErrorKind::ConnectionReset);
    assert_eq!(a.written, b"x");

    let (mut a, mut b) = (reader([Bytes(b"ab"), Wait]), reader([Wait, Bytes(b"c"), Wait]));
    assert_eq!(block_on(copy_bidirectional(&mut a, &mut b)).unwrap(), (2, 1));
    for side in [a, b] {
        assert_eq!(side.diary.iter().filter(|&&what| what == "shutdown").count(), 1);
        assert_eq!(side.diary.last(), Some(&"shutdown"));
    }
}

// ---- split and duplex ----

/// Goal: show that the halves work at the same time on two threads, and that the stream comes back.
#[test]
fn split_halves_work_on_two_threads() {
    let (near, far) = duplex(7);
    let sent: Vec<u8> = (0..100_000_u32).map(|i| (i % 253) as u8).collect();
    let (mut near_in, mut near_out) = split(near);
    let (mut far_in, mut far_out) = split(far);
    let echo = thread::spawn(move || block_on(copy(&mut far_in, &mut far_out)).unwrap());
    let expected = sent.clone();
    let sender = thread::spawn(move || {
        block_on(async {
            near_out.write_all(&sent).await.unwrap();
            near_out.shutdown().await.unwrap();
        });
        near_out
    });
    let mut echoed = vec![0; expected.len()];
    block_on(near_in.read_exact(&mut echoed)).unwrap();
    assert!(echoed == expected);
    assert_eq!(echo.join().unwrap(), 100_000);
    let near_out = sender.join().unwrap();
    assert!(near_in.is_pair_of(&near_out) && near_out.is_pair_of(&near_in));
    let _whole = near_in.unsplit(near_out);
}

#[test]
#[should_panic(expected = "Unrelated `split::Write` passed to `split::Read::unsplit`.")]
fn halves_of_different_streams_do_not_fit() {
    let (one, _one_out) = split(duplex(1).0);
    let (_two, two_out) = split(duplex(1).0);
    one.unsplit(two_out);
}

/// Goal: show that shutting down ends one direction only.
#[test]
fn a_duplex_half_close_leaves_the_other_direction_open() {
    block_on(async {
        let (mut near, mut far) = duplex(16);
        near.write_all(b"last words").await.unwrap();
        near.shutdown().await.unwrap();
        assert_eq!(kind(near.write(b"more").await), ErrorKind::BrokenPipe);

        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "last words");
        far.write_all(b"understood").await.unwrap();
        drop(far);
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "understood");
    });
}

/// Goal: show that a full pipe makes its writer wait, and that reading, or the end of the reader, wakes
/// it; and that writing, or the end of the writer, wakes a waiting reader.
/// Method: the wakes are counted by hand.
#[test]
fn a_duplex_wakes_who_waits() {
    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let wakes = || count.0.load(std::sync::atomic::Ordering::Relaxed);
    let mut cx = Context::from_waker(&waker);
    let (mut near, mut far) = duplex(4);

    assert_eq!(block_on(near.write(b"abcdef")).unwrap(), 4); // what fits
    assert!(Pin::new(&mut near).poll_write(&mut cx, b"ef").is_pending());
    assert!(Pin::new(&mut near).poll_write(&mut cx, b"").is_ready());
    assert_eq!(block_on(far.read_u8()).unwrap(), b'a');
    assert_eq!(wakes(), 1);

    assert!(pin!(near.read(&mut [0])).poll(&mut cx).is_pending());
    block_on(far.write_all(b"x")).unwrap();
    assert_eq!(wakes(), 2);

    let mut two = [0; 2];
    let mut read = pin!(near.read_exact(&mut two));
    assert!(read.as_mut().poll(&mut cx).is_pending());
    drop(far);
    assert_eq!(wakes(), 3);
    match read.poll(&mut cx) {
        Poll::Ready(Err(error)) => assert_eq!(error.to_string(), "early eof"),
        other => panic!("{other:?}"),
    }
    assert_eq!(kind(block_on(near.write(b"y"))), ErrorKind::BrokenPipe);
}

// ---- types ----

/// Goal: show that code which knows nothing of a stream but its traits can send the futures away, and
/// that a boxed stream is a stream. Compiling is the test.
#[test]
fn generic_code_may_send_its_futures() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    async fn serve<S: AsyncReadExt + AsyncWriteExt + Unpin + Send>(mut stream: S) {
        let mut buf = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut buf).await.unwrap();
        stream.write_all(&buf).await.unwrap();
    }
    fn serve_somewhere<S: AsyncReadExt + AsyncWriteExt + Unpin + Send + 'static>(
        stream: S,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(serve(stream))
    }
    block_on(serve_somewhere(reader([Bytes(b"\0\x02hi")])));
    block_on(is_send(async {
        let mut boxed: Box<dyn AsyncRead + Unpin + Send> = Box::new(&b"abc"[..]);
        assert_eq!(boxed.read_u8().await.unwrap(), b'a');
        let mut pinned: Pin<Box<dyn AsyncBufRead + Send>> = Box::pin(&b"abc\n"[..]);
        let mut line = String::new();
        assert_eq!(pinned.read_line(&mut line).await.unwrap(), 4);
    }));
}
