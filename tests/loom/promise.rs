//! Promises: settled, awaited, given up and called back on many threads at once.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as PlainUsize, Ordering::SeqCst};

use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::callbacks::promise::Promise;
use crate::model::{block_on, check, poll_once};

/// Goal: show that everybody who waits is woken, and sees what was written before the promise was
/// kept. Method: two wait, one of them on another thread, while a third keeps it.
#[test]
fn a_kept_promise_wakes_all_who_wait() {
    check(|| {
        let (promise, written) = (Promise::new(), Arc::new(AtomicUsize::new(0)));
        let keeper = {
            let (promise, written) = (promise.clone(), written.clone());
            thread::spawn(move || {
                written.store(5, Relaxed);
                promise.set_result(7).unwrap();
            })
        };
        let other = {
            let promise = promise.clone();
            thread::spawn(move || assert_eq!(block_on(promise.into_future()).unwrap(), 7))
        };
        assert_eq!(block_on((&promise).into_future()).unwrap(), 7);
        assert_eq!(written.load(Relaxed), 5);
        keeper.join().unwrap();
        other.join().unwrap();
    });
}

/// Goal: show that a promise is settled once. Method: two settle it, one waits.
#[test]
fn of_two_who_settle_a_promise_one_does() {
    check(|| {
        let promise = Promise::new();
        let canceller = {
            let promise = promise.clone();
            thread::spawn(move || promise.cancel())
        };
        let keeper = {
            let promise = promise.clone();
            thread::spawn(move || promise.set_result(7).is_ok())
        };
        let outcome = block_on((&promise).into_future());
        let (cancelled, kept) = (canceller.join().unwrap(), keeper.join().unwrap());
        assert_eq!((cancelled, kept), (outcome.is_err(), outcome.is_ok()));
    });
}

/// Goal: show that a done-callback is called once and finds the outcome, whenever it is added.
/// Method: it is added while another thread keeps the promise.
#[test]
fn a_done_callback_that_meets_the_outcome_is_called_once() {
    check(|| {
        let (promise, calls) = (Promise::new(), Arc::new(PlainUsize::new(0)));
        let keeper = {
            let promise = promise.clone();
            thread::spawn(move || promise.set_result(7).unwrap())
        };
        let theirs = calls.clone();
        promise.add_done_callback(move |promise| {
            assert_eq!(promise.result().unwrap(), 7);
            theirs.fetch_add(1, SeqCst);
        });
        keeper.join().unwrap();
        assert_eq!(calls.load(SeqCst), 1);
    });
}

/// Goal: show that a done-callback is either removed or called, and is told apart.
#[test]
fn a_done_callback_is_removed_or_called() {
    check(|| {
        let (promise, calls) = (Promise::new(), Arc::new(PlainUsize::new(0)));
        let theirs = calls.clone();
        let id = promise.add_done_callback(move |_| _ = theirs.fetch_add(1, SeqCst));
        let keeper = {
            let promise = promise.clone();
            thread::spawn(move || promise.set_result(7).unwrap())
        };
        let removed = promise.remove_done_callback(id);
        keeper.join().unwrap();
        assert_eq!(calls.load(SeqCst), usize::from(!removed));
        assert_eq!(Arc::strong_count(&calls), 1);
    });
}

/// Goal: show that one who gives up waiting takes nothing from the others.
#[test]
fn an_await_that_is_given_up_leaves_the_others_alone() {
    check(|| {
        let promise = Promise::new();
        let mut given_up = (&promise).into_future();
        let _ = poll_once(Pin::new(&mut given_up));
        let keeper = {
            let promise = promise.clone();
            thread::spawn(move || promise.set_result(7).unwrap())
        };
        let other = {
            let promise = promise.clone();
            thread::spawn(move || assert_eq!(block_on(promise.into_future()).unwrap(), 7))
        };
        drop(given_up);
        keeper.join().unwrap();
        other.join().unwrap();
    });
}
