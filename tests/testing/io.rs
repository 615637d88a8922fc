//! `testing::io`: a peer that follows its script, and says so when the code under test does not.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, split};
use rondel::testing::io::{Builder, Mock};
use rondel::testing::task;
use rondel::time::Instant;
use rondel::{assert_elapsed, assert_pending, assert_ready_eq, assert_ready_err, assert_ready_ok};

use crate::panic_text;

/// Goal: show a conversation: reads and writes in the order of the script, in any pieces.
#[test]
fn a_conversation_follows_the_script() {
    let mut peer = Builder::new()
        .read(b"220 ready\r\n")
        .write(b"HELO me\r\n")
        .read(b"250 ")
        .read(b"hello\r\n")
        .write(b"QUIT\r\n")
        .build();
    rondel::block_on(async {
        let mut line = String::new();
        let mut peer = BufReader::with_capacity(3, &mut peer);
        peer.read_line(&mut line).await.unwrap();
        peer.write_all(b"HE").await.unwrap();
        peer.write_all(b"LO me\r\n").await.unwrap();
        peer.read_line(&mut line).await.unwrap();
        peer.write_all(b"QUIT\r\n").await.unwrap();
        peer.flush().await.unwrap();
        peer.shutdown().await.unwrap();
        assert_eq!(line, "220 ready\r\n250 hello\r\n");
        assert_eq!(peer.read_line(&mut line).await.unwrap(), 0, "the script is at its end");
    });
}

/// Goal: show that one write may use up several steps, and run ahead of what is to be read, but not
/// of a wait.
#[rondel::test(start_paused = true)]
async fn a_write_runs_ahead_of_reads_but_not_of_a_wait() {
    let mut builder = Builder::new();
    builder.read(b"a").write(b"1").write(b"23").read(b"b").wait(Duration::from_secs(2)).write(b"4");
    let mut peer = builder.build();
    let start = Instant::now();
    assert_eq!(peer.write(b"1234").await.unwrap(), 3);
    let (mut reading, mut writing) = split(peer);
    let mut write = task::spawn(writing.write(b"4"));
    assert_pending!(write.poll());
    let mut two = [0; 2];
    assert_eq!(reading.read(&mut two).await.unwrap(), 1);
    assert_eq!(reading.read(&mut two).await.unwrap(), 1);
    assert!(write.is_woken(), "the wait is at the front: time to set the timer");
    assert_eq!(write.await.unwrap(), 1);
    assert_elapsed!(start, Duration::from_secs(2));
}

/// Goal: show that a reader waits while the peer wants to hear first, and is woken when it has.
#[test]
fn a_read_waits_for_the_write_before_it() {
    let mut builder = Builder::new();
    let (mut reading, mut writing) = split(builder.write(b"ping").read(b"pong").build());
    let mut buf = [0; 8];
    let mut read = task::spawn(reading.read(&mut buf));
    assert_pending!(read.poll());
    assert_ready_ok!(task::spawn(writing.write_all(b"pi")).poll());
    assert_pending!(read.poll());
    assert_ready_ok!(task::spawn(writing.write_all(b"ng")).poll());
    assert!(read.is_woken());
    assert_eq!(assert_ready_ok!(read.poll()), 4);
}

/// Goal: show that a wait begins when somebody comes upon it, and ends for both directions.
/// Method: a reader and a writer wait; the one that came last is woken by the timer, the other by
/// the first.
#[rondel::test(start_paused = true)]
async fn a_wait_ends_for_both_directions() {
    let mut builder = Builder::new();
    let peer = builder.wait(Duration::from_millis(30)).read(b"x").write(b"y").build();
    let (mut reading, mut writing) = split(peer);
    rondel::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let read = async {
        let mut buf = [0; 8];
        assert_eq!(reading.read(&mut buf).await.unwrap(), 1);
        start.elapsed()
    };
    let write = async {
        writing.write_all(b"y").await.unwrap();
        start.elapsed()
    };
    let both = rondel::combine::gather([
        Box::pin(read) as std::pin::Pin<Box<dyn Future<Output = Duration>>>,
        Box::pin(write),
    ]);
    assert_eq!(both.await, [Duration::from_millis(30); 2]);
}

/// Goal: show that who waits for a pause is not forgotten when the one who came after it goes away.
/// Method: a reader, then a writer that is dropped; the time comes.
#[rondel::test(start_paused = true)]
async fn a_wait_ends_for_the_first_also_when_the_last_is_gone() {
    let peer = Builder::new().wait(Duration::from_secs(1)).read(b"a").build();
    let (mut reading, mut writing) = split(peer);
    let mut buf = [0; 8];
    let mut read = task::spawn(reading.read(&mut buf));
    assert_pending!(read.poll());
    let mut write = task::spawn(writing.write(b"x"));
    assert_pending!(write.poll());
    drop(write);
    rondel::time::sleep(Duration::from_secs(1)).await;
    assert!(read.is_woken());
    assert_ready_ok!(read.poll());
}

/// Goal: show that errors come once, at their place, and are what the test made; and that a script
/// can be played twice, then with errors of the same kind and text.
#[test]
fn errors_come_at_their_place() {
    let custom = io::Error::new(ErrorKind::InvalidData, "x".parse::<u8>().unwrap_err());
    let mut script = Builder::new();
    script.read_error(ErrorKind::ConnectionReset.into()).read(b"on").write_error(custom);
    let play = |mut peer: Mock| {
        let mut buf = [0; 8];
        rondel::block_on(async {
            let error = peer.read(&mut buf).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert_eq!(peer.read(&mut buf).await.unwrap(), 2);
            peer.write(b"x").await.unwrap_err()
        })
    };
    let copy = play(script.build());
    assert_eq!(copy.to_string(), "invalid digit found in string");
    let last = script.build();
    drop(script);
    let original = play(last);
    assert_eq!(original.kind(), ErrorKind::InvalidData);
    assert!(original.get_ref().unwrap().is::<std::num::ParseIntError>());
}

/// Goal: show what is said about a write that differs: both sides.
#[test]
fn a_wrong_write_shows_both_sides() {
    let text = panic_text(|| {
        let mut peer = Builder::new().write(b"ping\n").build();
        drop(rondel::block_on(peer.write(b"pong\n")));
    });
    let expected = "the write differs from the script:\n expected: b\"ping\\n\"\n  written: \
                    b\"pong\\n\"";
    assert_eq!(text, expected);
    let text = panic_text(|| {
        let mut peer = Builder::new().write(b"\xff").name("server").build();
        drop(rondel::block_on(peer.write(b"\0")));
    });
    assert!(text.starts_with("server: the write differs"), "{text}");
}

/// Goal: show that a write behind the end of the script, or where only reads are left, is refused
/// at once.
#[test]
fn an_unexpected_write_panics() {
    let text = panic_text(|| rondel::block_on(Builder::new().build().write(b"x")));
    assert_eq!(text, "unexpected write (0 actions remain)");
    let text = panic_text(|| {
        let mut peer = Builder::new().read(b"greeting").name("server").build();
        drop(rondel::block_on(peer.write(b"x")));
    });
    assert_eq!(text, "unexpected write (name server, 1 actions remain)");
    let text = panic_text(|| {
        let mut peer = Builder::new().read(b"greeting").write(b"x").build();
        drop(rondel::block_on(peer.write_all(b"xy")));
    });
    assert!(text.starts_with("unexpected write"), "the write is used up: {text}");
}

/// Goal: show that a script which is not used up is reported when the mock is dropped, and that a
/// panic is not doubled.
#[test]
fn a_script_must_be_used_up() {
    let text = panic_text(|| drop(Builder::new().read(b"x").build()));
    assert_eq!(text, "There is still data left to read. (1 actions remain)");
    let text = panic_text(|| drop(Builder::new().write(b"x").name("peer").build()));
    assert_eq!(text, "There is still data left to write. (name peer, 1 actions remain)");
    drop(Builder::new().wait(Duration::from_secs(1)).read(b"").build());
    drop(Builder::new().read_error(ErrorKind::Other.into()).build());
    let text = panic_text(|| {
        let _peer = Builder::new().read(b"x").build();
        panic!("the first one");
    });
    assert_eq!(text, "the first one");
}

/// Goal: show that the handle adds steps while the mock is in use, and that its drop is the end.
#[test]
fn a_handle_goes_on_with_the_script() {
    let (mut peer, mut handle) = Builder::new().read(b"a").build_with_handle();
    let mut buf = [0; 8];
    assert_eq!(rondel::block_on(peer.read(&mut buf)).unwrap(), 1);
    let mut reading = task::spawn(peer.read(&mut buf));
    assert_pending!(reading.poll());
    handle.read(b"bc").read_error(ErrorKind::TimedOut.into());
    assert!(reading.is_woken());
    assert_eq!(assert_ready_ok!(reading.poll()), 2);
    drop(reading);
    let error = assert_ready_err!(task::spawn(peer.read(&mut buf)).poll());
    assert_eq!(error.kind(), ErrorKind::TimedOut);

    let error = assert_ready_err!(task::spawn(peer.write(b"x")).poll());
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "nothing is planned, yet");
    handle.write(b"x").write_error(ErrorKind::WriteZero.into());
    assert_eq!(assert_ready_ok!(task::spawn(peer.write(b"x")).poll()), 1);
    assert_ready_err!(task::spawn(peer.write(b"x")).poll());

    drop(handle);
    assert_eq!(assert_ready_ok!(task::spawn(peer.read(&mut buf)).poll()), 0);
    let text = panic_text(|| task::spawn(peer.write(b"x")).poll());
    assert!(text.starts_with("unexpected write"));
}

/// Goal: show that a reader which waits for the handle is woken by it, though somebody has written
/// in vain meanwhile; and by a writer that takes the step out of the handle.
#[test]
fn a_read_that_waits_for_the_handle_is_not_forgotten() {
    let (peer, mut handle) = Builder::new().build_with_handle();
    let (mut reading, mut writing) = split(peer);
    let mut buf = [0; 8];
    let mut read = task::spawn(reading.read(&mut buf));
    assert_pending!(read.poll());
    assert_ready_err!(task::spawn(writing.write(b"x")).poll());
    handle.read(b"a");
    assert!(read.is_woken());
    assert_eq!(assert_ready_ok!(read.poll()), 1);
    drop(read);

    let mut read = task::spawn(reading.read(&mut buf));
    assert_pending!(read.poll());
    handle.read(b"a").write(b"x");
    assert_ready_ok!(task::spawn(writing.write(b"x")).poll());
    assert!(read.is_woken());
    assert_ready_ok!(read.poll());
}

/// Goal: show that a writer which has to wait for the handle is woken by it.
#[test]
fn a_write_waits_for_the_handle_while_reads_are_left() {
    let (mut peer, mut handle) = Builder::new().read(b"a").build_with_handle();
    let mut writing = task::spawn(peer.write(b"x"));
    assert_pending!(writing.poll());
    handle.write(b"x");
    assert!(writing.is_woken());
    assert_eq!(assert_ready_ok!(writing.poll()), 1);
    drop(writing);
    assert_eq!(rondel::block_on(peer.read(&mut [0; 2])).unwrap(), 1);
    drop(peer);
    let text = panic_text(|| handle.read(b"too late"));
    assert_eq!(text, "the mock is gone: nobody would take this step of its script");
}

/// Goal: show that nothing is read into no room, and nothing written from an empty slice.
#[test]
fn nothing_is_always_possible() {
    let mut peer = Builder::new().write(b"x").build();
    assert_ready_eq!(task::spawn(peer.read(&mut [])).poll().map(Result::unwrap), 0);
    assert_ready_eq!(task::spawn(peer.write(b"")).poll().map(Result::unwrap), 0);
    assert_eq!(format!("{peer:?}"), "Mock { name: \"\", script: [Write([120])], .. }");
    assert_ready_ok!(task::spawn(peer.write(b"x")).poll());
}
