//! Lesson 44. What does an HTTP server do with the bytes, and how does it stop?
//!
//! Run it: `cargo run --example 44_http_server`
//! Covers: 92, 97, 101, 56.
//!
//! Python: `web.Application()`, `app.router.add_get("/creators/{id}", handler)` of aiohttp, or
//! FastAPI on uvicorn. Rust: axum on hyper. Here all three parts are by hand: a parser, a table of
//! routes, and a loop for each connection.
//!
//! Predict. The server is told to stop. One client waits for a response, another one has an open
//! connection and nothing to say. What becomes of them?
//!
//! a) Both are cut off: the listener is closed, and its connections with it.
//! b) The server waits for both, so the silent one can hold it up for ever.
//! c) The first gets its response; the second is closed at once.

use rondel::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::CancellationToken;
use rondel::task::{TaskTracker, yield_now};
use rondel::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const HEAD_MAX: usize = 8 * 1024;
const BODY_MAX: usize = 64 * 1024;
/// For one request to arrive, from the end of the last one on.
const PATIENCE: Duration = Duration::from_millis(500);
/// For the requests that are under way when the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq)]
struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
    keep_alive: bool,
}

/// The request at the front of `bytes` and its length; None if more must come; or the status that
/// says what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, u16> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    if end.unwrap_or(bytes.len()) > HEAD_MAX {
        return Err(431);
    }
    let Some(end) = end else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| 400_u16)?;
    let mut lines = head.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, path, version @ ("HTTP/1.1" | "HTTP/1.0")] = words[..] else { return Err(400) };
    let (mut length, mut keep_alive) = (None, version == "HTTP/1.1");
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        let value = value.trim();
        match &name.to_ascii_lowercase()[..] {
            // Two lengths, or one that two servers read in two ways, let a request be smuggled.
            "content-length" if length.is_some() => return Err(400),
            "content-length" if !value.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Err(400);
            }
            "content-length" => length = Some(value.parse::<usize>().map_err(|_| 400_u16)?),
            "transfer-encoding" => return Err(501), // chunked: not ours, and never guessed
            "connection" => keep_alive = !value.eq_ignore_ascii_case("close"),
            name if name.is_empty() || name.contains(char::is_whitespace) => return Err(400),
            _ => {}
        }
    }
    let length = length.unwrap_or(0);
    if length > BODY_MAX {
        return Err(413);
    }
    let (start, used) = (end + 4, end + 4 + length);
    let Some(body) = bytes.get(start..used) else { return Ok(None) };
    let (method, path, body) = (method.to_owned(), path.to_owned(), body.to_vec());
    Ok(Some((Request { method, path, body, keep_alive }, used)))
}

/// JSON is text in which a string has six kinds of escapes.
fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

type Reply = (u16, String);
type Handler = fn(Request, Vec<String>) -> Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Method, pattern and handler. A `{name}` in a pattern takes one piece of the path.
const ROUTES: &[(&str, &str, Handler)] = &[
    ("GET", "/health", |_, _| Box::pin(async { (200, r#"{"status":"ok"}"#.to_owned()) })),
    ("GET", "/creators/{id}/posts/{post}", |_, found| Box::pin(post(found))),
    ("POST", "/webhook", |request, _| Box::pin(webhook(request))),
    ("GET", "/slow", |_, _| Box::pin(slow())),
];

async fn post(found: Vec<String>) -> Reply {
    match found[1].parse::<u64>() {
        Ok(number) => (200, format!(r#"{{"creator":{},"post":{number}}}"#, quote(&found[0]))),
        Err(error) => (422, format!(r#"{{"error":{}}}"#, quote(&format!("post: {error}")))),
    }
}

async fn webhook(request: Request) -> Reply {
    match std::str::from_utf8(&request.body) {
        Ok(text) => (202, format!(r#"{{"accepted":{}}}"#, quote(text))),
        Err(error) => (422, format!(r#"{{"error":{}}}"#, quote(&error.to_string()))),
    }
}

static AT_WORK: AtomicUsize = AtomicUsize::new(0);

async fn slow() -> Reply {
    AT_WORK.fetch_add(1, Relaxed);
    sleep(Duration::from_millis(300)).await;
    (200, r#"{"slow":true}"#.to_owned())
}

/// What stands for the braces of `pattern` in `path`.
fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut found, mut pieces) = (Vec::new(), path.split('/'));
    for wanted in pattern.split('/') {
        match pieces.next()? {
            piece if wanted.starts_with('{') && !piece.is_empty() => found.push(piece.to_owned()),
            piece if piece == wanted => {}
            _ => return None,
        }
    }
    pieces.next().is_none().then_some(found)
}

async fn answer(request: Request) -> Reply {
    let mut missing = (404, "no such path");
    for (method, pattern, handler) in ROUTES {
        if let Some(found) = matched(pattern, &request.path) {
            if *method == request.method {
                return handler(request, found).await;
            }
            missing = (405, "not with this method");
        }
    }
    (missing.0, format!(r#"{{"error":{}}}"#, quote(missing.1)))
}

async fn write(stream: &mut TcpStream, (status, body): Reply, last: bool) -> io::Result<()> {
    let (length, connection) = (body.len(), if last { "close" } else { "keep-alive" });
    let head = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n");
    let response = format!("{head}Connection: {connection}\r\n\r\n{body}");
    stream.write_all(response.as_bytes()).await // one write: one packet, where it fits
}

/// The last response of a connection, before all that the client has sent is read.
async fn refuse(mut stream: TcpStream, status: u16) -> io::Result<()> {
    write(&mut stream, (status, String::new()), true).await?;
    stream.shutdown().await?;
    // Closed with bytes unread, the kernel sends a reset, and that may overtake the status.
    match timeout(PATIENCE, copy(&mut stream, &mut sink())).await {
        Ok(rest) => rest.map(drop),
        Err(_elapsed) => Ok(()),
    }
}

/// One connection: request after request, until one side has enough.
async fn serve(mut stream: TcpStream, stop: CancellationToken) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let deadline = Instant::now() + PATIENCE;
        let request = loop {
            match parse(&bytes) {
                Ok(Some((request, used))) => {
                    bytes.drain(..used); // what is behind it is the next request
                    break request;
                }
                Ok(None) => {}
                // Where the next request begins nobody knows any more.
                Err(status) => return refuse(stream, status).await,
            }
            let is_idle = bytes.is_empty();
            let read = timeout_at(deadline, stream.read_buf(&mut bytes));
            // Between two requests the server may stop. In the middle of one it may not.
            let read = match is_idle {
                true => stop.run_until_cancelled(read).await,
                false => Some(read.await),
            };
            match read {
                None => return Ok(()),
                Some(Ok(Ok(0))) => return Ok(()),
                Some(Ok(read)) => drop(read?),
                Some(Err(_elapsed)) if is_idle => return Ok(()),
                Some(Err(_elapsed)) => return refuse(stream, 408).await,
            }
        };
        let keep_alive = request.keep_alive;
        let reply = answer(request).await;
        let last = !keep_alive || stop.is_cancelled();
        write(&mut stream, reply, last).await?;
        if last {
            return Ok(());
        }
    }
}

/// Accepts until it is told to stop; then waits for what is under way. True: all of it is done.
async fn run(listener: TcpListener, stop: CancellationToken) -> io::Result<bool> {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, _) = accepted?;
        // How a connection ended is the matter of its client: the server goes on.
        connections.spawn(serve(stream, stop.clone()));
    }
    drop(listener); // who comes now is told so by the kernel, and may ask another server
    connections.close();
    Ok(timeout(GRACE, connections.wait()).await.is_ok())
}

/// Sends pieces of bytes, each on its own, and reads until the server closes. Returns the statuses
/// and bodies.
async fn talk(addr: SocketAddr, pieces: &[&[u8]]) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    for piece in pieces {
        stream.write_all(piece).await?;
        yield_now().await; // the server may look at it before the next one is there
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let replies = text.split("HTTP/1.1 ").skip(1);
    let brief = |reply: &str| {
        let (head, body) = reply.split_once("\r\n\r\n").expect("a whole head");
        format!("{} {body}", &head[..3]).trim_end().to_owned()
    };
    Ok(replies.map(brief).collect())
}

#[rondel::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (addr, stop) = (listener.local_addr()?, CancellationToken::new());
    let server = rondel::spawn(run(listener, stop.clone()));

    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let post = "POST /webhook HTTP/1.1\r\nContent-Length: 8\r\n\r\nsay \"hi\"";
    let wanted = [get("/health", ""), get("/creators/anna/posts/42", ""), post.to_owned()].concat()
        + &get("/creators/anna/posts/x", "")
        + &get("/nowhere", "")
        + &get("/webhook", "Connection: close\r\n");
    let at_once = talk(addr, &[wanted.as_bytes()]).await?;
    let bytes: Vec<&[u8]> = wanted.as_bytes().chunks(1).collect();
    let one_by_one = talk(addr, &bytes).await?;
    for reply in &at_once {
        println!("{reply}");
    }
    println!("the same, sent byte by byte: {}", at_once == one_by_one);
    let statuses = at_once.iter().map(|reply| &reply[..3]).collect::<Vec<_>>();
    assert_eq!(statuses, ["200", "200", "202", "422", "404", "405"]);
    assert_eq!(at_once, one_by_one, "where the network cuts says nothing");
    assert_eq!(at_once[2], r#"202 {"accepted":"say \"hi\""}"#);
    insults(addr).await?;
    graceful_stop(addr, &stop).await?;
    let all_done = server.await.map_err(io::Error::other)??;
    println!("the server has ended, and all was done: {all_done}");
    assert!(all_done);
    Ok(())
}

async fn insults(addr: SocketAddr) -> io::Result<()> {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_MAX));
    let cases: [(&str, &[u8]); 7] = [
        ("no HTTP", b"hello\r\n\r\n"),
        ("not text", b"GET /\xff HTTP/1.1\r\n\r\n"),
        ("two lengths", b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        ("chunked", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("big body", b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"),
        ("endless head", long.as_bytes()),
        ("half a request", b"GET /health HT"),
    ];
    let mut statuses = Vec::new();
    for (name, bytes) in cases {
        let replies = talk(addr, &[bytes]).await?;
        println!("{name:<14} -> {}", replies[0]);
        statuses.extend(replies);
    }
    assert_eq!(statuses, ["400", "400", "400", "501", "413", "431", "408"]);
    Ok(())
}

async fn graceful_stop(addr: SocketAddr, stop: &CancellationToken) -> io::Result<()> {
    let mut idle = TcpStream::connect(addr).await?;
    idle.write_all(b"GET /health HTTP/1.1\r\n\r\n").await?;
    assert!(idle.read(&mut [0; 1024]).await? > 0, "and the connection stays open");
    let slow = rondel::spawn(async move { talk(addr, &[b"GET /slow HTTP/1.1\r\n\r\n"]).await });
    while AT_WORK.load(Relaxed) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    stop.cancel();
    let silent = idle.read(&mut [0; 1]).await?;
    println!(
        "stop: the idle one reads {silent} bytes; the slow one is done: {}",
        slow.is_finished()
    );
    assert_eq!((silent, slow.is_finished()), (0, false), "closed at once; waited for");
    let newcomer = TcpStream::connect(addr).await.map_err(|error| error.kind());
    println!("stop: a newcomer: {:?}", newcomer.as_ref().err());
    assert_eq!(newcomer.err(), Some(io::ErrorKind::ConnectionRefused));
    let reply = slow.await.map_err(io::Error::other)??;
    println!("stop: the slow one gets {reply:?}");
    assert_eq!(reply, [r#"200 {"slow":true}"#], "and then the connection was closed");
    Ok(())
}

// Explain
//
// c) is right, if the server is told where it may stop. Between two requests of a connection
// nothing is lost, so that wait is raced against the token. In the middle of a request it is not:
// the handler runs to its end, its response says `Connection: close`, and the server waits until
// the last one is done, or until the grace is over. The listener is closed first, so that
// newcomers go to another server.
//
// TCP has no messages. What the client wrote at once may come in ten pieces, and what it wrote in
// ten may come at once. So the parser looks at all bytes that are there, and says "a request, this
// long", or "more must come". It keeps what is behind the request: that is the next one, and a
// client may send it before it has read a response (pipelining). The answers keep the order, as one
// loop makes them.
//
// A parser that faces strangers says no early. A head without an end, a body that is too long, a
// request that never gets finished: each has a limit and a status, and so a bound on memory and
// time. Two lengths are no small matter: if a proxy takes the first and the server the second, a
// request can be hidden in a body. After such a no the connection is closed, because nobody knows
// where the next request begins.
//
// What real runtimes do
//
// hyper has this loop, chunked bodies and HTTP/2; axum adds the routes, and a handler's parameters
// say what it wants of the request. uvicorn is the same for Python (lesson 45), aiohttp brings its
// own. All of them stop in this way: `with_graceful_shutdown`, `--timeout-graceful-shutdown`.
//
// Where to read next
//
// The wait that ends in one of two ways:
//
// ```rust,cite=runtime/sync/cancellation_token.rs
// biased;
// output = future => Some(output),
// () = self.cancelled() => None,
// ```
