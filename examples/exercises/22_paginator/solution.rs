//! Reads a list that a server hands out in pages.

/// One page of the list.
pub struct Page {
    pub items: Vec<u32>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<u32>,
}

/// All items. The first page begins at 0.
pub async fn read_all(fetch: impl AsyncFn(u32) -> Page) -> Vec<u32> {
    let mut all = Vec::new();
    let mut start = Some(0);
    while let Some(place) = start {
        let page = fetch(place).await;
        all.extend(page.items);
        start = page.next;
    }
    all
}
