//! A server that takes numbers in pairs, and shows a sign of life every 100 ms.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, interval};

/// The next two numbers; `None` when the sender is gone.
async fn next_pair(inbox: &mut Receiver<u32>) -> Option<(u32, u32)> {
    let first = inbox.recv().await?;
    let second = inbox.recv().await?;
    Some((first, second))
}

/// Calls `on_pair` with each pair and `on_beat` every 100 ms, until the sender is gone.
pub async fn serve(
    mut inbox: Receiver<u32>,
    mut on_pair: impl FnMut(u32, u32),
    mut on_beat: impl FnMut(),
) {
    let mut beat = interval(Duration::from_millis(100));
    loop {
        rondel::select! {
            pair = next_pair(&mut inbox) => match pair {
                Some((first, second)) => on_pair(first, second),
                None => return,
            },
            _ = beat.tick() => on_beat(),
        }
    }
}
