//! `mpsc`: a dropped receiver eats no item, a dropped sender takes no place with it.

use std::sync::Arc;

use rondel::sync::mpsc::{self, error::TryRecvError};
use rondel::testing::cancel;

use super::waiting;

/// A full channel of so many items, which are 0s.
fn full(capacity: usize) -> (mpsc::Sender<u32>, mpsc::Receiver<u32>) {
    let (tx, rx) = mpsc::channel(capacity);
    (0..capacity).for_each(|_| tx.try_send(0).unwrap());
    (tx, rx)
}

/// **The value goes with the future**, as the documents say; the place does not.
#[test]
fn send() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel(1);
            let value = Arc::new(());
            tx.try_send(value.clone()).unwrap();
            ((tx, value), rx)
        },
        async |(tx, value)| {
            for _ in 0..2 {
                tx.send(value.clone()).await.unwrap();
            }
        },
        |rx, _| assert!(rx.try_recv().is_ok()),
        |(tx, value), rx, cut| {
            let left = std::iter::from_fn(|| rx.try_recv().ok()).count();
            assert_eq!(cut.given + left, cut.nth, "what was sent before is there");
            assert_eq!(Arc::strong_count(value), 1, "what waited to be sent is gone");
            assert_eq!(tx.capacity(), 1, "its place is not");
        },
    );
    assert_eq!(awaits, 2);
}

#[test]
fn send_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = full(1);
            (tx.clone(), (tx, rx, None))
        },
        async |tx| tx.send(1).await.unwrap(),
        |(tx, rx, behind), _| {
            let tx = tx.clone();
            *behind = Some(waiting(async move { tx.send(2).await }));
            assert_eq!(rx.try_recv(), Ok(0));
        },
        |_, (tx, rx, behind), cut| {
            match behind {
                Some(behind) => assert!(behind.is_woken() && behind.poll().is_ready()),
                None => assert!(rx.try_recv() == Ok(0) && tx.try_send(2).is_ok()),
            }
            assert_eq!((rx.try_recv(), cut.wakers_kept), (Ok(2), 0));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn reserve() {
    let awaits = cancel::at_every_await(
        || full(1),
        async |tx| drop(tx.reserve().await.unwrap()),
        |rx, _| assert_eq!(rx.try_recv(), Ok(0)),
        |tx, _, cut| assert_eq!((tx.capacity(), cut.wakers_kept), (cut.given, 0)),
    );
    assert_eq!(awaits, 1);
}

#[test]
fn reserve_many() {
    let awaits = cancel::at_every_await(
        || full(3),
        async |tx| drop(tx.reserve_many(2).await.unwrap()),
        |rx, _| assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(0), Ok(0))),
        |tx, rx, cut| {
            assert_eq!(tx.capacity(), 2 * cut.given);
            while rx.try_recv().is_ok() {}
            assert_eq!(tx.capacity(), 3);
        },
    );
    assert_eq!(awaits, 1);
}

/// The sender goes with the future, as the documents say, and so the channel ends.
#[test]
fn reserve_owned() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = full(1);
            (Some(tx), rx)
        },
        async |tx| {
            tx.take().unwrap().reserve_owned().await.unwrap().send(1);
        },
        |rx, _| assert_eq!(rx.try_recv(), Ok(0)),
        |_, rx, cut| {
            assert_eq!(rx.try_recv().is_ok(), !cut.woken);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn recv() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel(1);
            ((rx, Vec::new()), tx)
        },
        async |(rx, got)| {
            for _ in 0..40 {
                got.extend(rx.recv().await); // more than one block of the channel
            }
        },
        |tx, nth| tx.try_send(nth).unwrap(),
        |(rx, got), _, cut| {
            got.extend(rx.try_recv());
            assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost: {got:?}");
        },
    );
    assert_eq!(awaits, 40);
}

#[test]
fn recv_to_the_end() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel::<u32>(1);
            (rx, Some(tx))
        },
        async |rx| assert_eq!(rx.recv().await, None),
        |tx, _| *tx = None,
        |rx, tx, _| {
            *tx = None;
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn recv_many() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel(8);
            ((rx, Vec::new()), tx)
        },
        async |(rx, got)| {
            while got.len() < 9 {
                rx.recv_many(got, 2).await;
            }
        },
        |tx, nth| (0..3).for_each(|item| tx.try_send(3 * (nth - 1) + item).unwrap()),
        |(rx, got), tx, cut| {
            got.extend(std::iter::from_fn(|| rx.try_recv().ok()));
            assert!((0..3 * cut.given).eq(got.iter().copied()), "nothing is lost: {got:?}");
            assert_eq!(tx.capacity(), 8);
        },
    );
    assert_eq!(awaits, 3);
}

#[test]
fn closed() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::channel::<u32>(1);
            (tx, Some(rx))
        },
        async |tx| tx.closed().await,
        |rx, _| *rx = None,
        |tx, _, cut| assert_eq!((tx.try_send(1).is_err(), cut.wakers_kept), (cut.woken, 0)),
    );
    assert_eq!(awaits, 1);
}

#[test]
fn unbounded() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::unbounded_channel();
            ((rx, Vec::new()), tx)
        },
        async |(rx, got)| {
            got.extend(rx.recv().await);
            rx.recv_many(got, 10).await;
        },
        |tx, nth| tx.send(nth).unwrap(),
        |(rx, got), _, cut| {
            got.extend(rx.try_recv());
            assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost: {got:?}");
        },
    );
    assert_eq!(awaits, 2);
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = mpsc::unbounded_channel::<u32>();
            (tx, Some(rx))
        },
        async |tx| tx.closed().await,
        |rx, _| *rx = None,
        |tx, _, cut| assert_eq!((tx.send(1).is_err(), cut.wakers_kept), (cut.woken, 0)),
    );
    assert_eq!(awaits, 1);
}

/// Many items at many places: the receiver takes them one by one and in lots.
#[test]
fn recv_at_random_places() {
    for seed in 0..10 {
        let awaits = cancel::at_random_awaits(
            seed,
            20,
            || {
                let (tx, rx) = mpsc::channel(4);
                ((rx, Vec::new()), (tx, 0))
            },
            async |(rx, got)| {
                while got.len() < 1_000 {
                    got.extend(rx.recv().await);
                    rx.recv_many(got, 2).await;
                }
            },
            |(tx, sent), nth| {
                for _ in 0..=nth % 4 {
                    tx.try_send(*sent).unwrap();
                    *sent += 1;
                }
            },
            |(rx, got), (_, sent), _| {
                got.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                assert!((0..*sent).eq(got.iter().copied()), "nothing is lost");
            },
        );
        assert!(awaits > 300);
    }
}
