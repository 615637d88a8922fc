//! Floor 5. A time limit for many children.
//!
//! Whoever has ended when the time runs out has ended in time. So all children are asked before the
//! clock is, also those that a poll had to leave out because its budget was spent:
//!
//! ```text
//!   line: a b c d      poll: a, b, budget spent    time is up, but c and d may have ended
//!         c d          poll: c, d, a again ...     the line of then is done, and the next one:
//!                                                  now it is over
//! ```
//!
//! Rules
//! 1. It begins with the first poll of the limit; that is when its owner has to wait.
//! 2. Children that spend the whole budget, each time, do not outlive it: the clock is looked at
//!    for free then, as `timeout` does.
//! 3. If children were left out when the time ran out, those that had been woken by then are asked
//!    yet: they stand in the walk that is under way, or in the next one.
//!
//! Real world: futures-rs has no such limits; tokio's `timeout` has rule 2.

use std::convert::Infallible;
use std::future::{Future, Pending, pending};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::children::Children;
use crate::budget;
use crate::time::error::Elapsed;
use crate::time::{Timeout, timeout};

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Limit {
    timer: Timeout<Pending<Infallible>>,
    /// How many walks had ended when the time ran out, if somebody was left out then (rule 3).
    over: Option<u64>,
}

impl Limit {
    pub(super) fn after(limit: Duration) -> Self {
        Self { timer: timeout(limit, pending()), over: None }
    }

    /// Ready when the time is up. To be asked after the children were polled.
    pub(super) fn poll<F: Future>(
        &mut self,
        cx: &mut Context<'_>,
        children: &Children<F>,
    ) -> Poll<Elapsed> {
        let was_spent = children.had_budget() && !budget::remains();
        let _free = was_spent.then(budget::unlimited); // rule 2
        let Err(elapsed) = ready!(Pin::new(&mut self.timer).poll(cx));
        let walks = children.walks();
        if children.has_left_out() && walks < *self.over.get_or_insert(walks) + 2 {
            return Poll::Pending; // rule 3; the children have woken us
        }
        Poll::Ready(elapsed)
    }
}
