//! A rush leaves no room behind: what grew with it shrinks when it is over.
//!
//! One test in a binary of its own, because the allocator counts for the whole process.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use rondel::sync::{Event, Queue, mpsc, queue};
use rondel::testing::task::spawn;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: alive. Every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), SeqCst);
        // SAFETY: alive. The caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), SeqCst);
        // SAFETY: alive. The caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many come at once.
const RUSH: usize = 100_000;

/// More than an object that lives long may keep of a rush: far less than the rush took.
const KEPT_MAX: usize = 100_000;

/// Fails if `rush`, which must leave things as they were, leaves much on the heap.
fn check(what: &str, rush: impl FnOnce()) {
    let before = BYTES.load(SeqCst);
    rush();
    let kept = BYTES.load(SeqCst).saturating_sub(before);
    assert!(kept < KEPT_MAX, "{what}: {kept} bytes are kept");
}

/// Goal: show that channels, queues and waiting lists give back the room that a rush took, and do
/// not keep it for as long as they live.
/// Method: count the bytes on the heap before and after 100,000 come and go.
#[test]
fn a_rush_leaves_no_room_behind() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    check("mpsc", || {
        for _ in 0..2 {
            (0..RUSH).for_each(|item| tx.send(item).unwrap());
            while rx.try_recv().is_ok() {}
        }
    });

    let queue = Queue::new(0);
    check("Queue", || fill_and_drain(&queue));
    let queue = queue::QueueOf::<queue::Lifo<usize>>::new(0);
    check("LifoQueue", || fill_and_drain(&queue));
    let queue = queue::QueueOf::<queue::Smallest<usize>>::new(0);
    check("PriorityQueue", || fill_and_drain(&queue));

    let event = Event::new();
    check("served waiters", || {
        let mut waiters: Vec<_> = (0..RUSH).map(|_| spawn(Box::pin(event.wait()))).collect();
        waiters.iter_mut().for_each(|waiter| assert!(waiter.poll().is_pending()));
        event.set();
        waiters.iter_mut().for_each(|waiter| assert!(waiter.poll().is_ready()));
        event.clear();
    });
    check("cancelled waiters", || {
        let mut waiters: Vec<_> = (0..RUSH).map(|_| spawn(Box::pin(event.wait()))).collect();
        waiters.iter_mut().for_each(|waiter| assert!(waiter.poll().is_pending()));
    });
}

fn fill_and_drain<S: queue::Store<Item = usize>>(queue: &queue::QueueOf<S>) {
    (0..RUSH).for_each(|item| queue.put_nowait(item).unwrap());
    while queue.get_nowait().is_ok() {}
}
