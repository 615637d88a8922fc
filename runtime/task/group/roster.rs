//! Floor 5. Who is at work under one roof, how to end them all, and when the last one is gone.
//!
//! A [`TaskGroup`](super::TaskGroup) and a [`Shutdown`](crate::task::Shutdown) differ in what they
//! do with an end. What comes before that is the same: let somebody in or refuse, remember how to
//! abort him, hear of his end once, wait for all.
//!
//! ```text
//!   admit ──▶ Ticket ── goes into the task ──▶ its end: `Roster::leave`
//!     └─────▶ Seat ──── stays with the spawner ──▶ the handle: `Seat::take`
//!
//!   entry: { handle?, end? }   settled when both are there, by whoever comes second
//! ```
//!
//! On one thread the handle is always there first. A task that is spawned from another thread may
//! have ended before its spawner gets to say whose handle it is; so neither may count on the other.
//!
//! **Grandchildren.** A task that is aborted while it waits in a group of its own drops that group;
//! and a drop cannot wait, so the tasks of the inner group end a turn later. The outer one must not
//! believe to be empty before. So each ticket holds a [`Link`], a place in the tally; and whoever
//! is let in below a task (found through a thread-local, set while the task is polled) keeps the
//! links above it:
//!
//! ```text
//!   outer tally ◀── Link of child ◀── Link of grandchild ──▶ inner tally
//!                     ▲ kept by the child's ticket, and by the grandchild's link
//! ```
//!
//! Rules
//! 1. The doors close (`abort_all`, `close_if_empty`) under the same lock under which `admit`
//!    opens them: nobody slips in behind.
//! 2. A seat holds a place in the tally until it is taken: nobody is missed by a wait that is not
//!    settled.
//! 3. Handles are aborted and dropped, and ends settled, outside the lock.
//!
//! Real world: trio's tasks know their parent nursery; asyncio's `TaskGroup` keeps a set of tasks,
//! and an aborted task can await the end of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::shim::{Mutex, lock};
use crate::task::tally::Tally;
use crate::task::{AbortHandle, TaskInfo};

/// See the head of the file. `X` is what is told of an end.
pub(crate) struct Roster<X> {
    tally: Arc<Tally>,
    state: Mutex<State<X>>,
}

struct State<X> {
    doors: Doors,
    /// What those who come in keep. Let go when the doors close: a roster may be kept by somebody
    /// long after, and must not hold up the one above.
    above: Option<Arc<Link>>,
    next_number: u64,
    /// By number, so that they are aborted in the order in which they came.
    entries: BTreeMap<u64, Entry<X>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doors {
    Open,
    /// Nobody comes in any more; who is in was told to leave.
    Aborted,
    /// Nobody comes in any more, and nobody is in.
    Over,
}

struct Entry<X> {
    handle: Option<Occupant>,
    end: Option<X>,
}

/// Somebody who is in.
#[derive(Clone)]
pub(crate) enum Occupant {
    Task(AbortHandle),
    /// A future that somebody else polls, and that cannot be aborted from here.
    Future(TaskInfo),
}

impl Occupant {
    fn abort(&self) {
        if let Self::Task(handle) = self {
            handle.abort();
        }
    }

    pub(crate) fn info(&self) -> TaskInfo {
        match self {
            Self::Task(handle) => handle.info(),
            Self::Future(info) => info.clone(),
        }
    }
}

/// A place in a tally, and in all above it.
pub(crate) struct Link {
    tally: Arc<Tally>,
    _above: Option<Arc<Link>>,
}

impl Link {
    /// That of the task which is being polled on this thread, if it is under some roof.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    fn new(tally: &Arc<Tally>, above: &Option<Arc<Link>>) -> Arc<Self> {
        tally.enter();
        Arc::new(Self { tally: tally.clone(), _above: above.clone() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tally.leave();
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Link>>> = const { RefCell::new(None) };
}

/// Swaps the link of whoever is being polled on this thread. `None` also while the thread ends.
fn swap_current(link: Option<Arc<Link>>) -> Option<Arc<Link>> {
    CURRENT.try_with(|current| current.replace(link)).ok().flatten()
}

/// What a task carries that was let in. Dropping it is the end of its place in the tally.
pub(crate) struct Ticket {
    number: u64,
    /// Taken out only while the task is polled.
    link: Option<Arc<Link>>,
}

impl Ticket {
    /// Polls the task under its link. The link is moved and not cloned: no locked instruction.
    pub(crate) fn around<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        struct Back<'a>(&'a mut Ticket, Option<Arc<Link>>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.link = swap_current(self.1.take());
            }
        }
        let outer = swap_current(self.link.take());
        let _back = Back(self, outer);
        poll()
    }
}

impl<X> Roster<X> {
    /// Open, and nobody in. Who comes in later keeps `above`.
    pub(crate) fn new(above: Option<Arc<Link>>) -> Self {
        let entries = BTreeMap::new();
        let state = State { doors: Doors::Open, above, next_number: 0, entries };
        Self { tally: Arc::new(Tally::new()), state: Mutex::new(state) }
    }

    /// Lets somebody in; `None` if the doors are closed, or `refuse` says so under the lock.
    pub(crate) fn admit(&self, refuse: impl FnOnce() -> bool) -> Option<(Ticket, Seat<'_, X>)> {
        let mut state = lock(&self.state);
        if state.doors != Doors::Open || refuse() {
            return None;
        }
        let number = state.next_number;
        state.next_number += 1;
        state.entries.insert(number, Entry { handle: None, end: None });
        let ticket = Ticket { number, link: Some(Link::new(&self.tally, &state.above)) };
        self.tally.enter();
        drop(state);
        Some((ticket, Seat { roster: self, number, taken: false }))
    }

    /// Counts the caller in, who has no handle: a body that is polled in its own task.
    pub(crate) fn admit_body(&self) -> Ticket {
        let link = Link::new(&self.tally, &lock(&self.state).above);
        Ticket { number: u64::MAX, link: Some(link) }
    }

    /// The end of a task: settled now, or by the spawner if the seat was not taken yet.
    pub(crate) fn leave(&self, ticket: &Ticket, end: X, settle: impl FnOnce(Occupant, X)) {
        let mut state = lock(&self.state);
        let Some(entry) = state.entries.get_mut(&ticket.number) else { return };
        let Some(handle) = entry.handle.take() else {
            entry.end = Some(end);
            return;
        };
        state.entries.remove(&ticket.number);
        drop(state);
        settle(handle, end); // rule 3
    }

    /// Closes the doors and aborts all who are in.
    pub(crate) fn abort_all(&self) {
        let mut state = lock(&self.state);
        if state.doors == Doors::Over {
            return;
        }
        state.doors = Doors::Aborted;
        let handles = state.entries.values().filter_map(|entry| entry.handle.clone());
        let handles: Vec<_> = handles.collect();
        let above = state.above.take();
        drop(state);
        drop(above); // it may be the last: then somebody is woken (rule 3)
        handles.iter().for_each(Occupant::abort); // rule 3
    }

    /// Those who are in.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        lock(&self.state).entries.values().filter_map(|entry| entry.handle.clone()).collect()
    }

    /// How many are in, bodies and grandchildren among them.
    pub(crate) fn len(&self) -> usize {
        self.tally.len()
    }

    /// Waits until nobody is in, and closes the doors behind the last one. `name`: see `leaf.rs`.
    pub(crate) async fn wait_for_all(&self, name: &'static str) {
        self.tally.close();
        loop {
            let mut wait = self.tally.wait(name);
            std::future::poll_fn(|cx| wait.poll(cx)).await;
            if self.close_if_empty() {
                return;
            }
        }
    }

    fn close_if_empty(&self) -> bool {
        let mut state = lock(&self.state);
        let is_empty = self.tally.len() == 0;
        let above = is_empty.then(|| {
            state.doors = Doors::Over;
            state.above.take()
        });
        drop(state);
        drop(above); // as in `abort_all`
        is_empty
    }
}

/// The spawner's side of somebody who was let in; dropped without a handle, nobody came.
pub(crate) struct Seat<'a, X> {
    roster: &'a Roster<X>,
    number: u64,
    taken: bool,
}

impl<X> Seat<'_, X> {
    /// Says whose handle it is; settles the end of the task if that has come already.
    pub(crate) fn take(mut self, handle: Occupant, settle: impl FnOnce(Occupant, X)) {
        self.taken = true;
        let mut state = lock(&self.roster.state);
        let abort = state.doors == Doors::Aborted;
        let Some(entry) = state.entries.get_mut(&self.number) else { return };
        if let Some(end) = entry.end.take() {
            state.entries.remove(&self.number);
            drop(state);
            return settle(handle, end); // rule 3
        }
        entry.handle = Some(handle.clone());
        drop(state);
        if abort {
            handle.abort(); // the doors were closed while it was spawned
        }
    }
}

impl<X> Drop for Seat<'_, X> {
    fn drop(&mut self) {
        if !self.taken {
            let nobody = lock(&self.roster.state).entries.remove(&self.number);
            drop(nobody); // the spawning panicked; rule 3
        }
        self.roster.tally.leave(); // rule 2
    }
}
