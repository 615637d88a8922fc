//! monoio's echo server, on epoll and on io_uring: its calls take the buffer and give it back.

use std::io;
use std::net::SocketAddr;

use ::monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use ::monoio::net::{TcpListener, TcpStream};
use ::monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// Serves `kind` (`echo` or `echo16k`) on epoll, on a fresh port of loopback, for ever.
pub(super) fn epoll(kind: &str, listening: &mut dyn FnMut(SocketAddr)) {
    let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
    builder.build().expect("a monoio runtime").block_on(serve(kind, listening));
}

/// The same on io_uring.
pub(super) fn io_uring(kind: &str, listening: &mut dyn FnMut(SocketAddr)) {
    let builder = RuntimeBuilder::<IoUringDriver>::new().enable_timer();
    builder.build().expect("a monoio runtime").block_on(serve(kind, listening));
}

async fn serve(kind: &str, listening: &mut dyn FnMut(SocketAddr)) {
    let bytes = if kind == "echo16k" { 16 * 1024 } else { 512 };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listening(listener.local_addr().expect("bound"));
    loop {
        let (stream, _) = listener.accept().await.expect("enough descriptors");
        stream.set_nodelay(true).expect("an open socket");
        // A client that hangs up is how every connection of a benchmark ends.
        drop(::monoio::spawn(echo(stream, bytes)));
    }
}

async fn echo(mut stream: TcpStream, bytes: usize) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(bytes);
    loop {
        let (read, filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        let (written, used) = stream.write_all(filled).await;
        written?;
        buffer = used;
        buffer.clear();
    }
}
