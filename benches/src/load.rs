//! The load generator: a bare epoll loop, so that it is the same for every server.
//!
//! Every connection has one request in flight; an answer is known by its length. The generator is
//! a process of its own on a CPU of its own, told what to do line by line on its standard input.

use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// What goes over the wire.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// 64 bytes that come back.
    Echo,
    /// A GET on a kept-alive connection.
    Http,
}

impl Protocol {
    pub(crate) fn request(self) -> &'static [u8] {
        match self {
            Self::Echo => &[b'e'; 64],
            Self::Http => b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
        }
    }

    /// How long the answer that begins with `start` is, once that can be told.
    fn answer_bytes(self, start: &[u8]) -> Option<usize> {
        match self {
            Self::Echo => Some(64),
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

struct Connection {
    stream: TcpStream,
    received: usize,
}

/// Connections to one server.
pub struct Load {
    protocol: Protocol,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    answer_bytes: usize,
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
        let mut connections = Vec::with_capacity(count);
        let mut answer_bytes = 0;
        for index in 0..count {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.write_all(protocol.request())?;
            let bytes = read_answer(&mut stream, protocol)?;
            if *(if index == 0 { &bytes } else { &answer_bytes }) != bytes {
                return Err(io::Error::other("answers differ in length"));
            }
            answer_bytes = bytes;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            connections.push(Connection { stream, received: 0 });
        }
        Ok(Self { protocol, poll, events: Events::with_capacity(1024), connections, answer_bytes })
    }

    /// Sends `requests` in all, one in flight per connection, and takes every answer.
    ///
    /// Returns the wall time it took. Fails if the server hangs up or is silent for ten seconds.
    pub fn run(&mut self, requests: usize) -> io::Result<Duration> {
        let started = Instant::now();
        let request = self.protocol.request();
        let mut to_send = requests;
        let mut to_receive = requests;
        for connection in self.connections.iter_mut().take(requests) {
            connection.stream.write_all(request)?;
            to_send -= 1;
        }
        let mut buffer = [0; 16 * 1024];
        while to_receive > 0 {
            self.poll.poll(&mut self.events, Some(Duration::from_secs(10)))?;
            if self.events.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer for ten seconds"));
            }
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                connection.received += match connection.stream.read(&mut buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error),
                };
                if connection.received < self.answer_bytes {
                    continue;
                }
                connection.received = 0;
                to_receive -= 1;
                if to_send > 0 {
                    connection.stream.write_all(request)?;
                    to_send -= 1;
                }
            }
        }
        Ok(started.elapsed())
    }
}

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

/// The generator's life as a process: connects, says `ready`, then for each line with a number
/// sends so many requests and answers with the wall nanoseconds it took; ends with its input.
pub fn obey(address: SocketAddr, protocol: Protocol, connections: usize) -> io::Result<()> {
    let mut load = Load::connect(address, protocol, connections)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let requests = line?.trim().parse().map_err(io::Error::other)?;
        println!("{}", load.run(requests)?.as_nanos());
    }
    Ok(())
}
