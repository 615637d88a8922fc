//! Notifications against waits that begin, end and give up meanwhile.

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::notify::Notify;

/// Goal: show that a notification is not lost with a waiter that is dropped while it is chosen.
/// Method: one waits and gives up without looking, one notifies, one waits to the end.
#[test]
fn a_dropped_waiter_loses_no_notification() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let quitter = {
            let notify = notify.clone();
            thread::spawn(move || {
                if poll_and_cancel(notify.notified()).is_some() {
                    notify.notify_one();
                }
            })
        };
        let ringer = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        block_on(notify.notified());
        quitter.join().unwrap();
        ringer.join().unwrap();
    });
}

/// Goal: show that `notify_waiters` reaches a future that exists, at whatever step of its first
/// poll. Method: make the future, then poll it while another thread calls.
#[test]
fn notify_waiters_reaches_a_future_during_its_first_poll() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let future = notify.notified();
        let ringer = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_waiters())
        };
        block_on(future);
        ringer.join().unwrap();
        assert!(poll_and_cancel(notify.notified()).is_none(), "nothing is left");
    });
}

/// Goal: show that "make the future, look, wait" misses nothing. Method: one says that it is so, with
/// no order but that of the notification, and notifies all.
#[test]
fn a_look_between_making_a_future_and_waiting_misses_no_news() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let is_so = Arc::new(AtomicBool::new(false));
        let ringer = {
            let (notify, is_so) = (notify.clone(), is_so.clone());
            thread::spawn(move || {
                is_so.store(true, Relaxed);
                notify.notify_waiters();
            })
        };
        let news = notify.notified();
        if !is_so.load(Relaxed) {
            block_on(news);
        }
        ringer.join().unwrap();
    });
}
