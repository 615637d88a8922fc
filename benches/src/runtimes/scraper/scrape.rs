//! The scraper's client at work, compiled once per runtime: `rt` is that runtime's facade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rondel_scraper::client::{Client, ClientConfig};
use url::Url;

use super::rt;

/// Fetches `pages` pages from the server with `workers` tasks; returns the bytes of all bodies.
///
/// Panics if a page cannot be fetched.
pub fn run(server: SocketAddr, workers: usize, pages: usize) -> usize {
    rt::run(async move {
        let config = ClientConfig {
            connections: workers,
            connections_per_host: workers,
            attempts: 1,
            ..ClientConfig::default()
        };
        let client = Arc::new(Client::new(rt::Net, config));
        let next = Arc::new(AtomicUsize::new(0));
        let workers = (0..workers).map(|_| {
            let (client, next) = (client.clone(), next.clone());
            rt::spawn(async move {
                let mut bytes = 0;
                loop {
                    // Relaxed: only that each page is taken once matters.
                    let page = next.fetch_add(1, Ordering::Relaxed);
                    if page >= pages {
                        return bytes;
                    }
                    let url = format!("http://{server}/page/{page}");
                    let url = Url::parse(&url).expect("a URL of our own");
                    bytes += client.fetch(&url).await.expect("our own server").body.len();
                }
            })
        });
        let mut bytes = 0;
        for worker in workers.collect::<Vec<_>>() {
            bytes += worker.await.expect("no worker panics");
        }
        bytes
    })
}
