//! Floor 3. Which loop am I on?
//!
//! Two thread-local answers: the [`Handle`] of the runtime that this thread works for, and, on the
//! thread that is inside the loop, the [`Loop`] itself. A thread of the blocking pool, or one that
//! entered a handle, has only the first.
//!
//! Rules
//! 1. Nothing that runs inside [`here`] is other people's code: it may not come back and enter.
//!
//! Real world: asyncio keeps the running loop in a thread-local and raises "no running event loop".

use crate::blocking::Pool;
use crate::ready::Job;
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::task::id::Origin;
use crate::task::inbox::Note;
use crate::task::join::JoinHandle;
use crate::turn::Loop;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

thread_local! {
    static CONTEXT: RefCell<Context> =
        const { RefCell::new(Context { lp: None, handle: None, busy: None }) };
}

#[derive(Clone)]
struct Context {
    /// The loop that this thread is inside of: the one whose home's word is set (`home.rs`).
    lp: Option<Rc<Loop>>,
    handle: Option<Handle>,
    /// What this thread is inside of, if it must not block or enter a loop.
    busy: Option<&'static str>,
}

/// What a loop offers besides itself.
pub(crate) struct Services {
    pub(crate) pool: Pool,
}

/// A way to a runtime from anywhere: cheap to clone, good on any thread.
///
/// The twin of `tokio::runtime::Handle` and of what `asyncio.run_coroutine_threadsafe` needs a loop
/// for.
///
/// ```
/// let runtime = rondel::Builder::new().build().unwrap();
/// let handle = runtime.handle().clone();
/// let thread = std::thread::spawn(move || handle.block_on(handle.spawn(async { 42 })).unwrap());
/// runtime.block_on(async {
///     while !thread.is_finished() {
///         rondel::task::yield_now().await;
///     }
/// });
/// assert_eq!(thread.join().unwrap(), 42);
/// ```
#[derive(Clone)]
pub struct Handle {
    home: HomeRef,
    services: Arc<Services>,
}

/// There is no runtime that this thread works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OUTSIDE)
    }
}

impl std::error::Error for TryCurrentError {}

const OUTSIDE: &str = "no Rondel loop runs on this thread: call this inside the future given to \
                       `rondel::run`, `Runtime::block_on` or `#[rondel::main]`, or hold the guard \
                       of `Handle::enter`";

impl Handle {
    pub(crate) fn new(home: HomeRef, services: Arc<Services>) -> Self {
        Self { home, services }
    }

    /// The handle of the runtime that this thread works for.
    ///
    /// # Panics
    ///
    /// Panics outside a runtime, and says how to enter one.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The handle of the runtime that this thread works for, if there is one.
    ///
    /// # Errors
    ///
    /// Outside a runtime.
    ///
    /// ```
    /// assert!(rondel::Handle::try_current().is_err());
    /// rondel::run(async { assert!(rondel::Handle::try_current().is_ok()) });
    /// ```
    pub fn try_current() -> Result<Self, TryCurrentError> {
        let handle = CONTEXT.try_with(|context| context.borrow().handle.clone());
        handle.ok().flatten().ok_or(TryCurrentError(()))
    }

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
        self.spawn_from(future, Origin::here(None))
    }

    pub(crate) fn spawn_from<F>(&self, future: F, origin: Origin) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if self.home.is_here() {
            return spawn_here(future, None);
        }
        let (task, handle) = JoinHandle::new_pair(future, self.home.clone(), origin);
        if let Err(Note::Spawn([kept, queued])) = self.home.post(Note::Spawn(task)) {
            drop(queued);
            kept.cancel_unseen();
        }
        handle
    }

    pub(crate) fn home(&self) -> &HomeRef {
        &self.home
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.services.pool
    }

    /// Makes this runtime the current one of this thread until the guard is dropped.
    ///
    /// `spawn`, `sleep` and sockets then use it, though the loop runs elsewhere.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _entered: enter(None, Some(self.clone()), None), _handle: self }
    }

    /// Runs `future` on this thread, which sleeps while it waits; the loop runs elsewhere.
    ///
    /// # Panics
    ///
    /// Panics inside a loop, which must never be blocked: use `.await` there.
    ///
    /// Timers and sockets of `future` need the loop to be running: while nobody is inside
    /// `Runtime::block_on`, they wait.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        forbid_blocking("Handle::block_on");
        let _entered = enter(None, Some(self.clone()), Some("Handle::block_on"));
        crate::park::block_on(future)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.home).finish()
    }
}

/// See [`Handle::enter`].
#[derive(Debug)]
#[must_use = "the runtime is left when the guard is dropped"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    _handle: &'a Handle,
}

/// Undoes [`enter`] when dropped.
pub(crate) struct Entered {
    outer: Option<Context>,
    // A guard undoes what was done on its own thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

/// Changes this thread's answers until the guard is dropped; `None` leaves an answer as it is.
pub(crate) fn enter(
    lp: Option<Rc<Loop>>,
    handle: Option<Handle>,
    busy: Option<&'static str>,
) -> Entered {
    let outer = CONTEXT.with(|context| {
        let outer = context.borrow().clone();
        let inner = Context {
            lp: lp.or_else(|| outer.lp.clone()),
            handle: handle.or_else(|| outer.handle.clone()),
            busy: busy.or(outer.busy),
        };
        context.replace(inner);
        outer
    });
    Entered { outer: Some(outer), _not_send: std::marker::PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            let inner = CONTEXT.with(|context| context.replace(outer));
            drop(inner); // after the borrow
        }
    }
}

/// Does something to the loop that this thread is inside of, if there is one (rule 1).
#[inline]
pub(crate) fn here<R>(touch: impl FnOnce(&Loop) -> R) -> Option<R> {
    let touched = CONTEXT.try_with(|context| context.borrow().lp.as_deref().map(touch));
    touched.ok().flatten()
}

/// Whether `spawn` may put a task into this thread's own queue: it is inside a loop, and that
/// loop's runtime is the current one.
#[inline]
pub(crate) fn is_inside_own_loop() -> bool {
    let inside = CONTEXT.try_with(|context| {
        context.borrow().handle.as_ref().is_some_and(|handle| handle.home.is_here())
    });
    inside.unwrap_or(false)
}

/// Panics if this thread is inside a loop, or waits for one.
#[track_caller]
pub(crate) fn forbid_blocking(what: &str) {
    let busy = CONTEXT.try_with(|context| context.borrow().busy).ok().flatten();
    if let Some(inside) = busy {
        panic!(
            "`{what}` was called inside `{inside}`: it would block the thread that the loop needs. \
             Use `.await` here, or move the call to `spawn_blocking` or to a thread of its own"
        );
    }
}

/// Where a task goes that is woken at home: the `queue` of every local home.
pub(crate) fn queue_here(task: TaskRef) {
    here(|lp| lp.ready.push(Job::Task(task)));
}

/// Puts the root future into the ready queue of the loop that this thread is inside of.
pub(crate) fn queue_root_here() {
    here(|lp| lp.ready.push(Job::Root));
}

/// Starts a task on the loop that this thread is inside of.
#[track_caller]
pub(crate) fn spawn_here<F: Future + 'static>(
    future: F,
    name: Option<&str>,
) -> JoinHandle<F::Output> {
    let Some(home) = here(|lp| lp.home.clone()) else { panic!("{OUTSIDE}") };
    let origin = Origin::here(name); // here and not by the callers: it stays in registers
    let (task, handle) = JoinHandle::new_pair(future, home, origin);
    if let Some([kept, queued]) = here(|lp| lp.adopt(task)).flatten() {
        drop(queued);
        kept.cancel_at_shutdown();
    }
    handle
}
