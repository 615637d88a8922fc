//! Beside futures-rs' `StreamExt`: the timed methods without the others.

use std::future::poll_fn;
use std::pin::Pin;

use rondel::stream::{self, Stream, TimedExt};
use rondel::time::{Instant, interval};

use super::ms;

/// As futures-rs' trait, as far as names matter.
trait StreamExt: Stream + Unpin {
    async fn next(&mut self) -> Option<Self::Item> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<S: Stream + Unpin> StreamExt for S {}

/// Goal: whoever has futures-rs' trait in scope takes our timed methods without a clash. Method:
/// both traits, and a call of each method.
#[rondel::test(start_paused = true)]
async fn the_timed_methods_come_without_the_others_too() {
    let start = Instant::now();
    let mut slow = stream::iter([1, 2]).throttle(ms(10));
    assert_eq!([slow.next().await, slow.next().await], [Some(1), Some(2)]);
    assert_eq!(start.elapsed(), ms(10));
    assert!(stream::pending::<u8>().timeout(ms(1)).next().await.unwrap().is_err());
    let mut again = stream::pending::<u8>().timeout_repeating(interval(ms(1)));
    assert!(again.next().await.unwrap().is_err());
    assert_eq!(stream::iter([1, 2]).chunks_timeout(2, ms(1)).next().await, Some(vec![1, 2]));
}
