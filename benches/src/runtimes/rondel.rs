//! Rondel, local flavour: one thread.

#[path = "../bodies/mod.rs"]
pub mod bodies;
#[path = "../scrape.rs"]
pub mod scrape;
#[path = "../serve.rs"]
pub mod serve;

pub(super) mod rt {
    pub(in crate::runtimes) use ::rondel::combine::gather;
    pub(in crate::runtimes) use ::rondel::io::{AsyncReadExt, AsyncWriteExt};
    pub(in crate::runtimes) use ::rondel::net::{TcpListener, TcpStream};
    pub(in crate::runtimes) use ::rondel::sync::{
        Mutex, Semaphore, broadcast, mpsc, oneshot, watch,
    };
    pub(in crate::runtimes) use ::rondel::task::coop::unconstrained;
    pub(in crate::runtimes) use ::rondel::task::{JoinSet, spawn_blocking, yield_now};
    pub(in crate::runtimes) use ::rondel::time::{Instant, Sleep, sleep, sleep_until, timeout};
    pub(in crate::runtimes) use ::rondel::{run, select, spawn};
    pub(in crate::runtimes) use rondel_scraper::client::RondelNet as Net;

    /// A stream as hyper wants it: it is one already.
    pub(in crate::runtimes) fn hyper_io(
        stream: TcpStream,
    ) -> impl hyper::rt::Read + hyper::rt::Write + Unpin {
        stream
    }
}
