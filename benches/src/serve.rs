//! The servers, compiled once per runtime: `rt` is that runtime's facade.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};

use super::rt::{self, AsyncReadExt, AsyncWriteExt};

/// What a connection of the echo server owns.
const BUFFER_BYTES: usize = 512;
/// And where messages of 16 KiB are echoed.
const LARGE_BUFFER_BYTES: usize = 16 * 1024;

/// Serves `kind` (`echo`, `echo16k`, `json` or `page`) on a fresh port of loopback, for ever.
///
/// Panics if there is no such server or no port.
pub fn run(kind: &str, listening: &mut dyn FnMut(SocketAddr)) {
    rt::run(async {
        let listener = rt::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listening(listener.local_addr().expect("bound"));
        match kind {
            "echo" => {
                let buffer = || [0; BUFFER_BYTES];
                accept(listener, |stream| drop(rt::spawn(echo(stream, buffer)))).await;
            }
            "echo16k" => {
                let buffer = || vec![0; LARGE_BUFFER_BYTES];
                accept(listener, |stream| drop(rt::spawn(echo(stream, buffer)))).await;
            }
            "json" => {
                let body = Bytes::from_static(br#"{"message":"Hello, World!"}"#);
                accept(listener, |stream| drop(rt::spawn(http(stream, body.clone())))).await;
            }
            "page" => {
                let body = Bytes::from(vec![b'x'; 1024]);
                accept(listener, |stream| drop(rt::spawn(http(stream, body.clone())))).await;
            }
            _ => panic!("no server is called {kind}"),
        }
    });
}

async fn accept(listener: rt::TcpListener, mut serve: impl FnMut(rt::TcpStream)) {
    loop {
        let (stream, _) = listener.accept().await.expect("enough descriptors");
        stream.set_nodelay(true).expect("an open socket");
        serve(stream);
    }
}

/// The buffer is made in here: a future keeps its arguments beside what it makes of them.
async fn echo<B: AsMut<[u8]>>(mut stream: rt::TcpStream, buffer: impl FnOnce() -> B) {
    let mut buffer = buffer();
    while let Ok(1..) = read_and_write(&mut stream, buffer.as_mut()).await {}
}

async fn read_and_write(stream: &mut rt::TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    let length = stream.read(buffer).await?;
    stream.write_all(&buffer[..length]).await?;
    Ok(length)
}

async fn http(stream: rt::TcpStream, body: Bytes) {
    let service = service_fn(|_: Request<Incoming>| {
        let mut response = Response::new(Full::new(body.clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        async { Ok::<_, Infallible>(response) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(rt::hyper_io(stream), service);
    // A client that hangs up is how every connection of a benchmark ends.
    let _ = connection.await;
}
