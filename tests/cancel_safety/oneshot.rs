//! `oneshot`: the value stays in the channel until it is returned.

use rondel::sync::oneshot::{self, error::TryRecvError};
use rondel::testing::cancel;

#[test]
fn recv_by_reference() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = oneshot::channel();
            (rx, Some(tx))
        },
        async |rx| assert_eq!(rx.await, Ok(7)),
        |tx, _| tx.take().unwrap().send(7).unwrap(),
        |rx, tx, cut| {
            if !cut.woken {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                tx.take().unwrap().send(7).unwrap();
            }
            assert_eq!(rx.try_recv(), Ok(7));
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn recv_from_a_sender_that_goes_away() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = oneshot::channel::<u8>();
            (rx, Some(tx))
        },
        async |rx| assert!(rx.await.is_err()),
        |tx, _| *tx = None,
        |rx, tx, _| {
            *tx = None;
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        },
    );
    assert_eq!(awaits, 1);
}

/// A receiver that is dropped with its value: the sender was told "sent", not "received".
#[test]
fn recv_by_value() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = oneshot::channel();
            (Some(rx), Some(tx))
        },
        async |rx| assert_eq!(rx.take().unwrap().await, Ok(7)),
        |tx, _| tx.take().unwrap().send(7).unwrap(),
        |_, tx, cut| assert_eq!(tx.take().map(|tx| tx.send(7)), (!cut.woken).then_some(Err(7))),
    );
    assert_eq!(awaits, 1);
}

#[test]
fn closed() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = oneshot::channel();
            (Some(tx), Some(rx))
        },
        async |tx| tx.as_mut().unwrap().closed().await,
        |rx, _| *rx = None,
        |tx, rx, cut| {
            let sent = tx.take().unwrap().send(7);
            assert_eq!(sent, if cut.woken { Err(7) } else { Ok(()) });
            assert_eq!(rx.take().map(|mut rx| rx.try_recv()), (!cut.woken).then_some(Ok(7)));
        },
    );
    assert_eq!(awaits, 1);
}
