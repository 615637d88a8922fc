//! A signal from one task to another. Under most schedules it arrives.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Clones are the same signal. One task waits for it, another gives it, once.
#[derive(Clone, Default)]
pub struct Signal {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    waker: Option<Waker>,
}

impl Signal {
    /// Gives the signal.
    pub fn give(&self) {
        let waker = self.state.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until the signal was given.
    pub fn wait(&self) -> Wait {
        Wait { signal: self.clone(), has_waited: false }
    }
}

/// The future of [`Signal::wait`].
pub struct Wait {
    signal: Signal,
    has_waited: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // "Whoever polls me a second time was woken by `give`."
        if self.has_waited {
            return Poll::Ready(());
        }
        self.signal.state.borrow_mut().waker = Some(cx.waker().clone());
        self.has_waited = true;
        Poll::Pending
    }
}
