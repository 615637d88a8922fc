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
//! Then the end waits in the entry, and with it the ticket's place in the tally.
//!
//! **Grandchildren.** A task that is aborted while it waits in a group of its own drops that group;
//! and a drop cannot wait, so the tasks of the inner group end a turn later. The outer one must not
//! believe to be empty before. So whoever is let in below a task (found through a thread-local, set
//! while the task is polled) keeps the task's place in its tally, and those above:
//!
//! ```text
//!   outer tally ◀── Place of child ◀── Place of grandchild ──▶ inner tally
//!                     ▲ kept by the child's ticket, and by the grandchild's place
//! ```
//!
//! Most tasks have nobody below: a place is put in a block to be shared (a [`Link`]) only when
//! somebody asks for it.
//!
//! Rules
//! 1. The doors close (`abort_all`, `close_if_empty`) under the same lock under which `admit`
//!    opens them: nobody slips in behind.
//! 2. The place of a task outlives its entry: nobody is missed by a wait that is not settled.
//! 3. Handles are aborted and dropped, and ends settled, outside the lock.
//!
//! Real world: trio's tasks know their parent nursery; asyncio's `TaskGroup` keeps a set of tasks,
//! and an aborted task can await the end of its own.

use std::cell::RefCell;
use std::sync::Arc;

use slab::Slab;

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
    entries: Slab<Entry<X>>,
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
    /// Never given out twice, which slots are; and the order in which they came.
    number: u64,
    handle: Option<Occupant>,
    /// Boxed, as it is rarely there.
    end: Option<Box<(X, Option<Kept>)>>,
}

impl<X> State<X> {
    fn entry(&mut self, key: Key) -> Option<&mut Entry<X>> {
        self.entries.get_mut(key.slot).filter(|entry| entry.number == key.number)
    }

    /// Those who can be named, in the order in which they came.
    fn occupants(&self) -> Vec<Occupant> {
        let handle = |entry: &Entry<X>| Some((entry.number, entry.handle.clone()?));
        let mut handles: Vec<_> = self.entries.iter().filter_map(|(_, e)| handle(e)).collect();
        handles.sort_unstable_by_key(|(number, _)| *number);
        handles.into_iter().map(|(_, handle)| handle).collect()
    }
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
struct Place {
    tally: Arc<Tally>,
    above: Option<Arc<Link>>,
}

impl Place {
    fn new(tally: &Arc<Tally>, above: &Option<Arc<Link>>) -> Self {
        tally.enter();
        Self { tally: tally.clone(), above: above.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.leave();
    }
}

/// A place that several keep.
pub(crate) struct Link {
    _place: Place,
}

impl Link {
    /// That of the task which is being polled on this thread, if it is under some roof.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(|current| current.borrow_mut().as_mut().map(Kept::share)).ok().flatten()
    }
}

/// How a ticket keeps its place: alone, or with those who are below.
enum Kept {
    Alone(Place),
    Shared(Arc<Link>),
}

impl Kept {
    fn share(&mut self) -> Arc<Link> {
        if let Self::Alone(Place { tally, above }) = self {
            // A second place, for a moment: the first goes when it is overwritten.
            *self = Self::Shared(Arc::new(Link { _place: Place::new(tally, above) }));
        }
        match self {
            Self::Shared(link) => link.clone(),
            Self::Alone(_) => unreachable!("it was shared a line ago"),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Swaps the place of whoever is being polled on this thread. `None` also while the thread ends.
fn swap_current(kept: Option<Kept>) -> Option<Kept> {
    CURRENT.try_with(|current| current.replace(kept)).ok().flatten()
}

/// Where an entry is.
#[derive(Clone, Copy)]
struct Key {
    slot: usize,
    number: u64,
}

/// What a task carries that was let in. Dropping it is the end of its place in the tally.
pub(crate) struct Ticket {
    key: Key,
    /// Taken out while the task is polled, and when its end waits in the entry.
    place: Option<Kept>,
    /// Somebody else polls it, who may be under another roof.
    is_guest: bool,
}

impl Ticket {
    /// For a future that somebody else polls: below that one, too, are those who are below it.
    pub(crate) fn of_guest(mut self) -> Self {
        self.is_guest = true;
        self
    }

    /// Polls the task under its place. That is moved and not cloned: no locked instruction.
    pub(crate) fn around<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        struct Back<'a>(&'a mut Ticket, Option<Kept>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.place = swap_current(self.1.take());
            }
        }
        if self.is_guest
            && let Some(Kept::Alone(place)) = &mut self.place
            && place.above.is_none()
        {
            place.above = Link::current();
        }
        let outer = swap_current(self.place.take());
        let _back = Back(self, outer);
        poll()
    }
}

impl<X> Roster<X> {
    /// Open, and nobody in. Who comes in later keeps `above`.
    pub(crate) fn new(above: Option<Arc<Link>>) -> Self {
        let state = State { doors: Doors::Open, above, next_number: 0, entries: Slab::new() };
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
        let slot = state.entries.insert(Entry { number, handle: None, end: None });
        let place = Place::new(&self.tally, &state.above);
        drop(state);
        let key = Key { slot, number };
        let ticket = Ticket { key, place: Some(Kept::Alone(place)), is_guest: false };
        Some((ticket, Seat { roster: self, key, taken: false }))
    }

    /// Counts the caller in, who has no handle: a body that is polled in its own task.
    pub(crate) fn admit_body(&self) -> Ticket {
        let place = Place::new(&self.tally, &lock(&self.state).above);
        let key = Key { slot: usize::MAX, number: u64::MAX };
        Ticket { key, place: Some(Kept::Alone(place)), is_guest: false }
    }

    /// The end of a task: settled now, or by the spawner if the seat was not taken yet.
    pub(crate) fn leave(&self, ticket: &mut Ticket, end: X, settle: impl FnOnce(Occupant, X)) {
        let mut state = lock(&self.state);
        let Some(entry) = state.entry(ticket.key) else { return };
        let Some(handle) = entry.handle.take() else {
            entry.end = Some(Box::new((end, ticket.place.take()))); // rule 2
            return;
        };
        state.entries.remove(ticket.key.slot);
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
        let handles = state.occupants();
        let above = state.above.take();
        drop(state);
        drop(above); // it may be the last: then somebody is woken (rule 3)
        handles.iter().for_each(Occupant::abort); // rule 3
    }

    /// Those who are in.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        lock(&self.state).occupants()
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
    key: Key,
    taken: bool,
}

impl<X> Seat<'_, X> {
    /// Says whose handle it is; settles the end of the task if that has come already.
    pub(crate) fn take(mut self, handle: Occupant, settle: impl FnOnce(Occupant, X)) {
        self.taken = true;
        let mut state = lock(&self.roster.state);
        let late = (state.doors == Doors::Aborted).then(|| handle.clone());
        let Some(entry) = state.entry(self.key) else { return };
        if let Some(ended) = entry.end.take() {
            state.entries.remove(self.key.slot);
            drop(state);
            let (end, place) = *ended;
            settle(handle, end); // rule 3
            return drop(place); // rule 2
        }
        entry.handle = Some(handle);
        drop(state);
        if let Some(handle) = late {
            handle.abort(); // the doors were closed while it was spawned
        }
    }
}

impl<X> Drop for Seat<'_, X> {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = lock(&self.roster.state);
        let is_there = state.entry(self.key).is_some();
        let nobody = is_there.then(|| state.entries.remove(self.key.slot));
        drop(state);
        drop(nobody); // the spawning panicked; rule 3
    }
}
