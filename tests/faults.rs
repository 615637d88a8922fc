//! What a socket does when the world misbehaves: `docs/reliability.md` lists the faults, each with
//! its test. Those of a process without descriptors are in `accept_limit.rs`.

#[macro_use]
#[path = "support/net.rs"]
mod support;

use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rondel::io::unix::AsyncFd;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::unix::pipe;
use rondel::net::{TcpStream, UdpSocket, UnixDatagram};
use rondel::task::yield_now;
use rondel::time::{sleep, timeout};
use rondel::{Reactor, spawn};
use support::*;

on_each_reactor! {
    /// Goal: show that a connection that died in the queue does not stop the server.
    /// Method: a client connects and resets before anybody accepts; then a good one comes.
    async fn a_connection_reset_in_the_queue_does_not_stop_accept() {
        let (listener, addr) = listen().await;
        let dead = TcpStream::connect(addr).await.unwrap();
        dead.set_linger(Some(Duration::ZERO)).unwrap();
        drop(dead.into_std().unwrap());
        let mut good = TcpStream::connect(addr).await.unwrap();
        good.write_all(b"good").await.unwrap();
        loop {
            // Linux hands the dead one out, and says so when it is read.
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut word = [0; 4];
            match stream.read_exact(&mut word).await {
                Ok(_) => break assert_eq!(&word, b"good"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
    }

    /// Goal: show that a writer learns of a reset while it waits for room.
    /// Method: the peer never reads, then resets.
    async fn a_reset_reaches_who_waits_to_write() {
        let (mut client, server) = pair().await;
        let writer = spawn(async move {
            loop {
                if let Err(error) = client.write_all(&[0; 65_536]).await {
                    return error.kind();
                }
            }
        });
        for _ in 0..50 {
            yield_now().await;
        }
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop(server.into_std().unwrap());
        let kind = writer.await.unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    }

    /// Goal: show that each side may end its direction and go on with the other.
    /// Method: the server ends first and still reads; then the same with the client.
    async fn each_direction_is_closed_on_its_own_from_either_side() {
        for client_first in [true, false] {
            let (one, other) = pair().await;
            let (mut first, mut second) = if client_first { (one, other) } else { (other, one) };
            first.write_all(b"last words").await.unwrap();
            first.shutdown().await.unwrap();
            let mut text = String::new();
            second.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "last words");
            second.write_all(b"heard").await.unwrap();
            second.shutdown().await.unwrap();
            text.clear();
            first.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "heard");
            assert_eq!(first.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
    }

    /// Goal: show that a peer that never reads stops the writer, and that what is buffered is
    /// bounded.
    /// Method: write until nothing moves for 50 ms; count.
    async fn a_peer_that_never_reads_stops_the_writer() {
        let (mut client, _server) = pair().await;
        let block = vec![0; 65_536];
        let mut sent = 0;
        while let Ok(count) = timeout(Duration::from_millis(50), client.write(&block)).await {
            sent += count.unwrap();
            assert!(sent < 64 << 20, "{sent} bytes, and nobody reads");
        }
        assert!(sent > 0);
    }

    /// Goal: show that any number of tasks may wait for room in one stream, and all are woken when
    /// the peer reads. Method: fill it up, let 20 tasks wait, then empty it at the other end.
    async fn all_who_wait_for_room_are_woken_when_the_peer_reads() {
        let (client, mut server) = pair().await;
        let client = Arc::new(client);
        let block = vec![0; 65_536];
        while timeout(Duration::from_millis(50), client.writable()).await.is_ok() {
            while client.try_write(&block).is_ok() {}
        }
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let client = client.clone();
                spawn(async move { client.writable().await })
            })
            .collect();
        for _ in 0..5 {
            yield_now().await;
        }
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()), "there is no room");
        let reader = spawn(async move { while server.read(&mut [0; 65_536]).await.unwrap() > 0 {} });
        for waiter in waiters {
            waiter.await.unwrap().unwrap();
        }
        drop(client);
        reader.await.unwrap();
    }

    /// Goal: show that a client that has come, spoken and gone before anybody accepts is heard.
    async fn a_client_that_has_gone_before_it_is_accepted_is_heard() {
        let (listener, addr) = listen().await;
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_all(b"was here").await.unwrap();
        drop(client.into_std().unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "was here");
    }

    /// Goal: show that a client whose listener goes before it was accepted is told, and so is one
    /// that comes later. Method: the one waits in a read, the other connects.
    async fn a_client_is_told_that_the_listener_has_gone() {
        let (listener, addr) = listen().await;
        let mut client = TcpStream::connect(addr).await.unwrap();
        let reader = spawn(async move { client.read(&mut [0; 8]).await });
        for _ in 0..5 {
            yield_now().await;
        }
        drop(listener.into_std().unwrap());
        assert_eq!(reader.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    /// Goal: show that a timeout fires though the peer keeps the connection busy.
    /// Method: a byte each 5 ms; a megabyte is asked for.
    async fn a_peer_that_sends_a_byte_now_and_then_does_not_hold_a_timeout_up() {
        let (mut client, mut server) = pair().await;
        let drip = spawn(async move {
            while server.write_all(b".").await.is_ok() {
                sleep(Duration::from_millis(5)).await;
            }
        });
        let mut buf = vec![0; 1 << 20];
        let read = timeout(Duration::from_millis(60), client.read_exact(&mut buf)).await;
        assert!(read.is_err(), "the timeout fires");
        drip.abort();
    }

    /// Goal: show that a datagram without bytes is one, and not the end.
    async fn an_empty_datagram_is_received_and_is_no_end() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        assert_eq!(client.send_to(b"", addr).await.unwrap(), 0);
        client.send_to(b"next", addr).await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(server.recv_from(&mut buf).await.unwrap(), (0, client.local_addr().unwrap()));
        assert_eq!(server.recv(&mut buf).await.unwrap(), 4);
        let (one, other) = UnixDatagram::pair().unwrap();
        one.send(b"").await.unwrap();
        one.send(b"next").await.unwrap();
        assert_eq!(other.recv(&mut buf).await.unwrap(), 0);
        assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
    }

    /// Goal: show that what does not fit is lost, and that the next datagram is untouched.
    async fn a_datagram_that_does_not_fit_is_cut() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        client.send(b"too long for it").await.unwrap();
        client.send(b"next").await.unwrap();
        let mut buf = [0; 4];
        assert_eq!(server.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"too ");
        assert_eq!(server.recv(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"next");
        // 28: EMSGSIZE has no kind of its own, but the text says it.
        let error = client.send(&vec![0; 70_000]).await.unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    /// Goal: show that the answer "port unreachable" is told to a connected socket.
    async fn a_datagram_to_nobody_is_refused() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = gone.local_addr().unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap(); // before that port is free again
        drop(gone.into_std());
        client.connect(addr).await.unwrap();
        client.send(b"anybody?").await.unwrap();
        let error = client.recv(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    /// Goal: show that signals in the middle of everything neither fail nor lose anything.
    /// Method: a thread raises thousands of them in this process while an echo goes on.
    async fn a_storm_of_signals_is_not_noticed() {
        let seen = Arc::new(AtomicBool::new(false));
        let id = signal_hook::flag::register(signal_hook::consts::SIGUSR1, seen.clone()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let storm = std::thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let own = rustix::process::getpid();
                    rustix::process::kill_process(own, rustix::process::Signal::USR1).unwrap();
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
        });
        while !seen.load(Ordering::Relaxed) {
            yield_now().await; // a busy machine may keep the thread from starting for long
        }
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        for number in 0..300 {
            ask(&mut client, format!("word {number}").as_bytes()).await;
            sender.write_all(b"x").await.unwrap();
            assert_eq!(receiver.read_u8().await.unwrap(), b'x');
            if number % 50 == 0 {
                sleep(Duration::from_millis(2)).await;
            }
        }
        client.shutdown().await.unwrap();
        server.await.unwrap().unwrap();
        stop.store(true, Ordering::Relaxed);
        storm.join().unwrap();
        signal_hook::low_level::unregister(id);
    }

    /// Goal: show that writing to who has gone is an error, not the process's death by SIGPIPE.
    async fn writing_to_a_pipe_without_reader_is_an_error() {
        let (mut sender, receiver) = pipe::pipe().unwrap();
        drop(receiver.into_blocking_fd().unwrap());
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let (mut client, server) = pair().await;
        server.set_linger(Some(Duration::ZERO)).unwrap();
        drop(server.into_std().unwrap());
        while client.write(b"x").await.is_ok() {
            yield_now().await;
        }
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    /// Goal: show that "hung up" and "error" alone, without "readable" or "writable", wake.
    /// Method: a pipe that never carried a byte gives EPOLLHUP only when its sender goes; a full one
    /// gives EPOLLERR when its receiver goes.
    async fn a_hang_up_alone_wakes_who_waits() {
        let (sender, mut receiver) = pipe::pipe().unwrap();
        let reader = spawn(async move { receiver.read(&mut [0; 8]).await });
        for _ in 0..5 {
            yield_now().await;
        }
        drop(sender.into_blocking_fd().unwrap());
        assert_eq!(reader.await.unwrap().unwrap(), 0);

        let (mut sender, receiver) = pipe::pipe().unwrap();
        let writer = spawn(async move { sender.write_all(&[0; 1 << 20]).await });
        for _ in 0..5 {
            yield_now().await;
        }
        drop(receiver.into_blocking_fd().unwrap());
        assert_eq!(writer.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    /// Goal: show that two descriptors of one socket live side by side, and one outlives the other.
    async fn a_duplicated_descriptor_is_one_of_its_own() {
        let (client, mut server) = pair().await;
        let copy = client.as_fd().try_clone_to_owned().unwrap();
        let mut copy = TcpStream::from_std(copy.into()).unwrap();
        server.write_all(b"1").await.unwrap();
        assert_eq!(copy.read_u8().await.unwrap(), b'1');
        drop(client);
        server.write_all(b"2").await.unwrap();
        assert_eq!(copy.read_u8().await.unwrap(), b'2');
    }

    /// Goal: show that a descriptor that is replaced behind our back is an error of its owner, and
    /// of nobody else.
    /// Method: `dup2` puts a file in the socket's place.
    async fn a_descriptor_replaced_behind_our_back_is_an_error_of_its_owner() {
        let (mut client, mut server) = pair().await;
        replace(client.as_raw_fd());
        // 88: ENOTSOCK, which has no kind.
        assert_eq!(client.write(b"x").await.unwrap_err().raw_os_error(), Some(88));
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "the socket itself was closed");
        drop(client);
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        ask(&mut client, b"all is well").await;
        drop(client);
        server.await.unwrap().unwrap();
    }

    /// Goal: show that a blocking descriptor and a plain file are refused with a word that helps.
    async fn a_descriptor_that_cannot_be_watched_is_refused() {
        let (blocking, _peer) = StdUnixStream::pair().unwrap();
        let error = AsyncFd::new(blocking).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("set_nonblocking"), "{error}");
        let mut options = std::fs::File::options();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let plain = options.open(std::env::current_exe().unwrap()).unwrap();
        // Beside workers the descriptor is registered by whoever comes first, so it is told later.
        let error = match AsyncFd::new(plain) {
            Err(error) => error,
            Ok(plain) => loop {
                if let Err(error) = plain.readable().await {
                    break error;
                }
            },
        };
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("such as a plain file"), "{error}");
    }
}

/// Closes `fd` by putting `/dev/null` in its place, so that the number still is an open file and
/// its owner may close it.
#[allow(unsafe_code)]
fn replace(fd: std::os::fd::RawFd) {
    use std::os::fd::{FromRawFd, OwnedFd};
    let null = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: alive. The caller's socket is open, and stays so: `victim` is never dropped.
    let mut victim = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(fd) });
    rustix::io::dup2(&null, &mut victim).unwrap();
}

/// Goal: show that one descriptor cannot be watched twice, and that the error says what to do.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn a_descriptor_registered_twice_is_refused() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        runtime(reactor).block_on(async {
            let (here, mut there) = StdUnixStream::pair().unwrap();
            here.set_nonblocking(true).unwrap();
            let here = Arc::new(here);
            let first = AsyncFd::new(here.clone()).unwrap();
            let error = AsyncFd::new(here.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(error.to_string().contains("watched by this loop already"), "{error}");
            there.write_all(b"x").unwrap();
            let _still_watched = first.readable().await.unwrap();
        });
    }
}
