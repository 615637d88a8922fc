//! A server that takes numbers in pairs, and shows a sign of life every 100 ms.

use rondel::sync::mpsc::Receiver;
use rondel::time::{Duration, interval};

/// Calls `on_pair` with each pair and `on_beat` every 100 ms, until the sender is gone.
pub async fn serve(
    mut inbox: Receiver<u32>,
    mut on_pair: impl FnMut(u32, u32),
    mut on_beat: impl FnMut(),
) {
    let mut beat = interval(Duration::from_millis(100));
    // Half a pair waits here, and not in a future that `select!` drops.
    let mut first = None;
    loop {
        rondel::select! {
            number = inbox.recv() => match (first.take(), number) {
                (None, Some(number)) => first = Some(number),
                (Some(first), Some(second)) => on_pair(first, second),
                (_, None) => return,
            },
            _ = beat.tick() => on_beat(),
        }
    }
}
