//! Reads a large source and works on it.

use rondel::sync::mpsc::unbounded_channel;
use rondel::task::spawn_local;

/// Works on every item of the source: `next` gives one, `work` takes its time.
pub async fn pump(next: impl AsyncFn() -> Option<u32> + 'static, work: impl AsyncFn(u32)) {
    let (tx, mut rx) = unbounded_channel();
    let reader = spawn_local(async move {
        while let Some(item) = next().await {
            tx.send(item).unwrap();
        }
    });
    while let Some(item) = rx.recv().await {
        work(item).await;
    }
    reader.await.unwrap();
}
