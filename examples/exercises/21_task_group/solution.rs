//! Loads the parts of a page.

use rondel::task::{AbortHandle, spawn_local};

/// Aborts the tasks that are left, however the function ends that started them.
struct Together(Vec<AbortHandle>);

impl Drop for Together {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// All parts in their order, or the first error.
pub async fn load<F>(parts: Vec<F>) -> Result<Vec<String>, String>
where
    F: Future<Output = Result<String, String>> + 'static,
{
    let tasks: Vec<_> = parts.into_iter().map(spawn_local).collect();
    let _together = Together(tasks.iter().map(|task| task.abort_handle()).collect());
    // Polls all handles, and ends with the first error, whichever task has it.
    let loaded = tasks.into_iter().map(async |task| task.await.unwrap());
    rondel::combine::try_gather(loaded).await
}
