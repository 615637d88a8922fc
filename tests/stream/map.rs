//! `StreamMap`: streams that come and go.

use std::collections::BTreeMap;
use std::pin::Pin;

use rondel::stream::wrappers::ReceiverStream;
use rondel::stream::{self, Stream, StreamExt, StreamMap};
use rondel::sync::mpsc;
use rondel::time::timeout;

use super::{after_sleeps, ms};

/// Goal: a stream that is always ready starves nobody. Method: four of them, 4,000 items; each has
/// a thousand on average, and none less than half of that.
#[test]
fn streams_that_are_always_ready_share() {
    let runtime = rondel::Builder::new().seed(7).build().unwrap();
    runtime.block_on(async {
        let mut map: StreamMap<_, _> = (0..4).map(|key| (key, stream::repeat(()))).collect();
        let mut counts = BTreeMap::new();
        for _ in 0..4_000 {
            let (key, ()) = map.next().await.unwrap();
            *counts.entry(key).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 4);
        assert!(counts.values().all(|&count| count > 500), "{counts:?}");
    });
}

/// Goal: no stream is passed over or asked twice when others end in the same round. Method: many
/// that end at once, around one that has an item.
#[test]
fn streams_that_end_are_taken_out_and_the_others_are_asked() {
    rondel::run(async {
        for place in 0..9 {
            let mut map = StreamMap::new();
            for key in 0..9 {
                let items = if key == place { vec![key] } else { vec![] };
                map.insert(key, stream::iter(items));
            }
            assert_eq!(map.next().await, Some((place, place)));
            assert_eq!(map.next().await, None);
            assert!(map.is_empty());
            map.insert(1, stream::iter(vec![1]));
            assert_eq!(map.next().await, Some((1, 1)), "it goes on if one is put in");
        }
    });
}

/// Goal: the map waits for all that are in it. Method: two that sleep, with their moments.
#[rondel::test(start_paused = true)]
async fn items_come_as_they_are_ready() {
    type Boxed = Pin<Box<dyn Stream<Item = u8> + Send>>;
    let mut map: StreamMap<&str, Boxed> = StreamMap::new();
    map.insert("slow", Box::pin(after_sleeps([(20, 1), (20, 2)])));
    map.insert("fast", Box::pin(after_sleeps([(15, 1), (15, 2)])));
    let items: Vec<_> = map.collect().await;
    assert_eq!(items, [("fast", 1), ("slow", 1), ("fast", 2), ("slow", 2)]);
}

/// Goal: a key that is put in again gives the old stream back, one that is taken out is heard no
/// more. Method: channels.
#[rondel::test(start_paused = true)]
async fn streams_are_replaced_and_removed_by_key() {
    let (old, old_rx) = mpsc::channel(4);
    let (new, new_rx) = mpsc::channel(4);
    let mut map = StreamMap::with_capacity(2);
    assert!(map.insert("a".to_owned(), ReceiverStream::new(old_rx)).is_none());
    assert!(map.insert("a".to_owned(), ReceiverStream::new(new_rx)).is_some());
    assert!(old.is_closed(), "the one that came back was dropped here");
    assert!(map.contains_key("a") && map.len() == 1);
    new.send(1).await.unwrap();
    assert_eq!(map.next().await, Some(("a".to_owned(), 1)));
    new.send(2).await.unwrap();
    let mut taken = map.remove("a").unwrap();
    assert_eq!(map.remove("a").map(drop), None);
    assert_eq!(map.next().await, None);
    assert_eq!(taken.next().await, Some(2), "what was not handed out is still in it");
}

/// Goal: many at once, what is there and no more. Method: three in one channel.
#[rondel::test(start_paused = true)]
async fn next_many_takes_what_is_there() {
    let (tx, rx) = mpsc::channel(4);
    let mut map: StreamMap<_, _> = [("a", ReceiverStream::new(rx))].into_iter().collect();
    for number in 1..=3 {
        tx.send(number).await.unwrap();
    }
    let mut items = Vec::new();
    assert_eq!(map.next_many(&mut items, 2).await, 2);
    assert_eq!(map.next_many(&mut items, 9).await, 1);
    assert_eq!(items, [("a", 1), ("a", 2), ("a", 3)]);
    assert_eq!(map.next_many(&mut items, 0).await, 0);
    assert!(timeout(ms(1), map.next_many(&mut items, 1)).await.is_err());
    drop(tx);
    assert_eq!(map.next_many(&mut items, 9).await, 0);
}

/// Goal: the map says how many items there can be. Method: the hints of two iterators.
#[test]
fn the_size_hint_is_the_sum() {
    let map: StreamMap<_, _> =
        [(1, stream::iter(0..3)), (2, stream::iter(0..4))].into_iter().collect();
    assert_eq!(map.size_hint(), (7, Some(7)));
}
