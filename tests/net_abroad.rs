//! Sockets away from home: on other threads, on other loops, and after their loop's end.

#[macro_use]
#[path = "support/net.rs"]
mod support;

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::pin;
use std::sync::mpsc;
use std::thread;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{Interest, TcpListener, TcpStream};
use rondel::task::JoinHandle;
use rondel::{Handle, Reactor, spawn};
use support::*;

/// Runs `work` on a thread that Rondel knows nothing of, while this loop goes on.
fn abroad<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let thread = thread::spawn(work);
    rondel::spawn_blocking(move || thread.join().unwrap())
}

on_each_reactor! {
    /// Goal: show that a thread of its own may connect, read and write through the handle.
    /// Method: a foreign thread inside `Handle::block_on`; the echo runs at home.
    async fn a_foreign_thread_uses_sockets() {
        let (listener, addr) = listen().await;
        let handle = Handle::current();
        let thread = abroad(move || {
            handle.block_on(async {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                for number in 0..100 {
                    ask(&mut stream, format!("from abroad {number}").as_bytes()).await;
                }
                stream.shutdown().await.unwrap();
                stream.readable().await.unwrap();
                let ready = stream.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
                assert!(!ready.is_empty());
                assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
                // The standard library's, for it is closed when it is dropped. A listener of ours
                // that is dropped abroad is sent home to be closed, and may still answer.
                let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                let refused = closed.local_addr().unwrap();
                drop(closed);
                assert!(TcpStream::connect(refused).await.is_err());
            });
        });
        echo(listener.accept().await.unwrap().0).await.unwrap();
        thread.await.unwrap();
    }

    /// Goal: show that a stream made on one loop works on another, and back home again.
    /// Method: connect here, talk there (the far loop waits on our reactor), talk here again.
    async fn a_stream_moves_between_two_loops() {
        let (listener, addr) = listen().await;
        let server = spawn(async move { echo(listener.accept().await.unwrap().0).await });
        let mut stream = TcpStream::connect(addr).await.unwrap();
        ask(&mut stream, b"at home").await;
        let thread = abroad(move || {
            rondel::run(async move {
                for _ in 0..50 {
                    ask(&mut stream, b"on another loop").await;
                }
                stream
            })
        });
        let mut stream = thread.await.unwrap();
        for _ in 0..50 {
            ask(&mut stream, b"at home again").await;
        }
        drop(stream);
        server.await.unwrap().unwrap();
    }

    /// Goal: show that a waiter abroad and a waiter at home each get their own direction.
    /// Method: the reading half waits on another loop, the writing half works here.
    async fn halves_work_on_two_loops() {
        let (client, server) = pair().await;
        spawn(echo(server));
        let (mut read, mut write) = client.into_split();
        let thread = abroad(move || {
            rondel::run(async move {
                let mut all = Vec::new();
                read.read_to_end(&mut all).await.unwrap();
                all.len()
            })
        });
        for _ in 0..1000 {
            write.write_all(b"0123456789").await.unwrap();
        }
        drop(write);
        assert_eq!(thread.await.unwrap(), 10_000);
    }

    /// Goal: show that a stream dropped on another thread is closed.
    /// Method: the peer reads the end of the stream; half of them were never used at home.
    async fn a_stream_dropped_abroad_is_closed() {
        for _ in 0..20 {
            let (client, mut server) = pair().await;
            abroad(move || drop(client)).await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        }
    }

    /// Goal: show that a stream taken to std on another thread still carries data, and is no longer
    /// ours. Method: `into_std` abroad, then a plain blocking exchange.
    async fn a_stream_is_taken_to_std_abroad() {
        let (client, server) = pair().await;
        let server = spawn(echo(server));
        let thread = abroad(move || {
            let mut client = client.into_std().unwrap();
            client.set_nonblocking(false).unwrap();
            client.write_all(b"plain").unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut all = String::new();
            client.read_to_string(&mut all).unwrap();
            assert_eq!(all, "plain");
        });
        thread.await.unwrap();
        server.await.unwrap().unwrap();
    }

    /// Goal: show that an abandoned waiter abroad leaves nothing that keeps its waker.
    /// Method: time and again a foreign task waits, gives up, and waits anew; then data comes.
    async fn waiting_abroad_is_cancel_safe() {
        let (client, server) = pair().await;
        let (tell, told) = mpsc::channel();
        let thread = abroad(move || {
            rondel::run(async move {
                for _ in 0..100 {
                    poll_pending(&mut pin!(server.peek(&mut [0; 1]))).await;
                }
                tell.send(()).unwrap();
                assert_eq!(server.peek(&mut [0; 8]).await.unwrap(), 4);
            });
        });
        rondel::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
        client.try_write(b"data").unwrap();
        thread.await.unwrap();
    }
}

/// Goal: show that a stream outlives its loop harmlessly: what the kernel has can be read, waiting
/// is an error that says why, and dropping closes it.
/// Method: carry one out of `block_on` and drop the runtime.
#[test]
fn a_stream_whose_loop_has_ended_says_so() {
    let runtime = runtime(Reactor::Mio);
    let (mut client, mut server) = runtime.block_on(async {
        let (mut client, server) = pair().await;
        client.write_all(b"before").await.unwrap();
        (client, server)
    });
    drop(runtime);
    rondel::run(async move {
        let mut buf = [0; 16];
        assert_eq!(server.read(&mut buf).await.unwrap(), 6);
        let error = server.read(&mut buf).await.unwrap_err();
        assert_eq!(error.to_string(), "the loop that this socket is registered with has ended");
        drop(server);
        // The descriptor is closed: the peer sees the end, or that its data met nobody.
        assert!(!matches!(client.read(&mut buf).await, Ok(1..)));
    });
}

/// Goal: show that a stranger who waits learns that the loop has ended.
/// Method: a thread waits in `Handle::block_on` for data that never comes; the runtime is dropped.
#[test]
fn a_waiter_abroad_is_woken_when_the_loop_ends() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        let runtime = runtime(reactor);
        let handle = runtime.handle().clone();
        let (mut client, server) = runtime.block_on(pair());
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            handle.block_on(async move {
                poll_fn(|cx| {
                    let mut buf = [0; 8];
                    let mut read = pin!(client.read(&mut buf));
                    let poll = read.as_mut().poll(cx).map(|result| result.unwrap_err());
                    tell.send(()).unwrap();
                    poll
                })
                .await
            })
        });
        told.recv().unwrap(); // it waits, or its errand is on the way
        drop(runtime);
        assert!(thread.join().unwrap().to_string().contains("has ended"));
        drop(server);
    }
}

/// Goal: show that a socket outside a loop fails with the loop's clear sentence.
/// Method: `from_std` on a plain thread.
#[test]
#[should_panic(expected = "no Rondel loop runs on this thread")]
fn a_socket_needs_a_loop() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let _ = TcpListener::from_std(listener);
}
