//! Floor 3. ONE TURN of the loop: the centre of the house.
//!
//! ```text
//!        ┌────────────▶ 1. run: at most one batch of the tasks that are ready
//!        │              2. fire: wake the timers that are due
//!        │              3. look outside: read the inbox, ask the kernel about the sockets;
//!        │                 with nothing ready, sleep there until a deadline, a socket or a ring
//!        └───────────── 4. back, unless the root future is done
//! ```
//!
//! Why in this order? Nothing may lie between the last look at a thing and the sleep, or the loop
//! oversleeps. So the kernel comes last: it is the one place where the loop can sleep, and how long
//! it may is known only when the timers have fired and the notes are read. And what ran last is
//! followed by all of it: a task may arm a timer or write to a socket at the end of a batch.
//! After a sleep the tasks run before the timers fire: so a read whose bytes came in time beats its
//! timeout, even on a loop that wakes up late.
//!
//! Rules
//! 1. Whatever is ready gets one poll before anything gets a second (the queue is first in, first
//!    out), and sockets and timers get their look after at most [`BATCH`] polls.
//! 2. While the batch lasts nothing is asked of the kernel: no clock, no `epoll_wait`, no lock.
//! 3. The loop sleeps only after it said so to the inbox; until then nobody rings (`inbox.rs`).
//! 4. No waker is woken, cloned or dropped while a part of the loop is borrowed: wakers are other
//!    people's code, which may come back to the loop.
//!
//! Real world: CPython's `_run_once` asks the kernel first, then moves due timers into the queue,
//! then runs exactly the callbacks that were there; libuv's `uv_run` fires timers, runs pending
//! callbacks, polls, and runs the closing callbacks. tokio also looks outside after 61 polls, but
//! sends a task that yields behind such a look: a lone one pays 223 ns a yield, of which a wake and
//! a poll are 38.

use crate::budget;
use crate::outlook::{Outlook, Watched};
use crate::ready::{Job, Ready, ReadyQueue};
use crate::services::Services;
use crate::spin::Spin;
use crate::task::cell::{Ran, TaskRef};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::clock::Clock;
use crate::wakes::wake_each;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// How many tasks may run before the loop looks at timers, inbox and sockets. Prime, so that it
/// does not fall in step with a program's own batches; one look costs about 100 ns, so 61 polls
/// make it 2 ns a poll.
const BATCH: usize = 61;
/// How many notes of strangers are heeded in a turn: some more than tasks are run, as most of them
/// are less work, but not so many that strangers could hold the loop up.
const NOTES_BATCH: usize = 4 * BATCH;
/// How often a loop that would report a deadlock, but for a thread that works outside, looks
/// whether that thread is still there: it may end without a word.
const OUTSIDE_LOOK: Duration = Duration::from_millis(20);

/// Everything that belongs to one loop, and to one thread.
pub(crate) struct Loop {
    pub(crate) home: HomeRef,
    pub(crate) ready: Ready,
    pub(crate) outlook: Outlook,
    pub(crate) clock: Clock,
    /// The tasks that are not done yet: the loop owns its tasks. So a task whose handle is dropped
    /// goes on, and the end of the loop finds every one.
    pub(crate) live: RefCell<Slab<TaskRef>>,
    /// Set once the loop shuts down: from then on a new task is cancelled at once.
    pub(crate) closing: Cell<bool>,
    pub(crate) services: Arc<Services>,
    pub(crate) spin: Spin,
    /// This is a neighbour's, for a worker that stands in for it.
    is_stand_in: bool,
    /// Keeps its memory from turn to turn. It is taken out while it is in use: should a waker ever
    /// lead back here, it finds an empty one, and no borrow to trip over.
    woken: Cell<Vec<Waker>>,
}

/// How a turn ended.
#[must_use]
#[derive(PartialEq, Eq)]
pub(crate) enum Turned {
    /// Another one, please.
    Again,
    /// The root future is done.
    RootDone,
    /// Time is virtual, nothing can run, and nothing will come that could change that.
    Deadlock,
    /// The task that ran has blocked, and another thread turns the loop now.
    Left,
}

/// One turn. `root` polls the root future and says whether it is done.
///
/// Three turns. Task A sleeps until tick 50, task B waits for a channel that a thread fills:
///
/// ```text
///   turn   1. run           2. fire        3. look outside
///   1      A, B: Pending    nothing due    no notes; announced; asleep in the kernel, 50 ms
///                                          at tick 20 the thread posts "wake B" and rings: back
///   2      nobody           nothing due    the note: B is queued; so the kernel is only asked
///   3      B runs           nothing due    no notes; announced; asleep for 30 ms
/// ```
///
/// A ring thus costs one empty batch, of a few nanoseconds, and spares a second place that reads
/// the inbox.
///
/// `Q` is the seam between the flavours, and costs nothing: each flavour has a turn of its own.
/// `root` is a `dyn`, or every root future would have one too.
pub(crate) fn turn<Q: ReadyQueue>(
    lp: &Loop,
    ready: &Q,
    root: &mut dyn FnMut() -> bool,
) -> io::Result<Turned> {
    // 1. run. The bound matters for tasks that never stop: each time they wake themselves they
    // stand at the back again, and the queue is never empty.
    for _ in 0..BATCH {
        match ready.pop() {
            Some(Job::Task(task)) => lp.run(task, ready),
            Some(Job::Root) if root() => return Ok(Turned::RootDone),
            Some(Job::Root) => {}
            None => break,
        }
    }
    // Asked after the batch and not after each task: one that has left finds nothing to pop. And
    // before the duty, which whoever turns this loop now may hold all through its sleep.
    if ready.has_left() {
        return Ok(Turned::Left);
    }
    let _duty = lp.outlook.duty();
    // 2. fire. Before the look outside: a timer that is due would forbid to sleep.
    lp.fire_timers();
    // 3. look outside. `sleep` announces, and refuses if a note has come since `read_inbox`; from
    // here to `wake_up` strangers ring. It must be the last look: a note that is written after a
    // look but before the announcement would neither be seen nor ring (rule 3).
    let more = lp.read_inbox();
    if ready.refill() || more {
        lp.look_at_sockets()?;
    } else if ready.sleep() {
        let slept = lp.sleep_outside();
        ready.wake_up(); // also after an error, or strangers would ring a loop that is awake
        return slept;
    }
    Ok(Turned::Again)
}

impl Loop {
    pub(crate) fn new(
        home: HomeRef,
        ready: Ready,
        outlook: Outlook,
        services: Arc<Services>,
    ) -> Self {
        Self {
            home,
            ready,
            outlook,
            clock: services.clock.clone(),
            live: RefCell::default(),
            closing: Cell::new(false),
            spin: Spin::new(services.spin_max),
            services,
            is_stand_in: false,
            woken: Cell::default(),
        }
    }

    /// The outlook of a neighbour of this worker, to be looked after by it. Nothing can run here.
    pub(crate) fn stand_in(&self, neighbour: &Watched) -> Self {
        let home = neighbour.home().clone();
        let services = self.services.clone();
        let new = Self::new(home, Ready::Nowhere, neighbour.outlook(true), services);
        Self { is_stand_in: true, ..new }
    }

    /// Where the thread is at home that is inside this loop. A stand-in is at home nowhere: not at
    /// the neighbour's, whose counts are the neighbour's; and not at its own, or a socket or timer
    /// of its own would be looked for in the neighbour's tables.
    pub(crate) fn standing_at(&self) -> Option<&HomeRef> {
        (!self.is_stand_in).then_some(&self.home)
    }

    /// Fires timers, heeds notes and asks the kernel, once: what a stand-in does.
    pub(crate) fn look_out(&self) -> io::Result<()> {
        self.fire_timers();
        let _more = self.read_inbox();
        self.look_at_sockets().map(drop)
    }

    /// Polls one task. Its own part, its state and its panics, is in `TaskRef::run`; here is only
    /// what concerns the loop.
    #[inline]
    fn run<Q: ReadyQueue>(&self, task: TaskRef, ready: &Q) {
        budget::refill();
        self.settle(task.run(), ready);
    }

    /// Does what is to be done next with a task that ran.
    #[inline]
    pub(crate) fn settle<Q: ReadyQueue>(&self, ran: Ran, ready: &Q) {
        match ran {
            Ran::Waiting => {}
            Ran::Again(task) => ready.push(Job::Task(task)),
            Ran::Done(slot) => {
                let task = self.live.borrow_mut().try_remove(slot as usize);
                drop(task); // after the borrow: it may be the last reference (rule 4)
            }
            Ran::Retired(task) => self.ready.retire(task),
        }
    }

    /// Takes a new task in. Gives it back if the loop is shutting down: the caller cancels it.
    /// (Not here: the drop of a future is other people's code, and our callers borrow; rule 4.)
    #[must_use]
    pub(crate) fn adopt(&self, task: [TaskRef; 2]) -> Option<[TaskRef; 2]> {
        if self.closing.get() {
            return Some(task);
        }
        self.take_in(task);
        None
    }

    fn take_in(&self, [kept, queued]: [TaskRef; 2]) {
        let mut live = self.live.borrow_mut();
        let entry = live.vacant_entry();
        kept.set_slot(u32::try_from(entry.key()).expect("fewer than 2^32 tasks fit in memory"));
        entry.insert(kept);
        drop(live);
        self.ready.push(Job::Task(queued));
    }

    /// Wakes what waits for a moment that has come.
    fn fire_timers(&self) {
        // Spares a loop without timers the clock: 16 ns a turn.
        if !self.outlook.wheel.borrow().is_empty() {
            self.advance_wheel();
        }
    }

    /// Turns the wheel to the present, and wakes what is due.
    pub(crate) fn advance_wheel(&self) {
        // Down: a timer fires when its tick has begun, never in the tick before.
        let now_ticks = self.clock.ticks_down(self.clock.now());
        let mut due = self.woken.take();
        // First collect, then wake: a waker may arm the next timer on this very wheel (rule 4).
        self.outlook.wheel.borrow().advance(now_ticks, &mut due);
        self.wake_all(due);
    }

    /// Does what strangers asked for, at most one batch of it. True if there is more.
    ///
    /// Without the bound, strangers who spawn faster than the loop runs would own it: each turn
    /// would take longer than the one before, and its sockets and timers would wait.
    pub(crate) fn read_inbox(&self) -> bool {
        for _ in 0..NOTES_BATCH {
            if self.outlook.notes.borrow().is_empty() {
                if !self.home.inbox().is_filled() {
                    return false;
                }
                // The rings change places under the lock, and the notes are heeded after it:
                // strangers should not wait for what home does with them.
                self.home.inbox().take(&mut self.outlook.notes.borrow());
            }
            // One at a time: a panic of somebody's waker must not lose the notes behind it.
            let note = self.outlook.notes.borrow().pop_front();
            if let Some(note) = note {
                self.heed(note);
            }
        }
        !self.outlook.notes.borrow().is_empty()
    }

    fn heed(&self, note: Note) {
        match note {
            Note::Spawn(task) => self.take_in(task), // also at the end, which cancels all it finds
            Note::Wake(task) => task.deliver_wake(),
            Note::Abort(task) => task.abort(),
            Note::Join(task, waker) => task.join(&waker),
            Note::Detach(task) => task.deliver_detach(),
            Note::Release(reference) => reference.deliver(),
            Note::Root => self.home.deliver_root_wake(),
            Note::Errand(errand) => errand(),
        }
    }

    /// Asks the kernel about the sockets, without waiting. True if somebody was woken.
    pub(crate) fn look_at_sockets(&self) -> io::Result<bool> {
        if self.outlook.has_no_sources() {
            return Ok(false); // nobody to ask about; the doorbell is for a loop that sleeps
        }
        self.ask_kernel(Some(Duration::ZERO))
    }

    /// Waits for a socket, the next deadline or a ring, whatever comes first.
    ///
    /// Too short a sleep is only a turn in vain; too long a one is a timer that fires late. So the
    /// wheel may name a moment before its first deadline, and the kernel may be interrupted.
    fn sleep_outside(&self) -> io::Result<Turned> {
        let now_ticks = || self.clock.ticks_down(self.clock.now());
        let next_ticks = self.outlook.wheel.borrow().fall_asleep(now_ticks);
        if self.clock.is_frozen() || self.services.idle.has_waiters() {
            return self.stand_idle(next_ticks);
        }
        if self.spin.is_on() && self.spin_outside(next_ticks)? {
            return Ok(Turned::Again);
        }
        // A deadline that has passed since `fire_timers` gives a limit of zero: no sleep.
        let left = |ticks| self.clock.instant_of(ticks) - self.clock.now();
        let limits = [next_ticks.map(left), self.ready.watch()];
        self.ask_kernel(limits.into_iter().flatten().min())?;
        Ok(Turned::Again)
    }

    /// What a loop does that would sleep, but has time in its own hands, or somebody to tell that
    /// nobody can run.
    ///
    /// Virtual time jumps only when nothing else can happen. In this order: a closure on the pool
    /// may come back with a wake, a socket may have become ready, a note may have come. Whoever
    /// jumped earlier would let a timeout win that in real time had an hour to go. And the verdict
    /// comes last, when nothing is left that could ever change anything.
    fn stand_idle(&self, next_ticks: Option<u64>) -> io::Result<Turned> {
        if self.clock.is_frozen() && self.services.pool.busy() > 0 {
            self.ask_kernel(None)?; // it will ring
            return Ok(Turned::Again);
        }
        self.ask_kernel(Some(Duration::ZERO))?;
        if self.ready.has_work() || self.home.inbox().is_filled() {
            return Ok(Turned::Again);
        }
        if self.services.idle.has_waiters() {
            self.services.idle.dismiss_all(|| ());
        } else if let Some(ticks) = next_ticks {
            let _ = self.clock.advance(self.clock.instant_of(ticks) - self.clock.now());
        } else if self.outlook.reactor.borrow().sources_len() > 0 {
            self.ask_kernel(None)?;
        } else if self.clock.is_frozen() && self.services.is_deserted(self.home.inbox()) {
            return Ok(Turned::Deadlock);
        } else {
            self.ask_kernel(Some(OUTSIDE_LOOK))?;
        }
        Ok(Turned::Again)
    }

    /// The one call that may sleep. The wakers come back in a vector, to be woken when the reactor
    /// is no longer borrowed; and they are woken even if the call then reports an error. True if
    /// there was one.
    fn ask_kernel(&self, limit: Option<Duration>) -> io::Result<bool> {
        let mut woken = self.woken.take();
        let asked = self.outlook.listen(limit, &mut woken);
        let any = !woken.is_empty();
        self.wake_all(woken);
        asked.map(|()| any)
    }

    /// Wakes them all, with nothing borrowed (rule 4), and keeps the empty vector.
    fn wake_all(&self, mut woken: Vec<Waker>) {
        wake_each(woken.drain(..));
        self.woken.set(woken);
    }
}
