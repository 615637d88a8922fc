//! A countdown, by hand.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Says its numbers from high to low, and then is ready with `"lift-off"`.
pub struct Countdown {
    left: u32,
    say: Box<dyn FnMut(u32)>,
}

impl Countdown {
    /// A countdown from `from` to 1, which calls `say` with each number.
    pub fn new(from: u32, say: impl FnMut(u32) + 'static) -> Self {
        Self { left: from, say: Box::new(say) }
    }
}

impl Future for Countdown {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready("lift-off");
        }
        let number = self.left;
        (self.say)(number);
        self.left -= 1;
        // "Pending" is a promise that somebody will wake. Here nobody else could.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
