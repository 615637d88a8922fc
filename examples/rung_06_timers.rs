//! Rung 06 of the ladder: timers in a heap, on one thread.
//!
//! Run it: `cargo run --example rung_06_timers`
//!
//! Rung 05 could not wait by itself: each wait was a thread of its own, with a stack, a start and
//! an end.
//!
//! One idea: what all waits have in common is a deadline. Keep deadlines in a heap with the next
//! one on top, and sleep until then. A socket is asked again each millisecond.
//!
//! ```text
//!   run the ready tasks ──▶ queue empty? sleep until the top of the heap ──▶ wake what is due ─┐
//!        ▲                                                                                     │
//!        └─────────────────────────────────────────────────────────────────────────────────────┘
//!   heap:  12 ms ── 15 ms, 13 ms ── 40 ms ...      12 ms: the waker of the task that sleeps
//! ```
//!
//! Real runtimes: asyncio's `_scheduled` is this heap (`heapq`); libuv and Go have heaps too. That
//! the loop's sleep ends at the next deadline is true of every loop.

mod rungs;

use rungs::Load;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The queue of rung 05, without its condition variable: nobody else can wake this thread now.
type Queue = Arc<Mutex<VecDeque<Arc<Task>>>>;

struct Task {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    queued: AtomicBool,
    queue: Queue,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().unwrap().push_back(self.clone());
        }
    }
}

impl Task {
    fn is_done_after_poll(self: &Arc<Self>) -> bool {
        self.queued.store(false, Ordering::Release);
        let waker = Waker::from(self.clone());
        let mut place = self.future.lock().unwrap();
        let Some(future) = place.as_mut() else { return false };
        let is_done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if is_done {
            *place = None;
        }
        is_done
    }
}

/// The heap holds what is compared, the map what is woken: a `Waker` has no order.
#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    wakers: HashMap<u64, Waker>,
    set: u64,
}

impl Timers {
    fn insert(&mut self, deadline: Instant, waker: Waker) {
        self.set += 1;
        self.heap.push(Reverse((deadline, self.set)));
        self.wakers.insert(self.set, waker);
    }

    fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while self.next().is_some_and(|deadline| deadline <= now) {
            let key = self.heap.pop().map(|Reverse((_, key))| key);
            due.extend(key.and_then(|key| self.wakers.remove(&key)));
        }
        due
    }
}

thread_local! { static TIMERS: RefCell<Timers> = RefCell::default(); }

async fn sleep(duration: Duration) {
    let deadline = Instant::now() + duration;
    let mut armed = false;
    poll_fn(|cx| {
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        if !armed {
            TIMERS.with_borrow_mut(|timers| timers.insert(deadline, cx.waker().clone()));
            armed = true;
        }
        Poll::Pending
    })
    .await;
}

/// Sleeps until the next deadline. Returns whom to wake.
fn wait() -> Vec<Waker> {
    let deadline = TIMERS.with_borrow(Timers::next).expect("a task waits, so a timer is set");
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    TIMERS.with_borrow_mut(|timers| timers.take_due(Instant::now()))
}

/// Runs futures beside each other until all are done. Returns how often the thread slept.
fn run(futures: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) -> usize {
    let (queue, mut alive, mut sleeps) = (Queue::default(), 0, 0);
    for future in futures {
        let future = Mutex::new(Some(Box::pin(future) as Pin<Box<_>>));
        Arc::new(Task { future, queued: AtomicBool::new(false), queue: queue.clone() }).wake();
        alive += 1;
    }
    while alive > 0 {
        // A statement of its own: in the head of the `match` the lock would be held longer.
        let task = queue.lock().unwrap().pop_front();
        match task {
            Some(task) => alive -= usize::from(task.is_done_after_poll()),
            None => {
                sleeps += 1;
                wait().into_iter().for_each(Waker::wake);
            }
        }
    }
    sleeps
}

async fn client(load: Load, not_yet: Arc<Mutex<usize>>) {
    let mut line = load.connect().expect("a connection");
    line.set_nonblocking(true).expect("a socket can do that");
    for _ in 0..load.requests {
        line.write_all(&[load.delay_ms]).expect("room for a byte");
        let mut answer = [0];
        while let Err(error) = line.read_exact(&mut answer) {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            *not_yet.lock().unwrap() += 1;
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(answer[0], load.delay_ms);
    }
}

fn job(load: &Load) -> usize {
    let not_yet = Arc::new(Mutex::new(0));
    run((0..load.clients).map(|_| client(*load, not_yet.clone())));
    *not_yet.lock().unwrap()
}

/// Three tasks that only sleep.
fn sleepers() -> Vec<u64> {
    let order = Arc::new(Mutex::new(Vec::new()));
    run([150, 10, 80].map(|ms| {
        let order = order.clone();
        async move {
            sleep(Duration::from_millis(ms)).await;
            order.lock().unwrap().push(ms);
        }
    }));
    order.lock().unwrap().clone()
}

fn main() {
    let mut not_yet = 0;
    let (_, most) = rungs::climb(|load| not_yet = job(load));
    println!("  one thread; the kernel said \"not yet\" ~{not_yet} times");
    assert!(most > 1, "they wait at the same time");
    assert!(not_yet >= 10, "and each was asked in vain at least once");

    let order = sleepers();
    println!("three sleepers got up in this order: {order:?}");
    assert_eq!(order, [10, 80, 150]);
}

// It cost: 19 µs of CPU a request. No threads; but the slower the service, the more calls in vain.
// It still cannot: hear the kernel: an answer lies there for up to a millisecond.
