//! Floor 5. Waiting with a whole thread, for code that is not async.
//!
//! `blocking_send`, `blocking_recv` and their kin poll their future on the caller's own thread and
//! park it in between; the waker unparks it. Inside a running loop that would stop the loop, and
//! with it whoever should do the waking, so it is refused.
//!
//! Real world: the same ten lines are `pollster`, `futures::executor::block_on` and tokio's
//! `CachedParkThread`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::current;

/// Unparks the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` on this thread until it is ready. `what` names the caller's function.
///
/// Panics inside a running loop.
#[track_caller]
pub(crate) fn wait<F: Future>(what: &str, future: F) -> F::Output {
    current::forbid_blocking(what);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        thread::park();
    }
}
