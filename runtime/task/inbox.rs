//! Floor 1. The inbox: notes that strangers leave for a loop.
//!
//! A loop's tasks, timers and sockets are touched by its own thread alone. Whoever else wants
//! something of them (wake this task, drop that one) writes a note, and the loop reads its notes
//! once a turn. That one rule replaces the locks on everything else.
//!
//! ```text
//!   stranger:  post(note) ──lock, push, unlock──▶ [ notes ] ──take──▶ the loop, once a turn
//!                   └── rings the doorbell only if the loop said that it sleeps
//! ```
//!
//! The one race there is: the loop is about to sleep while a note is being written. Both take the
//! lock, so one of them is first, and either way somebody notices:
//!
//! ```text
//!   the loop first      fall_asleep: no notes, asleep = true     it sleeps
//!                       post: push, asleep was true: ring        it is woken
//!   the stranger first  post: push, asleep is false: no ring
//!                       fall_asleep: a note, so "do not"         it stays awake and reads
//! ```
//!
//! Rules
//! 1. Notes are read in the order in which they were written: a task's last release note comes
//!    after every other note its writer left about it.
//! 2. The loop says that it sleeps, and looks for notes a last time, under the lock under which
//!    notes are written. So either it sees the note, or the writer sees that it sleeps.
//! 3. Once closed, for good: `post` gives the note back, and what the loop alone might touch may
//!    from now on be touched by anybody who holds the lock (`when_closed`).
//!
//! Real world: asyncio's `call_soon_threadsafe` is a deque and a socket pair, and rings every time;
//! libuv's `uv_async_send` rings at most once until the loop has looked, and carries no note.

use super::cell::{Released, TaskRef};
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::shim::{Mutex, lock};
use std::collections::VecDeque;
use std::task::Waker;

/// What a stranger can ask of a loop.
pub(crate) enum Note {
    /// Here is a new task: a reference for the list of live tasks, one for the ready queue.
    Spawn([TaskRef; 2]),
    /// Wake this task.
    Wake(TaskRef),
    /// End this task.
    Abort(TaskRef),
    /// Wake this waker when the task is done.
    Join(TaskRef, Waker),
    /// The task's `JoinHandle` is gone.
    Detach(TaskRef),
    /// One reference to this task is gone.
    Release(Released),
    /// Wake the future given to `block_on`.
    Root,
    /// Do this; it is about a timer or a socket.
    Errand(Box<dyn FnOnce() + Send>),
}

/// A lock, a ring, some flags.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    /// A hint that spares the loop the lock: there may be notes.
    filled: AtomicBool,
}

#[derive(Default)]
struct Letters {
    notes: VecDeque<Note>,
    asleep: bool,
    /// Somebody wants the loop awake, without a note: there is work for it in another's queue.
    nudged: bool,
    /// No new tasks: the loop shuts down, and would never be done with them.
    refuses_tasks: bool,
    closed: bool,
}

/// Whether the writer of a note has to ring the doorbell.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AfterPost {
    /// The loop sleeps: wake it.
    Ring,
    /// The loop is awake and will look.
    Nothing,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { letters: Mutex::new(Letters::default()), filled: AtomicBool::new(false) }
    }

    /// Leaves a note, or gives it back if the inbox is closed (rule 3).
    pub(crate) fn post(&self, note: Note) -> Result<AfterPost, Note> {
        let mut letters = lock(&self.letters);
        if letters.closed || (letters.refuses_tasks && matches!(note, Note::Spawn(_))) {
            return Err(note);
        }
        letters.notes.push_back(note);
        // Relaxed: a hint; the lock carries the note itself, and the loop takes the lock before
        // it sleeps (rule 2).
        self.filled.store(true, Ordering::Relaxed);
        // Taken and not only read: the first stranger rings, the others find a loop that will wake.
        Ok(if std::mem::take(&mut letters.asleep) { AfterPost::Ring } else { AfterPost::Nothing })
    }

    /// Whether a look into the inbox is worth the lock.
    #[inline]
    pub(crate) fn is_filled(&self) -> bool {
        // Relaxed: see `post`.
        self.filled.load(Ordering::Relaxed)
    }

    /// Moves all notes into `notes`, which must be empty.
    pub(crate) fn take(&self, notes: &mut VecDeque<Note>) {
        debug_assert!(notes.is_empty());
        let mut letters = lock(&self.letters);
        // Relaxed: see `post`.
        self.filled.store(false, Ordering::Relaxed);
        // The loop's empty ring stays here with its memory: two rings serve for ever.
        std::mem::swap(&mut letters.notes, notes);
    }

    /// Announces that the loop is about to sleep. False if there are notes: then it must not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut letters = lock(&self.letters);
        letters.asleep = letters.notes.is_empty() && !std::mem::take(&mut letters.nudged);
        letters.asleep
    }

    /// Whether somebody has rung since the loop said that it sleeps.
    pub(crate) fn is_rung(&self) -> bool {
        !lock(&self.letters).asleep
    }

    /// Ends the loop's sleep. One that is awake may fall asleep all the same.
    pub(crate) fn rouse(&self) -> AfterPost {
        let mut letters = lock(&self.letters);
        if std::mem::take(&mut letters.asleep) { AfterPost::Ring } else { AfterPost::Nothing }
    }

    /// Has the loop not fall asleep, or awake if it sleeps, without leaving a note.
    pub(crate) fn nudge(&self) -> AfterPost {
        let mut letters = lock(&self.letters);
        letters.nudged = true;
        if std::mem::take(&mut letters.asleep) { AfterPost::Ring } else { AfterPost::Nothing }
    }

    /// Takes the announcement back: nobody needs to ring any more.
    pub(crate) fn wake_up(&self) {
        let mut letters = lock(&self.letters);
        (letters.asleep, letters.nudged) = (false, false);
    }

    /// Gives new tasks back from now on. All other notes are about something that exists already.
    pub(crate) fn refuse_tasks(&self) {
        lock(&self.letters).refuses_tasks = true;
    }

    /// Closes for good. False if there are notes: read them, then try again.
    #[must_use]
    pub(crate) fn close(&self) -> bool {
        let mut letters = lock(&self.letters);
        // Both under one lock: no note can be left in an inbox that nobody reads any more.
        letters.closed = letters.notes.is_empty();
        letters.closed
    }

    /// Runs `touch` under the lock of the closed inbox: it may touch what was the loop's (rule 3).
    pub(crate) fn when_closed<R>(&self, touch: impl FnOnce() -> R) -> R {
        let letters = lock(&self.letters);
        assert!(letters.closed, "only a closed inbox lets strangers in");
        touch()
    }
}
