//! A signal from one task to another.

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
    is_given: bool,
    waker: Option<Waker>,
}

impl Signal {
    /// Gives the signal.
    pub fn give(&self) {
        let mut state = self.state.borrow_mut();
        state.is_given = true;
        let waker = state.waker.take();
        drop(state); // a waker is other people's code
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until the signal was given.
    pub fn wait(&self) -> Wait {
        Wait { signal: self.clone() }
    }
}

/// The future of [`Signal::wait`].
pub struct Wait {
    signal: Signal,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.signal.state.borrow_mut();
        if state.is_given {
            return Poll::Ready(());
        }
        // Each time: whoever polls now need not be whoever polled before.
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
