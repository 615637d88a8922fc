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
//! Rules
//! 1. `here` and `joiner` are touched at home, or under the lock of the closed inbox, or before
//!    the task is shown to anybody: by one thread at a time.
//! 2. The count is `here + away`, wrapping. Whoever finds it 0 under rule 1 holds the last
//!    reference and frees. `away` only grows: who clones abroad holds a reference meanwhile.
//! 3. `stage` belongs to home until DONE. After DONE it belongs to the one `OutputOf` until that
//!    is dropped; if it is gone, to home.
//! 4. The block never moves, and the future leaves it by being dropped in place: it is pinned.
//! 5. A future or output that is not `Send` is dropped at home or by its own `JoinHandle`, which
//!    is not `Send` either. When the inbox closes every task is done, so later only memory is left.
//!
//! Unsafe lives here because one block that holds any future, counted and reached by a thin
//! pointer, cannot be written without it. All of it stays behind the methods of [`TaskRef`].
//!
//! Real world: tokio's `Cell` is the same block, aligned to 128 bytes, with all counts atomic.

#![allow(unsafe_code)]

use super::home::HomeRef;
use super::id::Origin;
use super::inbox::Note;
use super::join::JoinError;
use super::state::{AfterWake, End, Start, State};
use super::waker::{self, Sleeper};
use crate::shim::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::shim::{Cell, Mutex, UnsafeCell};
use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// What all tasks have in common. `repr(C)`, here and for the block: the header stays in front, so
/// a pointer to it is also the pointer to the block.
#[repr(C)]
pub(crate) struct Header {
    vtable: &'static VTable,
    home: HomeRef,
    state: State,
    /// A wake note for this task is in the inbox already: a thousand wakes abroad are one note.
    noted: AtomicBool,
    away: AtomicU32,
    here: Cell<u32>,
    /// Where the loop keeps the task in its list of live tasks.
    slot: Cell<u32>,
    joiner: UnsafeCell<Option<Waker>>,
    origin: Origin,
}

#[repr(C)]
struct Block<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Gone,
}

/// What only the block knows how to do, because it knows `F`. By hand and not by `dyn`, whose
/// pointer is two words: a waker has room for one. Each entry wants the header of a live `Block<F>`
/// whose stage the caller owns (rule 3); `free` wants the count to be 0.
struct VTable {
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    cancel: unsafe fn(NonNull<Header>),
    /// Moves the output to where the second pointer, a `Poll<Result<T, JoinError>>`, points.
    take: unsafe fn(NonNull<Header>, NonNull<()>),
    /// Says whether it was a panic.
    discard: unsafe fn(NonNull<Header>) -> bool,
    free: unsafe fn(NonNull<Header>),
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

// SAFETY: exclusive. Strangers reach only `home`, `noted`, `away`, `origin` and DONE, which are
// `Sync`; the rest is kept to one thread by rules 1 and 3, and foreign types by rule 5.
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
}

impl TaskRef {
    /// Makes a task, queued and joined: a reference for the loop's list, one for its queue, and the
    /// right to the output.
    #[inline(always)]
    pub(crate) fn new<F: Future>(
        future: F,
        home: HomeRef,
        origin: Origin,
    ) -> ([Self; 2], OutputOf<F::Output>) {
        // Allocated first and built in its place, not on the stack: the copy would cost 10 ns.
        let block = Box::write(
            Box::new_uninit(),
            Block {
                header: Header {
                    vtable: &const {
                        VTable {
                            poll: poll::<F>,
                            cancel: cancel::<F>,
                            take: take::<F>,
                            discard: discard::<F>,
                            free: free::<F>,
                        }
                    },
                    home,
                    state: State::queued_and_joined(),
                    noted: AtomicBool::new(false),
                    away: AtomicU32::new(0),
                    here: Cell::new(3), // list, queue, handle
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

    // --- waking ---------------------------------------------------------------------------------

    /// Leaves a wake note, unless one is there already.
    fn wake_abroad(self) {
        let header = self.header();
        // AcqRel: pairs with the swap in `deliver_wake`. Either that swap sees what this thread
        // wrote before it woke, or this swap sees `false` and a note follows.
        if !header.state.is_done() && !header.noted.swap(true, Ordering::AcqRel) {
            let home = header.home.clone();
            // A closed inbox gives the note back: the task is done, nobody needs the wake.
            let _ = home.post(Note::Wake(self));
        }
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
        debug_assert!(header.home.is_here());
        let _running = header.origin.id.enter();
        let polled = match header.state.run() {
            Start::Poll => {
                let waker = waker::lend(&self);
                // SAFETY: exclusive and pinned. At home, and RUNNING is set; see rules 3 and 4.
                unsafe { (header.vtable.poll)(self.0, &mut Context::from_waker(&waker)) }
            }
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

    /// Ends a task that the loop took off its list because it shuts down.
    pub(crate) fn cancel_at_shutdown(&self) {
        debug_assert!(self.is_home());
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
        // SAFETY: exclusive. At home and not DONE, or not shown to any loop; see rule 3.
        unsafe { (self.header().vtable.cancel)(self.0) };
        self.end()
    }

    fn end(self) -> Ran {
        let header = self.header();
        // Taken out before DONE, woken after it: whoever is woken must find the output there.
        let joiner = self.take_joiner();
        if !header.state.finish() && self.discard() {
            header.origin.report_panic();
        }
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        Ran::Done(header.slot.get())
    }

    // --- the handle's side ----------------------------------------------------------------------

    /// Asks the task to end.
    pub(crate) fn abort(&self) {
        let header = self.header();
        if header.state.is_done() {
            return;
        }
        if !header.home.is_here() {
            let home = header.home.clone();
            // A closed inbox gives the note back: the task is done, there is nothing to abort.
            let _ = home.post(Note::Abort(self.clone()));
        } else if header.state.abort() == AfterWake::Queue {
            header.home.queue()(self.clone());
        }
    }

    /// Has `waker` woken when the task is done; at once if it is.
    pub(crate) fn join(&self, waker: &Waker) {
        let header = self.header();
        if !header.home.is_here() {
            let home = header.home.clone();
            let note = Note::Join(self.clone(), waker.clone());
            if home.post(note).is_err() {
                waker.wake_by_ref(); // closed, so the task is done
            }
        } else if header.state.is_done() {
            waker.wake_by_ref();
        } else {
            let known = header.joiner.with(|joiner| {
                // SAFETY: exclusive. At home, and nothing below runs foreign code; see rule 1.
                let joiner = unsafe { (*joiner).as_ref() };
                joiner.is_some_and(|joiner| joiner.will_wake(waker))
            });
            if !known {
                let waker = waker.clone();
                // SAFETY: exclusive. As above; the old waker is dropped after the borrow.
                let old = header.joiner.with_mut(|joiner| unsafe { (*joiner).replace(waker) });
                drop(old);
            }
        }
    }

    /// Home learns that the handle is gone, and lets go of who waited by it.
    pub(crate) fn deliver_detach(&self) {
        drop(self.take_joiner());
        if self.header().state.detach() {
            self.discard();
        }
    }

    /// Who waits for the end. At home, or not shown to any loop.
    fn take_joiner(&self) -> Option<Waker> {
        // SAFETY: exclusive. What the doc above says; see rule 1.
        self.header().joiner.with_mut(|joiner| unsafe { (*joiner).take() })
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
        if !header.state.is_done() {
            if header.home.is_here() {
                return self.0.deliver_detach();
            }
            let home = header.home.clone();
            if home.post(Note::Detach(self.0.clone())).is_ok() {
                return;
            }
        }
        self.0.discard(); // DONE, seen so or because the inbox is closed; see rule 5
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
            // Release: pairs with the Acquire in `count`. One clone alone cannot overflow.
            header.away.fetch_add(1, Ordering::Release);
            0
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
            release_abroad(task);
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

// --- the five entries of the vtable --------------------------------------------------------------

/// The stage of a task in the hands of whoever owns it (rule 3).
struct Owned<'a, F: Future> {
    header: &'a Header,
    stage: &'a UnsafeCell<Stage<F>>,
}

impl<F: Future> Owned<'_, F> {
    /// # Safety
    ///
    /// `header` must be the header of a live `Block<F>`, whose stage the caller owns (rule 3) until
    /// the result is dropped.
    unsafe fn new(header: NonNull<Header>) -> Self {
        // SAFETY: alive. By the contract; `Block` is `repr(C)` with the header first.
        let block = unsafe { header.cast::<Block<F>>().as_ref() };
        Self { header: &block.header, stage: &block.stage }
    }

    #[inline(always)]
    fn with<R>(&mut self, touch: impl FnOnce(&mut Stage<F>) -> R) -> R {
        // SAFETY: exclusive. By the contract of `new`, and `self` is borrowed mutably.
        self.stage.with_mut(|stage| touch(unsafe { &mut *stage }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.with(|stage| {
            let Stage::Future(future) = stage else {
                unreachable!("a task that is not done has its future")
            };
            // SAFETY: pinned. The future stays in its block until `clear` drops it; see rule 4.
            unsafe { Pin::new_unchecked(future) }.poll(cx)
        })
    }

    /// Drops what the stage holds, in place. Returns a panic of the drop.
    fn clear(&mut self) -> Result<(), Box<dyn Any + Send>> {
        if !std::mem::needs_drop::<Stage<F>>() {
            return Ok(());
        }
        // `Gone` is written even if the drop of the old value panics.
        self.with(|stage| catch_unwind(AssertUnwindSafe(|| *stage = Stage::Gone)))
    }

    /// Replaces the future by the output; a panic in the future's drop becomes the output. The
    /// future goes first: both have the same room, and who sees DONE may rely on its drops.
    /// Inlined all the way, so that the output is written straight to its place: a detour over the
    /// stack costs more than all the rest (8 ns, store forwarding).
    #[inline(always)]
    fn finish(&mut self, output: Result<F::Output, JoinError>) {
        if let Err(panic) = self.clear() {
            let error = self.panicked(panic);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(output))); // it may panic as well
            return self.with(|stage| *stage = Stage::Output(Err(error)));
        }
        self.with(|stage| *stage = Stage::Output(output));
    }

    fn panicked(&self, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError::panicked(self.header.origin.id, payload)
    }

    fn has_panicked(&mut self) -> bool {
        self.with(|stage| matches!(stage, Stage::Output(Err(error)) if error.is_panic()))
    }
}

unsafe fn poll<F: Future>(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    match catch_unwind(AssertUnwindSafe(|| owned.poll(cx))) {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => owned.finish(Ok(output)),
        Err(panic) => {
            let error = owned.panicked(panic);
            owned.finish(Err(error));
        }
    }
    Poll::Ready(())
}

unsafe fn cancel<F: Future>(header: NonNull<Header>) {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    let cancelled = JoinError::cancelled(owned.header.origin.id);
    owned.finish(Err(cancelled));
}

unsafe fn take<F: Future>(header: NonNull<Header>, target: NonNull<()>) {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    if let Stage::Output(output) = owned.with(|stage| std::mem::replace(stage, Stage::Gone)) {
        let target = target.cast::<Poll<Result<F::Output, JoinError>>>();
        // SAFETY: initialised. The caller gave a `Poll` of this very type, and it is `Pending`,
        // which has no drop (see `VTable::take`).
        unsafe { target.write(Poll::Ready(output)) };
    }
}

unsafe fn discard<F: Future>(header: NonNull<Header>) -> bool {
    // SAFETY: exclusive. The caller's contract is that of `Owned::new`.
    let mut owned = unsafe { Owned::<F>::new(header) };
    if owned.with(|stage| matches!(stage, Stage::Gone)) {
        return false; // as nearly always: the handle has taken it
    }
    let _running = owned.header.origin.id.enter();
    let panicked = owned.has_panicked();
    // The drop may panic: nobody is left to be told, and the panic hook has spoken.
    let _ = owned.clear();
    panicked
}

unsafe fn free<F: Future>(header: NonNull<Header>) {
    // SAFETY: exclusive. The count is 0; the block came from a `Box<Block<F>>` in `new`.
    drop(unsafe { Box::from_raw(header.cast::<Block<F>>().as_ptr()) });
}
