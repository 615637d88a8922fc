//! Handles messages, and shows a sign of life while none come.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, Instant, interval_at};

/// Hands each message to `handle`, and calls `beat` every 100 ms, until the senders are gone.
pub async fn serve(mut inbox: Receiver<u32>, handle: impl Fn(u32), beat: impl Fn()) {
    // Made once: a branch that loses a round goes on in the next one.
    let every = Duration::from_millis(100);
    let mut beats = interval_at(Instant::now() + every, every);
    loop {
        rondel::select! {
            message = inbox.recv() => match message {
                Some(message) => handle(message),
                None => return,
            },
            _ = beats.tick() => beat(),
        }
    }
}
