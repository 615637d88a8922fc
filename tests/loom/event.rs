//! Setting an event against those who begin to wait.

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::event::Event;

/// Goal: show that whoever waits is let go by a `set`, at whatever step, and sees what was done
/// before it; also if another waiter gives up meanwhile.
/// Method: one writes and sets, one gives up, one waits to the end and reads.
#[test]
fn a_set_reaches_who_begins_to_wait_meanwhile() {
    check(|| {
        let shared = Arc::new((Event::new(), AtomicUsize::new(0)));
        let setter = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                shared.0.set();
            })
        };
        let quitter = {
            let shared = shared.clone();
            thread::spawn(move || poll_and_cancel(shared.0.wait()).is_some())
        };
        block_on(shared.0.wait());
        assert_eq!(shared.1.load(Relaxed), 1);
        setter.join().unwrap();
        quitter.join().unwrap();
        assert!(shared.0.is_set());
    });
}

/// Goal: show that one who waits goes on after a `set`, although `clear` follows at once.
/// Method: one is in the queue, and polls again, with another waker, while one sets and clears.
#[test]
fn a_clear_takes_back_no_wake() {
    check(|| {
        let event = Arc::new(Event::new());
        let mut wait = Box::pin({
            let event = event.clone();
            async move { event.wait().await }
        });
        assert!(poll_once(wait.as_mut()).is_pending());
        let waiter = thread::spawn(move || block_on(wait));
        event.set();
        event.clear();
        waiter.join().unwrap();
        assert!(!event.is_set());
    });
}
