//! Floor 1. The timers of one loop: its wheel, and until when it sleeps.
//!
//! A loop that sleeps until the next deadline must be woken if somebody else sets an earlier one.
//! So it writes down when it will wake up, under the lock that the wheel is in:
//!
//! ```text
//!   worker      lock  reads: next is 90, notes "until 90"   unlock      sleeps
//!   another     lock  sets 50, reads "until 90": too late   unlock      rings
//! ```
//!
//! Whoever comes first, the other one sees what it did. And who sets and cancels timers in a row,
//! as timeouts do, rings once and not each time: a loop that was woken for a deadline sleeps no
//! longer than until that one, though it was cancelled since.
//!
//! ```text
//!   tick  another thread          until      the loop
//!   0                             for ever   sleeps
//!   1     sets 50: rings          50         awake; asleep again, until 50
//!   2     cancels it              50         sleeps on
//!   3     sets 60: no ring        50         sleeps on
//!   50                            60         up for nothing: that is the price
//! ```
//!
//! Real world: tokio's driver keeps the same note, and for the same reason.

use super::wheel::Wheel;
use std::ops::{Deref, DerefMut};

/// See the head of the file.
pub(crate) struct Timers<T> {
    wheel: Wheel<T>,
    /// When the loop wakes up, if it sleeps. While it is awake this is out of date, and whoever
    /// goes by it rings a loop that does not sleep: that costs a look at its inbox.
    until_ticks: u64,
    /// What it was last woken for; 0 once that is past. It sleeps no longer than until
    /// then: see the picture above.
    called_for_ticks: u64,
    /// The loop has ended, and no timer will ever fire: who set one now would wait for ever, and
    /// is told so by its sleep (`sleep.rs`).
    over: bool,
}

impl<T> Timers<T> {
    pub(crate) fn new() -> Self {
        Self { wheel: Wheel::new(0), until_ticks: 0, called_for_ticks: 0, over: false }
    }

    /// When a loop that falls asleep at `now_ticks` has to wake up; `None`: not because of a timer.
    pub(crate) fn fall_asleep(&mut self, now_ticks: impl FnOnce() -> u64) -> Option<u64> {
        let mut next = self.wheel.next_deadline_ticks();
        if self.called_for_ticks > 0 {
            if self.called_for_ticks > now_ticks() {
                next = Some(next.map_or(self.called_for_ticks, |it| it.min(self.called_for_ticks)));
            } else {
                self.called_for_ticks = 0;
            }
        }
        self.until_ticks = next.unwrap_or(u64::MAX);
        next
    }

    /// Whether the loop has to be woken for that deadline, set by somebody else: true for the first
    /// one who asks. It may be awake as well.
    #[must_use]
    pub(crate) fn is_earlier(&mut self, deadline_ticks: u64) -> bool {
        let earlier = deadline_ticks < self.until_ticks;
        if earlier {
            (self.until_ticks, self.called_for_ticks) = (deadline_ticks, deadline_ticks);
        }
        earlier
    }

    /// Whether the loop has ended. A key that is stale then says nothing of the time.
    // Under the same lock as the wheel, or a timer could slip in behind the last look.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Moves all payloads to the end of `out`, when the loop ends:
    /// who waits shall hear of it.
    pub(crate) fn end(&mut self, out: &mut Vec<T>) {
        self.over = true;
        self.wheel.drain(out);
    }
}

impl<T> Deref for Timers<T> {
    type Target = Wheel<T>;

    #[inline]
    fn deref(&self) -> &Wheel<T> {
        &self.wheel
    }
}

impl<T> DerefMut for Timers<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Wheel<T> {
        &mut self.wheel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: one ring is enough for many timers that are set and cancelled while the loop sleeps.
    /// Method: call for a deadline, cancel it, and look how long the loop would sleep.
    #[test]
    fn a_loop_is_called_once_for_timers_that_come_and_go() {
        let mut timers = Timers::new();
        assert_eq!(timers.fall_asleep(|| 0), None);
        let key = timers.insert(50, ());
        assert!(timers.is_earlier(50));
        assert!(!timers.is_earlier(60));
        assert!(timers.is_earlier(40));
        timers.remove(key);
        assert_eq!(timers.fall_asleep(|| 10), Some(40));
        assert!(!timers.is_earlier(45));
        assert_eq!(timers.fall_asleep(|| 40), None);
        assert!(timers.is_earlier(1_000));
    }
}
