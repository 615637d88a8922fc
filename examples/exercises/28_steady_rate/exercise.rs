//! Lets work out at a steady rate.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, sleep};

/// Hands a job from `inbox` to `handle` every 20 ms, until the senders are gone.
pub async fn drip(mut inbox: Receiver<u32>, handle: impl AsyncFn(u32)) {
    while let Some(job) = inbox.recv().await {
        handle(job).await;
        sleep(Duration::from_millis(20)).await;
    }
}
