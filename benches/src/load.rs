//! The load generator: a bare epoll loop, so that it is the same for every server.
//!
//! ```text
//!   closed loop   every connection has one request in flight; an answer is followed by the next
//!                 request: as many a second as the server can take
//!   at a rate     requests fall due at even distances, whatever the server does; the time of each
//!                 counts from the moment when it was due, so a slow server hides nothing
//!   churn         a connection is opened for each request, and closed after its answer
//! ```
//!
//! An answer is known by its length. The generator is a process of its own on a CPU of its own,
//! told what to do line by line on its standard input (`servers/roles.rs`).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// A server that says nothing for so long is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// No answer is longer: so one read takes all that is there, and the next edge tells of the rest.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What goes over the wire.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// So many bytes that come back.
    Echo(usize),
    /// A GET on a kept-alive connection.
    Http,
}

impl Protocol {
    pub(crate) fn request(self) -> Vec<u8> {
        match self {
            Self::Echo(bytes) => vec![b'e'; bytes],
            Self::Http => b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".to_vec(),
        }
    }

    /// How long the answer that begins with `start` is, once that can be told.
    fn answer_bytes(self, start: &[u8]) -> Option<usize> {
        match self {
            Self::Echo(bytes) => Some(bytes),
            Self::Http => {
                let text = std::str::from_utf8(start).ok()?;
                let head = text.find("\r\n\r\n")? + 4;
                let length = text[..head].lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    let wanted = name.eq_ignore_ascii_case("content-length");
                    wanted.then(|| value.trim().parse::<usize>().ok()).flatten()
                })?;
                Some(head + length)
            }
        }
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// From the first request to the last answer.
    pub wall: Duration,
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
}

impl Told {
    fn new(started: Instant, mut times: Vec<Duration>) -> Self {
        let wall = started.elapsed();
        times.sort_unstable();
        let at = |percent| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        Self { wall, p50: at(50), p99: at(99) }
    }
}

struct Connection {
    stream: TcpStream,
    /// How much of the request the kernel has not taken yet.
    unsent: usize,
    received: usize,
    /// When the request was sent, or due.
    asked: Instant,
}

impl Connection {
    fn ask(&mut self, request: &[u8], asked: Instant) -> io::Result<()> {
        (self.unsent, self.received, self.asked) = (request.len(), 0, asked);
        self.send(request)
    }

    /// Sends what the kernel takes; an event tells when it takes more.
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        while self.unsent > 0 {
            match self.stream.write(&request[request.len() - self.unsent..]) {
                Ok(bytes) => self.unsent -= bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what is there. False if that was nothing.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.received += bytes;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Connections to one server.
pub struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    request: Vec<u8>,
    answer_bytes: usize,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}

impl Load {
    /// Opens `count` connections and sends one request over each.
    ///
    /// Fails if the server refuses one, hangs up, or gives an answer without a length.
    pub fn connect(address: SocketAddr, protocol: Protocol, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let request = protocol.request();
        let mut connections = Vec::with_capacity(count);
        let mut answer_bytes = 0;
        for index in 0..count {
            let (stream, bytes) = first_answer(address, protocol, &request)?;
            if *(if index == 0 { &bytes } else { &answer_bytes }) != bytes {
                return Err(io::Error::other("answers differ in length"));
            }
            answer_bytes = bytes;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), both)?;
            let asked = Instant::now();
            connections.push(Connection { stream, unsent: 0, received: 0, asked });
        }
        if answer_bytes > ANSWER_BYTES_MAX {
            return Err(io::Error::other(format!("an answer has {answer_bytes} bytes")));
        }
        let (events, buffer) = (Events::with_capacity(1024), vec![0; ANSWER_BYTES_MAX]);
        Ok(Self { poll, events, connections, request, answer_bytes, buffer })
    }

    /// Sends `requests` in all, one in flight per connection, and takes every answer.
    ///
    /// Fails if the server hangs up or is silent for ten seconds.
    pub fn run(&mut self, requests: usize) -> io::Result<Told> {
        let request = self.request.clone();
        let mut times = Vec::with_capacity(requests);
        let started = Instant::now();
        let mut to_send = requests.saturating_sub(self.connections.len());
        for connection in self.connections.iter_mut().take(requests) {
            connection.ask(&request, Instant::now())?;
        }
        while times.len() < requests {
            let before = times.len();
            let any = self.take_answers(SILENCE_MAX, |_, connection| {
                let now = Instant::now();
                times.push(now - connection.asked);
                if to_send > 0 {
                    to_send -= 1;
                    connection.ask(&request, now)?;
                }
                Ok(())
            })?;
            if !any && times.len() == before {
                return Err(silent());
            }
        }
        Ok(Told::new(started, times))
    }

    /// Sends `requests` in all, `per_second` of them a second, and takes every answer. Never
    /// sleeps, so that each request leaves when it is due.
    ///
    /// Fails if the server hangs up or is silent for ten seconds.
    pub fn run_at(&mut self, requests: usize, per_second: usize) -> io::Result<Told> {
        let request = self.request.clone();
        let mut times = Vec::with_capacity(requests);
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let started = Instant::now();
        let due =
            |nth: usize| started + Duration::from_secs(1).mul_f64(nth as f64 / per_second as f64);
        let (mut asked, mut heard) = (0, started);
        while times.len() < requests {
            let now = Instant::now();
            while asked < requests && due(asked) <= now {
                let Some(index) = free.pop_front() else { break };
                self.connections[index].ask(&request, due(asked))?;
                asked += 1;
            }
            self.take_answers(Duration::ZERO, |index, connection| {
                heard = Instant::now();
                times.push(heard - connection.asked);
                free.push_back(index);
                Ok(())
            })?;
            if times.len() < asked && now.saturating_duration_since(heard) > SILENCE_MAX {
                return Err(silent());
            }
        }
        Ok(Told::new(started, times))
    }

    /// Waits for events and calls `answered` for each connection whose answer is complete. False if
    /// there were no events within `limit`.
    fn take_answers(
        &mut self,
        limit: Duration,
        mut answered: impl FnMut(usize, &mut Connection) -> io::Result<()>,
    ) -> io::Result<bool> {
        self.poll.poll(&mut self.events, Some(limit))?;
        for event in &self.events {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            connection.send(&self.request)?;
            if event.is_readable()
                && connection.receive(&mut self.buffer)?
                && connection.received == self.answer_bytes
            {
                answered(index, connection)?;
            }
        }
        Ok(!self.events.is_empty())
    }
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server has not answered for ten seconds")
}

/// A new connection after its first request, and how long the answer was.
fn first_answer(
    address: SocketAddr,
    protocol: Protocol,
    request: &[u8],
) -> io::Result<(std::net::TcpStream, usize)> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.write_all(request)?;
    let wanted = read_answer(&mut stream, protocol)?;
    Ok((stream, wanted))
}

/// Reads one answer and says how long it was.
pub(crate) fn read_answer(
    stream: &mut std::net::TcpStream,
    protocol: Protocol,
) -> io::Result<usize> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let bytes = stream.read(&mut buffer)?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..bytes]);
        if let Some(wanted) = protocol.answer_bytes(&answer)
            && answer.len() >= wanted
        {
            return Ok(wanted);
        }
    }
}

/// Opens `connections` in all, `at_once` at a time, each for one request.
///
/// Blocking calls on threads: what the generator costs does not matter, and the server sees the
/// same. Fails if the server refuses a connection or hangs up.
pub fn churn(
    address: SocketAddr,
    protocol: Protocol,
    connections: usize,
    at_once: usize,
) -> io::Result<Told> {
    let request = protocol.request();
    let started = Instant::now();
    let visits = |visitor: usize| -> io::Result<Vec<Duration>> {
        let share = (connections + visitor) / at_once; // the shares make up the whole
        let visit = || {
            let asked = Instant::now();
            first_answer(address, protocol, &request).map(|_closed| asked.elapsed())
        };
        (0..share).map(|_| visit()).collect()
    };
    let all = std::thread::scope(|scope| {
        let visitors = (0..at_once).map(|visitor| scope.spawn(move || visits(visitor)));
        let visitors: Vec<_> = visitors.collect();
        visitors.into_iter().map(|visitor| visitor.join().expect("no panic")).collect::<Vec<_>>()
    });
    let times: io::Result<Vec<Vec<Duration>>> = all.into_iter().collect();
    Ok(Told::new(started, times?.concat()))
}
