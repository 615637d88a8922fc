//! The children of `gather` and `buffer_unordered`: wakes from other threads against the parent's
//! polls, its end, and the next tenant of a room.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread::{self, JoinHandle};

use crate::budget;
use crate::combine::buffered::buffer_unordered;
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

/// A tenant that is served by a thread, which wakes once more when the tenant may have left.
fn served_by_a_thread_that_wakes_twice(
    threads: Threads,
    number: u32,
) -> Pin<Box<dyn Future<Output = u32>>> {
    let done = Arc::new(AtomicBool::new(false));
    let mut started = false;
    Box::pin(poll_fn(move |cx| {
        if !std::mem::replace(&mut started, true) {
            let (waker, done) = (cx.waker().clone(), done.clone());
            let thread = thread::spawn(move || {
                done.store(true, Relaxed);
                waker.wake_by_ref();
                waker.wake(); // perhaps to the next tenant of the room
            });
            threads.lock().unwrap().push(thread);
            return Poll::Pending;
        }
        if done.load(Relaxed) { Poll::Ready(number) } else { Poll::Pending }
    }))
}

/// Goal: show that a late wake of a former tenant does the new one no harm: it may be polled in
/// vain, but its own wake is not lost, nor what that publishes. Method: two tenants, one after the
/// other, in one room.
#[test]
fn a_late_wake_of_a_former_tenant_meets_the_next_one() {
    check(|| {
        let threads = Threads::default();
        let tenants =
            [1, 2].map(|number| served_by_a_thread_that_wakes_twice(threads.clone(), number));
        let mut all = buffer_unordered(tenants, 1);
        block_on(async {
            assert_eq!(all.next().await, Some(1));
            assert_eq!(all.next().await, Some(2));
            assert_eq!(all.next().await, None);
        });
        join(&threads);
    });
}

/// Goal: show that nobody's wake is lost when a room gets its next tenant while its neighbour is
/// woken: the poller sets the new tenant's bit itself, and wakes nobody by that.
#[test]
fn a_room_is_filled_while_its_neighbour_is_woken() {
    check(|| {
        let threads = Threads::default();
        let tenants = (0..3).map(|number| -> Pin<Box<dyn Future<Output = ()>>> {
            match number {
                1 => served_by_a_thread(threads.clone()),
                _ => Box::pin(std::future::ready(())),
            }
        });
        let mut all = buffer_unordered(tenants, 2);
        block_on(async { while all.next().await.is_some() {} });
        join(&threads);
    });
}

/// Goal: show that a wake is not lost when it comes before, between or after two polls of which the
/// first was cut short for want of budget. Method: the first child spends all of it at its first
/// poll, the second and the third are served by threads.
#[test]
fn a_wake_meets_a_poll_that_is_cut_short() {
    check(|| {
        let _outer = budget::unlimited(); // and no budget again at the end
        let threads = Threads::default();
        let mut polls = 0;
        let greedy = poll_fn(move |cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            while let Poll::Ready(step) = budget::poll_step(cx) {
                step.made_progress();
            }
            Poll::Pending // and it has been woken by the last step
        });
        let greedy: Pin<Box<dyn Future<Output = ()>>> = Box::pin(greedy);
        let others = [0, 1].map(|_| served_by_a_thread(threads.clone()));
        let mut whole = gather(others.into_iter().chain([greedy]).rev());
        block_on(poll_fn(|cx| {
            budget::refill();
            Pin::new(&mut whole).poll(cx)
        }));
        join(&threads);
    });
}
