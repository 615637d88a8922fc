//! `broadcast`: a dropped receive sees nothing, so it loses nothing; a lag is told once.

use rondel::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use rondel::testing::cancel;

use super::now;

#[test]
fn recv() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = broadcast::channel(4);
            ((rx, vec![]), tx)
        },
        async |(rx, got)| {
            while got.len() < 3 {
                got.push(rx.recv().await.unwrap());
            }
        },
        |tx, nth| assert_eq!(tx.send(nth).unwrap(), 1),
        |(rx, got), tx, cut| {
            assert_eq!((tx.len(), cut.wakers_kept), (usize::from(cut.woken), 0));
            got.extend(rx.try_recv());
            assert!((1..=cut.given).eq(got.iter().copied()), "nothing is lost, nothing doubled");
        },
    );
    assert_eq!(awaits, 3);
}

/// More comes than there is room for, before the future could look.
#[test]
fn recv_overtaken() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = broadcast::channel(2);
            (rx, tx)
        },
        async |rx| rx.recv().await,
        |tx, _| (1..=5).for_each(|value| assert!(tx.send(value).is_ok())),
        |rx, _, cut| {
            if cut.woken {
                assert_eq!(now(rx.recv()), Err(RecvError::Lagged(3)));
                assert_eq!([now(rx.recv()), now(rx.recv())], [Ok(4), Ok(5)]);
            }
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn recv_at_the_end() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = broadcast::channel::<()>(1);
            (rx, Some(tx))
        },
        async |rx| assert_eq!(rx.recv().await, Err(RecvError::Closed)),
        |tx, _| drop(tx.take()),
        |rx, _, cut| {
            let expected = if cut.woken { TryRecvError::Closed } else { TryRecvError::Empty };
            assert_eq!(rx.try_recv(), Err(expected));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn closed() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = broadcast::channel::<()>(1);
            (tx, Some(rx))
        },
        async |tx| tx.closed().await,
        |rx, _| drop(rx.take()),
        |tx, _, cut| assert_eq!((tx.receiver_count() == 0, cut.wakers_kept), (cut.woken, 0)),
    );
    assert_eq!(awaits, 1);
}
