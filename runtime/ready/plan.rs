//! Floor 2. A plan: who of the line comes next, as the explorer of the test kit says.
//!
//! A shuffled ready queue draws lots. An explorer wants to choose, and to know who stood there. So
//! where the lots are drawn it is asked first; on a thread without a plan that is one look at a
//! thread-local, and only a shuffled queue takes it.
//!
//! ```text
//!   pop ── shuffled? ── a plan? ─▶ "the third, please" ─▶ the others keep their order
//!                          └─ none: a lot
//! ```
//!
//! Rule 1. A plan looks at the line and says a number; it runs none of the tasks and wakes none,
//! for the queue is borrowed while it is asked.

use super::Job;
use std::cell::RefCell;
use std::collections::VecDeque;

/// Says who of the line comes next: 0 is the first. Also asked when nobody stands there.
pub(crate) type Plan = Box<dyn FnMut(&VecDeque<Job>) -> usize>;

thread_local! {
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// Follows `plan` on this thread until the guard is dropped.
pub(crate) fn follow(plan: Plan) -> Following {
    PLAN.with(|place| place.replace(Some(plan)));
    Following(())
}

/// See [`follow`].
pub(crate) struct Following(());

impl Drop for Following {
    fn drop(&mut self) {
        end();
    }
}

/// Ends the plan of this thread, if there is one: what runs from now on is no part of it.
pub(crate) fn end() {
    let plan = PLAN.with(RefCell::take);
    drop(plan); // outside the borrow
}

/// Asks the plan, if there is one.
pub(super) fn ask(line: &VecDeque<Job>) -> Option<usize> {
    PLAN.with(|plan| plan.borrow_mut().as_mut().map(|plan| plan(line)))
}
