//! Streams and the clock: throttle, timeout, timeout_repeating, chunks_timeout.

use std::pin::pin;

use rondel::stream::{self, StreamExt};
use rondel::time::{Duration, Instant, interval, interval_at, sleep};

use super::{after_sleeps, ms};

/// Goal: at least so long from one item to the next, the first at once. Method: a stream that is
/// always ready, and one that is slower than the throttle.
#[rondel::test(start_paused = true)]
async fn a_throttle_keeps_items_apart_and_delays_no_slow_one() {
    let start = Instant::now();
    let mut fast = pin!(stream::iter(0..3).throttle(ms(10)));
    for expected in [0, 10, 20] {
        assert!(fast.next().await.is_some());
        assert_eq!(start.elapsed(), ms(expected));
    }
    assert_eq!(fast.next().await, None);
    assert_eq!(start.elapsed(), ms(30), "the end stands in line like an item, as in tokio-stream");

    let start = Instant::now();
    let mut slow = pin!(after_sleeps([(15, 'a'), (15, 'b')]).throttle(ms(10)));
    assert_eq!(slow.next().await, Some('a'));
    assert_eq!(start.elapsed(), ms(15));
    assert_eq!(slow.next().await, Some('b'));
    assert_eq!(start.elapsed(), ms(40), "the stream is asked when the rest is over, not before");
}

/// Goal: a throttle of zero is none. Method: no time passes.
#[rondel::test(start_paused = true)]
async fn a_throttle_of_zero_does_nothing() {
    let start = Instant::now();
    let items: Vec<_> = stream::iter(0..100).throttle(Duration::ZERO).collect().await;
    assert_eq!((items.len(), start.elapsed()), (100, Duration::ZERO));
}

/// Goal: one error for each silence, and the stream goes on. Method: silences of 5, 25 and 5 under
/// a limit of 10.
#[rondel::test(start_paused = true)]
async fn a_timeout_tells_of_each_silence_once() {
    let start = Instant::now();
    let mut items = pin!(after_sleeps([(5, 'a'), (25, 'b'), (5, 'c')]).timeout(ms(10)));
    let mut seen = Vec::new();
    while let Some(item) = items.next().await {
        seen.push((start.elapsed().as_millis(), item.ok()));
    }
    let expected = [(5, Some('a')), (15, None), (30, Some('b')), (35, Some('c'))];
    assert_eq!(seen, expected);
}

/// Goal: an item that is there beats a limit that has passed. Method: the consumer comes late.
#[rondel::test(start_paused = true)]
async fn a_timeout_asks_the_stream_first() {
    let mut items = pin!(stream::iter(['a', 'b']).timeout(ms(10)));
    sleep(ms(100)).await;
    assert_eq!(items.next().await, Some(Ok('a')));
    sleep(ms(100)).await;
    assert_eq!(items.next().await, Some(Ok('b')));
    assert_eq!(items.next().await, None);
}

/// Goal: a stream that spends the budget of each poll and has no item does not outlive its limit.
/// Method: an endless ready stream of which a filter lets nothing through.
#[test]
fn a_timeout_holds_against_a_stream_that_is_never_pending() {
    rondel::run(async {
        let mut nothing = pin!(stream::repeat(0).filter(|&n| n > 0).timeout(ms(5)));
        assert!(nothing.next().await.unwrap().is_err());
    });
}

/// Goal: an error a period while the silence lasts, counted from the last item. Method: silences
/// of 35 and 5 under periods of 10.
#[rondel::test(start_paused = true)]
async fn a_repeating_timeout_tells_of_a_silence_again_and_again() {
    let start = Instant::now();
    let ticks = interval_at(start + ms(10), ms(10));
    let mut items = pin!(after_sleeps([(35, 'a'), (5, 'b')]).timeout_repeating(ticks));
    let mut seen = Vec::new();
    while let Some(item) = items.next().await {
        seen.push((start.elapsed().as_millis(), item.ok()));
    }
    assert_eq!(seen, [(10, None), (20, None), (30, None), (35, Some('a')), (40, Some('b'))]);

    let mut at_once = stream::pending::<u8>().timeout_repeating(interval(ms(10)));
    let start = Instant::now();
    assert!(at_once.next().await.unwrap().is_err());
    assert_eq!(start.elapsed(), ms(0), "an interval's first tick is now");
}

/// Goal: a chunk is handed out when it is full, when its first item is old, and at the end. Method:
/// one of each, with their moments.
#[rondel::test(start_paused = true)]
async fn chunks_come_full_or_in_time_or_at_the_end() {
    let start = Instant::now();
    let slow = after_sleeps([(0, 1), (1, 2), (1, 3), (20, 4), (4, 5), (4, 6), (10, 7)]);
    let mut chunks = pin!(slow.chunks_timeout(3, ms(7)));
    let mut seen = Vec::new();
    while let Some(chunk) = chunks.next().await {
        seen.push((start.elapsed().as_millis(), chunk));
    }
    let expected = [(2, vec![1, 2, 3]), (29, vec![4, 5]), (37, vec![6]), (40, vec![7])];
    assert_eq!(seen, expected);
}

/// Goal: nothing is no chunk. Method: empty streams, and one that is silent for long.
#[rondel::test(start_paused = true)]
async fn there_is_no_empty_chunk() {
    let mut none = pin!(stream::empty::<u8>().chunks_timeout(3, ms(1)));
    assert_eq!(none.next().await, None);
    let mut late = pin!(after_sleeps([(1_000, 'x')]).chunks_timeout(3, ms(1)));
    assert_eq!(late.next().await, Some(vec!['x']));
    assert_eq!(late.next().await, None);
}

#[test]
#[should_panic(expected = "max_size = 0")]
fn chunks_of_nothing_are_refused() {
    drop(stream::iter([1]).chunks_timeout(0, ms(1)));
}

/// Goal: a clear word where there is no loop. Method: a timeout on a thread of its own.
#[test]
fn a_timeout_outside_a_runtime_says_so() {
    let thread = std::thread::spawn(|| drop(stream::iter([1]).timeout(ms(1))));
    let panic = thread.join().unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    assert!(text.unwrap().contains("rondel"), "it says how to enter a loop");
}
