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
        let mut texts = self.texts.borrow_mut();
        if let Some(text) = texts.get(&page) {
            return text.clone();
        }
        let text = fetch(page).await;
        texts.insert(page, text.clone());
        text
    }
}
