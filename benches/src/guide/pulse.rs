//! A load with a window: many connections, of which so many have a request in flight.
//!
//! The guide's 10,000 connections with a p99 of half a millisecond can only be such a load: with a
//! request in flight on each of 10,000 connections, and 100,000 answers a second, every answer
//! takes 100 ms (Little's law). So both are measured: all in flight, and a window of 64.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::load::{Protocol, read_answer};

/// Connections that are opened before the first of them is answered: fewer than any listener's
/// backlog.
const AT_ONCE: usize = 64;

struct Connection {
    stream: TcpStream,
    received: usize,
    sent: Option<Instant>,
}

/// Connections to one server.
pub struct Pulse {
    protocol: Protocol,
    poll: Poll,
    connections: Vec<Connection>,
    answer_bytes: usize,
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers taken.
    pub answers: usize,
    /// From the first request to the last answer.
    pub wall: Duration,
    /// From request to answer, sorted.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    /// The latency that so many percent do not exceed; zero of none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }
}

impl Pulse {
    /// Opens `count` connections and sends one request over each.
    ///
    /// Fails if the server refuses one, hangs up, or gives an answer without a length.
    pub fn connect(address: SocketAddr, protocol: Protocol, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut pulse = Self { protocol, poll, connections: Vec::new(), answer_bytes: 0 };
        while pulse.connections.len() < count {
            pulse.open(address, (count - pulse.connections.len()).min(AT_ONCE))?;
        }
        Ok(pulse)
    }

    /// Opens so many connections, then asks over each, then takes the answers: a round trip each
    /// would wait for the scheduler 10,000 times on a busy machine.
    fn open(&mut self, address: SocketAddr, count: usize) -> io::Result<()> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(&self.protocol.request())?;
            streams.push(stream);
        }
        for mut stream in streams {
            self.answer_bytes = read_answer(&mut stream, self.protocol)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(self.connections.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.connections.push(Connection { stream, received: 0, sent: None });
        }
        Ok(())
    }

    /// Keeps `window` requests in flight for `time`, on the connections in turn, and takes all
    /// answers. Fails if the server hangs up or is silent for ten seconds.
    pub fn run(&mut self, window: usize, time: Duration) -> io::Result<Outcome> {
        let started = Instant::now();
        let mut events = Events::with_capacity(1024);
        let mut idle: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut outcome = Outcome::default();
        let mut in_flight = 0;
        for _ in 0..window.min(self.connections.len()) {
            in_flight += self.send(&mut idle)?;
        }
        while in_flight > 0 {
            self.poll.poll(&mut events, Some(Duration::from_secs(10)))?;
            if events.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer for ten seconds"));
            }
            for event in &events {
                let Token(number) = event.token();
                let Some(latency) = self.receive(number)? else { continue };
                outcome.latencies.push(latency);
                in_flight -= 1;
                idle.push_back(number);
                if started.elapsed() < time {
                    in_flight += self.send(&mut idle)?;
                }
            }
        }
        outcome.wall = started.elapsed();
        outcome.answers = outcome.latencies.len();
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }

    /// Sends over the connection that has been idle longest. Returns how many requests that made.
    fn send(&mut self, idle: &mut VecDeque<usize>) -> io::Result<usize> {
        let Some(number) = idle.pop_front() else { return Ok(0) };
        let connection = &mut self.connections[number];
        connection.sent = Some(Instant::now());
        connection.stream.write_all(&self.protocol.request())?;
        Ok(1)
    }

    /// Reads what has come; the latency if the answer is complete.
    fn receive(&mut self, number: usize) -> io::Result<Option<Duration>> {
        let connection = &mut self.connections[number];
        let mut buffer = [0; 4096];
        connection.received += match connection.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if connection.received < self.answer_bytes {
            return Ok(None);
        }
        connection.received = 0;
        Ok(connection.sent.take().map(|sent| sent.elapsed()))
    }
}

/// The load's life as a process: connects, says `ready`, then for each line `WINDOW MILLISECONDS`
/// answers with requests, wall, median and p99, the times in nanoseconds; ends with its input.
pub fn obey(address: &str, protocol: Protocol, connections: usize) -> io::Result<()> {
    let address = address.parse().map_err(io::Error::other)?;
    let mut pulse = Pulse::connect(address, protocol, connections)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut numbers = line.split_whitespace().map(str::parse);
        let (Some(Ok(window)), Some(Ok(millis))) = (numbers.next(), numbers.next()) else {
            return Err(io::Error::other(format!("`{line}` is not a window and a time")));
        };
        let outcome = pulse.run(window, Duration::from_millis(millis as u64))?;
        println!(
            "{} {} {} {}",
            outcome.answers,
            outcome.wall.as_nanos(),
            outcome.percentile(50).as_nanos(),
            outcome.percentile(99).as_nanos()
        );
    }
    Ok(())
}
