//! From one stream to another: `copy`, `split`, `duplex`.

use super::script::*;
use rondel::io::{
    AsyncReadExt, AsyncWriteExt, BufReader, copy, copy_bidirectional, copy_buf, duplex, empty,
    repeat, sink, split,
};
use rondel::testing::task::spawn;
use rondel::{assert_pending, assert_ready_err, assert_ready_ok};
use std::io::ErrorKind;
use std::thread;

/// Goal: show that `copy` carries everything over waits, signals and short writes, and flushes
/// whenever the reader makes it wait.
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

/// Goal: show that while the writer is busy, `copy` fetches more, so that it has one big write to
/// do.
#[test]
fn copy_fetches_more_while_the_writer_is_busy() {
    let mut from = reader([Bytes(b"ab"), Bytes(b"cd"), Bytes(b"ef")]);
    let mut to = writer([Wait, Wait]);
    assert_eq!(block_on(copy(&mut from, &mut to)).unwrap(), 6);
    assert_eq!((to.written.as_slice(), to.write_polls), (&b"abcdef"[..], 3));
}

/// Goal: show that a copy between streams that are always ready lets other tasks run.
/// Method: copies that never end are polled once; and one that ends is finished all the same.
#[test]
fn an_endless_copy_lets_others_run() {
    assert!(poll_and_drop(copy(&mut repeat(7), &mut sink())).is_pending());
    let mut endless = BufReader::with_capacity(1, repeat(7));
    assert!(poll_and_drop(copy_buf(&mut endless, &mut sink())).is_pending());
    assert_eq!(block_on(copy(&mut repeat(7).take(9_000_000), &mut sink())).unwrap(), 9_000_000);
    let mut long = BufReader::with_capacity(1, repeat(7).take(1000));
    assert_eq!(block_on(copy_buf(&mut long, &mut sink())).unwrap(), 1000);
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
/// Method: a server that speaks first, a client that ends its request, and an answer that is given
/// only when that end was seen.
#[test]
fn copy_bidirectional_passes_a_half_close_on() {
    let (mut client, mut front) = duplex(3);
    let (mut back, mut server) = duplex(3);
    let proxy = thread::spawn(move || block_on(copy_bidirectional(&mut front, &mut back)));
    let server = thread::spawn(move || {
        block_on(async {
            server.write_all(b"welcome; ").await.unwrap();
            let mut request = String::new();
            server.read_to_string(&mut request).await.unwrap();
            server.write_all(format!("you said {request}").as_bytes()).await.unwrap();
        });
    });
    block_on(async {
        let mut welcome = [0; 9];
        client.read_exact(&mut welcome).await.unwrap();
        assert_eq!(&welcome, b"welcome; ");
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "you said hello");
    });
    server.join().unwrap();
    assert_eq!(proxy.join().unwrap().unwrap(), (5, 23));
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

/// Goal: show that a full pipe makes its writer wait, and that reading, or the end of the reader,
/// wakes it; and that writing, or the end of the writer, wakes a waiting reader.
/// Method: polls by hand; each wait is woken by what the other end does.
#[test]
fn a_duplex_wakes_who_waits() {
    let (mut near, mut far) = duplex(4);

    assert_eq!(block_on(near.write(b"abcdef")).unwrap(), 4); // what fits
    let mut write = spawn(near.write(b"ef"));
    assert_pending!(write.poll());
    assert_eq!(block_on(far.read_u8()).unwrap(), b'a');
    assert!(write.is_woken());
    drop(write);
    assert_ready_ok!(spawn(near.write(b"")).poll());

    let mut buf = [0];
    let mut read = spawn(near.read(&mut buf));
    assert_pending!(read.poll());
    block_on(far.write_all(b"x")).unwrap();
    assert!(read.is_woken());
    drop(read);

    let mut two = [0; 2];
    let mut read = spawn(near.read_exact(&mut two));
    assert_pending!(read.poll());
    drop(far);
    assert!(read.is_woken());
    assert_eq!(assert_ready_err!(read.poll()).to_string(), "early eof");
    drop(read);
    assert_eq!(kind(block_on(near.write(b"y"))), ErrorKind::BrokenPipe);
}
