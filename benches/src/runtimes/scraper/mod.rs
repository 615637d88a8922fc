//! The scraper's client, on Rondel and on tokio.

mod on_rondel;
mod on_tokio;
mod tokio_net;

use super::Family;

pub(super) const FAMILY: Family = Family {
    runtimes: &[],
    servers: &[],
    clients: &[("rondel", on_rondel::scrape::run), ("tokio", on_tokio::scrape::run)],
};
