//! The children of `gather`: wakes from other threads against the parent's polls and its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread::{self, JoinHandle};

use crate::combine::gather::gather;
use crate::model::{block_on, check};

/// The threads that a model has started.
type Threads = Arc<Mutex<Vec<JoinHandle<()>>>>;

fn join(threads: &Threads) {
    let threads = std::mem::take(&mut *threads.lock().unwrap());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A child that starts a thread at its first poll and waits for it. The thread publishes with
/// nothing but the wake: the flag is relaxed.
fn served_by_a_thread(threads: Threads) -> Pin<Box<dyn Future<Output = ()>>> {
    let done = Arc::new(AtomicBool::new(false));
    let mut started = false;
    Box::pin(poll_fn(move |cx| {
        if !std::mem::replace(&mut started, true) {
            let (waker, done) = (cx.waker().clone(), done.clone());
            let thread = thread::spawn(move || {
                done.store(true, Relaxed);
                waker.wake();
            });
            threads.lock().unwrap().push(thread);
            return Poll::Pending;
        }
        if done.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Gathers `len` children, of which those at `waiting` are served by threads.
fn gather_with_threads(len: usize, waiting: [usize; 2]) {
    let threads = Threads::default();
    let children = (0..len).map(|index| -> Pin<Box<dyn Future<Output = ()>>> {
        if waiting.contains(&index) {
            served_by_a_thread(threads.clone())
        } else {
            Box::pin(std::future::ready(()))
        }
    });
    block_on(gather(children));
    join(&threads);
}

/// Goal: show that no wake is lost and that a wake publishes, when two children share a word.
#[test]
fn two_children_of_one_group_are_both_polled_after_their_wakes() {
    check(|| gather_with_threads(2, [0, 1]));
}

/// Goal: the same, when they share only the upper word.
#[test]
fn two_children_of_two_groups_are_both_polled_after_their_wakes() {
    check(|| gather_with_threads(65, [0, 64]));
}

/// Goal: show that a wake is harmless while, and after, the combinator is dropped, and that nobody
/// keeps the parent's waker.
#[test]
fn a_wake_may_meet_the_drop_of_the_combinator() {
    struct Parent;
    impl Wake for Parent {
        fn wake(self: Arc<Self>) {}
    }
    check(|| {
        let parent = Arc::new(Parent);
        let threads = Threads::default();
        let mut whole = gather([0, 1].map(|_| served_by_a_thread(threads.clone())));
        let waker = Waker::from(parent.clone());
        let first = Pin::new(&mut whole).poll(&mut Context::from_waker(&waker));
        assert!(first.is_pending());
        drop(waker);
        drop(whole);
        join(&threads);
        assert_eq!(Arc::strong_count(&parent), 1);
    });
}
