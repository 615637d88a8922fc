//! Notifications against waits that begin, end and give up meanwhile.

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
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

/// Goal: show that "make the future, look, wait" misses nothing, even if what one looks at has no
/// ordering of its own.
/// Method: set a relaxed flag and call `notify_waiters`, against a look between making the future
/// and waiting.
#[test]
fn who_looks_before_waiting_misses_nothing() {
    check(|| {
        let shared = Arc::new((Notify::new(), AtomicBool::new(false)));
        let ringer = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(true, Relaxed);
                shared.0.notify_waiters();
            })
        };
        let future = shared.0.notified();
        if !shared.1.load(Relaxed) {
            block_on(future);
        }
        ringer.join().unwrap();
    });
}

/// Goal: show that a future which `notify_waiters` has reached does not use up a notification for
/// another one.
/// Method: a future made before both calls and one made after them; both must go on.
#[test]
fn a_future_that_was_reached_leaves_the_permit_to_another() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let early = notify.notified();
        let ringer = {
            let notify = notify.clone();
            thread::spawn(move || {
                notify.notify_waiters();
                notify.notify_one();
                block_on(notify.notified());
            })
        };
        block_on(early);
        ringer.join().unwrap();
    });
}

/// Goal: show that a notification finds a waiter that comes just as another one leaves.
/// Method: one waits, gives up, and waits again, while one notifies. Whichever of the two waits is
/// chosen, or if none is: the second one goes on.
#[test]
fn a_notification_finds_who_comes_as_another_one_leaves() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let mut quitter = Box::pin(notify.clone().notified_owned());
        assert!(poll_once(quitter.as_mut()).is_pending());
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || {
                drop(quitter);
                block_on(notify.notified());
            })
        };
        notify.notify_one();
        waiter.join().unwrap();
    });
}

/// Goal: show that notifications from either end reach one who waits, past one who gives up.
/// Method: one stands in front and gives up, one waits; two notifications, one from each end.
#[test]
fn notifications_from_both_ends_pass_one_who_gives_up() {
    check(|| {
        let notify = Arc::new(Notify::new());
        let mut quitter = Box::pin(notify.clone().notified_owned());
        assert!(poll_once(quitter.as_mut()).is_pending());
        let waiter = {
            let notify = notify.clone();
            thread::spawn(move || block_on(notify.notified()))
        };
        let ringer = {
            let notify = notify.clone();
            thread::spawn(move || {
                notify.notify_one();
                notify.notify_last();
            })
        };
        drop(quitter);
        waiter.join().unwrap();
        ringer.join().unwrap();
    });
}
