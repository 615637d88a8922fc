//! What the tests of smol's async-io ask of a reactor and its timers, asked of ours: hang-ups on
//! either side, one descriptor registered again and again, timers that change their task, wakers
//! that change between polls; and a storm of signals over everything that makes system calls.

#![allow(clippy::async_yields_async)] // a timer is handed on, and not awaited where it was made

#[macro_use]
#[path = "support/net.rs"]
mod support;

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rondel::io::unix::AsyncFd;
use rondel::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};
use rondel::task::yield_now;
use rondel::time::{Instant, Sleep, sleep, sleep_until};
use rondel::{Reactor, fs, process, spawn};
use support::*;

/// Raises signals at the process for as long as it is there.
struct Storm {
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    registered: signal_hook::SigId,
}

impl Storm {
    fn begin() -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let registered = signal_hook::flag::register(signal_hook::consts::SIGUSR2, seen.clone());
        let still = stop.clone();
        let thread = std::thread::spawn(move || {
            while !still.load(Ordering::Relaxed) {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::USR2).unwrap();
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        Self { stop, seen, thread: Some(thread), registered: registered.unwrap() }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        signal_hook::low_level::unregister(self.registered);
        assert!(self.seen.load(Ordering::Relaxed), "there was a storm");
    }
}

/// Polls once, with a waker that nobody listens to.
fn poll_idly<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

on_each_reactor! {
    /// Goal: show that a reader learns that the writer has gone, while it waits and before.
    /// Method: a pair whose other side is dropped at both moments.
    async fn a_reader_learns_that_the_writer_has_gone() {
        for waits_first in [true, false] {
            let (mut reader, writer) = UnixStream::pair().unwrap();
            let reading = spawn(async move { reader.read(&mut [0; 8]).await });
            if waits_first {
                for _ in 0..10 {
                    yield_now().await;
                }
            }
            drop(writer);
            assert_eq!(reading.await.unwrap().unwrap(), 0);
        }
    }

    /// Goal: show that a writer learns that the reader has gone, while it waits for room.
    /// Method: fill the socket until a write waits; drop the reader.
    async fn a_writer_learns_that_the_reader_has_gone() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let writing = spawn(async move {
            loop {
                if let Err(error) = writer.write_all(&[0; 65_536]).await {
                    return error.kind();
                }
            }
        });
        for _ in 0..10 {
            yield_now().await;
        }
        drop(reader);
        let kind = writing.await.unwrap();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind:?}");
    }

    /// Goal: show that one descriptor may be registered again after it was let go, and that nothing
    /// of the registration before is left. Method: 500 times, with readiness before, between, after.
    async fn a_descriptor_is_registered_again_and_again() {
        let (here, mut there) = StdUnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let mut here = Some(here);
        for round in 0..500_u32 {
            let word = round.to_be_bytes();
            if round % 2 == 0 {
                there.write_all(&word).unwrap();
            }
            let watched = AsyncFd::new(here.take().unwrap()).unwrap();
            if round % 2 == 1 {
                there.write_all(&word).unwrap();
            }
            let mut read = [0; 4];
            loop {
                let mut guard = watched.readable().await.unwrap();
                match guard.try_io(|fd| fd.get_ref().read(&mut read)) {
                    Ok(count) => break assert_eq!(count.unwrap(), 4),
                    Err(_would_block) => continue,
                }
            }
            assert_eq!(read, word);
            here = Some(watched.into_inner().unwrap());
        }
    }

    /// Goal: show that a socket goes to another task in the middle of a read. Method: one task
    /// polls a read, gives it up and hands the socket on; another reads what comes.
    async fn a_socket_changes_its_task_in_the_middle_of_a_read() {
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        let first = spawn(async move {
            {
                let mut room = [0; 4];
                let read = std::pin::pin!(reader.read(&mut room));
                assert!(poll_idly(read).is_pending());
            }
            reader
        });
        let mut reader = first.await.unwrap();
        let second = spawn(async move {
            let mut word = [0; 4];
            reader.read_exact(&mut word).await.unwrap();
            word
        });
        yield_now().await;
        writer.write_all(b"ping").await.unwrap();
        assert_eq!(&second.await.unwrap(), b"ping");
    }

    /// Goal: show that a timer fires where it was polled last. Method: one task polls it and hands
    /// it to another one, which waits for it.
    async fn a_timer_changes_its_task() {
        let begun = Instant::now();
        let mut timer = Box::pin(sleep(Duration::from_millis(20)));
        let first = spawn(async move {
            let pending = poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await;
            assert!(pending);
            timer
        });
        let timer: Pin<Box<Sleep>> = first.await.unwrap();
        spawn(timer).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    /// Goal: show that the last waker counts. Method: a read and a sleep are polled with a waker
    /// that does nothing, then, nested in a `select!` in a `join!`, by the task itself.
    async fn only_the_last_waker_is_woken() {
        let (mut reader, mut writer) = UnixStream::pair().unwrap();
        let mut room = [0; 4];
        let mut read = Box::pin(reader.read(&mut room));
        assert!(poll_idly(read.as_mut()).is_pending());
        let mut timer = Box::pin(sleep(Duration::from_secs(3600)));
        assert!(poll_idly(timer.as_mut()).is_pending());
        let reading = async {
            rondel::select! {
                count = &mut read => count.unwrap(),
                () = &mut timer => panic!("an hour has passed"),
            }
        };
        let writing = async {
            sleep(Duration::from_millis(2)).await;
            writer.write_all(b"word").await.unwrap();
        };
        let (count, ()) = rondel::join!(reading, writing);
        assert_eq!(count, 4);
    }

    /// Goal: show that timers of one instant all fire, one set to a time that is past fires at
    /// once, and one that is set anew fires at its new time only. Method: 100 of the first kind.
    async fn timers_of_one_instant_of_the_past_and_set_anew() {
        let begun = Instant::now();
        let when = begun + Duration::from_millis(10);
        let tasks: Vec<_> = (0..100).map(|_| spawn(sleep_until(when))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(begun.elapsed() >= Duration::from_millis(10));
        sleep_until(begun).await;
        sleep(Duration::ZERO).await;
        let mut timer = Box::pin(sleep(Duration::from_secs(3600)));
        assert!(poll_idly(timer.as_mut()).is_pending());
        let soon = Instant::now() + Duration::from_millis(5);
        timer.as_mut().reset(soon);
        timer.await;
        assert!(Instant::now() >= soon);
    }

    /// Goal: show that a signal in the middle of any system call (EINTR) is not noticed. Method:
    /// a storm of signals over connecting and accepting, Unix streams, datagrams of both kinds,
    /// files and a child; all must arrive whole.
    async fn a_storm_of_signals_disturbs_nothing_that_makes_system_calls() {
        let _storm = Storm::begin();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (mut left, mut right) = UnixStream::pair().unwrap();
        let (one, other) = UnixDatagram::pair().unwrap();
        let (here, there) = (bound().await, bound().await);
        here.connect(there.local_addr().unwrap()).await.unwrap();
        for round in 0..100_u32 {
            let word = round.to_be_bytes();
            let (connected, accepted) = rondel::join!(TcpStream::connect(addr), listener.accept());
            let (mut near, mut far) = (connected.unwrap(), accepted.unwrap().0);
            near.write_all(&word).await.unwrap();
            left.write_all(&word).await.unwrap();
            one.send(&word).await.unwrap();
            here.send(&word).await.unwrap();
            let mut read = [0; 4];
            far.read_exact(&mut read).await.unwrap();
            assert_eq!(read, word);
            right.read_exact(&mut read).await.unwrap();
            assert_eq!(read, word);
            assert_eq!(other.recv(&mut read).await.unwrap(), 4);
            assert_eq!(read, word);
            assert_eq!(there.recv(&mut read).await.unwrap(), 4);
            assert_eq!(read, word);
        }
        files_and_children().await;
    }
}

async fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// A file that is written, read and sought in, and a child that answers.
async fn files_and_children() {
    let path = std::env::temp_dir().join(format!("rondel-storm-{:?}", std::thread::current().id()));
    let contents: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    let mut options = fs::OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).open(&path).await.unwrap();
    file.write_all(&contents).await.unwrap();
    file.rewind().await.unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).await.unwrap();
    assert!(read == contents, "the file came back whole");
    fs::remove_file(&path).await.unwrap();
    for _ in 0..5 {
        let output = process::Command::new("sh").args(["-c", "seq 1 20000"]).output().await;
        let output = output.unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 20_000);
    }
}
