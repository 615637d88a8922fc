//! Cancel-safety: a `next` is dropped at each of its awaits, and no item is lost.

use std::pin::Pin;
use std::task::Poll;

use rondel::stream::wrappers::{BroadcastStream, ReceiverStream, WatchStream};
use rondel::stream::{Stream, StreamExt, StreamMap, generate};
use rondel::sync::{broadcast, mpsc, watch};
use rondel::testing::{cancel, task};

const ITEMS: usize = 3;

type Numbers = Pin<Box<dyn Stream<Item = usize>>>;

fn what_is_there<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    let mut stream = task::spawn(stream);
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = stream.poll_next() {
        items.push(item);
    }
    items
}

/// Drops `next` at each await, while a channel feeds what `wrap` makes of it.
#[track_caller]
fn loses_nothing(wrap: impl Fn(ReceiverStream<usize>) -> Numbers) {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel(ITEMS + 1);
            ((wrap(ReceiverStream::new(rx)), Vec::new()), tx)
        },
        async |(stream, got)| {
            while got.len() < ITEMS {
                got.extend(stream.next().await);
            }
        },
        |tx, nth| tx.try_send(nth).unwrap(),
        |(stream, got), _, cut| {
            got.extend(what_is_there(stream));
            assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost: {got:?}");
        },
    );
    assert_eq!(awaits, ITEMS);
}

#[test]
fn next_of_a_receiver_stream() {
    loses_nothing(|rx| Box::pin(rx));
}

#[test]
fn next_of_adapters() {
    loses_nothing(|rx| Box::pin(rx.map(|n| n * 2).filter(|n| n % 2 == 0).map(|n| n / 2)));
    loses_nothing(|rx| Box::pin(rx.then(|n| async move { n })));
    loses_nothing(|rx| Box::pin(rx.peekable().fuse().enumerate().map(|(_, n)| n)));
    loses_nothing(|rx| Box::pin(rx.merge(rondel::stream::empty())));
    loses_nothing(|rx| Box::pin(rx.zip(rondel::stream::repeat(())).map(|(n, ())| n)));
}

#[test]
fn next_of_buffers() {
    loses_nothing(|rx| Box::pin(rx.map(|n| async move { n }).buffered(2)));
    loses_nothing(|rx| Box::pin(rx.map(|n| async move { n }).buffer_unordered(2)));
}

#[test]
fn next_of_a_generator() {
    loses_nothing(|mut rx| {
        Box::pin(generate(|y| async move {
            while let Some(number) = rx.next().await {
                y.emit(number).await;
            }
        }))
    });
}

#[test]
fn next_of_a_stream_map() {
    loses_nothing(|rx| {
        let map: StreamMap<_, _> = [((), rx)].into_iter().collect();
        Box::pin(map.map(|((), number)| number))
    });
}

#[test]
fn next_of_a_broadcast_stream() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = broadcast::channel(4);
            ((BroadcastStream::new(rx), Vec::new()), tx)
        },
        async |(stream, got)| got.extend(stream.next().await),
        |tx, nth| assert!(tx.send(nth).is_ok()),
        |(stream, got), _, cut| {
            got.extend(what_is_there(stream));
            assert!((1..=cut.given).map(Ok).eq(got.iter().cloned()), "nothing is lost");
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn next_of_a_watch_stream() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = watch::channel(0);
            ((WatchStream::from_changes(rx), None), tx)
        },
        async |(stream, got)| *got = stream.next().await,
        |tx, nth| tx.send(nth).unwrap(),
        |(stream, got), _, cut| {
            let last = got.or(what_is_there(stream).pop());
            assert_eq!(last, (cut.given > 0).then_some(cut.given), "the change is not lost");
        },
    );
    assert_eq!(awaits, 1);
}
