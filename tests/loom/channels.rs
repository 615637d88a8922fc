//! Channels: values, ends and places against each other.

use loom::thread;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::sync::{mpsc, oneshot};

/// Goal: show that a sent value arrives, or comes back if the receiver goes at the same time.
/// Method: send against receive; send against drop.
#[test]
fn a_oneshot_value_arrives_or_comes_back() {
    check(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1));
        assert_eq!(block_on(rx), Ok(1));
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
    check(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(1));
        let received = poll_and_cancel(rx);
        let sent = sender.join().unwrap();
        assert!(received != Some(Ok(1)) || sent.is_ok(), "a value cannot come back and arrive");
    });
}

/// Goal: show that each end of a oneshot sees the other one go.
/// Method: drop the sender against a waiting receiver; drop the receiver against `closed`.
#[test]
fn each_end_of_a_oneshot_sees_the_other_go() {
    check(|| {
        let (tx, rx) = oneshot::channel::<()>();
        let sender = thread::spawn(move || drop(tx));
        assert!(block_on(rx).is_err());
        sender.join().unwrap();
    });
    check(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
    });
}

/// Goal: show that the receiver sees the item and then the end, however the last sender goes.
/// Method: two senders on two threads, one sends, both are dropped.
#[test]
fn the_last_sender_always_wakes_the_receiver() {
    check(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let other = tx.clone();
        let senders = [
            thread::spawn(move || assert!(tx.try_send(1).is_ok())),
            thread::spawn(move || drop(other)),
        ];
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

/// Goal: show that back-pressure loses no wake: a full channel lets its sender go on.
/// Method: two items through a channel of one.
#[test]
fn a_waiting_sender_goes_on_when_an_item_is_taken() {
    check(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            block_on(tx.send(1)).unwrap();
            block_on(tx.send(2)).unwrap();
        });
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

/// Goal: show that a closed channel ends although a permit is dropped at the same time.
/// Method: close and receive against the drop of a permit; another sender stays.
#[test]
fn a_closed_channel_ends_when_its_last_permit_goes_meanwhile() {
    check(|| {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        let holder = thread::spawn(move || drop(permit.release()));
        rx.close();
        assert_eq!(block_on(rx.recv()), None);
        holder.join().unwrap();
        drop(tx);
    });
}

/// Goal: show that a closed channel ends although free places are on their way meanwhile.
/// Method: a sender that finds no place in the queue pours back those at hand; close and receive
/// against that; another sender stays.
#[test]
fn a_closed_channel_ends_while_its_places_are_poured_back() {
    check(|| {
        let (tx, mut rx) = mpsc::channel(2);
        tx.try_send(1).unwrap(); // the other place is at hand now
        let other = tx.clone();
        let reserver = thread::spawn(move || drop(other.try_reserve()));
        rx.close();
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        reserver.join().unwrap();
        drop(tx);
    });
}

/// Goal: show that a closed channel ends although a sender that waited for a place gives up, or is
/// served, at the same time.
/// Method: a full channel of one; receive and close against a `reserve` that is polled twice and
/// dropped; another sender stays.
#[test]
fn a_closed_channel_ends_while_a_waiting_sender_gives_up() {
    check(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let other = tx.clone();
        let quitter = thread::spawn(move || {
            let mut reserve = Box::pin(other.reserve());
            if poll_once(reserve.as_mut()).is_pending() {
                let _ = poll_once(reserve.as_mut());
            }
        });
        assert_eq!(block_on(rx.recv()), Some(1));
        rx.close();
        assert_eq!(block_on(rx.recv()), None);
        quitter.join().unwrap();
        drop(tx);
    });
}

/// Goal: show that a weak sender comes back alive or not at all.
/// Method: upgrade against the drop of the last sender; the receiver sees an end either way.
#[test]
fn a_weak_sender_never_reopens_an_ended_channel() {
    check(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let upgrader = thread::spawn(move || weak.upgrade().is_some_and(|tx| tx.send(1).is_ok()));
        drop(tx);
        let received = block_on(rx.recv());
        assert_eq!(upgrader.join().unwrap(), received.is_some());
    });
}

/// Goal: show that places which a sender keeps at hand are not withheld from one who waits.
/// Method: two places; one sends through the inbox, one reserves in the queue; nobody receives.
#[test]
fn spare_places_are_not_withheld_from_a_waiter() {
    check(|| {
        let (tx, rx) = mpsc::channel(2);
        let other = tx.clone();
        let sender = thread::spawn(move || assert!(other.try_send(1).is_ok()));
        block_on(tx.reserve()).unwrap().send(2);
        sender.join().unwrap();
        assert_eq!((rx.len(), tx.capacity()), (2, 0));
    });
}

/// Goal: show that a place freed under the inbox's lock reaches a sender that begins to wait.
/// Method: a full channel of one; `try_recv` against a waiting `reserve`; nothing else happens.
#[test]
fn a_place_freed_meanwhile_reaches_a_waiter() {
    check(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let receiver = thread::spawn(move || {
            assert_eq!(rx.try_recv(), Ok(1));
            rx
        });
        drop(block_on(tx.reserve()).unwrap());
        drop(receiver.join().unwrap());
    });
}
