//! Bytes: where those are that have come so far decides whether a drop loses them.

use std::task::Poll;

use rondel::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, DuplexStream, Lines, copy,
    copy_bidirectional, copy_buf, duplex,
};
use rondel::testing::cancel;
use rondel::testing::task::spawn;

use super::now;

/// Two bytes a call: "ab", "cd", …
fn write_two(far: &mut DuplexStream, nth: usize) {
    let first = b'a' + 2 * (nth as u8 - 1);
    now(far.write_all(&[first, first + 1])).unwrap();
}

/// What `write_two` has written in so many calls.
fn letters(calls: usize) -> Vec<u8> {
    (b'a'..).take(2 * calls).collect()
}

/// What is left in a stream whose other end is dropped.
fn rest(mut near: impl rondel::io::AsyncRead + Unpin, far: &mut Option<DuplexStream>) -> Vec<u8> {
    *far = None;
    let mut bytes = Vec::new();
    now(near.read_to_end(&mut bytes)).unwrap();
    bytes
}

fn near_and_far() -> (DuplexStream, Option<DuplexStream>) {
    let (near, far) = duplex(64);
    (near, Some(far))
}

#[test]
fn read() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = near_and_far();
            ((near, Vec::new()), far)
        },
        async |(near, got)| {
            for _ in 0..3 {
                let mut buf = [0; 8];
                let count = near.read(&mut buf).await.unwrap();
                got.extend_from_slice(&buf[..count]);
            }
        },
        |far, nth| write_two(far.as_mut().unwrap(), nth),
        |(near, got), far, cut| {
            got.extend(rest(near, far));
            assert_eq!(*got, letters(cut.given));
        },
    );
    assert_eq!(awaits, 3);
}

/// What came is in the `Vec`, and its length says how much.
#[test]
fn read_buf_and_read_to_end() {
    for to_end in [false, true] {
        let awaits = cancel::at_every_await(
            || {
                let (near, far) = near_and_far();
                ((near, Vec::new()), far)
            },
            async |(near, got)| {
                if to_end {
                    near.read_to_end(got).await.unwrap();
                } else {
                    while near.read_buf(got).await.unwrap() > 0 {}
                }
            },
            |far, nth| match nth {
                3 => *far = None,
                _ => write_two(far.as_mut().unwrap(), nth),
            },
            |(near, got), far, cut| {
                got.extend(rest(near, far));
                assert_eq!(*got, letters(cut.given.min(2)));
            },
        );
        assert_eq!(awaits, 3);
    }
}

/// **What was read is in the slice, and nobody knows how much it is**: lost, as the documents say.
/// What was not read is still in the stream.
#[test]
fn read_exact() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = near_and_far();
            ((near, [0; 6]), far)
        },
        async |(near, buf)| assert_eq!(near.read_exact(buf).await.unwrap(), 6),
        |far, nth| write_two(far.as_mut().unwrap(), nth),
        |(near, buf), far, cut| {
            let taken = 2 * (cut.nth - 1);
            assert_eq!(buf[..taken], letters(cut.given)[..taken]);
            assert_eq!(rest(near, far), letters(cut.given)[taken..]);
        },
    );
    assert_eq!(awaits, 3);
}

/// **The bytes of the number are in the future**: lost.
#[test]
fn read_u32() {
    let awaits = cancel::at_every_await(
        near_and_far,
        async |near| assert_eq!(near.read_u32().await.unwrap(), u32::from_be_bytes(*b"abcd")),
        |far, nth| write_two(far.as_mut().unwrap(), nth),
        |near, far, cut| assert_eq!(rest(near, far), letters(cut.given)[2 * (cut.nth - 1)..]),
    );
    assert_eq!(awaits, 2);
}

/// Pieces of two lines, the second without an end.
const LINES: [&[u8]; 4] = [b"o", b"ne\r\nt", b"w", b"o"];

fn write_line(far: &mut Option<DuplexStream>, nth: usize) {
    match LINES.get(nth - 1) {
        Some(piece) => now(far.as_mut().unwrap().write_all(piece)).unwrap(),
        None => *far = None,
    }
}

/// Writes what is left of the lines.
fn finish(far: &mut Option<DuplexStream>, given: usize) {
    (given + 1..=LINES.len() + 1).for_each(|nth| write_line(far, nth));
}

fn lines() -> (Lines<BufReader<DuplexStream>>, Option<DuplexStream>) {
    let (near, far) = near_and_far();
    (BufReader::new(near).lines(), far)
}

/// A line that has come in part stays with the reader.
#[test]
fn next_line() {
    let awaits = cancel::at_every_await(
        || {
            let (lines, far) = lines();
            ((lines, Vec::new()), far)
        },
        async |(lines, got)| {
            while let Some(line) = lines.next_line().await.unwrap() {
                got.push(line);
            }
        },
        write_line,
        |(lines, got), far, cut| {
            finish(far, cut.given);
            while let Some(line) = now(lines.next_line()).unwrap() {
                got.push(line);
            }
            assert_eq!(*got, ["one", "two"]);
        },
    );
    assert_eq!(awaits, 5);
}

/// What came is in the buffer; a second call goes on from there.
#[test]
fn read_until() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = near_and_far();
            ((BufReader::new(near), Vec::new()), far)
        },
        async |(near, got)| while near.read_until(b'\n', got).await.unwrap() > 0 {},
        write_line,
        |(near, got), far, cut| {
            finish(far, cut.given);
            while now(near.read_until(b'\n', got)).unwrap() > 0 {}
            assert_eq!(got, b"one\r\ntwo");
        },
    );
    assert_eq!(awaits, 5);
}

/// **The part of the line that has come is lost, and so is what was in the text before.** What the
/// reader has not looked at is still there.
#[test]
fn read_line() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = near_and_far();
            ((BufReader::new(near), String::from("before ")), far)
        },
        async |(near, text)| assert_eq!(near.read_line(text).await.unwrap(), 5),
        write_line,
        |(near, text), far, cut| {
            assert_eq!(text, "");
            finish(far, cut.given);
            now(near.read_line(text)).unwrap();
            assert_eq!(text, ["one\r\n", "ne\r\n"][cut.nth - 1]);
        },
    );
    assert_eq!(awaits, 2);
}

/// A stream with room for two bytes, and its other end.
fn narrow() -> (DuplexStream, DuplexStream) {
    duplex(2)
}

fn take(far: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = [0; 16];
    let count = now(far.read(&mut bytes)).unwrap();
    bytes[..count].to_vec()
}

/// A write that has to wait has written nothing.
#[test]
fn write() {
    let awaits = cancel::at_every_await(
        || {
            let (mut near, far) = narrow();
            now(near.write_all(b"ab")).unwrap();
            (near, (far, Vec::new()))
        },
        async |near| assert_eq!(near.write(b"cd").await.unwrap(), 2),
        |(far, got), _| got.extend(take(far)),
        |near, (far, got), cut| {
            if !cut.woken {
                got.extend(take(far));
            }
            now(near.write_all(b"ef")).unwrap();
            got.extend(take(far));
            assert_eq!(got, b"abef");
        },
    );
    assert_eq!(awaits, 1);
}

/// **A part has been written, and nobody knows how much**: as the documents say. With a buffer that
/// moves on, one knows.
#[test]
fn write_all() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = narrow();
            (near, (far, Vec::new()))
        },
        async |near| near.write_all(b"abcdef").await.unwrap(),
        |(far, got), _| got.extend(take(far)),
        |_, (far, got), cut| {
            if !cut.woken {
                got.extend(take(far));
            }
            assert_eq!(*got, letters(cut.nth), "two bytes for each poll");
        },
    );
    assert_eq!(awaits, 2);
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = narrow();
            ((near, &b"abcdef"[..]), (far, Vec::new()))
        },
        async |(near, left)| near.write_all_buf(left).await.unwrap(),
        |(far, got), _| got.extend(take(far)),
        |(_, left), (far, got), cut| {
            if !cut.woken {
                got.extend(take(far));
            }
            assert_eq!([got, *left].concat(), b"abcdef");
        },
    );
    assert_eq!(awaits, 2);
}

/// What is not out yet stays with the writer.
#[test]
fn flush() {
    let awaits = cancel::at_every_await(
        || {
            let (near, far) = narrow();
            let mut near = BufWriter::new(near);
            now(near.write_all(b"abcdef")).unwrap();
            (near, (far, Vec::new()))
        },
        async |near| near.flush().await.unwrap(),
        |(far, got), _| got.extend(take(far)),
        |near, (far, got), _| {
            while spawn(near.flush()).poll().is_pending() {
                got.extend(take(far));
            }
            got.extend(take(far));
            assert_eq!(got, b"abcdef");
        },
    );
    assert_eq!(awaits, 2);
}

/// A wide stream to read from, a narrow one to write to, and what came out.
type Ends = ((DuplexStream, DuplexStream), (DuplexStream, DuplexStream, Vec<u8>));

fn ends() -> Ends {
    let ((from, mut source), (to, drain)) = (duplex(64), narrow());
    now(source.write_all(b"abcdef")).unwrap();
    ((from, to), (source, drain, Vec::new()))
}

/// **What was read and not yet written is lost**: here all of it, since it fits the buffer.
#[test]
fn copies() {
    let awaits = cancel::at_every_await(
        ends,
        async |(from, to)| {
            let mut six = from.take(6);
            assert_eq!(copy(&mut six, to).await.unwrap(), 6);
        },
        |(_, drain, got), _| got.extend(take(drain)),
        |(from, _), (_, drain, got), cut| {
            if !cut.woken {
                got.extend(take(drain));
            }
            assert_eq!(*got, letters(cut.nth));
            assert!(spawn(from.read(&mut [0])).poll().is_pending(), "all of it had been read");
        },
    );
    assert_eq!(awaits, 2);
}

/// Only what was written is taken from the reader.
#[test]
fn copies_of_a_buffer() {
    let awaits = cancel::at_every_await(
        || {
            let ((from, to), others) = ends();
            ((BufReader::new(from.take(6)), to), others)
        },
        async |(from, to)| assert_eq!(copy_buf(from, to).await.unwrap(), 6),
        |(_, drain, got), _| got.extend(take(drain)),
        |(from, _), (_, drain, got), cut| {
            if !cut.woken {
                got.extend(take(drain));
            }
            assert_eq!([got.as_slice(), from.buffer()].concat(), b"abcdef");
        },
    );
    assert_eq!(awaits, 2);
}

/// **In each direction what was read and not yet written is lost**, and nothing else.
#[test]
fn copies_in_both_directions() {
    let awaits = cancel::at_every_await(
        || {
            let ((a, client), (b, server)) = (narrow(), narrow());
            ((a, b), (client, server, Vec::new()))
        },
        async |(a, b)| assert_eq!(copy_bidirectional(a, b).await.unwrap(), (4, 0)),
        |(client, server, got), nth| match nth {
            1 => now(client.write_all(b"ab")).unwrap(),
            2 => now(client.write_all(b"cd")).unwrap(),
            3 => got.extend(take(server)),
            4 => now(client.shutdown()).unwrap(),
            _ => now(server.shutdown()).unwrap(),
        },
        |(a, _), (_, server, got), cut| {
            let mut buf = [0; 8];
            for stream in [server, a] {
                if let Poll::Ready(count) = spawn(stream.read(&mut buf)).poll() {
                    got.extend_from_slice(&buf[..count.unwrap()]);
                }
            }
            let lost = if cut.nth == 3 { 2 } else { 0 };
            let sent = letters(cut.given.min(2));
            assert_eq!(*got, sent[..sent.len() - lost], "while the server takes nothing");
        },
    );
    assert_eq!(awaits, 5);
}
