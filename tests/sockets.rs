//! UDP, Unix sockets, pipes, descriptors of one's own, and TCP's options: each body runs on both
//! reactors. What happens when things go wrong is in `faults.rs`.

#[macro_use]
#[path = "support/net.rs"]
mod support;

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rondel::io::unix::AsyncFd;
use rondel::io::{AsyncReadExt, AsyncWriteExt, Interest, ReadBuf};
use rondel::net::unix::pipe;
use rondel::net::{TcpSocket, UdpSocket, UnixDatagram, UnixListener, UnixSocket, UnixStream};
use rondel::task::yield_now;
use rondel::{Reactor, spawn};
use support::*;

async fn udp_pair() -> (UdpSocket, UdpSocket) {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    one.connect(other.local_addr().unwrap()).await.unwrap();
    other.connect(one.local_addr().unwrap()).await.unwrap();
    (one, other)
}

/// A path that no other test has, and that is gone again at the end.
struct TempPath(PathBuf);

impl TempPath {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rondel-test-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

on_each_reactor! {
    /// Goal: show that datagrams come whole, one by one, with who sent them.
    /// Method: two of different lengths to an unconnected socket, and an answer.
    async fn datagrams_come_whole_and_with_their_sender() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        assert_eq!(client.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        client.send_to(b"one", addr).await.unwrap();
        client.send_to(b"three", addr).await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(server.recv_from(&mut buf).await.unwrap(), (3, client.local_addr().unwrap()));
        let mut grown = Vec::new();
        let (count, from) = server.recv_buf_from(&mut grown).await.unwrap();
        assert_eq!((count, &grown[..]), (5, &b"three"[..]));
        server.connect(from).await.unwrap();
        server.send(b"answer").await.unwrap();
        assert_eq!(client.recv(&mut buf).await.unwrap(), 6);
        assert_eq!(server.peer_addr().unwrap(), from);
    }

    /// Goal: show that peeking leaves the datagram in the queue, and the life of a try.
    /// Method: would block, readable, peeked twice, taken, would block.
    async fn a_datagram_is_peeked_at_and_then_taken() {
        let (one, other) = udp_pair().await;
        let mut buf = [0; 8];
        assert_eq!(other.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        one.try_send(b"word").unwrap();
        other.readable().await.unwrap();
        assert_eq!(other.peek(&mut buf).await.unwrap(), 4);
        assert_eq!(other.peek_from(&mut buf).await.unwrap().1, one.local_addr().unwrap());
        assert_eq!(other.try_recv_from(&mut buf).unwrap().0, 4);
        assert_eq!(other.try_peek(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.writable().await.unwrap();
        assert!(other.ready(Interest::WRITABLE).await.unwrap().is_writable());
    }

    /// Goal: show that a waiting receiver is woken, and that a dropped one loses nothing.
    /// Method: poll a receive once and drop it; the next one has the datagram.
    async fn a_dropped_receive_loses_no_datagram() {
        let (one, other) = udp_pair().await;
        let mut buf = [0; 8];
        {
            let mut receive = Box::pin(other.recv(&mut buf));
            poll_pending(&mut receive).await;
        }
        let other = Arc::new(other);
        let waiting = other.clone();
        let received = spawn(async move {
            let mut buf = [0; 8];
            let count = waiting.recv(&mut buf).await.unwrap();
            buf[..count].to_vec()
        });
        yield_now().await;
        one.send(b"kept").await.unwrap();
        assert_eq!(received.await.unwrap(), b"kept");
    }

    /// Goal: show that the options reach the socket, and that a group can be joined and left.
    async fn the_options_of_udp_reach_the_socket() {
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        socket.set_broadcast(true).unwrap();
        socket.set_ttl(9).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        socket.set_multicast_ttl_v4(3).unwrap();
        assert!(socket.broadcast().unwrap() && !socket.multicast_loop_v4().unwrap());
        assert_eq!((socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap()), (9, 3));
        let group = Ipv4Addr::new(239, 1, 2, 3);
        socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        assert!(socket.take_error().unwrap().is_none());
    }

    /// Goal: show that a socket goes to the standard library and back, and a blocking one is refused.
    async fn a_udp_socket_comes_from_std_and_goes_back() {
        let blocking = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = UdpSocket::from_std(blocking.try_clone().unwrap()).unwrap_err();
        assert!(error.to_string().contains("blocking mode"), "{error}");
        blocking.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(blocking).unwrap();
        let addr = socket.local_addr().unwrap();
        assert_eq!(socket.into_std().unwrap().local_addr().unwrap(), addr);
    }

    /// Goal: show a Unix server at a path: bytes both ways, end by a dropped half, clear errors.
    async fn a_unix_stream_carries_bytes_and_its_end() {
        let path = TempPath::new();
        let error = UnixStream::connect(&path.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("rondel-test-"), "{error}");
        let listener = UnixListener::bind(&path.0).unwrap();
        assert_eq!(UnixListener::bind(&path.0).unwrap_err().kind(), ErrorKind::AddrInUse);
        let client = UnixStream::connect(&path.0).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = client.into_split();
        let writer = spawn(async move { write.write_all(&[7; 1 << 20]).await });
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert!(all.len() == 1 << 20 && all.iter().all(|byte| *byte == 7));
        writer.await.unwrap().unwrap();
        server.write_all(b"bye").await.unwrap();
        drop(server);
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "bye");
    }

    /// Goal: show that a dropped Unix listener refuses, and that a pair and its halves are reunited.
    async fn a_unix_listener_that_is_gone_refuses() {
        let path = TempPath::new();
        let listener = UnixListener::bind(&path.0).unwrap().into_std().unwrap();
        drop(listener);
        // A child that another test is just starting has a copy of it, until it is another program.
        let error = loop {
            match UnixStream::connect(&path.0).await {
                Ok(_) => rondel::time::sleep(Duration::from_millis(1)).await,
                // The copy went while we stood in its queue.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let (one, mut other) = UnixStream::pair().unwrap();
        let (read, write) = one.into_split();
        let mut one = read.reunite(write).unwrap();
        one.try_write(b"x").unwrap();
        assert_eq!(other.read_u8().await.unwrap(), b'x');
        let (read, mut write) = other.split();
        write.write_all(b"y").await.unwrap();
        assert_eq!(one.read_u8().await.unwrap(), b'y');
        assert_eq!(read.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    /// Goal: show that a full queue of datagrams makes the sender wait, and nothing is lost.
    /// Method: 3,000 numbered datagrams through a queue that holds far fewer.
    async fn unix_datagrams_are_neither_lost_nor_swapped() {
        let path = TempPath::new();
        let receiver = UnixDatagram::bind(&path.0).unwrap();
        let to = path.0.clone();
        let sender = spawn(async move {
            let named = UnixDatagram::unbound().unwrap();
            let connected = UnixDatagram::unbound().unwrap();
            connected.connect(&to).unwrap();
            for number in 0..3000u32 {
                let bytes = number.to_be_bytes();
                match number % 2 {
                    0 => connected.send(&bytes).await.unwrap(),
                    _ => named.send_to(&bytes, &to).await.unwrap(),
                };
            }
        });
        let mut buf = [0; 16];
        for number in 0..3000u32 {
            let (count, _) = receiver.recv_from(&mut buf).await.unwrap();
            assert_eq!(buf[..count], number.to_be_bytes());
        }
        sender.await.unwrap();
    }

    /// Goal: show that a pipe holds its writer when it is full, and ends with its sender.
    async fn a_pipe_carries_more_than_it_holds() {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let writer = spawn(async move { sender.write_all(&[3; 300_000]).await });
        let mut all = Vec::new();
        receiver.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 300_000);
        writer.await.unwrap().unwrap();
    }

    /// Goal: show what a fifo says to a sender without receiver, to a plain file, and to the wrong
    /// end; and that its bytes arrive.
    async fn a_fifo_is_opened_at_both_ends() {
        let path = TempPath::new();
        let made = std::process::Command::new("mkfifo").arg(&path.0).status().unwrap();
        assert!(made.success());
        let error = pipe::OpenOptions::new().open_sender(&path.0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(6), "ENXIO has no kind of its own: {error}");
        let error = pipe::OpenOptions::new().open_sender("/no/such/fifo").unwrap_err();
        assert!(error.to_string().starts_with("cannot open for writing \"/no/such/fifo\""));
        let mut receiver = pipe::OpenOptions::new().open_receiver(&path.0).unwrap();
        let mut sender = pipe::OpenOptions::new().open_sender(&path.0).unwrap();
        sender.write_all(b"through the file system").await.unwrap();
        let error = pipe::Receiver::from_owned_fd(sender.into_blocking_fd().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut text = String::new();
        receiver.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "through the file system");
        let plain = TempPath::new();
        std::fs::write(&plain.0, "text").unwrap();
        let error = pipe::OpenOptions::new().open_receiver(&plain.0).unwrap_err();
        assert!(error.to_string().ends_with("it is not a pipe"), "{error}");
    }

    /// Goal: show that what is set on a socket before it connects is there after.
    async fn a_tcp_socket_is_bound_and_set_up_before_it_connects() {
        let (listener, addr) = listen().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_keepalive(true).unwrap();
        socket.set_send_buffer_size(20_000).unwrap();
        socket.set_recv_buffer_size(20_000).unwrap();
        socket.set_linger(Some(Duration::from_secs(1))).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        assert!(socket.keepalive().unwrap() && socket.nodelay().unwrap());
        assert!(socket.send_buffer_size().unwrap() >= 20_000);
        assert!(socket.recv_buffer_size().unwrap() >= 20_000);
        socket.set_zero_linger().unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
        let stream = socket.connect(addr).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(listener.accept().await.unwrap().1, own);
    }

    /// Goal: show that the waits by hand say "ready" until a try has said `WouldBlock`, and then keep
    /// the waker. Method: an empty socket, a full one, and both after the other end has moved.
    async fn readiness_is_waited_for_by_hand() {
        let (one, other) = UnixStream::pair().unwrap();
        let read = || one.try_read(&mut [0; 8]);
        while read().is_ok() {}
        until_it_waits(|cx| one.poll_read_ready(cx), read).await;
        assert_eq!(other.try_write(b"x").unwrap(), 1);
        poll_fn(|cx| one.poll_read_ready(cx)).await.unwrap();
        poll_fn(|cx| one.poll_read_ready(cx)).await.unwrap(); // still: nothing was read
        assert_eq!(read().unwrap(), 1);
        assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        until_it_waits(|cx| one.poll_read_ready(cx), read).await;

        poll_fn(|cx| one.poll_write_ready(cx)).await.unwrap();
        let write = || one.try_write(&[0; 4096]);
        while write().is_ok() {}
        until_it_waits(|cx| one.poll_write_ready(cx), write).await;
        let mut all = vec![0; 1 << 20];
        while other.try_read(&mut all).is_ok() {}
        poll_fn(|cx| one.poll_write_ready(cx)).await.unwrap();

        let (one, other) = udp_pair().await;
        poll_fn(|cx| one.poll_send_ready(cx)).await.unwrap();
        let recv = || one.try_recv(&mut [0; 8]);
        assert_eq!(recv().unwrap_err().kind(), ErrorKind::WouldBlock);
        until_it_waits(|cx| one.poll_recv_ready(cx), recv).await;
        other.send(b"x").await.unwrap();
        poll_fn(|cx| one.poll_recv_ready(cx)).await.unwrap();
    }

    /// Goal: show that the sender of a datagram is told before the datagram is taken. Method: ask
    /// before it has come, and twice after.
    async fn the_sender_is_known_before_the_datagram_is_taken() {
        let (one, other) = udp_pair().await;
        assert_eq!(one.try_peek_sender().unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut sender = Box::pin(poll_fn(|cx| one.poll_peek_sender(cx)));
        poll_pending(&mut sender).await;
        other.send(b"news").await.unwrap();
        assert_eq!(sender.await.unwrap(), other.local_addr().unwrap());
        assert_eq!(one.peek_sender().await.unwrap(), other.local_addr().unwrap());
        let mut room = [0; 8];
        let mut buf = ReadBuf::new(&mut room);
        poll_fn(|cx| one.poll_peek(cx, &mut buf)).await.unwrap();
        assert_eq!(buf.filled(), b"news");
        assert_eq!(one.try_recv(&mut [0; 8]).unwrap(), 4);
        one.set_tos_v4(0x10).unwrap();
        assert_eq!(one.tos_v4().unwrap(), 0x10);
    }

    /// Goal: show that a Unix datagram is appended to what a buffer has. Method: each of the calls.
    async fn unix_datagrams_are_appended() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut buf = b"> ".to_vec();
        assert_eq!(one.try_recv_buf(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        for text in ["one ", "two ", "three ", "four"] {
            other.send(text.as_bytes()).await.unwrap();
        }
        assert_eq!(one.recv_buf(&mut buf).await.unwrap(), 4);
        assert_eq!(one.try_recv_buf(&mut buf).unwrap(), 4);
        let (count, from) = one.recv_buf_from(&mut buf).await.unwrap();
        assert!(count == 6 && from.is_unnamed());
        assert_eq!(one.try_recv_buf_from(&mut buf).unwrap().0, 4);
        assert_eq!(buf, b"> one two three four");
    }

    /// Goal: show that a Unix socket becomes what it was made for and nothing else.
    async fn a_unix_socket_is_bound_before_it_is_used() {
        let (server, client) = (TempPath::new(), TempPath::new());
        let socket = UnixSocket::new_datagram().unwrap();
        socket.bind(&server.0).unwrap();
        let taken = UnixSocket::new_datagram().unwrap().bind(&server.0).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        assert!(taken.to_string().starts_with("cannot bind \""), "{taken}");
        let server_side = socket.datagram().unwrap();
        let socket = UnixSocket::new_datagram().unwrap();
        socket.bind(&client.0).unwrap();
        let client_side = socket.datagram().unwrap();
        client_side.send_to(b"hello", &server.0).await.unwrap();
        let (_, from) = server_side.recv_from(&mut [0; 8]).await.unwrap();
        assert_eq!(from.as_pathname(), Some(&*client.0));

        let stream = UnixSocket::new_stream().unwrap().datagram().unwrap_err();
        assert!(stream.to_string().contains("this is a stream socket"), "{stream}");
        let datagram = UnixSocket::new_datagram().unwrap();
        assert_eq!(datagram.listen(1).unwrap_err().kind(), ErrorKind::InvalidInput);
        let datagram = UnixSocket::new_datagram().unwrap();
        let error = datagram.connect(&server.0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let nobody = UnixSocket::new_stream().unwrap().connect("/no/such").await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NotFound);
    }

    /// Goal: show that readiness through a guard comes, is cleared by `WouldBlock`, and comes again.
    async fn a_descriptor_of_ones_own_is_waited_for() {
        let (here, mut there) = std_pair();
        let here = AsyncFd::new(here).unwrap();
        for round in 0..3u8 {
            let mut buf = [0; 8];
            let read = async {
                loop {
                    let mut guard = here.readable().await.unwrap();
                    if let Ok(result) = guard.try_io(|fd| fd.get_ref().read(&mut buf)) {
                        break result.unwrap();
                    }
                }
            };
            let mut read = Box::pin(read);
            if round > 0 {
                poll_pending(&mut read).await;
            }
            there.write_all(&[round]).unwrap();
            assert_eq!(read.await, 1);
            assert_eq!(buf[0], round);
        }
        let wrote = here.async_io(Interest::WRITABLE, |mut fd| fd.write(b"back")).await.unwrap();
        assert_eq!(wrote, 4);
        there.read_exact(&mut [0; 4]).unwrap();
        let none = here.try_io(Interest::READABLE, |mut fd| fd.read(&mut [0; 4]));
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(here.writable().await.unwrap().ready().is_writable());
    }
}

fn std_pair() -> (StdUnixStream, StdUnixStream) {
    let (here, there) = StdUnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    (here, there)
}

/// Goal: show that names in Linux's abstract space work for streams, without a file.
#[test]
fn an_abstract_name_needs_no_file() {
    rondel::run(async {
        let name = format!("\0rondel-test-{}", std::process::id());
        let listener = UnixListener::bind(&name).unwrap();
        let client = UnixStream::connect(&name).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(client.peer_addr().unwrap().as_pathname().is_none());
        let peer = server.peer_cred().unwrap();
        assert_eq!(peer.pid(), Some(std::process::id().cast_signed()));
        assert_eq!(peer, client.peer_cred().unwrap());
    });
}

/// Goal: show that a thread which is not in the socket's loop waits by hand, and is not told "ready"
/// in vain. Method: a stranger waits, is told nothing, and then is told of a byte.
#[test]
fn a_stranger_waits_by_hand() {
    let runtime = rondel::Runtime::new().unwrap();
    let (one, other) = runtime.block_on(async { UnixStream::pair().unwrap() });
    let (tx, rx) = std::sync::mpsc::channel();
    let stranger = std::thread::spawn(move || {
        let mut polls = 0;
        rondel::block_on(poll_fn(|cx| {
            polls += 1;
            let polled = one.poll_read_ready(cx);
            if polled.is_pending() {
                tx.send(()).unwrap();
            }
            polled
        }))
        .unwrap();
        (polls, one.try_read(&mut [0; 8]).unwrap())
    });
    runtime.block_on(async {
        rx.recv().unwrap(); // it waits
        other.writable().await.unwrap();
        assert_eq!(other.try_write(b"x").unwrap(), 1);
        while !stranger.is_finished() {
            rondel::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let (polls, count) = stranger.join().unwrap();
    assert_eq!(count, 1);
    assert!((2..=3).contains(&polls), "{polls} polls for one byte");
}

/// Goal: show that options only Linux has reach the socket.
#[cfg(target_os = "linux")]
#[test]
fn the_options_of_linux_reach_the_socket() {
    rondel::run(async {
        let (client, _server) = pair().await;
        client.set_quickack(false).unwrap();
        assert!(!client.quickack().unwrap());
        client.set_zero_linger().unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
        let socket = UdpSocket::bind("[::1]:0").await.unwrap();
        socket.set_tclass_v6(0x20).unwrap();
        assert_eq!(socket.tclass_v6().unwrap(), 0x20);
    });
}

/// Goal: show that a descriptor which is not taken comes back. Method: one that blocks, and a file.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn a_descriptor_that_is_not_taken_comes_back() {
    rondel::run(async {
        let (here, _there) = StdUnixStream::pair().unwrap();
        let (here, error) = AsyncFd::try_new(here).unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        here.set_nonblocking(true).unwrap();
        let here = AsyncFd::try_with_interest(here, Interest::READABLE).unwrap();
        let again = here.get_ref().try_clone().unwrap();
        let again = AsyncFd::try_new(again).unwrap(); // a duplicate is another one
        let mut guard = poll_fn(|cx| again.poll_write_ready(cx)).await.unwrap();
        assert!(guard.ready().is_writable() && guard.try_io(|_| Ok(())).unwrap().is_ok());
        let path = TempPath::new();
        let file = std::fs::File::create(&path.0).unwrap();
        let flags = rustix::fs::fcntl_getfl(&file).unwrap();
        rustix::fs::fcntl_setfl(&file, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        let error = AsyncFd::try_new(file).unwrap_err();
        assert!(error.to_string().contains("a plain file"), "{error}");
        assert!(error.into_parts().0.metadata().unwrap().is_file());
    });
}

/// Goal: show that the watch ends with `into_inner`, and the descriptor may be watched again.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn a_descriptor_is_given_back_and_watched_again() {
    rondel::run(async {
        let (here, mut there) = std_pair();
        let here = AsyncFd::new(here).unwrap().into_inner().unwrap();
        let here = AsyncFd::new(here).unwrap();
        there.write_all(b"x").unwrap();
        let _ready = here.readable().await.unwrap();
    });
}

#[test]
fn descriptors_are_sent_between_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<UdpSocket>();
    is_send_and_sync::<UnixStream>();
    is_send_and_sync::<UnixDatagram>();
    is_send_and_sync::<UnixListener>();
    is_send_and_sync::<pipe::Sender>();
    is_send_and_sync::<AsyncFd<OwnedFd>>();
    fn is_send<T: Send>(_: T) {}
    fn futures(udp: &UdpSocket, addr: SocketAddr, unix: &UnixListener) {
        is_send(udp.send_to(b"x", addr));
        is_send(unix.accept());
        is_send(rondel::net::connect(addr));
    }
    let _ = futures;
}
