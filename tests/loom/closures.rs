//! Closures on the blocking pool: run, aborted, awaited and let go, all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as PlainUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::model::{block_on, check};
use crate::task::closure::new_pair;
use crate::task::elsewhere::Stop;
use crate::task::id::Origin;
use crate::task::join::JoinHandle;

/// Goal: show that who waits is woken at the end and sees what the closure wrote.
#[test]
fn whoever_waits_for_a_closure_gets_its_output() {
    check(|| {
        let written = Arc::new(AtomicUsize::new(0));
        let theirs = written.clone();
        let work = move || theirs.store(5, Relaxed);
        let (ticket, closure) = new_pair(work, Origin::here(None));
        let pool = thread::spawn(move || ticket.run());
        let handle = JoinHandle::of_elsewhere(closure);
        assert!(block_on(handle).is_ok());
        assert_eq!(written.load(Relaxed), 5);
        pool.join().unwrap();
    });
}

/// Goal: show that a closure either runs or is cancelled, and that who waits hears which.
/// Method: the pool runs it, a stranger aborts it, the handle is awaited.
#[test]
fn a_closure_that_is_aborted_as_it_starts_ends_once() {
    check(|| {
        let runs = Arc::new(PlainUsize::new(0));
        let theirs = runs.clone();
        let work = move || _ = theirs.fetch_add(1, SeqCst);
        let (ticket, closure) = new_pair(work, Origin::here(None));
        let stranger = {
            let closure = closure.clone();
            thread::spawn(move || closure.abort())
        };
        let pool = thread::spawn(move || ticket.run());
        let output = block_on(JoinHandle::of_elsewhere(closure));
        assert_eq!(runs.load(SeqCst), usize::from(output.is_ok()));
        assert_eq!(Arc::strong_count(&runs), 1, "the closure is dropped before its end is known");
        stranger.join().unwrap();
        pool.join().unwrap();
    });
}

/// Goal: show that the output of a closure is dropped once, whoever goes first.
/// Method: the handle is polled and dropped while the pool runs the closure.
#[test]
fn an_output_that_is_let_go_is_dropped_once() {
    check(|| {
        let output = Arc::new(());
        let theirs = output.clone();
        let (ticket, closure) = new_pair(move || theirs, Origin::here(None));
        let pool = thread::spawn(move || ticket.run());
        let mut handle = JoinHandle::of_elsewhere(closure.clone());
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(taken) = handle.poll_free(&mut cx) {
            drop(taken);
        }
        drop(handle);
        pool.join().unwrap();
        assert!(closure.is_finished());
        assert_eq!(Arc::strong_count(&output), 1, "though the closure can still be named");
    });
}
