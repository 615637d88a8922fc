//! Fetches some pages.

use rondel::combine::gather;

/// The texts of `pages`, in the order of the list.
pub async fn fetch_all(pages: &[u32], fetch: impl AsyncFn(u32) -> String) -> Vec<String> {
    gather(pages.iter().map(|page| fetch(*page))).await
}
