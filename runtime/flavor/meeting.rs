//! Floor 4. Where the threads of a runtime wait for each other at its end, and others for them.
//!
//! ```text
//!   came:   to the first meeting    to the second    gone home
//!   wait?   yes: nobody polls any   yes              no, but the end of the runtime waits for it,
//!           more                                     within its limit
//! ```
//!
//! Rules
//! 1. Nobody passes the first meeting while somebody is still in a poll: who has no loop any more,
//!    because another took it over, is waited for by name of [`Meeting::step_out`].
//!
//! Real world: tokio's workers hand their cores in, and the last one ends the runtime alone; Java's
//! `Phaser`.

use crate::task::cell::TaskRef;
use crate::task::info::TaskInfo;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the head of the file.
pub(super) struct Meeting {
    state: Mutex<State>,
    /// For each of the three: all have come.
    complete: [Condvar; 3],
}

struct State {
    expected: usize,
    came: [usize; 3],
    /// Those in a poll whose loop another one has (rule 1).
    outside: usize,
    cancelled: Vec<TaskInfo>,
}

impl Meeting {
    pub(super) fn new(expected: usize) -> Self {
        let state = State { expected, came: [0; 3], outside: 0, cancelled: Vec::new() };
        Self { state: Mutex::new(state), complete: Default::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many will not come.
    pub(super) fn leave_out(&self, count: usize) {
        self.lock().expected -= count;
        self.complete.iter().for_each(Condvar::notify_all);
    }

    /// The caller gives its loop to another one, and goes on polling (rule 1).
    pub(super) fn step_out(&self) {
        self.lock().outside += 1;
    }

    /// It polls no more, or has its loop back.
    pub(super) fn step_in(&self) {
        self.lock().outside -= 1;
        self.complete.iter().for_each(Condvar::notify_all);
    }

    /// Waits until all have come to this meeting.
    pub(super) fn meet(&self, which: usize) {
        let mut state = self.come(which);
        while state.came[which] < state.expected || state.outside > 0 {
            state = self.complete[which].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn go_home(&self) {
        drop(self.come(2));
    }

    fn come(&self, which: usize) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.came[which] += 1;
        if state.came[which] >= state.expected {
            self.complete[which].notify_all();
        }
        state
    }

    /// Notes a task that had to be cancelled.
    pub(super) fn note(&self, task: &TaskRef) {
        self.lock().cancelled.push(TaskInfo::new(task.origin().clone()));
    }

    /// Waits at most `limit` until all have gone home. Returns the tasks that had to be cancelled,
    /// and how many are still at it.
    pub(super) fn wait_for_all(&self, limit: Duration) -> (Vec<TaskInfo>, usize) {
        let end = Instant::now().checked_add(limit);
        let mut state = self.lock();
        while state.came[2] < state.expected {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            let waited = self.complete[2].wait_timeout(state, left.unwrap_or(limit));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (std::mem::take(&mut state.cancelled), state.expected - state.came[2])
    }
}
