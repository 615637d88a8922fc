//! `OnceCell` and `SetOnce`: one value, and whoever waits for it gets it.

use std::future::{pending, ready};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::once_cell::OnceCell;
use crate::sync::set_once::SetOnce;

/// Goal: show that of several who find the cell empty one makes the value, and all get it.
/// Method: three make a value with their own name in it; count them.
#[test]
fn one_initialiser_runs_and_all_get_its_value() {
    check(|| {
        let cell = Arc::new(OnceCell::new());
        let made = Arc::new(AtomicUsize::new(0));
        let fill = |name: u32| {
            let (cell, made) = (cell.clone(), made.clone());
            move || {
                *block_on(cell.get_or_init(|| {
                    made.fetch_add(1, Relaxed);
                    ready(name)
                }))
            }
        };
        let others = [thread::spawn(fill(1)), thread::spawn(fill(2))];
        let mine = fill(3)();
        for other in others {
            assert_eq!(other.join().unwrap(), mine);
        }
        assert_eq!(made.load(Relaxed), 1);
    });
}

/// Goal: show that an initialiser which is dropped half way hands the right on.
/// Method: one begins and gives up, one waits for a value that it would make itself.
#[test]
fn a_cancelled_initialiser_hands_the_right_on() {
    check(|| {
        let cell = Arc::new(OnceCell::new());
        let quitter = {
            let cell = cell.clone();
            thread::spawn(move || {
                if let Some(value) = poll_and_cancel(cell.get_or_init(pending)) {
                    assert_eq!(*value, 1);
                }
            })
        };
        assert_eq!(*block_on(cell.get_or_init(|| ready(1))), 1);
        quitter.join().unwrap();
    });
}

/// Goal: show that `set` and `get_or_init` agree on one value.
/// Method: one sets, one initialises; what both see is what one of them brought.
#[test]
fn set_and_get_or_init_agree_on_one_value() {
    check(|| {
        let cell = Arc::new(OnceCell::new());
        let setter = {
            let cell = cell.clone();
            thread::spawn(move || cell.set(1).is_ok())
        };
        let seen = *block_on(cell.get_or_init(|| ready(2)));
        let set = setter.join().unwrap();
        assert_eq!(seen, if set { 1 } else { 2 });
        assert_eq!(cell.get(), Some(&seen));
    });
}

/// Goal: show that a value which is set meanwhile reaches everybody who waits for it.
/// Method: two set, of whom one must fail; two wait.
#[test]
fn a_value_that_is_set_reaches_those_who_wait() {
    check(|| {
        let once = Arc::new(SetOnce::new());
        let waiter = {
            let once = once.clone();
            thread::spawn(move || *block_on(once.wait()))
        };
        let setter = {
            let once = once.clone();
            thread::spawn(move || once.set(1).is_ok())
        };
        let set = once.set(2).is_ok();
        let seen = *block_on(once.wait());
        assert_eq!(waiter.join().unwrap(), seen);
        assert!(setter.join().unwrap() != set, "exactly one of the two set it");
        assert_eq!(seen, if set { 2 } else { 1 });
    });
}
