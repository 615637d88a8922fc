//! Reads a large source and works on it.

use rondel::sync::mpsc::channel;
use rondel::task::spawn_local;

/// How many items may lie between reading and working.
const ROOM: usize = 8;

/// Works on every item of the source: `next` gives one, `work` takes its time.
pub async fn pump(next: impl AsyncFn() -> Option<u32> + 'static, work: impl AsyncFn(u32)) {
    let (tx, mut rx) = channel(ROOM);
    let reader = spawn_local(async move {
        while let Some(item) = next().await {
            // Waits while the channel is full: that slows the source down.
            tx.send(item).await.unwrap();
        }
    });
    while let Some(item) = rx.recv().await {
        work(item).await;
    }
    reader.await.unwrap();
}
