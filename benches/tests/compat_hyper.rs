//! hyper on Rondel, end to end: client and server over loopback, over memory and over an upgraded
//! connection; its time limits on our clock, its background futures on our loop.
//!
//! Here and not at the root because hyper's client and server are heavy, and the root's
//! dev-dependencies are compiled for every example.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::rt::{Executor, Timer};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use rondel::compat::hyper::{HyperExecutor, HyperTimer, Io, LocalExecutor};
use rondel::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex};
use rondel::net::{TcpListener, TcpStream};
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}

fn post(body: Bytes) -> Request<Full<Bytes>> {
    Request::post("/echo").header(header::HOST, "test").body(Full::new(body)).unwrap()
}

fn pattern(len: usize) -> Bytes {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// Goal: show that many requests go over one connection, of every size of body, in both directions.
/// Method: an echo server that counts its connections; bodies from nothing to more than the kernel
/// buffers hold.
#[test]
fn many_requests_go_over_one_connection() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Rc::new(Cell::new(0));
        let count = accepted.clone();
        rondel::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.set(count.get() + 1);
                let mut builder = server::Builder::new();
                builder.timer(HyperTimer::new());
                rondel::spawn(builder.serve_connection(stream, service_fn(echo)));
            }
        });

        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = client::handshake(stream).await.unwrap();
        let connection = rondel::spawn(connection);
        for len in [0, 1, 100, 8 * 1024, 64 * 1024 + 1, 5_000_000, 3] {
            let body = pattern(len);
            sender.ready().await.unwrap();
            let response = sender.send_request(post(body.clone())).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let echoed = response.into_body().collect().await.unwrap().to_bytes();
            assert!(echoed == body, "a body of {len} bytes came back changed");
        }
        assert_eq!(accepted.get(), 1);
        drop(sender);
        connection.await.unwrap().unwrap();
    });
}

/// Goal: show that a hundred connections are served side by side on one loop.
#[test]
fn a_hundred_connections_are_served_at_once() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        rondel::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = server::Builder::new().serve_connection(stream, service_fn(echo));
                rondel::spawn(connection);
            }
        });
        let clients: Vec<_> = (0..100)
            .map(|number| {
                rondel::spawn(async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    let (mut sender, connection) = client::handshake(stream).await.unwrap();
                    let connection = rondel::spawn(connection);
                    for round in 0..10 {
                        let body = pattern(number * 100 + round);
                        sender.ready().await.unwrap();
                        let response = sender.send_request(post(body.clone())).await.unwrap();
                        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
                    }
                    drop(sender);
                    connection.await.unwrap().unwrap();
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

/// Goal: show that `Io` carries hyper over any stream of ours, and that a pair in memory needs no
/// `Io`.
#[test]
fn hyper_runs_over_streams_in_memory() {
    rondel::run(async {
        let (near, far) = duplex(100);
        let far = Io::new(BufReader::new(far));
        rondel::spawn(server::Builder::new().serve_connection(far, service_fn(echo)));
        let (mut sender, connection) = client::handshake(near).await.unwrap();
        rondel::spawn(connection);
        let body = pattern(10_000);
        let response = sender.send_request(post(body.clone())).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    });
}

/// Goal: show that a connection which hyper hands back after an upgrade is a stream of ours.
/// Method: client and server switch to a protocol of their own and greet each other by our methods.
#[test]
fn an_upgraded_connection_is_a_stream_of_ours() {
    async fn upgrade(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        rondel::spawn(async move {
            let mut stream = Io::new(hyper::upgrade::on(request).await.unwrap());
            let mut word = vec![0; stream.read_u8().await.unwrap().into()];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word.to_ascii_uppercase()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(header::UPGRADE, "shout".parse().unwrap());
        Ok(response)
    }

    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let connection = server::Builder::new().serve_connection(accepted, service_fn(upgrade));
        rondel::spawn(connection.with_upgrades());
        let (mut sender, connection) = client::handshake(stream).await.unwrap();
        rondel::spawn(connection.with_upgrades());
        let request = Request::get("/")
            .header(header::HOST, "test")
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "shout")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);

        let mut stream = Io::new(hyper::upgrade::on(response).await.unwrap());
        stream.write_all(b"\x05hello").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "HELLO");
    });
}

/// Goal: show that a server which goes away in the middle of an answer is an error, not a short
/// answer.
#[test]
fn a_truncated_answer_is_an_error() {
    rondel::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        rondel::spawn(async move {
            let mut request = [0; 1024];
            let _ = accepted.read(&mut request).await.unwrap();
            accepted.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        });
        let (mut sender, connection) = client::handshake(stream).await.unwrap();
        rondel::spawn(connection);
        let response = sender.send_request(post(Bytes::new())).await.unwrap();
        assert!(response.into_body().collect().await.is_err());
    });
}

/// Goal: show that hyper's time limits run on our clock, and in virtual time take none.
/// Method: a client that sends half a head and then nothing, to a server with a limit of an hour.
#[test]
fn hypers_time_limits_run_on_our_clock() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let begin = rondel::time::Instant::now();
        let (mut near, far) = duplex(1024);
        let mut builder = server::Builder::new();
        builder.timer(HyperTimer::new()).header_read_timeout(Duration::from_secs(3600));
        let connection = rondel::spawn(builder.serve_connection(far, service_fn(echo)));
        near.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap();
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(begin.elapsed().as_secs(), 3600);
    });
}

/// Goal: show that a sleep of ours can be set anew in place, and that a sleep of someone else is
/// replaced.
#[test]
fn a_sleep_is_reset_in_place() {
    struct Theirs;
    impl Future for Theirs {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            std::task::Poll::Pending
        }
    }
    impl hyper::rt::Sleep for Theirs {}

    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let timer = HyperTimer::new();
        let begin = timer.now();
        let mut sleep = timer.sleep(Duration::from_secs(1000));
        let place = &raw const *sleep.as_mut();
        timer.reset(&mut sleep, begin + Duration::from_secs(5));
        assert!(std::ptr::addr_eq(place, &raw const *sleep.as_mut()));
        sleep.await;
        assert_eq!((timer.now() - begin).as_secs(), 5);

        let mut sleep: std::pin::Pin<Box<dyn hyper::rt::Sleep>> = Box::pin(Theirs);
        timer.reset(&mut sleep, begin + Duration::from_secs(7));
        sleep.await;
        assert_eq!((timer.now() - begin).as_secs(), 7);
    });
}

/// Goal: show that the executors start tasks, the local one also with futures that are not `Send`.
#[test]
fn the_executors_start_tasks() {
    rondel::run(async {
        let (sender, receiver) = rondel::sync::oneshot::channel();
        HyperExecutor::new().execute(async move { sender.send("sent").unwrap() });
        assert_eq!(receiver.await.unwrap(), "sent");

        let (sender, receiver) = rondel::sync::oneshot::channel();
        let local = Rc::new("stayed here");
        LocalExecutor::new().execute(async move { sender.send(*local).unwrap() });
        assert_eq!(receiver.await.unwrap(), "stayed here");
    });
}
