//! What every model needs: bounds on the search, and an executor whose parking loom can see.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;

use crate::shim::atomic::STRICT;

std::thread_local! {
    /// Whether those who wait let the others go first; loom runs a model on one thread of the
    /// system.
    static OTHERS_FIRST: Cell<bool> = const { Cell::new(false) };
}

/// Explores `body`. Up to three times a thread may be interrupted where it need not be; that is
/// where all known bugs of such code lie, and it keeps the search short. `LOOM_MAX_PREEMPTIONS`
/// overrides.
///
/// Searches several times: from an order in which whoever waits comes first and from one in which
/// it comes last, and with loads of both kinds (see [`STRICT`]). Loom forgets that a thread has
/// loaded a word once another one has loaded it, too, and would miss orders by that.
pub fn check(body: impl Fn() + Sync + Send + 'static) {
    search(body, None);
}

/// [`check`] for a model that is too large for the third search: there a thread may be interrupted
/// once less.
pub fn check_large(body: impl Fn() + Sync + Send + 'static) {
    search(body, Some(2));
}

fn search(body: impl Fn() + Sync + Send + 'static, strict_bound: Option<usize>) {
    let body = Arc::new(body);
    for (others_first, strict) in [(false, false), (true, false), (false, true)] {
        OTHERS_FIRST.set(others_first);
        STRICT.set(strict);
        let mut model = loom::model::Builder::new();
        let bound = model.preemption_bound.unwrap_or(3);
        let lower = strict_bound.filter(|_| strict).unwrap_or(bound);
        model.preemption_bound = Some(bound.min(lower));
        let body = body.clone();
        model.check(move || body());
    }
}

/// loom sees a thread that waits for a wake which never comes, and reports a deadlock.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// In the second search, lets the other threads go first. See [`check`].
pub fn let_others_first() {
    if OTHERS_FIRST.get() {
        loom::thread::yield_now();
    }
}

/// Runs `future` on this thread of the model.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let_others_first();
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

/// Polls once, for nobody.
pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls once, for nobody, and drops the future: a cancelled wait.
pub fn poll_and_cancel<F: Future>(future: F) -> Option<F::Output> {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
