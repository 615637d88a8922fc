//! What the tests of TCP share: both ends of a connection, an echo, and bodies for both reactors.

#![allow(dead_code)] // no test binary needs all of it

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::{Builder, Reactor, Runtime};

pub fn runtime(reactor: Reactor) -> Runtime {
    Builder::new().reactor(reactor).build().unwrap()
}

/// Runs an async body on each reactor, as a test of its own.
macro_rules! on_each_reactor {
    ($($(#[doc = $doc:literal])* async fn $name:ident() $body:block)*) => {$(
        $(#[doc = $doc])*
        mod $name {
            use super::*;

            async fn body() $body

            #[test]
            fn on_mio() {
                runtime(Reactor::Mio).block_on(body());
            }

            #[test]
            fn on_polling() {
                runtime(Reactor::Polling).block_on(body());
            }
        }
    )*};
}

pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Both ends of one connection.
pub async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen().await;
    let client = TcpStream::connect(addr).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (client, server)
}

/// Sends back what comes, until the peer ends its direction; then ends its own.
pub async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 512];
    loop {
        match stream.read(&mut buf).await? {
            0 => return stream.shutdown().await,
            count => stream.write_all(&buf[..count]).await?,
        }
    }
}

pub async fn ask(stream: &mut TcpStream, word: &[u8]) {
    stream.write_all(word).await.unwrap();
    let mut answer = vec![0; word.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, word);
}

/// Polls once; the future must not be done.
pub async fn poll_pending<F: Future + Unpin>(future: &mut F) {
    let pending = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()));
    assert!(pending.await, "done too early");
}

/// Polls until it waits: on one loop at once. Of several workers one may tell of an edge when another
/// has already acted on it; then `attempt` finds nothing, and that is noted.
pub async fn until_it_waits<T: std::fmt::Debug>(
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<T>,
) {
    const LATE_EDGES_MAX: usize = if cfg!(on_workers = "order") { 10 } else { 0 };
    for _ in 0..=LATE_EDGES_MAX {
        match poll_fn(|cx| Poll::Ready(poll(cx))).await {
            Poll::Pending => return,
            Poll::Ready(ready) => ready.unwrap(),
        }
        assert_eq!(attempt().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
    panic!("done too early, with more than {LATE_EDGES_MAX} late edges");
}
