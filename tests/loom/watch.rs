//! Watch: new values, their readers and both ends against each other.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::watch;

/// Goal: show that a receiver never misses a new value or the end, and sees the last value.
/// Method: two sends and the drop of the sender against a receiver that waits until the end.
#[test]
fn a_change_and_the_end_reach_a_receiver_that_comes_meanwhile() {
    check(|| {
        let (tx, mut rx) = watch::channel(0);
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        let mut seen = 0;
        while block_on(rx.changed()).is_ok() {
            let now = *rx.borrow_and_update();
            assert!(now > seen, "each change is reported once");
            seen = now;
        }
        assert_eq!(seen, 2, "the last value is never missed");
        sender.join().unwrap();
    });
}

/// Goal: show that a wait ends for every receiver, also if one of them marked the word, gave up, and
/// the mark is gone by the time the other one comes.
/// Method: one receiver waits and gives up, one waits to the end; one value is sent.
#[test]
fn a_cancelled_wait_takes_nobody_else_s_wake() {
    check(|| {
        let (tx, mut rx) = watch::channel(0);
        let mut other = rx.clone();
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx
        });
        let _ = poll_and_cancel(other.changed());
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow(), 1);
        drop(sender.join().unwrap());
    });
}

/// Goal: show that a change orders what was done before it, also for who never takes the lock.
/// Method: write a plain cell, send; wait for the change, read the cell (loom checks it).
#[test]
fn a_change_orders_what_was_done_before_it() {
    check(|| {
        let cell = Arc::new(UnsafeCell::new(0));
        let (tx, mut rx) = watch::channel(());
        let sender = {
            let cell = cell.clone();
            thread::spawn(move || {
                cell.with_mut(|_| ());
                tx.send(()).unwrap();
                tx
            })
        };
        block_on(rx.changed()).unwrap();
        cell.with(|_| ());
        drop(sender.join().unwrap());
    });
}

/// Goal: show that changes by two senders are two changes.
/// Method: both count up, one of them by the receiver's side; the receiver waits for the sum.
#[test]
fn changes_by_two_senders_both_count() {
    check(|| {
        let (tx, mut rx) = watch::channel(0);
        let other = tx.clone();
        let sender = thread::spawn(move || other.send_modify(|count| *count += 1));
        tx.send_modify(|count| *count += 1);
        drop(tx);
        assert_eq!(*block_on(rx.wait_for(|&count| count == 2)).unwrap(), 2);
        sender.join().unwrap();
        assert!(block_on(rx.changed()).is_err());
    });
}

/// Goal: show that a sender sees the last receiver go.
/// Method: `closed` against the drop of two receivers.
#[test]
fn a_sender_sees_the_last_receiver_go() {
    check(|| {
        let (tx, rx) = watch::channel(());
        let other = rx.clone();
        let receivers = [rx, other].map(|rx| thread::spawn(move || drop(rx)));
        block_on(tx.closed());
        assert!(tx.is_closed());
        receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
    });
}
