//! Loads the parts of a page.

use rondel::task::spawn_local;

/// All parts in their order, or the first error.
pub async fn load<F>(parts: Vec<F>) -> Result<Vec<String>, String>
where
    F: Future<Output = Result<String, String>> + 'static,
{
    let tasks: Vec<_> = parts.into_iter().map(spawn_local).collect();
    let mut texts = Vec::new();
    for task in tasks {
        texts.push(task.await.unwrap()?);
    }
    Ok(texts)
}
