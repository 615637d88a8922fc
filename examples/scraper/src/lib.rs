//! The HTTP scraper as a library: everything the binary `rondel-scraper` is made of.
//!
//! ```text
//!   seeds ─▶ [crawl] ─jobs─▶ N workers ─results─▶ [store]
//!                              │  ▲
//!                     [limits] │  │ [client]: pool, DNS cache, TLS, retries, redirects
//!                              ▼  │
//!                         the web, or the embedded [platform]
//! ```
//!
//! [`client`] and [`limits`] are generic over a small trait of their own
//! ([`client::Net`], [`client::Clock`]), so the very same code runs on any executor. The
//! benchmarks use that to race Rondel against tokio.

pub mod cli;
pub mod client;
pub mod crawl;
pub mod html;
pub mod limits;
pub mod pipeline;
pub mod platform;
pub mod plot;
pub mod progress;
pub mod report;
pub mod robots;
pub mod sitemap;
pub mod store;
pub mod urls;
