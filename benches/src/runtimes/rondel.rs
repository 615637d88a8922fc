//! Rondel, local flavour: one thread.

#[path = "../bodies.rs"]
pub mod bodies;
#[path = "../scrape.rs"]
pub mod scrape;
#[path = "../serve.rs"]
pub mod serve;

mod rt {
    pub(super) use ::rondel::combine::gather;
    pub(super) use ::rondel::io::{AsyncReadExt, AsyncWriteExt};
    pub(super) use ::rondel::net::{TcpListener, TcpStream};
    pub(super) use ::rondel::sync::{Mutex, Semaphore, broadcast, mpsc, oneshot, watch};
    pub(super) use ::rondel::task::coop::unconstrained;
    pub(super) use ::rondel::task::{JoinSet, spawn_blocking, yield_now};
    pub(super) use ::rondel::time::{Instant, Sleep, sleep, sleep_until, timeout};
    pub(super) use ::rondel::{run, select, spawn};
    pub(super) use rondel_scraper::client::RondelNet as Net;

    /// A stream as hyper wants it: it is one already.
    pub(super) fn hyper_io(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        stream
    }
}
