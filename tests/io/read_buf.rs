//! ReadBuf: what is filled, and what is merely written.

use bytes::BufMut;
use rondel::io::ReadBuf;
use std::mem::MaybeUninit;

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
    buf.put_slice(b"c");
    assert_eq!((buf.filled(), buf.initialized().len()), (&b"xbc"[..], 8));
    assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 3, initialized: 8, capacity: 8 }");
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
