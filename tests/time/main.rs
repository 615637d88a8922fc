//! Waiting for moments: sleep, timeout, interval, a queue of things with deadlines. Exact in
//! virtual time, "never early" in real time.

mod delay_queue;
mod delay_queue_model;
mod interval;
mod sleep;
mod timeout;

use rondel::time::{Duration, Sleep};
use rondel::{Builder, Runtime};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

const HOUR: Duration = Duration::from_secs(3_600);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A runtime whose time stands still until nothing else can run.
fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// Who did what in which order.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    fn pages(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// A waker that counts; its own reference count tells who still holds it.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_with(sleep: &mut Sleep, counter: &Arc<Counter>) -> Poll<()> {
    let waker = Waker::from(counter.clone());
    Pin::new(sleep).poll(&mut Context::from_waker(&waker))
}

/// Lets a loop on another thread catch up. Not for luck: the caller states a condition.
fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(ms(1));
    }
}

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}
