//! Lesson 43. What does an HTTP client do between `get(url)` and the body?
//!
//! Run it: `cargo run --example 43_http_client`
//! Covers: 88-91, X5, X10.
//!
//! Python: one `aiohttp.ClientSession` for the whole program, with a
//! `TCPConnector(limit_per_host=…, keepalive_timeout=…)` and a `ClientTimeout(total, connect,
//! sock_read)`. Rust: a `Client` with a semaphore and a stack of open connections for each host,
//! and `timeout` around each step.
//!
//! Predict. The server sends a byte every 20 ms, for ever. The client allows 300 ms for a read and
//! 700 ms in all. Which limit ends the request?
//!
//! a) The limit for a read: 300 ms after the start.
//! b) The limit in all: each read is in time.
//! c) None: data is coming.

use rondel::combine::gather;
use rondel::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::{Semaphore, SemaphorePermit};
use rondel::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const HEAD_MAX: u64 = 16 * 1024;
const BIG: usize = 4 * 1024 * 1024;
const MS: Duration = Duration::from_millis(1);

type Connection = BufReader<TcpStream>;

/// The lines of a head, of a request or a response. None: the other side has closed before one.
async fn read_head(connection: &mut Connection) -> io::Result<Option<Vec<String>>> {
    let (mut lines, mut limited) = (Vec::new(), connection.take(HEAD_MAX));
    loop {
        let mut line = String::new();
        limited.read_line(&mut line).await?;
        match line.trim_end() {
            "" if line.is_empty() && lines.is_empty() => return Ok(None),
            _ if !line.ends_with('\n') => return Err(io::ErrorKind::UnexpectedEof.into()),
            "" => return Ok(Some(lines)),
            text => lines.push(text.to_owned()),
        }
    }
}

/// What is known of one server: how many connections it may get, and those that are open and idle.
struct Host {
    addr: SocketAddr,
    permits: Semaphore,
    idle: RefCell<Vec<Connection>>,
}

/// aiohttp's `ClientTimeout`: for all of it, for the handshake, for each wait for data.
#[derive(Clone, Copy)]
struct Limits {
    total: Duration,
    connect: Duration,
    read: Duration,
}

struct Client {
    hosts: Vec<Host>,
    limits: Limits,
}

/// The head is here, the body may still be on its way.
struct Response<'c> {
    host: &'c Host,
    status: u16,
    /// Bytes of the body that were not read yet.
    left: usize,
    keep_alive: bool,
    deadline: Instant,
    read: Duration,
    connection: Option<Connection>,
    _permit: SemaphorePermit<'c>,
}

impl Client {
    fn new(servers: &[SocketAddr], per_host: usize, limits: Limits) -> Self {
        let host = |addr: &SocketAddr| Host {
            addr: *addr,
            permits: Semaphore::new(per_host),
            idle: RefCell::default(),
        };
        Self { hosts: servers.iter().map(host).collect(), limits }
    }

    /// Sends a request and reads the head of the response. All limits count from here.
    async fn get(&self, host: usize, path: &str) -> io::Result<Response<'_>> {
        let (host, limits) = (&self.hosts[host], self.limits);
        let deadline = Instant::now() + limits.total;
        timeout_at(deadline, async {
            let permit = host.permits.acquire().await.map_err(io::Error::other)?;
            loop {
                let idle = host.idle.borrow_mut().pop();
                let used_before = idle.is_some();
                let mut connection = match idle {
                    Some(connection) => connection,
                    None => {
                        let stream = TcpStream::connect(host.addr);
                        BufReader::new(timeout(limits.connect, stream).await??)
                    }
                };
                let head = match exchange(&mut connection, path, limits.read).await {
                    Ok(Some(head)) => head,
                    // The server closed it while nobody looked: that says nothing of the request.
                    Ok(None) if used_before => continue,
                    Err(error) if used_before && is_closed(&error) => continue,
                    Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Err(error) => return Err(error),
                };
                let (status, left) = (status_of(&head)?, length_of(&head)?);
                let keep_alive = !head.iter().any(|l| l.eq_ignore_ascii_case("connection: close"));
                let (read, connection) = (limits.read, Some(connection));
                let mut response = Response {
                    host,
                    status,
                    left,
                    keep_alive,
                    deadline,
                    read,
                    connection,
                    _permit: permit,
                };
                response.give_back_if_over();
                return Ok(response);
            }
        })
        .await?
    }
}

async fn exchange(
    connection: &mut Connection,
    path: &str,
    limit: Duration,
) -> io::Result<Option<Vec<String>>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    timeout(limit, read_head(connection)).await?
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn status_of(head: &[String]) -> io::Result<u16> {
    let code = head[0].strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData.into())
}

fn length_of(head: &[String]) -> io::Result<usize> {
    let named = head.iter().filter_map(|line| line.split_once(':'));
    let mut lengths = named.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = lengths.next().ok_or(io::ErrorKind::InvalidData)?;
    length.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

impl Response<'_> {
    /// The next piece of the body, of whatever size the network has; None at its end.
    async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let wait = timeout(self.read, connection.fill_buf());
        let bytes = timeout_at(self.deadline, wait).await???;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = bytes[..bytes.len().min(self.left)].to_vec();
        connection.consume(bytes.len());
        self.left -= bytes.len();
        self.give_back_if_over();
        Ok(Some(bytes))
    }

    async fn text(mut self) -> io::Result<String> {
        let mut body = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            body.extend(bytes);
        }
        String::from_utf8(body).map_err(io::Error::other)
    }

    /// Only a connection on which nothing is left to read may serve the next request. Any other is
    /// closed, with this response.
    fn give_back_if_over(&mut self) {
        if self.left == 0
            && let Some(connection) = self.connection.take()
            && self.keep_alive
        {
            self.host.idle.borrow_mut().push(connection);
        }
    }
}

#[derive(Default)]
struct Stats {
    connections: AtomicUsize,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// A server with one answer for each trouble. (Lesson 44 has a real one.)
async fn serve(stream: TcpStream, stats: &Stats) -> io::Result<()> {
    let mut connection = BufReader::new(stream);
    while let Some(head) = read_head(&mut connection).await? {
        let path = head[0].split(' ').nth(1).unwrap_or_default().to_owned();
        stats.requests.fetch_add(1, Relaxed);
        let now = stats.in_flight.fetch_add(1, Relaxed) + 1;
        stats.most_in_flight.fetch_max(now, Relaxed);
        let (status, extra, body) = match &path[..] {
            "/pause" => (200, "", "done".to_owned()),
            "/big" => (200, "", "x".repeat(BIG)),
            "/close" => (200, "Connection: close\r\n", "last".to_owned()),
            "/missing" => (404, "", "no such page".to_owned()),
            "/silent" => return std::future::pending().await,
            _ => (200, "", "hello".to_owned()),
        };
        if path == "/pause" {
            sleep(20 * MS).await;
        }
        stats.in_flight.fetch_sub(1, Relaxed);
        let length = if path == "/drip" { usize::MAX } else { body.len() };
        let head = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n{extra}\r\n");
        connection.write_all(head.as_bytes()).await?;
        if path == "/drip" {
            loop {
                connection.write_all(b".").await?; // fails when the client has gone
                sleep(20 * MS).await;
            }
        }
        connection.write_all(body.as_bytes()).await?;
        if path == "/close" || path == "/bye" {
            return Ok(()); // and `/bye` has not said so
        }
    }
    Ok(())
}

async fn server() -> io::Result<(SocketAddr, Arc<Stats>)> {
    let (listener, stats) = (TcpListener::bind("127.0.0.1:0").await?, Arc::new(Stats::default()));
    let (addr, counts) = (listener.local_addr()?, stats.clone());
    rondel::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counts.connections.fetch_add(1, Relaxed);
            let counts = counts.clone();
            // A client that hangs up in the middle is its own business: the next is served.
            rondel::spawn(async move { serve(stream, &counts).await });
        }
    });
    Ok((addr, stats))
}

#[rondel::main]
async fn main() -> io::Result<()> {
    let limits = Limits { total: 10_000 * MS, connect: 5_000 * MS, read: 5_000 * MS };
    let ((first, stats), (second, other)) = (server().await?, server().await?);
    let client = Client::new(&[first, second], 5, limits);

    for path in [["/hello"; 10], ["/close"; 10]].concat() {
        client.get(0, path).await?.text().await?;
    }
    let connections = stats.connections.load(Relaxed);
    println!("10 requests kept alive, 10 closed: {connections} connections");
    assert_eq!(connections, 1 + 9, "the first of the closed ones still used the open one");

    let all = (0..80).map(async |number| client.get(number % 2, "/pause").await?.text().await);
    assert!(gather(all).await.iter().all(|body| body.as_ref().is_ok_and(|body| body == "done")));
    for (name, stats) in [("first", &stats), ("second", &other)] {
        let most = stats.most_in_flight.load(Relaxed);
        println!("40 requests to the {name} host: at most {most} at once");
        assert_eq!(most, 5);
    }
    assert_eq!(other.connections.load(Relaxed), 5, "and each of its connections served eight");

    a_body_in_pieces(&client).await?;
    kinds_of_ends(&client, &stats).await?;
    three_limits(first).await
}

/// The body is read as it comes; who stops in the middle cannot use the connection again.
async fn a_body_in_pieces(client: &Client) -> io::Result<()> {
    let idle = || client.hosts[1].idle.borrow().len();
    let before = idle();
    let mut response = client.get(1, "/big").await?;
    let (mut bytes, mut largest) = (0, 0);
    while let Some(piece) = response.chunk().await? {
        bytes += piece.len();
        largest = largest.max(piece.len());
    }
    let few = largest <= 64 * 1024;
    println!("{bytes} bytes in pieces, each at most 64 KiB: {few}; idle connections: {}", idle());
    assert_eq!((bytes, few, idle()), (BIG, true, before));
    drop(response);

    let mut response = client.get(1, "/big").await?;
    response.chunk().await?;
    drop(response);
    println!("stopped after one piece; idle connections: {}", idle());
    assert_eq!((idle(), client.hosts[1].permits.available_permits()), (before - 1, 5));
    Ok(())
}

/// An answer that is no success is an answer; and a connection may be gone when it is wanted.
async fn kinds_of_ends(client: &Client, stats: &Stats) -> io::Result<()> {
    let before = stats.requests.load(Relaxed);
    let response = client.get(0, "/missing").await?;
    let (status, asked) = (response.status, stats.requests.load(Relaxed) - before);
    println!("status {status}, asked {asked} time: {:?}", response.text().await?);
    assert_eq!((status, asked), (404, 1));

    client.hosts[0].idle.borrow_mut().clear();
    let before = stats.connections.load(Relaxed);
    client.get(0, "/bye").await?.text().await?;
    let idle = client.hosts[0].idle.borrow().len();
    let body = client.get(0, "/hello").await?.text().await?;
    let connections = stats.connections.load(Relaxed) - before;
    println!("{idle} idle that the server has closed: {body:?} over {connections} connections");
    assert_eq!((idle, &body[..], connections), (1, "hello", 2));
    Ok(())
}

async fn three_limits(addr: SocketAddr) -> io::Result<()> {
    let long = 5_000 * MS;
    let usual = Limits { total: long, connect: long, read: long };
    let cases = [
        // A handshake takes at least one turn of the loop, and zero is less.
        ("connect 0 ms", "/hello", Limits { connect: Duration::ZERO, ..usual }),
        ("read 300 ms", "/silent", Limits { read: 300 * MS, ..usual }),
        ("total 700 ms", "/drip", Limits { read: 300 * MS, total: 700 * MS, ..usual }),
    ];
    for (name, path, limits) in cases {
        let (client, start) = (Client::new(&[addr], 5, limits), Instant::now());
        let result = async { client.get(0, path).await?.text().await }.await;
        let (end, ms) = (result.map_err(|error| error.kind()), start.elapsed().as_millis());
        println!("{name:<12} {path:<7}: {end:?} after ~{ms} ms");
        assert_eq!(end, Err(io::ErrorKind::TimedOut));
        assert!(path != "/drip" || ms >= 700, "the limit for a read did not end it");
        assert_eq!(client.hosts[0].permits.available_permits(), 5, "nothing is leaked");
    }
    Ok(())
}

// Explain
//
// b) is right. The limit for a read starts anew with each byte, so it finds a server that is
// silent, and not one that is slow. The limit in all is a deadline, and counts the wait for a
// permit as well. The limit for the handshake is shorter than both: a host that is there answers
// in one round trip, and one that is not is better known soon.
//
// Between `get` and the body: take one of the host's permits; take a connection that is open, or
// open one; send; read the head. The body is not read yet. It comes in pieces of the size that the
// network has, so a large file needs little memory, and a client that reads slowly slows the server
// down (lesson 13). When the last byte is read, the connection goes back to the stack: the next
// request saves the handshake. If the body was not read to its end, or the server said `close`, it
// is closed: else the next request would read the rest of this body as its answer.
//
// An idle connection may be dead, and only the next request finds out. Then nothing of an answer
// has come, and a GET may be sent again. A 404 is an answer, not a failure: whoever makes an
// exception of it can no longer tell it from a lost connection. The guide's client does that, and
// asks three times (lesson 40).
//
// What real runtimes do
//
// aiohttp's session and `reqwest` (on hyper) are this with TLS, redirects, cookies, proxies and a
// cache of names; with HTTP/2 one connection carries many requests, and the stack becomes a map.
// The guide says of `ssl=False`: "set True for HTTPS". It does not mean "no TLS": it means TLS
// without a check of the certificate, and then anybody on the way can read and change everything.
// Leave it out.
//
// Where to read next
//
// How a socket waits: the handshake is over when it can be written; then the kernel knows how it
// went.
//
// ```rust,cite=runtime/net/tcp_stream.rs
// stream.socket.ready(Direction::Write).await?;
// let known = stream.socket.edge(Direction::Write);
// if let Some(error) = stream.take_error()? {
//     return Err(error);
// }
// ```
