//! Streams with a position, streams made of two, and `simplex`.

use super::script::block_on;
use rondel::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter,
    SeekFrom, SimplexStream, duplex, empty, join, simplex,
};
use rondel::testing::task::spawn;
use rondel::{assert_pending, assert_ready_ok};
use std::io::{Cursor, ErrorKind};

/// Goal: show that a buffered reader's position is that of its user, and that a move which fails
/// loses nothing. Method: a buffer larger than what is used up.
#[test]
fn a_buffered_reader_moves_from_where_its_user_stands() {
    block_on(async {
        let mut reader = BufReader::new(Cursor::new(b"one\ntwo\nthree\n"));
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(reader.stream_position().await.unwrap(), 4);
        assert_eq!(reader.seek(SeekFrom::Current(4)).await.unwrap(), 8);
        assert!(reader.seek(SeekFrom::Current(-9)).await.is_err());
        let error = reader.seek(SeekFrom::Current(i64::MIN)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        line.clear();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "three\n");
        reader.rewind().await.unwrap();
        line.clear();
        reader.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\n");
    });
}

/// Goal: show that what a buffered writer holds goes out at the old position.
#[test]
fn a_buffered_writer_pushes_out_before_it_moves() {
    block_on(async {
        let mut writer = BufWriter::new(Cursor::new(vec![b'.'; 6]));
        writer.write_all(b"ab").await.unwrap();
        assert_eq!(writer.seek(SeekFrom::Current(2)).await.unwrap(), 4);
        writer.write_all(b"ef").await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(writer.into_inner().into_inner(), b"ab..ef");
        let mut nothing = empty();
        assert_eq!(nothing.seek(SeekFrom::Start(7)).await.unwrap(), 0);
    });
}

/// Goal: show that a `BufStream` holds small writes, reads by lines, and moves.
#[test]
fn a_buf_stream_buffers_both_directions() {
    block_on(async {
        let (near, mut far) = duplex(64);
        let mut near = BufStream::with_capacity(16, 16, near);
        near.write_all(b"one ").await.unwrap();
        let mut bytes = [0; 8];
        assert_pending!(spawn(far.read(&mut bytes)).poll(), "nothing is out yet");
        near.write_all(b"two\n").await.unwrap();
        near.flush().await.unwrap();
        far.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"one two\n");
        far.write_all(b"three\nfour").await.unwrap();
        let mut line = String::new();
        near.read_line(&mut line).await.unwrap();
        assert_eq!(line, "three\n");

        let mut file = BufStream::new(Cursor::new(b"hello world".to_vec()));
        file.seek(SeekFrom::Start(6)).await.unwrap();
        file.write_all(b"W").await.unwrap();
        file.rewind().await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello World");
    });
}

/// Goal: show that `simplex` waits when it is full or empty, ends when it is shut down, and not when
/// a half is dropped. Method: polls by hand.
#[test]
fn a_simplex_waits_at_both_ends_and_ends_by_shutdown() {
    let (mut reader, mut writer) = simplex(2);
    let mut bytes = [0; 4];
    {
        let mut read = spawn(reader.read(&mut bytes));
        assert_pending!(read.poll());
        let mut write = spawn(writer.write(b"abc"));
        assert_eq!(assert_ready_ok!(write.poll()), 2);
        assert!(read.is_woken());
        assert_eq!(assert_ready_ok!(read.poll()), 2);
    }
    {
        let mut write = spawn(writer.write_all(b"cdefg"));
        assert_pending!(write.poll());
        assert_eq!(block_on(reader.read(&mut bytes)).unwrap(), 2);
        assert!(write.is_woken());
        assert_pending!(write.poll(), "dropped in the middle, it has taken four");
    }
    block_on(writer.shutdown()).unwrap();
    assert_eq!(block_on(writer.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut rest = Vec::new();
    block_on(reader.read_to_end(&mut rest)).unwrap();
    assert_eq!((&bytes[..2], &rest[..]), (&b"cd"[..], &b"ef"[..]));
    assert!(reader.is_pair_of(&writer));

    let mut whole = SimplexStream::new_unsplit(8);
    block_on(whole.write_all(b"round")).unwrap();
    assert_eq!(block_on(whole.read_u8()).unwrap(), b'r');
}

/// Goal: show that `join` reads from the one and writes to the other, and gives both back.
#[test]
fn a_join_reads_the_one_and_writes_the_other() {
    block_on(async {
        let mut both = join(&b"one\ntwo"[..], Vec::new());
        let mut line = String::new();
        both.read_line(&mut line).await.unwrap();
        both.write_all(line.as_bytes()).await.unwrap();
        both.shutdown().await.unwrap();
        let (rest, out) = both.into_inner();
        assert_eq!((rest, &out[..]), (&b"two"[..], &b"one\n"[..]));
    });
}

/// Goal: show that every number that is written is read again, in both byte orders. Method: a value
/// with all bytes different.
#[test]
fn every_number_comes_back_in_both_orders() {
    macro_rules! there_and_back {
        ($($value:expr => $write:ident, $read:ident;)*) => {$(
            let mut out = Vec::new();
            out.$write($value).await.unwrap();
            assert_eq!((&out[..]).$read().await.unwrap(), $value, stringify!($read));
        )*};
    }
    block_on(async {
        let wide = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128;
        there_and_back! {
            200 => write_u8, read_u8;
            -100 => write_i8, read_i8;
            0x0102 => write_u16, read_u16;
            -0x0102 => write_i16_le, read_i16_le;
            0x0102_0304 => write_u32_le, read_u32_le;
            -0x0102_0304 => write_i32, read_i32;
            0x0102_0304_0506_0708 => write_u64, read_u64;
            -0x0102_0304_0506_0708 => write_i64_le, read_i64_le;
            wide => write_u128, read_u128;
            wide => write_u128_le, read_u128_le;
            -(wide as i128) => write_i128, read_i128;
            -(wide as i128) => write_i128_le, read_i128_le;
            1.5e-7 => write_f32, read_f32;
            1.5e-7 => write_f32_le, read_f32_le;
            -2.5e-70 => write_f64, read_f64;
            -2.5e-70 => write_f64_le, read_f64_le;
        }
    });
}
