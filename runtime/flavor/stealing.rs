//! Floor 4. The stealing flavour: many threads, each with a loop, that take work from each other.
//!
//! Each worker turns a loop of its own, with its own timers and table of sockets, by the same
//! `turn` as the local flavour; to the sockets, one of them listens for all (`outlook.rs`). The
//! tasks are everybody's: their state and their counts are atomic, and they stand in rings that can
//! be robbed (`ready/steal.rs`). A future given to `block_on` runs on the caller's thread, beside
//! the workers.
//!
//! A worker that knows that it will block hands its loop on to another thread (`deputy.rs`).
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

use super::deputy::{self, Post};
use super::local;
use super::meeting::Meeting;
use crate::blocking::Pool;
use crate::current::{self, Handle};
use crate::loops::{Team, Workers};
use crate::outlook::Watched;
use crate::reactor::Reactor;
use crate::ready::crew::{Crew, Member};
use crate::ready::ring::{self, Owner};
use crate::ready::steal::StealQueue;
use crate::ready::{Ready, ReadyQueue};
use crate::services::Services;
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::task::info::TaskInfo;
use crate::turn::{Loop, Turned, turn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The workers, and the right to end them.
pub(crate) struct Stealing {
    staff: Arc<Staff>,
    handle: Handle,
}

/// What all workers of a runtime need to know.
pub(super) struct Staff {
    pub(super) workers: Workers,
    services: Arc<Services>,
    pub(super) meeting: Arc<Meeting>,
    /// Threads that take the place of a worker that blocks.
    pub(super) deputies: Pool,
}

/// What makes a thread a worker.
pub(super) struct Parts {
    pub(super) worker: usize,
    pub(super) ring: Owner<TaskRef>,
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
        deputies: Pool,
        name: &str,
    ) -> io::Result<Self> {
        let with_home = |reactor| (local::new_home(&reactor), reactor);
        let outlooks = Watched::crew(reactors.into_iter().map(with_home).collect());
        let (mut members, mut rings) = (Vec::new(), Vec::new());
        for outlook in &outlooks[..] {
            let (ring, robbable) = ring::ring();
            members.push(Member::new(robbable, outlook.home().clone()));
            rings.push(ring);
        }
        let meeting = Arc::new(Meeting::new(members.len()));
        let crew = Arc::new(Crew::new(members, current::queue_shared_here));
        let commons = HomeRef::shared(crew.clone());
        let workers = Workers { crew, commons, outlooks };
        let staff = Arc::new(Staff { workers, services, meeting, deputies });
        let stealing = Self { handle: staff.handle(0), staff };
        stealing.start(rings, name)?; // dropped, it ends those that were started
        Ok(stealing)
    }

    fn start(&self, rings: Vec<Owner<TaskRef>>, name: &str) -> io::Result<()> {
        let total = rings.len();
        for (worker, ring) in rings.into_iter().enumerate() {
            let staff = self.staff.clone();
            let work = move || Worker::new(Parts { worker, ring }, staff).work();
            let named = thread::Builder::new().name(format!("{name}-worker-{worker}"));
            if let Err(error) = named.spawn(work) {
                // Those that were not started will come to no meeting.
                self.staff.meeting.leave_out(total - worker);
                return Err(error);
            }
        }
        Ok(())
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether this thread may wait for the workers: it is not inside a loop, nor one of them.
    pub(crate) fn may_wait(&self) -> bool {
        current::busy().is_none() && !deputy::is_of(&self.staff)
    }

    /// Ends the runtime and waits at most `limit` for the workers, if that may be. Returns the
    /// tasks that had to be cancelled, and how many workers are still at it.
    pub(crate) fn end(self, limit: Duration) -> (Vec<TaskInfo>, usize) {
        self.staff.workers.crew.close();
        let limit = if self.may_wait() { limit } else { Duration::ZERO };
        let end = Instant::now().checked_add(limit);
        let (cancelled, left) = self.staff.meeting.wait_for_all(limit);
        // When all have gone home the deputies have nothing to do but to end.
        let rest = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
        self.staff.deputies.close(if left > 0 { Duration::ZERO } else { rest });
        (cancelled, left)
    }
}

impl Drop for Stealing {
    fn drop(&mut self) {
        self.staff.workers.crew.close();
    }
}

impl Staff {
    fn handle(&self, worker: usize) -> Handle {
        let team = Some(Team::Crew(self.workers.clone()));
        Handle::new(self.workers.outlooks[worker].home().clone(), self.services.clone(), team)
    }
}

/// A worker, on its thread.
pub(super) struct Worker {
    lp: Rc<Loop>,
    handle: Handle,
    staff: Arc<Staff>,
}

impl Worker {
    pub(super) fn new(Parts { worker, ring }: Parts, staff: Arc<Staff>) -> Self {
        let Workers { crew, commons, outlooks } = &staff.workers;
        let outlook = &outlooks[worker];
        let queue = StealQueue::new(crew.clone(), worker, commons.clone(), ring);
        let home = outlook.home().clone();
        let lp =
            Loop::new(home, Ready::Steal(queue), outlook.outlook(false), staff.services.clone());
        Self { lp: Rc::new(lp), handle: staff.handle(worker), staff }
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

    /// Works until the runtime ends, or until another thread has this worker's place.
    pub(super) fn work(self) {
        let (lp, handle) = (self.lp.clone(), self.handle.clone());
        let inside = current::enter(Some(lp.clone()), Some(handle.clone()), Some("a worker"));
        let holding = deputy::hold(Rc::new(Post { staff: self.staff.clone(), lp: lp.clone() }));
        let left = self.turn_until_the_end();
        // All but this is let go before the others hear of it: when the end of a runtime returns,
        // its descriptors are closed.
        let meeting = self.staff.meeting.clone();
        drop(self);
        if left {
            drop((holding, inside, lp, handle));
            return meeting.step_in();
        }
        meeting.meet(0);
        cancel_kept_by(lp.ready.steal(), &meeting);
        meeting.meet(1);
        drop(holding);
        lp.ready.steal().clear();
        lp.home.inbox().refuse_tasks();
        while lp.read_inbox() || !lp.home.inbox().close() {}
        local::leave(lp, move || drop((inside, handle)));
        meeting.go_home();
    }

    /// True if another thread turns the loop from now on.
    fn turn_until_the_end(&self) -> bool {
        let queue = self.lp.ready.steal();
        while !queue.crew().is_closing() {
            // The panic hook has told of it (rule 2).
            let turned = catch_unwind(AssertUnwindSafe(|| {
                let turned = turn(&self.lp, queue, &mut || false);
                queue.look_around(|worker| self.stand_in_for(&self.staff.workers.outlooks[worker]));
                turned
            }));
            if queue.has_left() {
                return true;
            }
            match turned {
                Ok(Ok(Turned::Again)) | Err(_) => {}
                Ok(Ok(Turned::RootDone | Turned::Deadlock | Turned::Left)) => {
                    unreachable!("a worker has no root, and its time is real")
                }
                Ok(Err(error)) => {
                    panic!("the kernel refused to say which sockets are ready: {error}")
                }
            }
        }
        false
    }
}

/// Drops the futures of the tasks that this worker keeps, and worker 0 those of all others.
fn cancel_kept_by(queue: &StealQueue, meeting: &Meeting) {
    let outside = if queue.worker() == 0 { queue.crew().all_outside() } else { 0..0 };
    for keeper in outside.chain([queue.worker()]) {
        for task in queue.crew().take_live(keeper) {
            if !task.is_done() {
                meeting.note(&task);
            }
            task.cancel_at_shutdown();
        }
    }
}
