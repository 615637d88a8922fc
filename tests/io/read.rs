//! Reading: `AsyncReadExt`, and what the types promise.

use super::script::*;
use bytes::BytesMut;
use rondel::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

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
/// Method: write each number, check the bytes, then read it from a stream that gives one byte at a
/// time.
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

/// Goal: show that a `Vec` which is just big enough does not grow, and that a long stream arrives
/// whole.
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

    let (mut roomy, mut at_once) = (Vec::with_capacity(long.len() + 1), reader([Bytes(long)]));
    block_on(at_once.read_to_end(&mut roomy)).unwrap();
    assert!(at_once.read_polls < 10, "{} reads for a megabyte that was there", at_once.read_polls);
}

/// Goal: show that text stays text: what is not UTF-8 is refused and the string is as before, while
/// a letter cut in two by a chunk is fine.
#[test]
fn read_to_string_takes_text_only() {
    for steps in cuts("zwölf Boxkämpfer") {
        let mut text = "> ".to_string();
        assert_eq!(block_on(reader(steps).read_to_string(&mut text)).unwrap(), 18);
        assert_eq!(text, "> zwölf Boxkämpfer");
    }
    let broken = Fail(ErrorKind::TimedOut);
    for (steps, expected) in [
        (vec![Bytes(b"ab\xff")], ErrorKind::InvalidData),
        (vec![Bytes(b"ab"), broken.clone()], ErrorKind::TimedOut),
        (vec![Bytes(b"ab\xff"), broken.clone()], ErrorKind::TimedOut),
    ] {
        let mut text = "> ".to_string();
        assert_eq!(kind(block_on(reader(steps).read_to_string(&mut text))), expected);
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

/// Goal: show that code which knows nothing of a stream but its traits can send the futures away,
/// and that a boxed stream is a stream. Compiling is the test.
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
