//! A countdown, by hand: see `learn hint 01` if you are stuck.

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

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Correct numbers, but nobody else gets a turn between them. One number a poll!
        while self.left > 0 {
            let number = self.left;
            (self.say)(number);
            self.left -= 1;
        }
        Poll::Ready("lift-off")
    }
}
