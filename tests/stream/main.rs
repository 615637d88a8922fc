//! Streams: what comes one after the other. In virtual time where time matters, so that the moments
//! are exact.

mod adapters;
mod beside;
mod generate;
mod map;
mod paginate;
mod safety;
mod timed;
mod wrappers;

use rondel::stream::{Stream, generate};
use rondel::time::{Duration, sleep};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Sleeps so many milliseconds before each item.
fn after_sleeps<T>(items: impl IntoIterator<Item = (u64, T)>) -> impl Stream<Item = T> {
    let items: Vec<_> = items.into_iter().collect();
    generate(|y| async move {
        for (pause, item) in items {
            sleep(ms(pause)).await;
            y.emit(item).await;
        }
    })
}
