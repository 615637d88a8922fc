//! Fetches some pages.

/// The texts of `pages`, in the order of the list.
pub async fn fetch_all(pages: &[u32], fetch: impl AsyncFn(u32) -> String) -> Vec<String> {
    let mut texts = Vec::new();
    for page in pages {
        texts.push(fetch(*page).await);
    }
    texts
}
