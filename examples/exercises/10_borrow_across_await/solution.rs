//! A cache in front of a slow source.

use std::cell::RefCell;
use std::collections::HashMap;

/// What was fetched so far.
#[derive(Default)]
pub struct Cache {
    texts: RefCell<HashMap<u32, String>>,
}

impl Cache {
    /// The text of `page`: from the cache, or by `fetch`, and then it is in the cache.
    pub async fn get(&self, page: u32, fetch: impl AsyncFn(u32) -> String) -> String {
        // Each borrow ends in its own line, before the await.
        if let Some(text) = self.texts.borrow().get(&page).cloned() {
            return text;
        }
        let text = fetch(page).await;
        self.texts.borrow_mut().insert(page, text.clone());
        text
    }
}
