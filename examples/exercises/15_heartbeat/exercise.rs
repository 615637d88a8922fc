//! Handles messages, and shows a sign of life while none come.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, sleep};

/// Hands each message to `handle`, and calls `beat` every 100 ms, until the senders are gone.
pub async fn serve(mut inbox: Receiver<u32>, handle: impl Fn(u32), beat: impl Fn()) {
    loop {
        rondel::select! {
            message = inbox.recv() => match message {
                Some(message) => handle(message),
                None => return,
            },
            () = sleep(Duration::from_millis(100)) => beat(),
        }
    }
}
