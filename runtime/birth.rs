//! Floor 3. Where a new task goes.
//!
//! | `spawn` is called | the task's home | it gets to a queue |
//! |---|---|---|
//! | inside a local loop | that loop | at once |
//! | on a worker of the stealing flavour | nobody's: any worker runs it | on that worker's desk |
//! | elsewhere, for a local or pinned runtime | a loop of it | by a note to that loop |
//! | elsewhere, for a stealing one | nobody's | by the common queue |
//!
//! One task, spawned by another one that runs on worker 2 of 4:
//!
//! ```text
//!   place     this thread is inside worker 2, whose runtime is the current one: (Worker, commons)
//!   make      one block: header, future; its three references are for list, queue and handle
//!   take in   into the list of live tasks that worker 2 keeps; onto the desk of worker 2
//!   …         worker 3 may rob it, run it and end it: then it takes it off the list of worker 2
//! ```
//!
//! The same from a thread that is no worker goes into one of eight lists that are nobody's, and to
//! the common queue; and a sleeper is woken for it, unless somebody is looking for work already.
//!
//! Rules
//! 1. The place is chosen, then the task is made, then it is taken in: three steps, because a
//!    future may be dropped only outside of what [`current`] lends (its rule 1), and
//!    a runtime that ends takes nobody in.
//!
//! Real world: asyncio's `create_task` knows the running loop only, and from other threads one
//! calls `run_coroutine_threadsafe`; tokio's scheduler asks a thread-local for its own core.

use crate::current::{self, Handle, OUTSIDE, here};
use crate::loops::{Team, Workers};
use crate::ready::Ready;
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::task::id::Origin;
use crate::task::inbox::Note;
use crate::task::join::JoinHandle;
use crate::turn::Loop;
use std::future::Future;

const NOT_LOCAL: &str = "`spawn_local` was called on the stealing flavour, whose tasks move \
                         between threads: use a `LocalSet`, or `spawn` a `Send` future";

/// How a new task gets to its queue, and the home it has.
type Place = (Way, HomeRef);

enum Way {
    /// Straight into that of the loop, or worker, which this thread is.
    Loop,
    Worker,
    /// From any thread: by a note to a loop, or by the common queue.
    Note(HomeRef),
    Crew,
}

impl Handle {
    /// Starts a task on this runtime, from any thread.
    ///
    /// The twin of `asyncio.run_coroutine_threadsafe`. If the runtime is gone the future is dropped
    /// and the handle says that the task was cancelled.
    ///
    /// **Cost:** one allocation; from another thread also a note to the loop.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_named(future, None)
    }

    #[track_caller]
    pub(crate) fn spawn_named<F>(&self, future: F, name: Option<&str>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_at(self.nest(), name, future)
    }

    /// Starts a task on that loop, one of this runtime's.
    #[track_caller]
    pub(crate) fn spawn_at<F>(
        &self,
        home: &HomeRef,
        name: Option<&str>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let place = current::here(|lp| self.place(home, Some(lp)));
        begin(place.unwrap_or_else(|| self.outside_place(home)), Some(self), future, name)
    }

    /// The loop that a new task goes to, if nobody says which.
    #[inline]
    fn nest(&self) -> &HomeRef {
        match self.team() {
            Some(Team::Loops(loops)) => loops.here_or_next(),
            _ => self.home(),
        }
    }

    fn outside_place(&self, home: &HomeRef) -> Place {
        match self.commons() {
            Some(commons) => (Way::Crew, commons.clone()),
            None => (Way::Note(home.clone()), home.clone()),
        }
    }

    /// Where a new task of this runtime goes from this thread, if it is to go to that loop.
    #[inline]
    fn place(&self, home: &HomeRef, lp: Option<&Loop>) -> Place {
        match lp {
            Some(lp) if home.is_here() => match &lp.ready {
                Ready::Local(_) => (Way::Loop, lp.home.clone()),
                Ready::Steal(queue) => (Way::Worker, queue.commons().clone()),
                Ready::Nowhere => self.outside_place(home),
            },
            _ => self.outside_place(home),
        }
    }

    /// Takes in a task that any worker may run. Gives it back if the runtime ends.
    fn take_in(&self, task: [TaskRef; 2]) -> Option<[TaskRef; 2]> {
        let Some(Team::Crew(Workers { crew, .. })) = self.team() else { return Some(task) };
        let queued = crew.adopt(crew.outside(), task);
        queued.map(|queued| crew.inject([queued])).err()
    }
}

/// Starts a task on the runtime that this thread works for.
///
/// # Panics
///
/// Panics outside a runtime.
#[inline]
#[track_caller]
pub(crate) fn spawn_send<F>(future: F, name: Option<&str>) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let place = current::with_handle(|handle, lp| handle.place(handle.nest(), lp));
    let Some(place) = place else { panic!("{OUTSIDE}") };
    begin(place, None, future, name)
}

/// Why no task that must stay here can start.
fn why_not_here() -> &'static str {
    // The future given to `block_on` is on no worker, but has the handle.
    let has_crew = current::with_handle(|handle, _| handle.commons().is_some());
    if has_crew == Some(true) { NOT_LOCAL } else { OUTSIDE }
}

/// Starts a task on the loop that this thread is inside of.
///
/// # Panics
///
/// Panics outside a loop, and on a worker of the stealing flavour: its tasks must be `Send`.
#[track_caller]
pub(crate) fn spawn_here<F: Future + 'static>(
    future: F,
    name: Option<&str>,
) -> JoinHandle<F::Output> {
    let home = here(|lp| match lp.ready {
        Ready::Local(_) => Some(lp.home.clone()),
        _ => None,
    });
    let Some(home) = home.flatten() else { panic!("{}", why_not_here()) };
    begin((Way::Loop, home), None, future, name)
}

/// `handle` is that of the task's runtime; without one it is that of this thread.
#[inline(always)]
#[track_caller]
fn begin<F: Future + 'static>(
    (way, home): Place,
    handle: Option<&Handle>,
    future: F,
    name: Option<&str>,
) -> JoinHandle<F::Output> {
    let origin = Origin::here(name); // here and not by the callers: it stays in registers
    // In two steps: if the runtime ends, the future must be dropped outside `here` (rule 1).
    let (task, join) = JoinHandle::new_pair(future, home, origin);
    if let Some([kept, queued]) = take_in(way, handle, task) {
        drop(queued);
        kept.cancel_unseen();
    }
    join
}

/// Gives a new task back if its runtime ends.
#[inline]
fn take_in(way: Way, handle: Option<&Handle>, task: [TaskRef; 2]) -> Option<[TaskRef; 2]> {
    match (way, handle) {
        (Way::Loop, _) => here(|lp| lp.adopt(task)),
        (Way::Worker, _) => here(|lp| {
            let queue = lp.ready.steal();
            let queued = queue.crew().adopt(queue.worker(), task);
            queued.map(|queued| queue.push_woken(queued)).err()
        }),
        (Way::Note(home), _) => Some(match home.post(Note::Spawn(task)) {
            Err(Note::Spawn(task)) => Some(task),
            _ => None,
        }),
        (Way::Crew, Some(handle)) => Some(handle.take_in(task)),
        (Way::Crew, None) => current::with_handle(|handle, _| handle.take_in(task)),
    }
    .expect("nobody has left the runtime since its place was chosen")
}
