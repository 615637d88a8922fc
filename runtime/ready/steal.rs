//! Floor 2. The queue of a worker that robs others and is robbed.
//!
//! ```text
//!   woken, spawned here ──▶ [desk] ──displaced──▶ [ ring, first in, first out ] ──full──▶ injector
//!                             │ at most 3 in a row          │
//!                             └────────▶ runs ◀─────────────┘ ◀── every 61st from the injector
//! ```
//!
//! The task that was woken last runs next, because what it needs is still in this CPU's cache; and
//! so that two tasks that talk to each other stay here, and no other worker is woken for them. It
//! may do so three times in a row, then the ring has its turn: nobody starves.
//!
//! With nothing of its own the worker looks into the common queue, then robs half of a neighbour's
//! ring, and lies down if there is nothing to rob.
//!
//! The watchman (`rest.rs`) looks every 5 ms how far its neighbours have come. One that has taken
//! no task since the last look is stuck in a poll, or asleep; if it is stuck, the watchman takes
//! the task away that would run next there, and looks after its timers and sockets
//! (`flavor/stealing.rs`).
//!
//! Rules
//! 1. The ring is pushed to by this worker alone; it is on its own thread, inside its loop.
//! 2. Whoever puts work down wakes a sleeper. For one's own ring that is done without a fence, and
//!    once more with one at the end of the batch: what was missed by a hair waits no longer.
//! 3. A worker that blocks hands its ring on (`flavor/deputy.rs`), and comes to its queue only once
//!    more: with the task that has blocked, which it then puts into the common queue.
//! 4. A worker lies down only with an empty ring, and looks once more at everything after it said
//!    so (`rest.rs`).
//!
//! Real world: tokio's worker, with the same slot and the same limit of 3; Go's `runnext`, which
//! inherits the time slice.

use super::crew::Crew;
use super::desk::Desk;
use super::rest::GotUp;
use super::ring::{CAPACITY, Overflow, Owner};
use super::{Job, ReadyQueue};
use crate::random;
use crate::shim::Arc;
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// How often in a row the task woken last may run before those in the ring.
const NEXT_IN_A_ROW: u32 = 3;
/// One in so many tasks is taken from the common queue first, so that it cannot starve.
const INJECTOR_EVERY: u32 = 61;

/// How long the watchman sleeps at most.
const WATCH: Duration = Duration::from_millis(5);
/// And while it stands in for somebody.
const WATCH_CLOSELY: Duration = Duration::from_millis(1);
/// After so many looks at nothing but sleepers the watchman sleeps as they do.
const QUIET_LOOKS_MAX: u32 = 20;

pub(crate) struct StealQueue {
    crew: Arc<Crew>,
    worker: usize,
    /// The home of shared tasks.
    commons: HomeRef,
    home: HomeRef,
    ring: Owner<TaskRef>,
    /// The task woken last lies here.
    desk: Arc<Desk>,
    /// How many tasks were taken from the desk without a break.
    in_a_row: Cell<u32>,
    searching: Cell<bool>,
    /// It has lain down and not got up. Still so in the next turn if somebody's waker has panicked
    /// at the end of the sleep. And for good once it has left.
    at_rest: Cell<bool>,
    watch: Watch,
}

/// What the watchman knows.
#[derive(Default)]
struct Watch {
    /// This worker is it, in the sleep that it begins or has just ended.
    on: Cell<bool>,
    /// It has left the watch, and nobody was called to it yet.
    left: Cell<bool>,
    /// When it looked last: only what stands still for a while is stuck.
    looked: Cell<Option<Instant>>,
    /// Somebody was stuck at the last look.
    closely: Cell<bool>,
    quiet_looks: Cell<u32>,
    /// How far each had come at the last look.
    beats: RefCell<Vec<u32>>,
}

impl StealQueue {
    pub(crate) fn new(
        crew: Arc<Crew>,
        worker: usize,
        commons: HomeRef,
        ring: Owner<TaskRef>,
    ) -> Self {
        let member = &crew.members()[worker];
        let (home, desk) = (member.home().clone(), member.desk.clone());
        let watch = Watch::default();
        watch.beats.borrow_mut().resize(crew.members().len(), 0);
        Self {
            crew,
            worker,
            commons,
            home,
            ring,
            desk,
            in_a_row: Cell::new(0),
            searching: Cell::new(false),
            at_rest: Cell::new(false),
            watch,
        }
    }

    pub(crate) fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    pub(crate) fn worker(&self) -> usize {
        self.worker
    }

    pub(crate) fn commons(&self) -> &HomeRef {
        &self.commons
    }

    /// Lets a task run next that was woken or spawned by this worker.
    pub(crate) fn push_woken(&self, task: TaskRef) {
        if let Some(displaced) = self.desk.put(task) {
            self.push_back(displaced);
        }
    }

    fn push_back(&self, task: TaskRef) {
        match self.ring.push(task) {
            Ok(()) => self.crew.wake_one_at_once(), // rule 2
            Err(Overflow(tasks)) => self.crew.inject(tasks),
        }
    }

    fn pop_task(&self) -> Option<TaskRef> {
        if self.desk.count().is_multiple_of(INJECTOR_EVERY) {
            let mut first = None;
            self.crew.take_injected(1, |task| first = Some(task));
            if first.is_some() {
                return first;
            }
        }
        let in_a_row = self.in_a_row.get();
        if in_a_row < NEXT_IN_A_ROW
            && let Some(task) = self.desk.take()
        {
            self.in_a_row.set(in_a_row + 1);
            return Some(task);
        }
        self.in_a_row.set(0);
        self.ring.pop().or_else(|| self.desk.take())
    }

    /// Looks for work elsewhere. True if there is some now.
    #[cold]
    fn search(&self) -> bool {
        if self.take_share() {
            return true;
        }
        if !self.searching.get() {
            if !self.crew.rest.begin_search() {
                return false;
            }
            self.searching.set(true);
        }
        let members = self.crew.members();
        let first = random::below(members.len() as u32) as usize;
        for step in 0..members.len() {
            let victim = (first + step) % members.len();
            if victim == self.worker {
                continue;
            }
            if let Some(task) = members[victim].ring.rob(&self.ring) {
                self.push_woken(task);
                return true;
            }
        }
        self.take_share() // what came meanwhile
    }

    /// Takes a fair share of the common queue.
    fn take_share(&self) -> bool {
        let injected = self.crew.injected();
        if injected == 0 {
            return false;
        }
        let share = injected / self.crew.members().len() + 1;
        // The ring is empty, but a thief that is slow with its copies may still need all of it.
        let share = share.min(CAPACITY as usize / 2).min(self.ring.room() as usize);
        let mut taken = false;
        self.crew.take_injected(share, |task| {
            taken = true;
            if let Err(Overflow(tasks)) = self.ring.push(task) {
                unreachable!("{} tasks did not fit, though nobody else pushes here", tasks.len());
            }
        });
        taken
    }

    #[inline]
    fn stop_searching(&self) {
        if self.searching.replace(false) && self.crew.rest.end_search() {
            self.crew.wake_one();
        }
    }

    fn get_up(&self) {
        let GotUp { searching, watchman } = self.crew.rest.get_up(self.worker);
        self.searching.set(searching);
        self.crew.nudge(watchman);
    }

    /// Whether there is work, here or for anybody. Only a look: one that has lain down may ask, and
    /// must not search.
    pub(super) fn has_work(&self) -> bool {
        !self.desk.is_empty() || self.crew.has_work()
    }

    /// How long this worker may sleep at most, because it watches its neighbours.
    pub(super) fn watch(&self) -> Option<Duration> {
        let closely = if self.watch.closely.get() { WATCH_CLOSELY } else { WATCH };
        self.watch.on.get().then_some(closely)
    }

    /// After a sleep as the watchman: calls `look_after` for each neighbour that has taken no task
    /// since the last look. It says whether that one was stuck, or slept.
    pub(crate) fn look_around(&self, mut look_after: impl FnMut(usize) -> bool) {
        if !self.watch.on.replace(false) {
            return;
        }
        let now = Instant::now();
        if self.watch.looked.get().is_some_and(|last| now - last < WATCH_CLOSELY) {
            return; // somebody has woken it
        }
        self.watch.looked.set(Some(now));
        let quiet = if self.crew.rest.is_alone() { self.watch.quiet_looks.get() + 1 } else { 0 };
        self.watch.quiet_looks.set(quiet);
        self.watch.closely.set(false);
        for (worker, member) in self.crew.members().iter().enumerate() {
            let beat = member.desk.beat();
            let before = std::mem::replace(&mut self.watch.beats.borrow_mut()[worker], beat);
            if worker != self.worker && before == beat && look_after(worker) {
                self.watch.closely.set(true);
                member.desk.take().into_iter().for_each(|task| self.push_woken(task));
            }
        }
    }

    /// Gives the ring to whoever takes this worker's place, because it is about to block. `None` if
    /// somebody has taken it already.
    pub(crate) fn hand_on(&self) -> Option<Owner<TaskRef>> {
        // From the ring it can be robbed, until somebody is there; from the desk it could not.
        let next = self.desk.take();
        next.into_iter().for_each(|task| self.push_back(task));
        if !self.ring.is_empty() {
            self.crew.wake_one(); // rule 2
        }
        let ring = self.ring.hand_on()?;
        self.at_rest.set(true);
        Some(ring)
    }

    /// Takes the ring back, as nobody has come for it.
    pub(crate) fn take_back(&self, ring: Owner<TaskRef>) {
        self.ring.take_back(ring);
        self.at_rest.set(false);
    }

    /// Drops what stands in the queues: at the end, when all tasks are done.
    pub(crate) fn clear(&self) {
        while let Some(task) = self.pop_task() {
            drop(task);
        }
        self.crew.close_injector();
    }
}

impl ReadyQueue for StealQueue {
    #[inline]
    fn push(&self, job: Job) {
        match job {
            Job::Task(task) => self.push_back(task),
            Job::Root => unreachable!("no root future runs on a worker"),
        }
    }

    #[inline]
    fn pop(&self) -> Option<Job> {
        if self.at_rest.get() {
            if self.has_left() {
                return None;
            }
            self.wake_up();
        }
        let task = self.pop_task()?;
        self.stop_searching(); // whoever was woken for work has some
        if self.watch.left.replace(false) {
            self.crew.nudge(self.crew.rest.call_watchman());
        }
        Some(Job::Task(task))
    }

    fn refill(&self) -> bool {
        let has_own = !self.desk.is_empty() || !self.ring.is_empty();
        if has_own {
            if !self.ring.is_empty() {
                self.crew.wake_one(); // rule 2
            }
            return true;
        }
        let found = self.search();
        if found {
            self.stop_searching();
        }
        found
    }

    fn sleep(&self) -> bool {
        let lingers = self.watch.quiet_looks.get() < QUIET_LOOKS_MAX;
        let searching = self.searching.replace(false);
        self.watch.on.set(self.crew.rest.lie_down(self.worker, searching, lingers));
        // One that did not search need not look at the rings: their owners see to them.
        let work = if searching { self.crew.has_work() } else { self.crew.injected() > 0 };
        let may = !work && self.home.inbox().fall_asleep();
        self.at_rest.set(may);
        if !may {
            self.watch.on.set(false); // without a sleep there is nothing to compare
            self.get_up();
        }
        may
    }

    fn wake_up(&self) {
        self.at_rest.set(false);
        self.watch.left.set(self.watch.on.get());
        self.home.inbox().wake_up();
        self.get_up();
    }

    fn has_left(&self) -> bool {
        self.ring.is_handed_on()
    }
}
