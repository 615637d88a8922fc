//! Channels: values, ends and places against each other.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

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

/// Goal: show that a receiver which changes its waker is woken by the last one.
/// Method: poll for nobody, then wait, against the send, and against the sender's drop.
#[test]
fn a_oneshot_wakes_the_receiver_that_polled_last() {
    check(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Box::new(1)));
        let first = poll_once(Pin::new(&mut rx));
        let got = if let Poll::Ready(got) = first { got } else { block_on(rx) };
        assert_eq!(got, Ok(Box::new(1)));
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
    check(|| {
        let (tx, mut rx) = oneshot::channel::<Box<u8>>();
        assert!(poll_once(Pin::new(&mut rx)).is_pending());
        let sender = thread::spawn(move || drop(tx));
        assert!(block_on(rx).is_err());
        sender.join().unwrap();
    });
}

/// Goal: show that the words of two wakers are never mixed, however often the waker changes.
/// Method: three polls, each by a waker of its own that counts its clones, against the send.
#[test]
fn the_wakers_of_a_oneshot_are_each_dropped_once() {
    check(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(()));
        let bells: [_; 3] = std::array::from_fn(|_| Arc::new(Quiet));
        for bell in &bells {
            let waker = Waker::from(bell.clone());
            if pin!(&mut rx).poll(&mut Context::from_waker(&waker)).is_ready() {
                break;
            }
        }
        sender.join().unwrap().unwrap();
        for bell in bells {
            assert_eq!(Arc::strong_count(&bell), 1);
        }
    });
}

struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

/// Goal: show that a value is either received or comes back when the receiver closes meanwhile.
/// Method: send against close and `try_recv`.
#[test]
fn a_oneshot_value_is_not_lost_by_a_closing() {
    check(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Box::new(1)));
        rx.close();
        let received = rx.try_recv();
        assert_eq!(received.is_ok(), sender.join().unwrap().is_ok());
    });
}

/// Goal: show that the last end frees the channel, once, and with it what was left there.
/// Method: both ends go at the same time: with wakers of both, and with a value; count its owners.
#[test]
fn two_ends_of_a_oneshot_that_go_at_once_leave_nothing() {
    check(|| {
        let (mut tx, mut rx) = oneshot::channel::<()>();
        let bells: [_; 2] = std::array::from_fn(|_| Arc::new(Quiet));
        let wakers = bells.clone().map(Waker::from);
        assert!(tx.poll_closed(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(pin!(&mut rx).poll(&mut Context::from_waker(&wakers[1])).is_pending());
        let sender = thread::spawn(move || drop(tx));
        drop(rx);
        sender.join().unwrap();
        drop(wakers);
        for bell in bells {
            assert_eq!(Arc::strong_count(&bell), 1);
        }
    });
    check(|| {
        let (tx, rx) = oneshot::channel();
        let value = Arc::new(());
        let sent = value.clone();
        let sender = thread::spawn(move || drop(tx.send(sent)));
        drop(rx);
        sender.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

/// Goal: show that a sender which changes its waker learns that the receiver is gone.
/// Method: `poll_closed` for nobody, then wait, against the drop; then send in vain.
#[test]
fn a_oneshot_sender_that_polled_last_learns_of_the_end() {
    check(|| {
        let (mut tx, rx) = oneshot::channel();
        let receiver = thread::spawn(move || drop(rx));
        if tx.poll_closed(&mut Context::from_waker(Waker::noop())).is_pending() {
            block_on(tx.closed());
        }
        assert_eq!(tx.send(1), Err(1));
        receiver.join().unwrap();
    });
}

/// Goal: show that waits at both ends do not disturb each other.
/// Method: a sender that waits to be refused, and sends then, against a receiver that waits; the
/// one or the other comes first.
#[test]
fn both_ends_of_a_oneshot_may_wait_at_once() {
    check(|| {
        let (mut tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || {
            let _ = tx.poll_closed(&mut Context::from_waker(Waker::noop()));
            tx.send(1)
        });
        let first = poll_once(Pin::new(&mut rx));
        let got = if let Poll::Ready(got) = first { got } else { block_on(rx) };
        assert_eq!((got, sender.join().unwrap()), (Ok(1), Ok(())));
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
