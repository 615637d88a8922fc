//! TCP on the loop: each body runs on both reactors.

#[macro_use]
#[path = "support/net.rs"]
mod support;

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{Interest, TcpListener, TcpStream, lookup_host};
use rondel::task::yield_now;
use rondel::time::sleep;
use rondel::{Reactor, spawn};
use support::*;

on_each_reactor! {
    /// Goal: show that bytes come back as they went, in many small exchanges.
    /// Method: an echo task and 1,000 words over one connection.
    async fn an_echo_comes_back() {
        let (mut client, server) = pair().await;
        let server = spawn(echo(server));
        for number in 0..1000 {
            ask(&mut client, format!("word {number}").as_bytes()).await;
        }
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        server.await.unwrap().unwrap();
    }

    /// Goal: show that many connections live side by side.
    /// Method: 200 clients, each a task, ask ten times each.
    async fn many_clients_are_served() {
        let (listener, addr) = listen().await;
        let server = spawn(async move {
            for _ in 0..200 {
                spawn(echo(listener.accept().await.unwrap().0));
            }
        });
        let clients: Vec<_> = (0..200)
            .map(|client| {
                spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    for round in 0..10 {
                        ask(&mut stream, format!("{client}, {round}").as_bytes()).await;
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    }

    /// Goal: show that a full send buffer makes the writer wait, and nothing is lost or swapped.
    /// Method: 8 MiB each way at once, with a pattern.
    async fn large_transfers_go_both_ways_at_once() {
        const LEN: usize = 8 << 20;
        fn pattern(seed: u8) -> Vec<u8> {
            (0..251).map(|byte: u8| byte ^ seed).collect::<Vec<_>>().repeat(LEN / 251)
        }
        async fn exchange(stream: TcpStream, mine: u8, theirs: u8) {
            let (mut read, mut write) = stream.into_split();
            let writer = spawn(async move { write.write_all(&pattern(mine)).await.unwrap() });
            let mut all = Vec::new();
            read.read_to_end(&mut all).await.unwrap();
            assert!(all == pattern(theirs), "{} bytes, or others than were sent", all.len());
            writer.await.unwrap();
        }
        let (client, server) = pair().await;
        let server = spawn(exchange(server, 1, 2));
        exchange(client, 2, 1).await;
        server.await.unwrap();
    }

    /// Goal: show that a task whose socket is always ready does not starve the others.
    /// Method: a task without a pause reads byte after byte and sends each back to be read again,
    /// until another task has had 32 turns, each with bytes read since the one before.
    async fn a_socket_that_is_always_ready_starves_nobody() {
        const LEN: usize = 16384;
        // On workers the neighbour's thread may not run at all for a while.
        const READS_MAX: usize = if cfg!(on_workers = "order") { 10_000_000 } else { LEN };
        const TURNS: usize = 32;
        let (mut client, mut server) = pair().await;
        client.write_all(&[1; LEN]).await.unwrap();
        while server.peek(&mut [0; LEN]).await.unwrap() < LEN {}
        let (reads, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let reader = spawn({
            let (reads, enough) = (reads.clone(), enough.clone());
            async move {
                while !enough.load(Relaxed) && reads.fetch_add(1, Relaxed) < READS_MAX {
                    let byte = server.read_u8().await.unwrap();
                    client.write_u8(byte).await.unwrap();
                }
            }
        });
        let (mut turns, mut seen) = (0, 0);
        while turns < TURNS && !reader.is_finished() {
            yield_now().await;
            let now = reads.load(Relaxed);
            turns += usize::from(now > seen);
            seen = now;
        }
        enough.store(true, Relaxed);
        reader.await.unwrap();
        assert_eq!(turns, TURNS, "in {READS_MAX} reads");
    }

    /// Goal: show that peeking takes nothing out, and waits for data.
    /// Method: peek before the data is sent; peek and read after.
    async fn peeking_leaves_the_data() {
        let (mut client, mut server) = pair().await;
        let mut buf = [0; 16];
        poll_pending(&mut pin!(server.peek(&mut buf))).await;
        client.write_all(b"look").await.unwrap();
        assert_eq!(server.peek(&mut buf).await.unwrap(), 4);
        assert_eq!(server.peek(&mut buf[..2]).await.unwrap(), 2);
        assert_eq!(server.read(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"look");
    }

    /// Goal: show that each direction can be closed on its own.
    /// Method: either end shuts its writing down first and then reads the answer.
    async fn half_close_works_in_both_directions() {
        let (client, server) = pair().await;
        for (mut first, mut second) in [(client, server), pair().await].map(|(a, b)| (b, a)) {
            first.write_all(b"question").await.unwrap();
            first.shutdown().await.unwrap();
            first.shutdown().await.unwrap(); // twice is no error
            assert!(first.write_all(b"more").await.is_err());
            let mut all = String::new();
            second.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "question");
            second.write_all(b"answer").await.unwrap();
            drop(second);
            all.clear();
            first.read_to_string(&mut all).await.unwrap();
            assert_eq!(all, "answer");
        }
    }

    /// Goal: show that a FIN is seen though it came with the last data, in one event.
    /// Method: the reader waits already; data and FIN are sent without a turn between them. The
    /// read is short, which says "drained", and the next one must not wait for ever.
    async fn a_fin_with_the_last_data_is_not_lost() {
        for _ in 0..100 {
            let (client, mut server) = pair().await;
            let reader = spawn(async move {
                let mut buf = [0; 4096];
                assert_eq!(server.read(&mut buf).await.unwrap(), 10);
                assert_eq!(server.read(&mut buf).await.unwrap(), 0);
            });
            yield_now().await; // the reader waits now
            assert_eq!(client.try_write(b"last words").unwrap(), 10);
            drop(client);
            reader.await.unwrap();
        }
    }

    /// Goal: show that a reset connection is an error to who waits.
    /// Method: close with a linger time of zero.
    async fn a_reset_reaches_who_waits_to_read() {
        let (client, mut server) = pair().await;
        let reader = spawn(async move { server.read(&mut [0; 8]).await });
        yield_now().await;
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    /// Goal: show that the halves work in two tasks, and that dropping the writing half ends the
    /// stream. Method: one task writes and drops its half; the other reads the answers to the end.
    async fn owned_halves_live_in_two_tasks() {
        let (client, server) = pair().await;
        let server = spawn(echo(server));
        let (mut read, mut write) = client.into_split();
        let writer = spawn(async move {
            for _ in 0..100 {
                write.write_all(b"0123456789").await.unwrap();
                yield_now().await;
            }
        });
        let mut all = Vec::new();
        read.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"0123456789".repeat(100));
        writer.await.unwrap();
        server.await.unwrap().unwrap();
    }

    /// Goal: show what may be reunited and what not, and that `forget` does not end the stream.
    /// Method: reunite the halves of one stream, and of two.
    async fn halves_are_reunited_with_their_own_only() {
        let (client, mut server) = pair().await;
        let (read, write) = client.into_split();
        let (other_read, other_write) = pair().await.0.into_split();
        let error = other_read.reunite(write).unwrap_err();
        assert_eq!(error.to_string(), "tried to reunite halves that are not from the same socket");
        let mut client = read.reunite(error.1).unwrap();
        other_write.forget();
        client.write_all(b"whole").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 5);

        let (mut read, mut write) = client.split();
        write.write_all(b"half").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 4);
        server.write_all(b"other").await.unwrap();
        assert_eq!(read.read(&mut [0; 8]).await.unwrap(), 5);
    }

    /// Goal: show the life of `try_read`: would block, readable, data, would block.
    /// Method: one end tries before and after the other wrote.
    async fn trying_never_waits() {
        let (client, server) = pair().await;
        let mut buf = [0; 16];
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(client.try_write(b"abc").unwrap(), 3);
        loop {
            server.readable().await.unwrap();
            match server.try_read(&mut buf) {
                Ok(count) => break assert_eq!(&buf[..count], b"abc"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let attempt = || server.try_read(&mut [0; 16]);
        until_it_waits(|cx| pin!(server.readable()).poll(cx), attempt).await;

        let pieces = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(client.try_write_vectored(&pieces).unwrap(), 7);
        server.readable().await.unwrap();
        let mut all = Vec::with_capacity(64);
        while let Err(error) = server.try_read_buf(&mut all) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            server.readable().await.unwrap();
        }
        assert_eq!(all, b"one two");
    }

    /// Goal: show that a full socket is not writable until the peer reads.
    /// Method: write until it would block; `ready` then tells each direction apart.
    async fn readiness_is_told_for_each_direction() {
        let (client, mut server) = pair().await;
        let chunk = [7; 65536];
        let mut sent = 0;
        loop {
            match client.try_write(&chunk) {
                Ok(count) => sent += count,
                // More than the moment's room: the peer's buffer grows while it takes the bytes in.
                Err(_) => match timeout_turns(client.writable()).await {
                    true => {}
                    false => break,
                },
            }
        }
        let _ = client.try_read(&mut [0; 1]); // a new socket counts as readable: see that it is not
        poll_pending(&mut pin!(client.ready(Interest::READABLE | Interest::WRITABLE))).await;
        let mut taken = vec![0; sent];
        server.read_exact(&mut taken).await.unwrap();
        let ready = client.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() && !ready.is_readable(), "{ready:?}");
        drop(server);
        let ready = client.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable() && !ready.is_writable(), "{ready:?}");
        assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 0);
    }

    /// Goal: show that any number of tasks may wait for one direction, and all are woken.
    /// Method: 20 tasks share a stream and wait for it to become readable.
    async fn a_crowd_may_wait_for_one_direction() {
        let (client, server) = pair().await;
        let server = std::sync::Arc::new(server);
        let _ = server.try_read(&mut [0; 1]);
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let server = server.clone();
                spawn(async move { server.readable().await })
            })
            .collect();
        yield_now().await;
        client.try_write(b"x").unwrap();
        for waiter in waiters {
            waiter.await.unwrap().unwrap();
        }
    }

    /// Goal: show that a dropped `accept` loses no connection, and that two may wait at once.
    /// Method: poll an `accept`, drop it, connect, accept; then two tasks accept one each.
    async fn accepting_is_cancel_safe_and_shared() {
        let (listener, addr) = listen().await;
        {
            let mut accept = Box::pin(listener.accept());
            poll_pending(&mut accept).await;
        }
        let client = TcpStream::connect(addr).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());

        let listener = std::sync::Arc::new(listener);
        let accepts: Vec<_> = (0..2)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.unwrap() })
            })
            .collect();
        yield_now().await;
        let _clients = (TcpStream::connect(addr).await, TcpStream::connect(addr).await);
        for accept in accepts {
            accept.await.unwrap();
        }
    }

    /// Goal: show that a refused connection names the address and keeps the kind, and that several
    /// addresses are tried in turn.
    /// Method: a port that nobody listens on any more, alone and before one that works.
    async fn a_refused_connection_names_the_address() {
        let (gone, closed) = listen().await;
        drop(gone);
        let mut refused = TcpStream::connect(closed).await;
        for _ in 0..1_000 {
            // Dropped by a stranger it is closed a moment later, and what came before that is reset.
            if refused.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                break;
            }
            sleep(Duration::from_millis(1)).await;
            refused = TcpStream::connect(closed).await;
        }
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot connect to {closed}: ")), "{text}");

        let (_listener, open) = listen().await;
        let stream = TcpStream::connect(&[closed, open][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        let none: &[SocketAddr] = &[];
        assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);

        let text = TcpListener::bind(open).await.unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot listen on {open}: ")), "{text}");
    }

    /// Goal: show which hosts are looked up, and that every form of an address is taken.
    /// Method: addresses, strings and pairs; a name of the local machine; nonsense.
    async fn names_and_addresses_are_resolved() {
        async fn first(host: impl rondel::net::ToSocketAddrs) -> SocketAddr {
            lookup_host(host).await.unwrap().next().unwrap()
        }
        let addr: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(first(addr).await, addr);
        assert_eq!(first("127.0.0.1:80").await, addr);
        assert_eq!(first("127.0.0.1:80".to_owned()).await, addr);
        assert_eq!(first(("127.0.0.1", 80)).await, addr);
        assert_eq!(first((addr.ip(), 80)).await, addr);
        assert_eq!(first((std::net::Ipv4Addr::LOCALHOST, 80)).await, addr);
        assert_eq!(first("[::1]:80").await.port(), 80);
        assert!(first("localhost:80").await.ip().is_loopback());
        assert!(first(("localhost".to_owned(), 80)).await.ip().is_loopback());
        let error = lookup_host("no port").await.map(drop).unwrap_err();
        assert!(error.to_string().starts_with("cannot look up `no port`: "), "{error}");
        for error in [
            TcpStream::connect("nonsense").await.map(drop).unwrap_err(),
            TcpListener::bind("nonsense").await.map(drop).unwrap_err(),
            rondel::net::UdpSocket::bind("nonsense").await.map(drop).unwrap_err(),
            rondel::net::connect("nonsense").await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("cannot look up `nonsense`: "), "{error}");
        }
    }

    /// Goal: show that a blocking socket is refused with a clear word, and a non-blocking one
    /// taken. Method: the same std sockets before and after `set_nonblocking`.
    async fn blocking_sockets_are_refused() {
        let refused = |error: io::Error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                "the descriptor is in blocking mode and would stop the whole loop; \
                 call `set_nonblocking(true)` on it first"
            );
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        refused(TcpListener::from_std(listener.try_clone().unwrap()).unwrap_err());
        refused(TcpStream::from_std(client.try_clone().unwrap()).unwrap_err());

        listener.set_nonblocking(true).unwrap();
        client.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let mut client = TcpStream::from_std(client).unwrap();
        let server = spawn(echo(listener.accept().await.unwrap().0));
        ask(&mut client, b"hello").await;

        let mut client = client.into_std().unwrap();
        client.set_nonblocking(false).unwrap();
        client.write_all(b"again").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        server.await.unwrap().unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).unwrap();
        assert_eq!(all, "again");
        assert_eq!(listener.into_std().unwrap().local_addr().unwrap(), addr);
    }

    /// Goal: show that the options reach the socket.
    /// Method: set and read back each.
    async fn options_reach_the_socket() {
        let (client, server) = pair().await;
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(42).unwrap();
        assert_eq!(client.ttl().unwrap(), 42);
        assert_eq!(client.linger().unwrap(), None);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::ZERO));
        socket2::SockRef::from(&client).set_keepalive(true).unwrap();
        assert!(socket2::SockRef::from(&client).keepalive().unwrap());
        assert!(client.take_error().unwrap().is_none());
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    }

    /// Goal: show that a slot of the table used again brings no readiness along.
    /// Method: 500 connections one after the other, closed with unread data, each awaited afresh.
    async fn a_closed_socket_does_not_haunt_the_next() {
        let (listener, addr) = listen().await;
        for _ in 0..500 {
            let client = TcpStream::connect(addr).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            assert_eq!(server.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
            client.try_write(b"unread").unwrap();
            server.readable().await.unwrap();
            assert_eq!(server.try_read(&mut [0; 3]).unwrap(), 3);
        }
    }
}

/// Is `future` done within a number of turns? Each yield is a look at the sockets.
async fn timeout_turns(future: impl Future<Output = io::Result<()>>) -> bool {
    let mut future = pin!(future);
    for _ in 0..1000 {
        let done = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
        if done {
            return true;
        }
        yield_now().await;
    }
    false
}
