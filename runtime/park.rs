//! Floor 1. Waiting for a future on a thread without a loop: poll, sleep, poll again.
//!
//! The waker unparks the thread. That is a whole executor; what it lacks is timers and sockets,
//! which need a loop somewhere else.
//!
//! Source: `std::thread::park` keeps one token, so an unpark between the poll and the park counts.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark {
    thread: Thread,
    /// The thread's one token may be taken by other people's `park`, so the wake is kept here too.
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the Acquire below; what was written before the wake is seen.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs `future` on this thread, which sleeps while it waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // Acquire: see `wake_by_ref`.
        while !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}
