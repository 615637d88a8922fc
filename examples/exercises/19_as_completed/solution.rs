//! Shows progress while some downloads run.

use rondel::combine::as_completed;

/// Runs all `downloads`, and calls `done` with the size of each as soon as it has ended.
pub async fn download_all(downloads: Vec<impl Future<Output = u32>>, done: impl Fn(u32)) {
    let mut ended = as_completed(downloads);
    while let Some(size) = ended.next().await {
        done(size);
    }
}
