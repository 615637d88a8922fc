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
//! callbacks, polls, and runs the closing callbacks.

use crate::reactor::Reactor;
use crate::ready::{Job, Ready, ReadyQueue};
use crate::task::cell::{Ran, TaskRef};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::clock::Clock;
use crate::time::wheel::Wheel;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::io;
use std::task::Waker;
use std::time::Duration;

/// How many tasks may run before the loop looks at timers, inbox and sockets. Prime, so that it
/// does not fall in step with a program's own batches; one look costs about 100 ns, so 61 polls
/// make it 2 ns a poll.
const BATCH: usize = 61;

/// Everything that belongs to one loop, and to one thread.
pub(crate) struct Loop {
    pub(crate) home: HomeRef,
    pub(crate) ready: Ready,
    pub(crate) wheel: RefCell<Wheel<Waker>>,
    pub(crate) reactor: RefCell<Reactor>,
    pub(crate) clock: Clock,
    /// The tasks that are not done yet: the loop owns its tasks.
    pub(crate) live: RefCell<Slab<TaskRef>>,
    /// Set once the loop shuts down: from then on a new task is cancelled at once.
    pub(crate) closing: Cell<bool>,
    /// Whether work is under way outside that virtual time must not overtake.
    pub(crate) busy_outside: Box<dyn Fn() -> bool>,
    notes: Cell<Vec<Note>>,
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
}

/// One turn. `root` polls the root future and says whether it is done.
pub(crate) fn turn<Q: ReadyQueue>(
    lp: &Loop,
    ready: &Q,
    root: &mut dyn FnMut() -> bool,
) -> io::Result<Turned> {
    // 1. run
    for _ in 0..BATCH {
        match ready.pop() {
            Some(Job::Task(task)) => lp.run(task, ready),
            Some(Job::Root) if root() => return Ok(Turned::RootDone),
            Some(Job::Root) => {}
            None => break,
        }
    }
    // 2. fire
    lp.fire_timers();
    // 3. look outside
    lp.read_inbox();
    if ready.refill() {
        lp.look_at_sockets()?;
    } else if ready.sleep() {
        let slept = lp.sleep_outside();
        ready.wake_up();
        slept?;
    }
    Ok(Turned::Again)
}

impl Loop {
    pub(crate) fn new(
        home: HomeRef,
        ready: Ready,
        reactor: Reactor,
        clock: Clock,
        busy_outside: Box<dyn Fn() -> bool>,
    ) -> Self {
        Self {
            home,
            ready,
            wheel: RefCell::new(Wheel::new(0)),
            reactor: RefCell::new(reactor),
            clock,
            live: RefCell::default(),
            closing: Cell::new(false),
            busy_outside,
            notes: Cell::default(),
            woken: Cell::default(),
        }
    }

    /// Polls one task and does what is to be done next.
    fn run<Q: ReadyQueue>(&self, task: TaskRef, ready: &Q) {
        match task.run() {
            Ran::Waiting => {}
            Ran::Again(task) => ready.push(Job::Task(task)),
            Ran::Done(slot) => {
                let task = self.live.borrow_mut().try_remove(slot as usize);
                drop(task); // after the borrow: it may be the last reference (rule 4)
            }
        }
    }

    /// Takes a new task in. Gives it back if the loop is shutting down: the caller cancels it.
    #[must_use]
    pub(crate) fn adopt(&self, [kept, queued]: [TaskRef; 2]) -> Option<[TaskRef; 2]> {
        if self.closing.get() {
            return Some([kept, queued]);
        }
        let mut live = self.live.borrow_mut();
        let entry = live.vacant_entry();
        kept.set_slot(u32::try_from(entry.key()).expect("fewer than 2^32 tasks fit in memory"));
        entry.insert(kept);
        drop(live);
        self.ready.push(Job::Task(queued));
        None
    }

    /// Wakes what waits for a moment that has come.
    pub(crate) fn fire_timers(&self) {
        if self.wheel.borrow().is_empty() {
            return;
        }
        let now_ticks = self.clock.ticks_down(self.clock.now());
        let mut due = self.woken.take();
        self.wheel.borrow_mut().advance(now_ticks, &mut due);
        self.wake_all(due);
    }

    /// Does what strangers asked for.
    pub(crate) fn read_inbox(&self) {
        if !self.home.inbox().is_filled() {
            return;
        }
        let mut notes = self.notes.take();
        self.home.inbox().take(&mut notes);
        for note in notes.drain(..) {
            self.heed(note);
        }
        self.notes.set(notes);
    }

    fn heed(&self, note: Note) {
        match note {
            Note::Spawn(task) => {
                if let Some([kept, queued]) = self.adopt(task) {
                    drop(queued);
                    kept.cancel_at_shutdown();
                }
            }
            Note::Wake(task) => task.deliver_wake(),
            Note::Abort(task) => task.abort(),
            Note::Join(task, waker) => task.join(&waker),
            Note::Detach(task) => task.deliver_detach(),
            Note::Release(reference) => reference.deliver(),
            Note::Root => self.home.deliver_root_wake(),
            Note::Errand(errand) => errand(),
        }
    }

    /// Asks the kernel about the sockets, without waiting.
    fn look_at_sockets(&self) -> io::Result<()> {
        if self.reactor.borrow().sources_len() == 0 {
            return Ok(()); // nobody to ask about; the doorbell is for a loop that sleeps
        }
        self.ask_kernel(Some(Duration::ZERO))
    }

    /// Waits for a socket, the next deadline or a ring, whatever comes first.
    fn sleep_outside(&self) -> io::Result<()> {
        let next = self.wheel.borrow().next_deadline_ticks();
        let Some(next_ticks) = next else { return self.ask_kernel(None) };
        let deadline = self.clock.instant_of(next_ticks);
        if !self.clock.is_virtual() {
            return self.ask_kernel(Some(deadline.saturating_duration_since(self.clock.now())));
        }
        if (self.busy_outside)() {
            return self.ask_kernel(None); // it will ring
        }
        self.ask_kernel(Some(Duration::ZERO))?;
        if !self.ready.has_work() && !self.home.inbox().is_filled() {
            self.clock.advance(deadline.saturating_duration_since(self.clock.now()));
        }
        Ok(())
    }

    fn ask_kernel(&self, limit: Option<Duration>) -> io::Result<()> {
        let mut woken = self.woken.take();
        let asked = self.reactor.borrow_mut().wait(limit, &mut woken);
        self.wake_all(woken);
        asked
    }

    /// Wakes them all, with nothing borrowed (rule 4), and keeps the empty vector.
    fn wake_all(&self, mut woken: Vec<Waker>) {
        for waker in woken.drain(..) {
            waker.wake();
        }
        self.woken.set(woken);
    }
}
