//! Sockets: the kernel keeps what nobody has taken. In real time: virtual time does not wait for
//! the kernel.

use std::net::SocketAddr;
use std::task::Poll;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::testing::{cancel, task};

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listener().await;
    let near = TcpStream::connect(address).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

/// A connection that had come is accepted by the next one who asks.
#[rondel::test]
async fn accept() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (listener, address) = listener().await;
            (listener, (address, Vec::new()))
        },
        async |listener| {
            for _ in 0..2 {
                listener.accept().await.unwrap();
            }
        },
        async |(address, clients), _| clients.push(TcpStream::connect(*address).await.unwrap()),
        async |listener, (address, clients), cut| {
            if !cut.woken {
                clients.push(TcpStream::connect(*address).await.unwrap());
            }
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, clients.last().unwrap().local_addr().unwrap());
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

#[rondel::test]
async fn read() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (near, far) = pair().await;
            ((near, Vec::new()), far)
        },
        async |(near, got)| {
            while got.len() < 6 {
                near.readable().await.unwrap();
                near.read_buf(got).await.unwrap();
            }
        },
        async |far, nth| far.write_all(&[nth as u8; 2]).await.unwrap(),
        async |(near, got), far, cut| {
            far.shutdown().await.unwrap();
            near.read_to_end(got).await.unwrap();
            let expected: Vec<u8> = (1..=cut.given as u8).flat_map(|nth| [nth; 2]).collect();
            assert_eq!(*got, expected);
        },
    )
    .await;
    assert_eq!(awaits, 3);
}

/// A write that has to wait has written nothing: what the peer reads is what `write` said.
#[cfg(not(on_workers = "one_thread"))] // a stranger asks the kernel anew, and there may be room
#[rondel::test]
async fn write() {
    static PIECE: [u8; 64 * 1024] = [7; 64 * 1024];
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (mut near, far) = pair().await;
            let mut full = 0;
            while let Poll::Ready(count) = task::spawn(near.write(&PIECE)).poll() {
                full += count.unwrap(); // until the kernel has no room for more
            }
            ((near, full), (far, full))
        },
        async |(near, written)| *written += near.write(&PIECE).await.unwrap(),
        async |(far, left), _| {
            let mut some = vec![0; PIECE.len()];
            while *left > 0 {
                *left -= far.read(&mut some).await.unwrap();
            }
        },
        async |(near, written), (far, left), cut| {
            let read = if cut.woken { *written } else { 0 };
            near.shutdown().await.unwrap();
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).await.unwrap();
            assert_eq!((read + rest.len(), *left), (*written, rest.len()));
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// The attempt is given up with the future; the listener sees a connection that ends, or none.
#[rondel::test]
async fn connect() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (listener, address) = listener().await;
            (address, listener)
        },
        async |address| TcpStream::connect(*address).await.unwrap(),
        async |_, _| {},
        async |_, listener, _| {
            let mut accept = task::spawn(listener.accept());
            if let Poll::Ready(accepted) = accept.poll() {
                let mut left = Vec::new();
                accepted.unwrap().0.read_to_end(&mut left).await.unwrap();
                assert_eq!(left, b"");
            }
        },
    )
    .await;
    assert_eq!(awaits, 1);
}
