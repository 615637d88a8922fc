//! Lets work out at a steady rate.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, MissedTickBehavior, interval};

/// Hands a job from `inbox` to `handle` every 20 ms, until the senders are gone.
pub async fn drip(mut inbox: Receiver<u32>, handle: impl AsyncFn(u32)) {
    // Ticks stand on a grid; the time that the work takes is within, and not on top.
    let mut beat = interval(Duration::from_millis(20));
    // After a rest no ticks are made up for: that would be a burst.
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(job) = inbox.recv().await {
        beat.tick().await;
        handle(job).await;
    }
}
