//! The client on tokio.

#[path = "scrape.rs"]
pub mod scrape;

mod rt {
    pub(super) use crate::runtimes::scraper::tokio_net::TokioNet as Net;
    pub(super) use crate::runtimes::tokio::rt::{run, spawn};
}
