//! Adapters and ends, in tokio-stream's semantics.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;

use rondel::stream::{self, Stream, StreamExt, iter};
use rondel::testing::Diary;
use rondel::time::{Instant, sleep};

use super::{after_sleeps, ms};

/// Goal: each adapter gives what its name says. Method: one line each.
#[rondel::test(start_paused = true)]
async fn adapters_do_as_on_iterators() {
    async fn all<S: Stream>(stream: S) -> Vec<S::Item> {
        stream.collect().await
    }
    assert_eq!(all(iter(1..=3).map(|n| n * 2)).await, [2, 4, 6]);
    assert_eq!(all(iter(1..=4).filter(|n| n % 2 == 0)).await, [2, 4]);
    assert_eq!(all(iter(["1", "x", "2"]).filter_map(|s| s.parse::<u8>().ok())).await, [1, 2]);
    assert_eq!(all(iter(["1", "x", "2"]).map_while(|s| s.parse::<u8>().ok())).await, [1]);
    assert_eq!(all(iter(1..=3).then(|n| async move { n + 1 })).await, [2, 3, 4]);
    assert_eq!(all(iter(1..).take(2)).await, [1, 2]);
    assert_eq!(all(iter(1..).take_while(|&n| n < 3)).await, [1, 2]);
    assert_eq!(all(iter(1..=4).skip(2)).await, [3, 4]);
    assert_eq!(all(iter([1, 5, 2]).skip_while(|&n| n < 3)).await, [5, 2]);
    assert_eq!(all(iter([1]).chain(stream::once(2)).chain(stream::empty())).await, [1, 2]);
    assert_eq!(all(iter("ab".chars()).enumerate()).await, [(0, 'a'), (1, 'b')]);
    assert_eq!(all(iter(1..).zip(iter("ab".chars()))).await, [(1, 'a'), (2, 'b')]);
    assert_eq!(all(stream::repeat(0).take(2)).await, [0, 0]);
    assert_eq!(iter(1..=4).fold(1, |product, n| product * n).await, 24);
    assert!(iter(1..=4).all(|n| n < 5).await && !iter(1..).all(|n| n < 5).await);
    assert!(iter(1..).any(|n| n > 5).await && !iter(1..=4).any(|n| n > 5).await);
}

/// Goal: all that tokio-stream collects into, and sets and maps. Method: one line each.
#[rondel::test(start_paused = true)]
async fn streams_are_collected_into_what_the_caller_names() {
    let pairs = [(1, 'a'), (2, 'b')];
    assert_eq!(iter([1, 2]).collect::<Box<[_]>>().await[..], [1, 2]);
    assert_eq!(iter(["a", "b"]).collect::<String>().await, "ab");
    assert_eq!(iter(["a".to_owned()]).collect::<String>().await, "a");
    assert_eq!(iter([2, 1, 2]).collect::<BTreeSet<_>>().await, BTreeSet::from([1, 2]));
    assert_eq!(iter(pairs).collect::<HashMap<_, _>>().await, HashMap::from(pairs));
    assert_eq!(iter(pairs).collect::<BTreeMap<_, _>>().await, BTreeMap::from(pairs));
    iter([(), ()]).collect::<()>().await;
    assert_eq!(iter([Ok(1), Ok::<_, ()>(2)]).collect::<Result<Vec<_>, _>>().await, Ok(vec![1, 2]));
    let asked = Cell::new(0);
    let results = iter([Ok(1), Err("no"), Ok(2)]).map(|item| {
        asked.set(asked.get() + 1);
        item
    });
    assert_eq!(results.collect::<Result<Vec<_>, _>>().await, Err("no"));
    assert_eq!(asked.get(), 2, "the first error ends it");
}

/// Goal: hints say the truth. Method: adapters of known streams.
#[test]
fn size_hints_follow_the_adapters() {
    let five = || iter(0..5);
    assert_eq!(five().map(|n| n).size_hint(), (5, Some(5)));
    assert_eq!(five().filter(|_| true).size_hint(), (0, Some(5)));
    assert_eq!(five().take(3).size_hint(), (3, Some(3)));
    assert_eq!(five().skip(3).size_hint(), (2, Some(2)));
    assert_eq!(five().chain(five()).size_hint(), (10, Some(10)));
    assert_eq!(five().merge(five()).size_hint(), (10, Some(10)));
    assert_eq!(five().zip(iter(0..3)).size_hint(), (3, Some(3)));
    assert_eq!(five().then(|n| async move { n }).size_hint(), (5, Some(5)));
    assert_eq!(stream::repeat(1).take(2).size_hint(), (2, Some(2)));
    assert_eq!(stream::repeat(1).skip_while(|_| false).size_hint(), (0, None));
}

/// Goal: `merge` favours nobody, and waits for both. Method: two that are ready, two that sleep.
#[rondel::test(start_paused = true)]
async fn merge_takes_turns() {
    let both: Vec<_> = iter([1, 1, 1]).merge(iter([2, 2])).collect().await;
    assert_eq!(both, [1, 2, 1, 2, 1]);
    let a = after_sleeps([(10, 'a'), (20, 'c')]);
    let both: String = a.merge(after_sleeps([(20, 'b'), (20, 'd')])).collect().await;
    assert_eq!(both, "abcd");
}

/// Goal: what has ended is not asked again, and `fuse` drops it. Method: a stream that would go on.
#[rondel::test(start_paused = true)]
async fn the_end_is_the_end() {
    let diary = Diary::new();
    let held = diary.on_drop("gone");
    let mut fused = iter([1]).map(move |n| (&held, n).1).fuse();
    assert_eq!(fused.next().await, Some(1));
    assert!(diary.pages().is_empty());
    assert_eq!(fused.next().await, None);
    assert_eq!(diary.pages(), ["gone"]);
    assert_eq!(fused.next().await, None);
    let mut some = iter([1, 9, 1]).take_while(|&n| n < 5);
    assert_eq!((some.next().await, some.next().await, some.next().await), (Some(1), None, None));
}

/// Goal: a look ahead takes nothing. Method: look twice, then take; look at the end.
#[rondel::test(start_paused = true)]
async fn peek_shows_and_leaves() {
    let mut numbers = iter([1, 2]).peekable();
    assert_eq!(numbers.peek().await, Some(&1));
    assert_eq!(numbers.peek().await, Some(&1));
    assert_eq!(numbers.size_hint(), (2, Some(2)));
    assert_eq!(numbers.next().await, Some(1));
    assert_eq!(numbers.next().await, Some(2));
    assert_eq!(numbers.peek().await, None);
}

/// Goal: n at a time, in their order or in that of their ends. Method: sleeps of 30, 10, 10, and
/// the moments.
#[rondel::test(start_paused = true)]
async fn buffers_run_n_at_a_time() {
    let running = Cell::new(0);
    let work = |(pause, name)| {
        let running = &running;
        async move {
            running.set(running.get() + 1);
            assert!(running.get() <= 2);
            sleep(ms(pause)).await;
            running.set(running.get() - 1);
            name
        }
    };
    let list = [(30, 'a'), (10, 'b'), (10, 'c'), (10, 'd')];
    let start = Instant::now();
    assert_eq!(iter(list).map(work).buffered(2).collect::<String>().await, "abcd");
    assert_eq!(start.elapsed(), ms(40), "c and d start when a is fetched, and b after it");
    let start = Instant::now();
    assert_eq!(iter(list).map(work).buffer_unordered(2).collect::<String>().await, "bcad");
    assert_eq!(start.elapsed(), ms(30));
}

/// Goal: the stream of futures is waited for too. Method: it sleeps before each, while a room is
/// vacant.
#[rondel::test(start_paused = true)]
async fn buffers_wait_for_the_stream_and_for_the_futures() {
    let start = Instant::now();
    let slow = |name| async move {
        sleep(ms(15)).await;
        name
    };
    let source = || after_sleeps([(10, 'a'), (10, 'b'), (10, 'c')]);
    assert_eq!(source().map(slow).buffered(9).collect::<String>().await, "abc");
    assert_eq!(start.elapsed(), ms(45));
    assert_eq!(source().map(slow).buffer_unordered(9).collect::<String>().await, "abc");
}

/// Goal: dropping a buffer drops what is in flight. Method: a diary.
#[rondel::test(start_paused = true)]
async fn a_dropped_buffer_drops_what_is_in_flight() {
    let diary = Diary::new();
    let jobs = iter(0..9).map(|number| {
        let guard = diary.on_drop(format!("{number} gone"));
        async move {
            let _guard = guard;
            sleep(ms(10 * number)).await;
        }
    });
    {
        let mut jobs = pin!(jobs.buffered(2));
        jobs.next().await;
    }
    assert_eq!(diary.pages(), ["0 gone", "1 gone"]);
}

#[test]
#[should_panic(expected = "n = 0")]
fn a_buffer_of_none_is_refused() {
    drop(iter([async {}]).buffered(0));
}

/// Goal: an endless stream that is always ready lets others run. Method: another task ends it.
#[test]
fn an_endless_iterator_gives_way() {
    rondel::run(async {
        let other = rondel::spawn(async {});
        let mut ones = stream::repeat_with(|| 1);
        while !other.is_finished() {
            ones.next().await;
        }
    });
}
