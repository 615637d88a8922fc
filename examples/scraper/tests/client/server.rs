//! A server of threads: one accepts, one per connection answers as a closure says.
//!
//! It shares no code with the client, and no runtime. It counts for itself what the client claims:
//! connections, how many were open at once, and every request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rondel_scraper::client::{Client, ClientConfig, FetchError, Observer, Response, RondelNet};
use url::Url;

/// How long a test waits for something that happens "soon", before it fails.
pub const SOON: Duration = Duration::from_secs(10);

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    /// Head of the request, in lower case.
    pub head: String,
    /// Number of the request on its connection, from 0.
    pub nth: usize,
    /// Number of the request on the server, from 0.
    pub number: usize,
}

/// What the server does about a request.
pub enum Reply {
    /// Sends these bytes and keeps the connection.
    Send(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SendAndClose(Vec<u8>),
    /// Sends these pieces, with a pause after each.
    Drip(Vec<Vec<u8>>, Duration),
    /// Says nothing until the client goes away.
    Silence,
}

/// `status` with a body of its own length.
pub fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A plain page.
pub fn page(body: impl AsRef<[u8]>) -> Reply {
    Reply::Send(answer("200 OK", "", body))
}

/// An answer without a body of interest.
pub fn status(status: &str, headers: &str) -> Reply {
    Reply::Send(answer(status, headers, "no"))
}

/// Counts connections; may be shared by several servers.
#[derive(Default)]
pub struct Census {
    open: AtomicUsize,
    open_max: AtomicUsize,
}

impl Census {
    /// Counts a new connection.
    ///
    /// Its predecessor may be closed already, but its thread not have noticed; so a count above
    /// `limit` is a violation only if it lasts.
    fn arrive(&self, limit: usize) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        let since = Instant::now();
        let mut settled = open;
        while settled > limit && since.elapsed() < Duration::from_secs(1) {
            thread::sleep(ms(1));
            settled = self.open.load(Ordering::SeqCst);
        }
        self.open_max.fetch_max(settled, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn open_max(&self) -> usize {
        self.open_max.load(Ordering::SeqCst)
    }

    /// Waits until all connections are closed.
    pub fn wait_until_closed(&self) {
        let since = Instant::now();
        while self.open.load(Ordering::SeqCst) > 0 {
            assert!(since.elapsed() < SOON, "a connection stays open");
            thread::sleep(ms(1));
        }
    }
}

pub struct Server {
    pub addr: SocketAddr,
    pub census: Arc<Census>,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_counted(Arc::default(), usize::MAX, reply)
    }

    /// Counts into `census`, where no more than `limit` connections are expected.
    pub fn start_counted(
        census: Arc<Census>,
        limit: usize,
        reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = Self {
            addr: listener.local_addr().expect("it is bound"),
            census: census.clone(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        let reply = Arc::new(reply);
        // Ends with the process: nobody can interrupt an accept.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                census.arrive(limit);
                let (census, requests, reply) = (census.clone(), requests.clone(), reply.clone());
                thread::spawn(move || {
                    serve(&stream, &requests, &*reply);
                    drop(stream);
                    census.leave();
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.addr)).expect("a URL")
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }
}

/// Reads up to the empty line. `None`: the client went away.
pub fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

fn serve(
    mut stream: &TcpStream,
    requests: &Mutex<Vec<Request>>,
    reply: &dyn Fn(&Request) -> Reply,
) {
    for nth in 0.. {
        let Some(head) = read_head(&mut stream) else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let request = {
            let mut requests = requests.lock().unwrap();
            let number = requests.len();
            let head = head.to_ascii_lowercase();
            requests.push(Request { path, head, nth, number });
            requests[number].clone()
        };
        let sent = match reply(&request) {
            Reply::Send(bytes) => stream.write_all(&bytes).is_ok(),
            Reply::SendAndClose(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Drip(pieces, pause) => pieces.iter().all(|piece| {
                let sent = stream.write_all(piece).is_ok();
                thread::sleep(pause);
                sent
            }),
            Reply::Silence => {
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        if !sent {
            return;
        }
    }
}

/// Notes the retries.
#[derive(Default)]
pub struct Diary(Mutex<Vec<Note>>);

#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub reason: String,
    pub attempt: u32,
    pub delay: Duration,
    pub retry_after: Option<Duration>,
}

impl Diary {
    pub fn notes(&self) -> Vec<Note> {
        self.0.lock().unwrap().clone()
    }

    pub fn reasons(&self) -> Vec<String> {
        self.notes().into_iter().map(|note| note.reason).collect()
    }
}

impl Observer for Diary {
    fn retry(&self, retry: &rondel_scraper::client::Retry<'_>) {
        self.0.lock().unwrap().push(Note {
            reason: retry.reason.to_owned(),
            attempt: retry.attempt,
            delay: retry.delay,
            retry_after: retry.retry_after,
        });
    }
}

/// Settings for tests: short waits between attempts, long time limits.
pub fn config() -> ClientConfig {
    ClientConfig {
        backoff: ms(2),
        backoff_max: ms(10),
        retry_after_max: ms(20),
        connect_timeout: SOON,
        read_timeout: SOON,
        total_timeout: 2 * SOON,
        attempts: 3,
        seed: Some(1),
        ..ClientConfig::default()
    }
}

/// A client with these settings, and the diary of its retries.
pub fn client(mut config: ClientConfig) -> (Client<RondelNet>, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    config.observer = Some(diary.clone());
    (Client::new(RondelNet, config), diary)
}

/// Fetches once with a client of its own.
pub async fn fetch(config: ClientConfig, url: &Url) -> Result<Response, FetchError> {
    client(config).0.fetch(url).await
}
