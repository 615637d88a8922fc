//! Writing: `AsyncWriteExt` and `BufWriter`.

use super::script::*;
use bytes::Bytes;
use rondel::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use std::io::{self, ErrorKind, IoSlice};

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
