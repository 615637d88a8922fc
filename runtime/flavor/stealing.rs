//! Floor 4. The stealing flavour: many threads, each with a loop, that take work from each other.
//!
//! Each worker turns a loop of its own, with its own timers and sockets, by the same `turn` as the
//! local flavour. Only the tasks are everybody's: their state and their counts are atomic, and they
//! stand in rings that can be robbed (`ready/steal.rs`). A future given to `block_on` runs on the
//! caller's thread, beside the workers.
//!
//! The end has to wait for everybody twice:
//!
//! ```text
//!   closing   each worker leaves its loop when its poll is over
//!   ── all have left: nobody runs a task any more ──
//!   cancel    each drops the futures of the tasks it keeps; these may send errands to other loops
//!   ── all have done so: no errand will come from a task any more ──
//!   leave     each reads its last notes, closes its inbox, and wakes who still waits at its loop
//! ```
//!
//! Rules
//! 1. Between the two meetings no task runs; so whoever takes a task off a list owns it.
//! 2. A panic of somebody's waker ends the turn it came in, and neither the worker nor the runtime.
//!
//! Real world: tokio's multi-thread flavour; Go's Ms and Ps; rayon for jobs that never wait.

use super::local;
use crate::current::{self, Handle};
use crate::outlook::Watched;
use crate::reactor::Reactor;
use crate::ready::Ready;
use crate::ready::crew::{Crew, Member};
use crate::ready::ring::{self, Owner};
use crate::ready::steal::StealQueue;
use crate::services::Services;
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::task::info::TaskInfo;
use crate::turn::{Loop, Turned, turn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The workers, and the right to end them.
pub(crate) struct Stealing {
    crew: Arc<Crew>,
    handle: Handle,
    meeting: Arc<Meeting>,
}

/// What one worker is made of, on its way to its thread.
struct Parts {
    worker: usize,
    ring: Owner<TaskRef>,
    outlooks: Arc<[Watched]>,
}

impl Stealing {
    /// Starts a worker for each reactor.
    ///
    /// # Errors
    ///
    /// When no more threads can be started.
    pub(crate) fn new(
        reactors: Vec<Reactor>,
        services: Arc<Services>,
        name: &str,
    ) -> io::Result<Self> {
        let outlooks: Arc<[Watched]> = reactors
            .into_iter()
            .map(|reactor| Watched::new(local::new_home(&reactor), reactor))
            .collect();
        let (mut members, mut rings) = (Vec::new(), Vec::new());
        for outlook in &outlooks[..] {
            let (ring, robbable) = ring::ring();
            members.push(Member::new(robbable, outlook.home().clone()));
            rings.push(ring);
        }
        let total = members.len();
        let crew = Arc::new(Crew::new(members, current::queue_shared_here));
        let commons = HomeRef::shared(crew.clone());
        let meeting = Arc::new(Meeting::new(total));
        let home = crew.members()[0].home().clone();
        let handle = Handle::new(home, services.clone(), Some((crew.clone(), commons.clone())));
        let stealing = Self { crew, handle, meeting };
        for (worker, ring) in rings.into_iter().enumerate() {
            let parts = Parts { worker, ring, outlooks: outlooks.clone() };
            let (crew, commons) = (stealing.crew.clone(), commons.clone());
            let (services, meeting) = (services.clone(), stealing.meeting.clone());
            let work = move || Worker::new(parts, crew, commons, services).work(&meeting);
            let started =
                thread::Builder::new().name(format!("{name}-worker-{worker}")).spawn(work);
            if let Err(error) = started {
                // Those that were not started will come to no meeting.
                stealing.meeting.leave_out(total - worker);
                return Err(error); // dropped, it ends those that were
            }
        }
        Ok(stealing)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the runtime and waits at most `limit` for the workers, not at all on a thread that is
    /// inside a loop: it may be one of them. Returns the tasks that had to be cancelled, and how
    /// many workers are still at it.
    pub(crate) fn end(self, limit: Duration) -> (Vec<TaskInfo>, usize) {
        self.crew.close();
        let limit = if current::busy().is_some() { Duration::ZERO } else { limit };
        self.meeting.wait_for_all(limit)
    }
}

impl Drop for Stealing {
    fn drop(&mut self) {
        self.crew.close();
    }
}

/// Where the workers wait for each other at the end, and others for them.
struct Meeting {
    state: Mutex<MeetingState>,
    /// For each of the three: all have come.
    complete: [Condvar; 3],
}

struct MeetingState {
    expected: usize,
    /// How many have come to the first meeting, to the second, and have gone home.
    came: [usize; 3],
    cancelled: Vec<TaskInfo>,
}

impl Meeting {
    fn new(expected: usize) -> Self {
        let state = MeetingState { expected, came: [0; 3], cancelled: Vec::new() };
        Self { state: Mutex::new(state), complete: Default::default() }
    }

    fn leave_out(&self, count: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).expected -= count;
        self.complete.iter().for_each(Condvar::notify_all);
    }

    fn come(&self, which: usize, wait: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.came[which] += 1;
        if state.came[which] >= state.expected {
            drop(state); // before the call: who is woken wants the lock
            return self.complete[which].notify_all();
        }
        while wait && state.came[which] < state.expected {
            state = self.complete[which].wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note(&self, task: &TaskRef) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled.push(TaskInfo::new(task.origin().clone()));
    }

    fn wait_for_all(&self, limit: Duration) -> (Vec<TaskInfo>, usize) {
        let end = Instant::now().checked_add(limit);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.came[2] < state.expected {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            let left = left.unwrap_or(limit);
            let waited = self.complete[2].wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (std::mem::take(&mut state.cancelled), state.expected - state.came[2])
    }
}

/// A worker, on its thread.
struct Worker {
    lp: Rc<Loop>,
    handle: Handle,
    outlooks: Arc<[Watched]>,
}

impl Worker {
    fn new(parts: Parts, crew: Arc<Crew>, commons: HomeRef, services: Arc<Services>) -> Self {
        let Parts { worker, ring, outlooks } = parts;
        let home = outlooks[worker].home().clone();
        let team = Some((crew.clone(), commons.clone()));
        let handle = Handle::new(home.clone(), services.clone(), team);
        let queue = StealQueue::new(crew, worker, commons, ring);
        let outlook = outlooks[worker].outlook(false);
        let lp = Loop::new(home, Ready::Steal(queue), outlook, services);
        Self { lp: Rc::new(lp), handle, outlooks }
    }

    /// Does a stuck neighbour's duty. False if it is not stuck, but asleep or doing that itself.
    fn stand_in_for(&self, neighbour: &Watched) -> bool {
        let Some(_duty) = neighbour.try_duty() else { return false };
        let lp = Rc::new(self.lp.stand_in(neighbour));
        let inside = current::enter(Some(lp.clone()), None, None);
        // An error is the neighbour's to hear of, when it asks the kernel itself.
        let _ = lp.look_out();
        drop(inside);
        current::forget(&lp);
        true
    }

    fn work(self, meeting: &Meeting) {
        let (lp, handle) = (self.lp.clone(), self.handle.clone());
        let inside = current::enter(Some(lp.clone()), Some(handle.clone()), Some("a worker"));
        let queue = lp.ready.steal();
        while !queue.crew().is_closing() {
            // The panic hook has told of it (rule 2).
            let turned = catch_unwind(AssertUnwindSafe(|| {
                let turned = turn(&lp, queue, &mut || false);
                queue.look_around(|worker| self.stand_in_for(&self.outlooks[worker]));
                turned
            }));
            match turned {
                Ok(Ok(Turned::Again)) | Err(_) => {}
                Ok(Ok(Turned::RootDone | Turned::Deadlock)) => {
                    unreachable!("a worker has no root, and its time is real")
                }
                Ok(Err(error)) => {
                    panic!("the kernel refused to say which sockets are ready: {error}")
                }
            }
        }
        meeting.come(0, true);
        let outside = if queue.worker() == 0 { queue.crew().all_outside() } else { 0..0 };
        for keeper in outside.chain([queue.worker()]) {
            for task in queue.crew().take_live(keeper) {
                if !task.is_done() {
                    meeting.note(&task);
                }
                task.cancel_at_shutdown();
            }
        }
        meeting.come(1, true);
        queue.clear();
        lp.home.inbox().refuse_tasks();
        while lp.read_inbox() || !lp.home.inbox().close() {}
        drop(self);
        local::leave(lp, move || drop((inside, handle)));
        meeting.come(2, false);
    }
}
