//! Broadcast: sends, copies, lags and ends against each other.

use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;
use std::task::Poll;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::sync::broadcast::{self, error::RecvError, error::TryRecvError};

/// A value that may not be touched from two threads at once. loom reports it if it is.
struct Private {
    touched: UnsafeCell<()>,
    number: i32,
    alive: Arc<()>,
}

impl Private {
    fn new(number: i32, alive: &Arc<()>) -> Self {
        Self { touched: UnsafeCell::new(()), number, alive: alive.clone() }
    }
}

impl Clone for Private {
    fn clone(&self) -> Self {
        self.touched.with_mut(|_| ());
        Self::new(self.number, &self.alive)
    }
}

/// Goal: show that a receiver and a sender never miss each other, nor a receiver and the end.
/// Method: send and drop the sender against two calls of `recv`.
#[test]
fn a_value_and_the_end_reach_a_receiver_that_comes_meanwhile() {
    check(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = thread::spawn(move || assert!(tx.send(1).is_ok()));
        assert_eq!(block_on(rx.recv()), Ok(1));
        assert_eq!(block_on(rx.recv()), Err(RecvError::Closed));
        sender.join().unwrap();
    });
}

/// Goal: show that two receivers get the same value, one after the other: it is never copied twice
/// at once, whoever waits for it to be back is woken, and it is dropped in the end.
/// Method: a value that must not be touched by two threads; the sender stays.
#[test]
fn two_receivers_copy_one_value_one_after_the_other() {
    check(|| {
        let alive = Arc::new(());
        let (tx, mut rx) = broadcast::channel(2);
        let mut other = tx.subscribe();
        assert!(tx.send(Private::new(7, &alive)).is_ok());
        let receiver = thread::spawn(move || {
            assert_eq!(block_on(other.recv()).unwrap().number, 7);
            other
        });
        assert_eq!(block_on(rx.recv()).unwrap().number, 7);
        let _other = receiver.join().unwrap();
        assert!(tx.is_empty());
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

/// Goal: show that a value which is overwritten is lost for who has not seen it, and only for them:
/// also if the other receiver has it in hand just then, or if one waits for it to be back.
/// Method: room for one value; one receiver copies the first while the other one looks, the second
/// value comes, and it looks again.
#[test]
fn an_overtaken_receiver_loses_exactly_what_was_overwritten() {
    check(|| {
        let alive = Arc::new(());
        let (tx, mut rx) = broadcast::channel(1);
        let mut other = tx.subscribe();
        assert!(tx.send(Private::new(1, &alive)).is_ok());
        let receiver = thread::spawn(move || {
            let first = block_on(other.recv()).map(|value| value.number);
            assert!(matches!(first, Ok(1) | Err(RecvError::Lagged(1))));
            assert_eq!(block_on(other.recv()).map(|value| value.number), Ok(2));
        });
        let mut first = Box::pin(rx.recv());
        let early = poll_once(first.as_mut());
        assert!(tx.send(Private::new(2, &alive)).is_ok());
        match early {
            Poll::Ready(value) => assert_eq!(value.unwrap().number, 1),
            Poll::Pending => {
                let late = block_on(first.as_mut()).map(|value| value.number);
                assert!(matches!(late, Ok(1) | Err(RecvError::Lagged(1))));
            }
        }
        drop(first);
        assert_eq!(block_on(rx.recv()).map(|value| value.number), Ok(2));
        receiver.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

/// Goal: show that a receiver which goes takes its claims with it, whatever the other one does.
/// Method: two values on their way; one receiver is dropped while the other one looks.
#[test]
fn a_receiver_that_goes_releases_what_it_had_not_seen() {
    check(|| {
        let alive = Arc::new(());
        let (tx, mut rx) = broadcast::channel(2);
        let other = tx.subscribe();
        for number in [1, 2] {
            assert!(tx.send(Private::new(number, &alive)).is_ok());
        }
        let quitter = thread::spawn(move || drop(other));
        assert_eq!(block_on(rx.recv()).map(|value| value.number), Ok(1));
        quitter.join().unwrap();
        assert_eq!((tx.len(), Arc::strong_count(&alive)), (1, 2));
        drop(rx);
        assert_eq!((tx.len(), Arc::strong_count(&alive)), (0, 1));
    });
}

/// Goal: show that a wait for a value that is out loses nothing when it is cancelled.
/// Method: one receiver copies; the other one looks once and gives up, then takes it for sure.
#[test]
fn a_cancelled_wait_for_a_lent_value_loses_nothing() {
    check(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let mut other = tx.subscribe();
        assert!(tx.send(1).is_ok());
        let receiver = thread::spawn(move || assert_eq!(block_on(other.recv()), Ok(1)));
        let received = poll_and_cancel(rx.recv());
        receiver.join().unwrap();
        match received {
            Some(value) => assert_eq!(value, Ok(1)),
            None => assert_eq!(rx.try_recv(), Ok(1)),
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    });
}

/// Goal: show that a sender sees the last receiver go, and a new one come.
/// Method: `closed` against the drop of the last receiver; a send against a subscription.
#[test]
fn a_sender_sees_receivers_go_and_come() {
    check(|| {
        let (tx, rx) = broadcast::channel::<()>(1);
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert_eq!(tx.receiver_count(), 0);
        receiver.join().unwrap();
    });
    check(|| {
        let tx = broadcast::Sender::new(1);
        let other = tx.clone();
        let sender = thread::spawn(move || other.send(1).is_ok());
        let mut rx = tx.subscribe();
        let sent = sender.join().unwrap();
        assert_eq!(rx.try_recv().is_ok(), sent, "counted exactly if it gets the value");
    });
}
