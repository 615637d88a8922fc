//! What the client needs of an executor: two small traits, and Rondel's answer to them.
//!
//! ```text
//!   Client<N> ──▶ trait Clock: now, sleep_until          (the limiters need no more)
//!             └─▶ trait Net: connect, run_blocking, spawn
//!                     ▲                        ▲
//!                 RondelNet (here)       any other executor (see the benchmarks)
//! ```
//!
//! Times are `std::time::Instant`. Under Rondel's virtual clock they are virtual as well, because
//! [`Clock::now`] is the only place where this crate reads a clock for its own decisions.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Tells the time, and waits for it.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The future of [`sleep_until`](Self::sleep_until).
    type Sleep: Future<Output = ()> + Send + Sync + 'static;

    /// The time now.
    fn now(&self) -> Instant;

    /// Waits until `at`, never less. An instant in the past is ready at the first poll.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
}

/// Opens connections and runs what has to run beside the requests.
pub trait Net: Clock {
    /// A connected byte stream.
    type Stream: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static;

    /// Connects to `to`, with `TCP_NODELAY` set. The client puts the time limit around it.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Runs `work` on a thread that may block, and waits for its answer.
    fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = io::Result<T>> + Send;

    /// Starts a task nobody waits for: one for each connection, and the pool's housekeeper.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// [`Net`] on the Rondel runtime that is running.
#[derive(Debug, Clone, Copy, Default)]
pub struct RondelNet;

impl Clock for RondelNet {
    type Sleep = rondel::time::Sleep;

    fn now(&self) -> Instant {
        rondel::time::Instant::now().into_std()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        rondel::time::sleep_until(rondel::time::Instant::from_std(at))
    }
}

impl Net for RondelNet {
    type Stream = rondel::net::TcpStream;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = rondel::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        rondel::task::spawn_blocking(work).await.map_err(io::Error::other)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(rondel::spawn(task));
    }
}
