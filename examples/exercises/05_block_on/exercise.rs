//! The smallest executor: it runs one future on the calling thread.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs `future` to its end and returns what it gives.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
