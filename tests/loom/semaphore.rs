//! Closing a semaphore against those who acquire, release and give up.

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::semaphore::Semaphore;

/// Goal: show that a waiter is either served or sent away by the closing, never left behind.
/// Method: one waits, one releases, one closes.
#[test]
fn closing_leaves_no_waiter_behind() {
    check(|| {
        let seats = Arc::new(Semaphore::new(0));
        let giver = {
            let seats = seats.clone();
            thread::spawn(move || seats.add_permits(1))
        };
        let closer = {
            let seats = seats.clone();
            thread::spawn(move || seats.close())
        };
        drop(block_on(seats.acquire()));
        giver.join().unwrap();
        closer.join().unwrap();
        assert_eq!(seats.available_permits(), 1);
        assert!(seats.is_closed());
    });
}

/// Goal: show that the count is exact after a cancelled wait and a closing at once.
/// Method: one permit; one acquires and gives up, one closes.
#[test]
fn the_count_is_exact_after_closing_and_cancelling() {
    check(|| {
        let seats = Arc::new(Semaphore::new(1));
        let held = seats.try_acquire().unwrap();
        let quitter = {
            let seats = seats.clone();
            thread::spawn(move || drop(poll_and_cancel(seats.acquire())))
        };
        let closer = {
            let seats = seats.clone();
            thread::spawn(move || seats.close())
        };
        drop(held);
        quitter.join().unwrap();
        closer.join().unwrap();
        assert_eq!(seats.available_permits(), 1);
    });
}
