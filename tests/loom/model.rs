//! What every model needs: bounds on the search, and an executor whose parking loom can see.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;

/// Explores `body`. Up to three times a thread may be interrupted where it need not be; that is
/// where all known bugs of such code lie, and it keeps the search short. `LOOM_MAX_PREEMPTIONS`
/// overrides.
pub fn check(body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(3));
    model.check(body);
}

/// loom sees a thread that waits for a wake which never comes, and reports a deadlock.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Runs `future` on this thread of the model.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        bell.0.wait();
    }
}

/// Polls once, for nobody, and drops the future: a cancelled wait.
pub fn poll_and_cancel<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
