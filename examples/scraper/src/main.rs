//! The HTTP scraper.
fn main() {}
