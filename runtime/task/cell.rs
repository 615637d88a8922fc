//! Floor 1. A task in one heap block: header, then the future, later its output in its place.
//!
//! ```text
//!   TaskRef ──▶ ┌ Header ───────────────────────────────────────────────┐
//!   Waker   ──▶ │ vtable · home · state · counts · joiner · id · origin │
//!               ├ Stage ────────────────────────────────────────────────┤
//!               │ Future(F)  ─▶  Output(Result<T, JoinError>)  ─▶  Gone │
//!               └───────────────────────────────────────────────────────┘
//! ```
//!
//! A [`TaskRef`] is one counted reference. The loop's list of live tasks holds one until the task
//! is done, the ready queue one while the task is queued, the `JoinHandle` one, each waker one.
//! At home a reference is counted by a plain add. A stranger's clone is the only atomic add; a
//! stranger's drop is a note to the inbox, so that every subtraction happens at home.
//!
//! A SHARED task, of the stealing flavour, has no home: everybody is a stranger to it, and changes
//! count and state atomically (`state.rs`).
//!
//! Rules
//! 1. `here` and `joiner` are touched at home, or under the lock of the closed inbox, or before
//!    the task is shown to anybody: by one thread at a time. Of a shared task `here` is 0 and
//!    `joiner` belongs to the handle while JOINER is not set; once set, to whoever sets DONE.
//! 2. The count is `here + away`, wrapping. Whoever finds it 0 under rule 1 holds the last
//!    reference and frees. `away` only grows: who clones abroad holds a reference meanwhile. Of a
//!    shared task it is `away` alone, and whoever brings it to 0 frees.
//! 3. `stage` belongs to home until DONE; of a shared task to whoever set RUNNING, or to the thread
//!    that ends the runtime when no worker is left. After DONE it belongs to the one `OutputOf`
//!    until that is dropped; if it is gone, to whoever learnt so from the state.
//! 4. The block never moves, and the future leaves it by being dropped in place: it is pinned.
//! 5. A future or output that is not `Send` is dropped at home or by its own `JoinHandle`, which
//!    is not `Send` either. When the inbox closes every task is done, so later only memory is left.
//!
//! Unsafe lives here because one block that holds any future, counted and reached by a thin
//! pointer, cannot be written without it. All of it stays behind the methods of [`TaskRef`]. The
//! part of the block that depends on the future is in `stage.rs`.
//!
//! Real world: tokio's `Cell` is the same block, aligned to 128 bytes, with all counts atomic.

#![allow(unsafe_code)]

use super::home::HomeRef;
use super::id::Origin;
use super::inbox::Note;
use super::join::JoinError;
use super::spare;
use super::stage::{Block, Stage, VTable};
use super::state::{AfterWake, End, Start, State};
use super::waker::{self, Sleeper};
use crate::shim::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::shim::{Cell, Mutex, UnsafeCell};
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// What all tasks have in common. `repr(C)`, here and for the block (`stage.rs`): the header stays
/// in front, so a pointer to it is also the pointer to the block.
#[repr(C)]
pub(crate) struct Header {
    vtable: &'static VTable,
    home: HomeRef,
    state: State,
    /// A wake note for this task is in the inbox already: a thousand wakes abroad are one note.
    noted: AtomicBool,
    away: AtomicU32,
    here: Cell<u32>,
    /// Where the task is kept: in which list of live tasks, of a runtime with several, and at which
    /// place there.
    keeper: Cell<u16>,
    slot: Cell<u32>,
    joiner: UnsafeCell<Option<Waker>>,
    pub(super) origin: Origin,
}

/// One counted reference to a task. How the counts go, from birth to death (rule 2):
///
/// ```text
///                                                           here  away   held by
///   spawn at home                                             3     0    list, queue, handle
///   polled: a channel keeps a clone of the lent waker         4     0    + waker
///   Pending: the queue's one is dropped                       3     0    list, handle, waker
///   another thread clones that waker, and wakes the clone     3     1    + the clone, in a note
///   the note is read: the clone is the queue's reference      3     1
///   polled: Ready; the queue's and the list's are dropped     1     1    handle, waker
///   the output is taken, the handle dropped                   0     1    waker
///   the other thread drops the waker: a note; read at home   -1     1    nobody: freed
/// ```
pub(crate) struct TaskRef(NonNull<Header>);

/// A reference that a stranger gave up and home has yet to subtract.
pub(crate) struct Released(NonNull<Header>);

/// The one right to a task's output. Dropping it detaches the task.
///
/// `T` is the output of the task's future, because [`TaskRef::new`] alone makes this. As of a
/// `Mutex<T>`: for `Send` and `Sync` it is enough that `T` may change threads.
pub(crate) struct OutputOf<T>(TaskRef, PhantomData<Mutex<T>>);

// SAFETY: exclusive. Strangers reach only `home`, `noted`, `away`, `origin` and the state, which
// are `Sync`; the rest is kept to one thread by rules 1 and 3, and foreign types by rule 5.
unsafe impl Send for TaskRef {}
// SAFETY: exclusive. As above.
unsafe impl Sync for TaskRef {}
// SAFETY: exclusive. As above: it is a `TaskRef` that can only be subtracted.
unsafe impl Send for Released {}

/// What the loop has to do after it ran a task.
#[must_use]
pub(crate) enum Ran {
    /// Nothing: somebody will wake it.
    Waiting,
    /// Put it at the back of the ready queue.
    Again(TaskRef),
    /// Take it off the list of live tasks; it stood at this slot.
    Done(u32),
    /// The same for a shared task: off the list of its keeper, and both references by
    /// [`TaskRef::drop_two`].
    Retired(TaskRef),
}

impl TaskRef {
    /// Makes a task, queued and joined: a reference for the loop's list, one for its queue, and the
    /// right to the output.
    #[inline(always)]
    pub(crate) fn new<F: Future + 'static>(
        future: F,
        home: HomeRef,
        origin: Origin,
    ) -> ([Self; 2], OutputOf<F::Output>) {
        const REFERENCES: u32 = 3; // list, queue, handle
        let shared = home.is_shared();
        // Allocated first and built in its place, not on the stack: the copy would cost 10 ns.
        let block = Box::write(
            spare::take(),
            Block {
                header: Header {
                    vtable: &const { VTable::of::<F>() },
                    home,
                    state: State::queued_and_joined(shared),
                    noted: AtomicBool::new(false),
                    away: AtomicU32::new(if shared { REFERENCES } else { 0 }),
                    here: Cell::new(if shared { 0 } else { REFERENCES }),
                    keeper: Cell::new(0),
                    slot: Cell::new(u32::MAX),
                    joiner: UnsafeCell::new(None),
                    origin,
                },
                stage: UnsafeCell::new(Stage::Future(future)),
            },
        );
        let header = NonNull::from(Box::leak(block)).cast::<Header>();
        ([Self(header), Self(header)], OutputOf(Self(header), PhantomData))
    }

    fn header(&self) -> &Header {
        // SAFETY: alive. `self` is counted, and the block is freed at count 0 only; see rule 2.
        unsafe { self.0.as_ref() }
    }

    /// Whether this thread is inside the task's loop now.
    #[inline]
    pub(crate) fn is_home(&self) -> bool {
        self.header().home.is_here()
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.header().origin
    }

    pub(crate) fn is_done(&self) -> bool {
        self.header().state.is_done()
    }

    /// Where the loop keeps the task in its list of live tasks. At home.
    pub(crate) fn set_slot(&self, slot: u32) {
        debug_assert!(self.is_home());
        self.header().slot.set(slot);
    }

    /// The same for a shared task that nobody but the caller has seen yet.
    pub(crate) fn set_keeper(&self, keeper: u16, slot: u32) {
        debug_assert!(self.header().state.is_shared());
        self.header().keeper.set(keeper);
        self.header().slot.set(slot);
    }

    // --- waking ---------------------------------------------------------------------------------

    /// Leaves a wake note, unless one is there already; or wakes a shared task.
    fn wake_abroad(self) {
        let header = self.header();
        if header.state.is_shared() {
            if header.state.wake() == AfterWake::Queue {
                self.queue_shared();
            }
            return;
        }
        // AcqRel: pairs with the swap in `deliver_wake`. Either that swap sees what this thread
        // wrote before it woke, or this swap sees `false` and a note follows.
        if !header.state.is_done() && !header.noted.swap(true, Ordering::AcqRel) {
            // A closed inbox gives the note back: the task is done, nobody needs the wake.
            let _ = header.home.clone().post(Note::Wake(self));
        }
    }

    /// Gives a shared task to the queues of its runtime.
    fn queue_shared(self) {
        // A clone, as in all of these: the task may run, and be freed, meanwhile.
        self.header().home.clone().queue_shared(self);
    }

    /// Home reads a wake note.
    pub(crate) fn deliver_wake(self) {
        // First take the mark off, then wake: a wake that comes from now on leaves a new note.
        // AcqRel: see `wake_abroad`.
        self.header().noted.swap(false, Ordering::AcqRel);
        self.wake();
    }

    // --- running, at home -----------------------------------------------------------------------

    /// Polls the task, or ends it if it was aborted. The caller took it from the ready queue.
    pub(crate) fn run(self) -> Ran {
        let header = self.header();
        debug_assert!(header.home.is_here() || header.state.is_shared());
        let _running = header.origin.id.enter();
        let polled = match header.state.run() {
            Start::Poll => waker::lend(&self, |waker| {
                // SAFETY: exclusive and pinned. RUNNING is set, by us; see rules 3 and 4.
                unsafe { (header.vtable.poll)(self.0, &mut Context::from_waker(waker)) }
            }),
            Start::Cancel => return self.end_cancelled(),
        };
        if polled.is_ready() {
            return self.end();
        }
        match header.state.pending() {
            End::Wait => Ran::Waiting,
            End::Requeue => Ran::Again(self),
            End::Cancel => self.end_cancelled(),
        }
    }

    /// Ends a task that the loop took off its list because it shuts down. At home; of a shared
    /// task, when no worker is left.
    pub(crate) fn cancel_at_shutdown(&self) {
        debug_assert!(self.is_home() || self.header().state.is_shared());
        if !self.is_done() {
            let _ = self.clone().end_cancelled();
        }
    }

    /// Ends a task that no loop has seen: its loop was gone before it arrived.
    pub(crate) fn cancel_unseen(self) {
        let _ = self.end_cancelled();
    }

    fn end_cancelled(self) -> Ran {
        let _running = self.header().origin.id.enter();
        // SAFETY: exclusive. Not DONE, and at home, or RUNNING by us, or no worker is left, or not
        // shown to any loop; see rule 3.
        unsafe { (self.header().vtable.cancel)(self.0) };
        self.end()
    }

    fn end(self) -> Ran {
        let header = self.header();
        let shared = header.state.is_shared();
        // Taken out before DONE, woken after it: whoever is woken must find the output there. That
        // of a shared task is ours only once it is DONE.
        let mut joiner = if shared { None } else { self.take_joiner() };
        let finish = header.state.finish();
        if !finish.joined && self.discard() {
            header.origin.report_panic();
        }
        if finish.joiner {
            joiner = self.take_joiner();
        }
        if let Some(joiner) = joiner {
            // A panic of other people's waker ends here: the hook has told of it, and the caller
            // has this task to take off its list.
            let _ = catch_unwind(AssertUnwindSafe(|| joiner.wake()));
        }
        if shared { Ran::Retired(self) } else { Ran::Done(header.slot.get()) }
    }

    /// Which list of live tasks has a shared task that is done, and at which place.
    pub(crate) fn keeper(&self) -> (u16, u32) {
        debug_assert!(self.is_done());
        (self.header().keeper.get(), self.header().slot.get())
    }

    /// Drops two references to one shared task at the price of one.
    pub(crate) fn drop_two(self, other: Self) {
        debug_assert!(self.0 == other.0 && self.header().state.is_shared());
        std::mem::forget(other);
        release_shared(ManuallyDrop::new(self), 2);
    }

    /// The joiner's waker, which must be the caller's (rule 1).
    #[inline]
    fn take_joiner(&self) -> Option<Waker> {
        // SAFETY: exclusive. What the doc above says; nothing here runs foreign code.
        self.header().joiner.with_mut(|joiner| unsafe { (*joiner).take() })
    }

    /// Puts `waker` into the joiner's place, which must be the caller's (rule 1): a clone, unless
    /// one is there that would do.
    fn put_joiner(&self, waker: &Waker) {
        let known = self.take_joiner().filter(|known| known.will_wake(waker));
        let waker = known.unwrap_or_else(|| waker.clone());
        // SAFETY: exclusive. What the doc above says; the place is empty, nothing is dropped.
        self.header().joiner.with_mut(|joiner| unsafe { *joiner = Some(waker) });
    }

    // --- the handle's side ----------------------------------------------------------------------

    /// Asks the task to end.
    pub(crate) fn abort(&self) {
        let header = self.header();
        if header.state.is_done() {
            return;
        }
        if header.state.is_shared() {
            if header.state.abort() == AfterWake::Queue {
                self.clone().queue_shared();
            }
        } else if !header.home.is_here() {
            // A closed inbox gives the note back: the task is done, there is nothing to abort.
            let _ = header.home.clone().post(Note::Abort(self.clone()));
        } else if header.state.abort() == AfterWake::Queue {
            header.home.queue()(self.clone());
        }
    }

    /// Has `waker` woken when the task is done; at once if it is.
    pub(crate) fn join(&self, waker: &Waker) {
        let header = self.header();
        if header.state.is_shared() {
            self.join_shared(waker);
        } else if !header.home.is_here() {
            let note = Note::Join(self.clone(), waker.clone());
            if header.home.clone().post(note).is_err() {
                waker.wake_by_ref(); // closed, so the task is done
            }
        } else if header.state.is_done() {
            waker.wake_by_ref();
        } else {
            self.put_joiner(waker);
        }
    }

    /// The same for a shared task. Only its handle calls this: it alone may own the place.
    fn join_shared(&self, waker: &Waker) {
        let state = &self.header().state;
        if !state.take_joiner() {
            return waker.wake_by_ref(); // done
        }
        self.put_joiner(waker);
        if !state.leave_joiner()
            && let Some(waker) = self.take_joiner()
        {
            waker.wake(); // it was done meanwhile
        }
    }

    /// Home learns that the handle is gone, and lets go of who waited by it.
    pub(crate) fn deliver_detach(&self) {
        drop(self.take_joiner());
        if self.header().state.detach() {
            self.discard();
        }
    }

    /// Drops the output, and says whether it was a panic. DONE, and the caller is the last who had
    /// a right to it (rule 3).
    fn discard(&self) -> bool {
        // SAFETY: exclusive. What the doc above says; see rule 3.
        unsafe { (self.header().vtable.discard)(self.0) }
    }
}

impl Sleeper for TaskRef {
    fn as_raw(&self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    unsafe fn from_raw(data: *const ()) -> Self {
        // SAFETY: never null. By the contract it comes from `as_raw`.
        Self(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
    }

    /// Wakes the task and gives this reference up.
    #[inline]
    fn wake(self) {
        let header = self.header();
        if !header.home.is_here() {
            return self.wake_abroad();
        }
        if header.state.wake() == AfterWake::Queue {
            let queue = header.home.queue();
            queue(self);
        }
    }

    /// Wakes the task.
    #[inline]
    fn wake_by_ref(&self) {
        let header = self.header();
        if !header.home.is_here() {
            return self.clone().wake_abroad();
        }
        if header.state.wake() == AfterWake::Queue {
            header.home.queue()(self.clone());
        }
    }
}

// --- counting -----------------------------------------------------------------------------------

impl<T> OutputOf<T> {
    pub(crate) fn task(&self) -> &TaskRef {
        &self.0
    }

    /// Moves the output out. Pending if the task is not done or the output was taken before.
    pub(crate) fn take(&mut self) -> Poll<Result<T, JoinError>> {
        let mut output = Poll::Pending;
        if self.0.is_done() {
            // SAFETY: exclusive. DONE, and this is the right to the output; `output` has the type
            // that `take` wants, see `OutputOf`; see rule 3.
            unsafe { (self.0.header().vtable.take)(self.0.0, NonNull::from(&mut output).cast()) };
        }
        output
    }
}

impl<T> Drop for OutputOf<T> {
    fn drop(&mut self) {
        let header = self.0.header();
        if header.state.is_done() {
            // Nobody looks any more whether it is joined.
        } else if header.state.is_shared() {
            if header.state.take_joiner() {
                drop(self.0.take_joiner());
            }
            if !header.state.detach() {
                return;
            }
        } else {
            if header.home.is_here() {
                return self.0.deliver_detach();
            }
            if header.home.clone().post(Note::Detach(self.0.clone())).is_ok() {
                return;
            }
        }
        self.0.discard(); // DONE, seen so or because the inbox is closed; see rules 3 and 5
    }
}

impl Header {
    /// The count after `change` was added to `here`. Under rule 1.
    fn count(&self, change: u32) -> u32 {
        let here = self.here.get().wrapping_add(change);
        self.here.set(here);
        // Acquire: pairs with the Release of the clones abroad; whoever cloned held a reference
        // whose end reached this thread through the inbox (rule 2).
        here.wrapping_add(self.away.load(Ordering::Acquire))
    }
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> Self {
        let header = self.header();
        let count = if header.home.is_here() {
            header.count(1)
        } else {
            // Release: pairs with the Acquire in `count`. For a shared task Relaxed would do: its
            // count is one word, and the new reference comes from a live one.
            let away = header.away.fetch_add(1, Ordering::Release);
            if header.state.is_shared() { away } else { 0 } // of others one alone may wrap
        };
        if count > u32::MAX / 2 {
            std::process::abort(); // somebody forgot two milliards of wakers
        }
        Self(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let task = ManuallyDrop::new(Self(self.0));
        if !task.is_home() {
            if task.header().state.is_shared() {
                release_shared(task, 1);
            } else {
                release_abroad(task);
            }
        } else if task.header().count(u32::MAX) == 0 {
            free_last(task);
        }
    }
}

impl Released {
    /// Home subtracts the reference.
    pub(crate) fn deliver(self) {
        drop(TaskRef(self.0));
    }
}

/// Gives so many references to a shared task up.
fn release_shared(task: ManuallyDrop<TaskRef>, count: u32) {
    // AcqRel: what everybody did with the task happens before the last one frees it.
    if task.header().away.fetch_sub(count, Ordering::AcqRel) == count {
        free_last(task);
    }
}

/// A stranger gives a reference up: by a note, or itself if the loop is gone.
fn release_abroad(task: ManuallyDrop<TaskRef>) {
    // A clone, because the note may be read, and the block with its `home` freed, during `post`.
    let home = task.header().home.clone();
    let Err(_) = home.post(Note::Release(Released(task.0))) else { return };
    if home.inbox().when_closed(|| task.header().count(u32::MAX) == 0) {
        free_last(task);
    }
}

/// Frees the block. The count must be 0: `task` is the reference that brought it there.
fn free_last(task: ManuallyDrop<TaskRef>) {
    debug_assert_eq!(
        task.header().here.get().wrapping_add(task.header().away.load(Ordering::Relaxed)),
        0
    );
    let free = task.header().vtable.free;
    // SAFETY: exclusive. The count is 0; see rule 2.
    unsafe { free(task.0) }
}
