//! What the scraper's client needs of an executor, answered by tokio.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hyper_util::rt::TokioIo;
use rondel_scraper::client::{Clock, Net};

/// The client's [`Net`] on the tokio runtime that is running.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioNet;

impl Clock for TokioNet {
    type Sleep = tokio::time::Sleep;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        tokio::time::sleep_until(at.into())
    }
}

impl Net for TokioNet {
    type Stream = TokioIo<tokio::net::TcpStream>;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(stream))
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }
}
