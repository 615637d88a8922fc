//! Floor 2. What the workers of a stealing runtime have in common.
//!
//! ```text
//!   other threads ──▶ injector ──a fair share──▶ ring of worker 0 ◀──rob──▶ ring of worker 1 …
//!                        ▲                          │  overflow
//!                        └──────────────────────────┘
//! ```
//!
//! And for each worker the list of the live tasks that it took in, so that the end of the runtime
//! finds every one; and some more for those that other threads spawned, so that the workers seldom
//! meet at the same lock when these end.
//!
//! Rules
//! 1. A task stands in the list of its keeper from before it is queued until it is done, on
//!    whatever worker it ends.
//! 2. Once closed, the lists take in nobody, and the injector drops what it is given.
//!
//! Real world: tokio's `Shared` and `Inject`, Go's `sched` with its global run queue.

use super::desk::Desk;
use super::rest::Rest;
use super::ring::Robbable;
use crate::shim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::shim::{Arc, Mutex, lock};
use crate::task::cell::TaskRef;
use crate::task::home::{Common, HomeRef};
use slab::Slab;
use std::collections::VecDeque;
use std::ops::Range;

/// How many lists there are for the tasks that no worker spawned.
const OUTSIDE_LISTS: usize = 8;

/// See the head of the file.
pub(crate) struct Crew {
    injector: Injector,
    pub(super) rest: Rest,
    members: Box<[Member]>,
    lists: Box<[Mutex<Live>]>,
    next_outside: AtomicUsize,
    closing: AtomicBool,
    /// Puts a woken task into the queue of the worker that this thread is, if it is one of ours.
    /// Handed down, because floor 2 does not know which loop this thread is inside of.
    queue_here: fn(&Crew, TaskRef) -> Result<(), TaskRef>,
}

/// What the others see of a worker.
pub(crate) struct Member {
    pub(super) ring: Robbable<TaskRef>,
    pub(super) desk: Arc<Desk>,
    home: HomeRef,
}

/// The live tasks of one keeper.
#[derive(Default)]
struct Live {
    tasks: Slab<TaskRef>,
    closed: bool,
}

/// The common queue: tasks that were woken or spawned by no worker, and what was too much for one.
#[derive(Default)]
struct Injector {
    queue: Mutex<Line>,
    /// A hint that spares the lock.
    len: AtomicUsize,
}

#[derive(Default)]
struct Line {
    tasks: VecDeque<TaskRef>,
    closed: bool,
}

impl Member {
    pub(crate) fn new(ring: Robbable<TaskRef>, home: HomeRef) -> Self {
        Self { ring, desk: Arc::new(Desk::new()), home }
    }

    pub(crate) fn home(&self) -> &HomeRef {
        &self.home
    }
}

impl Crew {
    pub(crate) fn new(
        members: Vec<Member>,
        queue_here: fn(&Self, TaskRef) -> Result<(), TaskRef>,
    ) -> Self {
        Self {
            queue_here,
            injector: Injector::default(),
            rest: Rest::new(members.len()),
            lists: (0..members.len() + OUTSIDE_LISTS).map(|_| Mutex::default()).collect(),
            next_outside: AtomicUsize::new(0),
            members: members.into(),
            closing: AtomicBool::new(false),
        }
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether this is the home of one of them.
    pub(crate) fn has_member(&self, home: &HomeRef) -> bool {
        self.members.iter().any(|member| member.home.is(home))
    }

    /// A keeper for a task that no worker spawned.
    pub(crate) fn outside(&self) -> usize {
        // Relaxed: any will do.
        let turn = self.next_outside.fetch_add(1, Ordering::Relaxed);
        self.members.len() + turn % OUTSIDE_LISTS
    }

    /// All keepers of such tasks.
    pub(crate) fn all_outside(&self) -> Range<usize> {
        self.members.len()..self.lists.len()
    }

    /// Takes a new task in, kept by `keeper`, and returns it to be queued. Gives both references
    /// back if the runtime ends: the caller cancels the task.
    pub(crate) fn adopt(
        &self,
        keeper: usize,
        [kept, queued]: [TaskRef; 2],
    ) -> Result<TaskRef, [TaskRef; 2]> {
        let mut live = lock(&self.lists[keeper]);
        if live.closed {
            return Err([kept, queued]);
        }
        let entry = live.tasks.vacant_entry();
        let slot = u32::try_from(entry.key()).expect("fewer than 2^32 tasks fit in memory");
        kept.set_keeper(u16::try_from(keeper).expect("fewer workers than 2^16"), slot);
        entry.insert(kept);
        Ok(queued)
    }

    /// Lets a task go that is done.
    pub(crate) fn retire(&self, task: TaskRef) {
        let (keeper, slot) = task.keeper();
        let kept = lock(&self.lists[usize::from(keeper)]).tasks.try_remove(slot as usize);
        // After the lock: they may be the last references. None was kept if the runtime ends.
        if let Some(kept) = kept {
            task.drop_two(kept);
        }
    }

    /// Closes the list of `keeper` and takes out who is in it.
    pub(crate) fn take_live(&self, keeper: usize) -> Vec<TaskRef> {
        let mut live = lock(&self.lists[keeper]);
        live.closed = true;
        live.tasks.drain().collect()
    }

    /// Puts tasks into the common queue.
    pub(crate) fn inject(&self, tasks: impl IntoIterator<Item = TaskRef>) {
        let mut line = lock(&self.injector.queue);
        if line.closed {
            drop(line); // before the tasks: they may be the last references (rule 2)
            return;
        }
        line.tasks.extend(tasks);
        // Relaxed: a hint. Who sleeps looks after a fence (`rest.rs`).
        self.injector.len.store(line.tasks.len(), Ordering::Relaxed);
        drop(line);
        self.wake_one();
    }

    /// Closes the common queue and drops what stands there: when all tasks are done, and for good.
    /// A task that stayed would keep this crew alive, as its home, and itself by that.
    pub(super) fn close_injector(&self) {
        let mut line = lock(&self.injector.queue);
        line.closed = true;
        let tasks = std::mem::take(&mut line.tasks);
        self.injector.len.store(0, Ordering::Relaxed);
        drop(line);
        drop(tasks); // after the lock: they may be the last references
    }

    /// How many stand in the common queue.
    #[inline]
    pub(super) fn injected(&self) -> usize {
        // Relaxed: see `inject`.
        self.injector.len.load(Ordering::Relaxed)
    }

    /// Takes up to `count` tasks from the common queue.
    pub(crate) fn take_injected(&self, count: usize, mut take: impl FnMut(TaskRef)) {
        if self.injected() == 0 {
            return;
        }
        let mut line = lock(&self.injector.queue);
        let count = count.min(line.tasks.len());
        line.tasks.drain(..count).for_each(&mut take);
        self.injector.len.store(line.tasks.len(), Ordering::Relaxed);
    }

    /// Whether there is work that anybody could take.
    pub(super) fn has_work(&self) -> bool {
        self.injected() > 0 || self.members.iter().any(|member| !member.ring.is_empty())
    }

    /// Wakes a sleeper, now that there is work.
    pub(super) fn wake_one(&self) {
        self.nudge(self.rest.wake_one());
    }

    /// The same without a fence; see `Rest::wake_one_at_once`.
    #[inline]
    pub(super) fn wake_one_at_once(&self) {
        self.nudge(self.rest.wake_one_at_once());
    }

    #[inline]
    pub(super) fn nudge(&self, worker: Option<usize>) {
        if let Some(worker) = worker {
            self.members[worker].home.nudge();
        }
    }

    /// Says that the runtime ends, and wakes everybody.
    pub(crate) fn close(&self) {
        // Release: pairs with the Acquire in `is_closing`.
        self.closing.store(true, Ordering::Release);
        self.members.iter().for_each(|member| member.home.nudge());
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

impl Common for Crew {
    fn queue(&self, task: TaskRef) {
        if let Err(task) = (self.queue_here)(self, task) {
            self.inject([task]);
        }
    }
}
