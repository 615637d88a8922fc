//! The client on Rondel.

#[path = "scrape.rs"]
pub mod scrape;

mod rt {
    pub(super) use crate::runtimes::rondel::rt::{run, spawn};
    pub(super) use rondel_scraper::client::RondelNet as Net;
}
