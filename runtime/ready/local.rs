//! Floor 2. The local ring: one thread, first in, first out.
//!
//! A task that wakes itself goes to the back, so everybody who is ready gets a poll before anybody
//! gets a second one. There is no slot for the task woken last: on one thread it would buy nothing
//! but unfairness.
//!
//! ```text
//!   ring          what happens                       ring after it
//!   A B C         A is polled, wakes itself and D    B C D A      (D first: A joins the line
//!                                                                  when its poll is over)
//!   B C D A       B is polled, waits for a socket    C D A
//! ```
//!
//! Real world: asyncio's deque; tokio's work-stealing flavour has such a slot, for the cache;
//! monoio puts a task that wakes itself at the front and so lets a
//! `while !flag { yield }` starve whoever would set the flag.

use super::{Job, ReadyQueue, plan};
use crate::random;
use crate::task::home::HomeRef;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The ring. A growing array of 8-byte pointers, and not a list through the tasks: pushing and
/// popping cost 0.7 ns together, so there is nothing left to save.
pub(crate) struct LocalQueue {
    ring: RefCell<VecDeque<Job>>,
    home: HomeRef,
    /// Whoever is drawn by lot comes next, not who came first: a test of what must hold in any
    /// order. The lots are those of `random.rs`, so a seed brings an order back; or they are no
    /// lots, but a plan (`plan.rs`).
    shuffled: bool,
}

impl LocalQueue {
    pub(crate) fn new(home: HomeRef, shuffled: bool) -> Self {
        Self { ring: RefCell::new(VecDeque::new()), home, shuffled }
    }
}

impl ReadyQueue for LocalQueue {
    #[inline]
    fn push(&self, job: Job) {
        self.ring.borrow_mut().push_back(job);
    }

    // The borrow ends here, before the job runs: whatever a poll does, it may push.
    #[inline]
    fn pop(&self) -> Option<Job> {
        let mut ring = self.ring.borrow_mut();
        if self.shuffled {
            choose(&mut ring);
        }
        ring.pop_front()
    }

    fn refill(&self) -> bool {
        !self.ring.borrow().is_empty() // there is nobody else to take work from
    }

    // With one thread, "may I sleep" is a question to the inbox alone (`task/inbox.rs`, rule 2).
    fn sleep(&self) -> bool {
        self.home.inbox().fall_asleep()
    }

    fn wake_up(&self) {
        self.home.inbox().wake_up();
    }
}

/// Puts whoever comes next to the front: by the explorer's plan, or by lot.
#[cold]
fn choose(ring: &mut VecDeque<Job>) {
    if let Some(chosen) = plan::ask(ring) {
        let job = ring.remove(chosen); // those who were passed over keep their order
        job.into_iter().for_each(|job| ring.push_front(job));
    } else if ring.len() > 1 {
        // Only where there is a choice: how often an idle loop looks in vain differs from run to
        // run, and must not use up a seed's lots.
        let len = u32::try_from(ring.len()).unwrap_or(u32::MAX);
        ring.swap(0, random::below(len) as usize);
    }
}
