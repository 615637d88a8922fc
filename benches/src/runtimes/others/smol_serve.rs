//! smol's echo server, compiled for one thread and for many: a detached task for each connection.

use std::io;
use std::net::SocketAddr;

use ::smol::io::{AsyncReadExt, AsyncWriteExt};
use ::smol::net::{TcpListener, TcpStream};

use super::rt;

async fn bind(listening: &mut dyn FnMut(SocketAddr)) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listening(listener.local_addr().expect("bound"));
    listener
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().await.expect("enough descriptors");
    stream.set_nodelay(true).expect("an open socket");
    stream
}

async fn echo<const BYTES: usize>(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BYTES];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length]).await?;
    }
}

/// Serves `kind` (`echo` or `echo16k`) on a fresh port of loopback, for ever.
pub fn run(kind: &str, listening: &mut dyn FnMut(SocketAddr)) {
    let large = kind == "echo16k";
    rt::run(async {
        let listener = bind(listening).await;
        loop {
            let stream = accept(&listener).await;
            // An error is a client that hangs up: how every connection of a benchmark ends.
            if large {
                rt::detach(rt::spawn(echo::<{ 16 * 1024 }>(stream)));
            } else {
                rt::detach(rt::spawn(echo::<512>(stream)));
            }
        }
    })
}
