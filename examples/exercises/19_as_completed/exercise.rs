//! Shows progress while some downloads run.

/// Runs all `downloads`, and calls `done` with the size of each as soon as it has ended.
pub async fn download_all(downloads: Vec<impl Future<Output = u32>>, done: impl Fn(u32)) {
    let sizes = rondel::combine::gather(downloads).await;
    for size in sizes {
        done(size);
    }
}
