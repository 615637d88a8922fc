//! Floor 1. Waiting for a future on a thread without a loop: poll, sleep, poll again.
//!
//! The waker unparks the thread. That is a whole executor; what it lacks is timers and sockets,
//! which need a loop somewhere else.
//!
//! ```text
//!   this thread                              another thread
//!   poll: Pending, the future keeps the waker
//!   woken? no: park ...                      produces the value, calls wake():
//!   ... back                 ◀── token ──      woken = true, unpark
//!   woken? yes: poll: Ready
//! ```
//!
//! Everything else in the engine is there to do this for many futures on one thread: a ready queue
//! in place of `woken`, and the kernel in place of `park`, because sockets and timers are there.
//!
//! Real world: `futures::executor::block_on` is the same; so is, for one coroutine, the loop of
//! `coro.send(None)` that Python's tutorials write by hand.
//! Source: `std::thread::park` keeps one token, so an unpark between the poll and the park counts.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
        // The word before the token: in the other order the thread could come back, find no word,
        // and park again, just before the word is written; and no token would be left for it.
        // Release: pairs with the Acquire below; what was written before the wake is seen.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Threads that wait here, in the whole process.
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// Whether some thread of this process waits for a future and may go on: it could bring work to a
/// loop that has none.
pub(crate) fn is_anybody_parked() -> bool {
    // Acquire: pairs with the Release below; what the thread did before it left is seen.
    PARKED.load(Ordering::Acquire) > 0
}

struct Parked;

impl Drop for Parked {
    fn drop(&mut self) {
        // Release: see `is_anybody_parked`.
        PARKED.fetch_sub(1, Ordering::Release);
    }
}

/// Runs `future` on this thread, which sleeps while it waits.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // Relaxed: only the way down needs an order.
    PARKED.fetch_add(1, Ordering::Relaxed);
    let _parked = Parked;
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    // Made once. A future that is polled again finds the same waker, and need not clone it anew.
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // A loop: `park` may also return for somebody else's token, or for no reason at all.
        // Acquire: see `wake_by_ref`.
        while !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}
