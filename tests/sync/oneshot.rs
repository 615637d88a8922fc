//! `oneshot`: one value, once, and both ends learn what the other did.

use std::sync::Arc;
use std::thread;

use rondel::sync::oneshot::{self, error::TryRecvError};

use crate::executor::{Probe, block_on};

/// Goal: show that the value arrives, whoever comes first.
/// Method: send before the first poll; then send to a receiver that waits.
#[test]
fn the_value_arrives_whoever_comes_first() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(block_on(rx), Ok(1));

    let (tx, rx) = oneshot::channel();
    let mut waiting = Probe::waiting(rx);
    tx.send(2).unwrap();
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready(), Ok(2));
}

/// Goal: show that a receiver does not wait for ever when its sender is gone.
/// Method: drop the sender while the receiver waits.
#[test]
fn a_dropped_sender_is_an_error_for_the_receiver() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut waiting = Probe::waiting(rx);
    drop(tx);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.ready().unwrap_err().to_string(), "channel closed");
}

/// Goal: show that a value nobody wants comes back to the sender.
/// Method: drop or close the receiver, then send.
#[test]
fn a_value_nobody_wants_comes_back() {
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(1), Err(1));

    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert_eq!(tx.send(2), Err(2));
    assert!(block_on(rx).is_err());
}

/// Goal: show that a sender can wait for the receiver's end.
/// Method: `closed` waits; drop the receiver.
#[test]
fn the_sender_learns_that_the_receiver_is_gone() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut closed = Probe::waiting(tx.closed());
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

/// Goal: show that closing keeps a value that was sent before.
/// Method: send, close, receive.
#[test]
fn a_value_sent_before_the_closing_can_be_received() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(rx.is_terminated());
}

/// Goal: show what `try_recv` says in each state.
/// Method: before the send, after it, after the value was taken, without a sender.
#[test]
fn try_recv_tells_empty_from_closed() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));

    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

/// Goal: show that a value which was sent and never received is dropped once, with the receiver.
/// Method: count the owners of an `Arc`.
#[test]
fn a_value_never_received_is_dropped_with_the_receiver() {
    let value = Arc::new(());
    let (tx, rx) = oneshot::channel();
    tx.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// Goal: show that no waker outlives the channel's end.
/// Method: both ends wait once, then go.
#[test]
fn no_waker_is_kept_after_the_end() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut receiving = Probe::waiting(rx);
    let mut closed = Probe::waiting(tx.closed());
    assert!(closed.poll().is_pending());
    assert!(receiving.poll().is_pending());
    assert_eq!((receiving.wakers_kept(), closed.wakers_kept()), (1, 1));
    drop(closed);
    tx.send(()).unwrap();
    assert_eq!(receiving.wakers_kept(), 0);
}

/// Goal: show that values cross threads, many times over.
/// Method: 1,000 channels, one thread sends, the other parks in `blocking_recv`.
#[test]
fn values_cross_threads() {
    for round in 0..1_000 {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(round).unwrap());
        assert_eq!(rx.blocking_recv(), Ok(round));
        sender.join().unwrap();
    }
}
