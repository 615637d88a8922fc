//! `watch`: a dropped wait has seen nothing, so the next one finds the same news.

use rondel::sync::watch;
use rondel::testing::cancel;

use super::now;

#[test]
fn changed() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = watch::channel(0);
            ((rx, 0), tx)
        },
        async |(rx, seen)| {
            while *seen < 3 {
                rx.changed().await.unwrap();
                *seen = *rx.borrow();
            }
        },
        |tx, nth| tx.send(nth).unwrap(),
        |(rx, seen), _, cut| {
            assert_eq!((rx.has_changed().unwrap(), cut.wakers_kept), (cut.woken, 0));
            if cut.woken {
                now(rx.changed()).unwrap();
                *seen = *rx.borrow();
            }
            assert_eq!(*seen, cut.given);
        },
    );
    assert_eq!(awaits, 3);
}

#[test]
fn changed_at_the_end() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = watch::channel(0);
            (rx, Some(tx))
        },
        async |rx| assert!(rx.changed().await.is_err()),
        |tx, _| drop(tx.take()),
        |rx, _, cut| assert_eq!(rx.is_closed(), cut.woken),
    );
    assert_eq!(awaits, 1);
}

/// Values that were tried count as seen, the one that would have come next does not.
#[test]
fn wait_for() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = watch::channel(0);
            ((rx, vec![]), tx)
        },
        async |(rx, tried)| {
            let found = rx.wait_for(|&value| {
                tried.push(value);
                value == 3
            });
            assert_eq!(*found.await.unwrap(), 3);
        },
        |tx, nth| tx.send(nth).unwrap(),
        |(rx, tried), _, cut| {
            assert!((0..cut.nth).eq(tried.iter().copied()));
            assert_eq!((rx.has_changed().unwrap(), cut.wakers_kept), (cut.woken, 0));
        },
    );
    assert_eq!(awaits, 3);
}

#[test]
fn closed() {
    let awaits = cancel::at_every_await(
        || {
            let (tx, rx) = watch::channel(0);
            (tx, Some(rx))
        },
        async |tx| tx.closed().await,
        |rx, _| drop(rx.take()),
        |tx, _, cut| assert_eq!((tx.is_closed(), cut.wakers_kept), (cut.woken, 0)),
    );
    assert_eq!(awaits, 1);
}
