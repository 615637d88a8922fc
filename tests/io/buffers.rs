//! Lines and pieces, and `BufReader`.

use super::script::*;
use rondel::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use std::io::ErrorKind;

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
/// Method: every cut of a text with both line ends, an empty line, a letter of two bytes, a lone
/// `\r` and no end of line at the end of file.
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
    let mut broken = BufReader::new(reader([Bytes(b"\xff"), Fail(ErrorKind::TimedOut)]));
    assert_eq!(kind(block_on(broken.read_line(&mut line))), ErrorKind::TimedOut);
    assert_eq!(line, "old ");
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
    let mut big = [0; 6];
    for letter in b"abc" {
        assert_eq!(block_on(reader.read_u8()).unwrap(), *letter);
    }
    assert_eq!(block_on(reader.read(&mut big)).unwrap(), 1); // what is held comes first
    assert_eq!((big[0], reader.get_ref().read_polls), (b'd', 1));
    assert_eq!(block_on(reader.read(&mut big)).unwrap(), 6);
    assert_eq!((&big, reader.get_ref().read_polls), (b"efghij", 2));
    assert_eq!(reader.buffer(), b"");
}
