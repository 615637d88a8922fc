//! Floor 3. Which loop am I on?
//!
//! Two thread-local answers: the [`Handle`] of the runtime that this thread works for, and, on the
//! thread that is inside the loop, the [`Loop`] itself. A thread of the blocking pool, or one that
//! entered a handle, has only the first.
//!
//! | this thread … | loop | handle | must not block |
//! |---|---|---|---|
//! | has nothing to do with a runtime | - | - | - |
//! | is inside `Runtime::block_on` | yes | yes | yes |
//! | holds the guard of `Runtime::enter` | yes | yes | - |
//! | holds the guard of `Handle::enter`, or is of the blocking pool | - | yes | - |
//! | is inside `Handle::block_on` | - | yes | yes |
//! | is inside loop A, and holds a guard of B's handle | A | B | yes |
//!
//! The last row is why there are two answers: `spawn` means B there, and B's queue belongs to
//! another thread. So `spawn` goes by the handle, and takes the short way only if the loop at hand
//! is that handle's own. A task that is woken at home goes by the loop.
//!
//! A worker that blocks inside `block_in_place` leaves the loop ([`step_out`]), and is then as a
//! thread of the pool.
//!
//! Each guard stands for one [`Frame`] of a stack, and the answers are those of the highest frames
//! that have one. Guards may be dropped in any order, or never: each takes away its own frame.
//!
//! Rules
//! 1. Nothing that runs inside [`here`] is other people's code: it may not come back and enter.
//! 2. The home's word (`home.rs`) and the clock shown are those of `lp`, the clock else the
//!    handle's: [`change`] alone sets them.
//! 3. A loop that ends takes its frames away ([`forget`]), so that nothing leads back to it.
//!
//! Real world: asyncio keeps the running loop in a thread-local and raises "no running event loop";
//! tokio keeps its handle in one, and panics that "there is no reactor running".

use crate::blocking::Pool;
use crate::budget;
use crate::loops::Team;
use crate::outlook::{At, Reach};
use crate::park;
use crate::ready::crew::Crew;
use crate::ready::{Job, Ready};
use crate::services::{Outside, Services};
use crate::task::cell::TaskRef;
use crate::task::home::{self, HomeRef};
use crate::task::purse;
use crate::time::clock::Clock;
use crate::turn::Loop;
use crate::wait_list::WaitList;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

// A thread that ends destroys its thread-locals one by one, and their drops are programs too. Hence
// `try_with` below: who asks after the end of this one hears "no loop".
thread_local! {
    static CONTEXT: RefCell<Context> = const {
        RefCell::new(Context { lp: None, handle: None, busy: None, frames: Vec::new(), number: 0 })
    };
}

/// The answers, and the frames they come from.
struct Context {
    /// The loop that this thread is inside of.
    lp: Option<Rc<Loop>>,
    handle: Option<Handle>,
    /// What this thread is inside of, if it must not block or enter a loop. A text, for the panic.
    busy: Option<&'static str>,
    frames: Vec<Frame>,
    /// The number of the next frame.
    number: u64,
}

/// What one guard changed; `None` leaves an answer as it is.
///
/// ```text
///   let a = first.enter();  let b = second.enter();    frames: a b    handle: second
///   drop(a);                                           frames: b      handle: second
///   drop(b);                                           frames: -      none
/// ```
///
/// A guard that put back what it had found would, dropped in this order, leave `first` behind for
/// ever.
struct Frame {
    number: u64,
    lp: Option<Rc<Loop>>,
    handle: Option<Handle>,
    busy: Option<&'static str>,
    /// Of a frame with a handle alone, on a thread that was never inside that handle's loop since.
    outside: Option<Outside>,
}

impl Context {
    /// The home of the tasks of the runtime that this thread works for, if they are shared.
    fn commons(&self) -> Option<&HomeRef> {
        self.handle.as_ref().and_then(Handle::commons)
    }

    /// What a neighbour of the same runtime looks out for.
    #[cold]
    fn reach(&self, home: &HomeRef) -> Option<Reach<'_>> {
        let handle = self.handle.as_ref()?;
        let Some(Team::Crew(workers)) = handle.team() else { return None };
        Some(Reach { clock: handle.clock(), at: At::Neighbour(workers.watched(home)?) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // The thread ends, and who comes now finds no context (rule 2).
        home::stand_at(None);
        purse::carry(self.commons(), None);
    }
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
    /// Of a flavour with several loops.
    team: Option<Team>,
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

pub(crate) const OUTSIDE: &str = "no Rondel loop runs on this thread: call this inside the future \
                                  given to `rondel::run`, `Runtime::block_on` or \
                                  `#[rondel::main]`, or hold the guard of `Handle::enter`";

impl Handle {
    pub(crate) fn new(home: HomeRef, services: Arc<Services>, team: Option<Team>) -> Self {
        Self { home, services, team }
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

    /// The home of the tasks of this runtime, if they are shared.
    pub(crate) fn commons(&self) -> Option<&HomeRef> {
        match &self.team {
            Some(Team::Crew(workers)) => Some(&workers.commons),
            _ => None,
        }
    }

    pub(crate) fn home(&self) -> &HomeRef {
        &self.home
    }

    pub(crate) fn team(&self) -> Option<&Team> {
        self.team.as_ref()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.services.pool
    }

    /// Counts the caller's thread as one that works for the loop without being inside it.
    pub(crate) fn outside(&self) -> Outside {
        Outside::new(&self.services)
    }

    /// # Panics
    ///
    /// Panics if there are several loops: `what` needs one that knows all there is to know.
    #[track_caller]
    pub(crate) fn needs_one_loop(&self, what: &str) {
        assert!(
            self.team.is_none(),
            "`{what}` needs the local flavour: no loop of several knows what the others do. Build \
             the runtime without `workers` and `pinned`"
        );
    }

    /// Where one waits for the loop to have nothing to run.
    pub(crate) fn idle(&self) -> &WaitList {
        &self.services.idle
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.services.clock
    }

    /// Makes this runtime the current one of this thread until the guard is dropped.
    ///
    /// `spawn`, `sleep` and sockets then use it, though the loop runs elsewhere. Guards may be
    /// dropped in any order: the one made last decides.
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
        self.wait_for(future, "Handle::block_on")
    }

    /// The same, for whoever has made sure that this thread may be blocked; `doing` names it.
    pub(crate) fn wait_for<F: Future>(&self, future: F, doing: &'static str) -> F::Output {
        let _entered = enter(None, Some(self.clone()), Some(doing));
        let _outer = budget::unlimited(); // put back at the end, whatever the polls leave
        let mut future = pin!(future);
        park::block_on(poll_fn(|cx| {
            budget::refill();
            future.as_mut().poll(cx)
        }))
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
    _entered: Option<Entered>,
    _handle: &'a Handle,
}

/// Undoes [`enter`] when dropped.
pub(crate) struct Entered {
    number: u64,
    // A guard undoes what was done on its own thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered")
    }
}

/// Of a frame in which one may block again.
pub(crate) const FREE: &str = "";

/// Changes the frames and then the answers. `None` if the thread is ending and has no context.
fn change<R>(change: impl FnOnce(&mut Context) -> R) -> Option<R> {
    let changed = CONTEXT.try_with(|context| {
        let context = &mut *context.borrow_mut();
        let result = change(context);
        let frames = || context.frames.iter().rev();
        let lp = frames().find_map(|frame| frame.lp.clone());
        let handle = frames().find_map(|frame| frame.handle.clone());
        context.busy = frames().find_map(|frame| frame.busy).filter(|busy| *busy != FREE);
        home::stand_at(lp.as_ref().and_then(|lp| lp.standing_at()));
        let clock = lp.as_ref().map(|lp| &lp.clock);
        Clock::show(clock.or(handle.as_ref().map(|handle| handle.clock())));
        purse::carry(context.commons(), handle.as_ref().and_then(Handle::commons));
        let lp = std::mem::replace(&mut context.lp, lp);
        let handle = std::mem::replace(&mut context.handle, handle);
        (result, lp, handle)
    });
    changed.ok().map(|(result, ..)| result) // the rest is dropped here, after the borrow
}

/// Changes this thread's answers until the guard is dropped; `None` leaves an answer as it is.
///
/// Returns `None`, and changes nothing, if the thread is ending and has no context any more.
pub(crate) fn enter(
    lp: Option<Rc<Loop>>,
    handle: Option<Handle>,
    busy: Option<&'static str>,
) -> Option<Entered> {
    let is_stranger = |handle: &&Handle| lp.is_none() && !handle.home.is_here();
    let outside = handle.as_ref().filter(is_stranger).map(Handle::outside);
    let number = change(|context| {
        if let Some(lp) = &lp {
            // Whoever entered the handle first, and now the loop itself, is outside no longer: the
            // loop would wait for its own thread.
            for frame in &mut context.frames {
                frame.outside.take_if(|outside| outside.is_of(&lp.services));
            }
        }
        let number = context.number;
        context.number += 1;
        context.frames.push(Frame { number, lp, handle, busy, outside });
        number
    });
    number.map(|number| Entered { number, _not_send: std::marker::PhantomData })
}

impl Drop for Entered {
    fn drop(&mut self) {
        let frame = change(|context| {
            let frames = &mut context.frames;
            let at = frames.iter().rposition(|frame| frame.number == self.number)?;
            Some(frames.remove(at))
        });
        drop(frame); // after the borrow
    }
}

/// Takes the frames of a loop that ends away: those of guards that were never dropped (rule 3).
pub(crate) fn forget(lp: &Rc<Loop>) {
    let is_its = |frame: &mut Frame| frame.lp.as_ref().is_some_and(|its| Rc::ptr_eq(its, lp));
    let frames = change(|context| context.frames.extract_if(.., is_its).collect::<Vec<_>>());
    drop(frames); // after the borrow
}

/// Takes this thread out of a loop that it goes on working for, as a stranger. Returns the number
/// of the frame that it was inside by.
pub(crate) fn step_out(lp: &Rc<Loop>) -> Option<u64> {
    // The frame stays, with its handle and what the thread is busy with: only the loop goes. Guards
    // that the poll made meanwhile stand above it and are not touched.
    let stepped = change(|context| {
        let is_its = |frame: &&mut Frame| frame.lp.as_ref().is_some_and(|its| Rc::ptr_eq(its, lp));
        let frame = context.frames.iter_mut().find(is_its)?;
        Some((frame.number, frame.lp.take()))
    });
    stepped.flatten().map(|(number, _lp)| number)
}

/// Puts this thread back into the loop that it has stepped out of.
pub(crate) fn step_in(number: u64, lp: &Rc<Loop>) {
    let outer = change(|context| {
        let frame = context.frames.iter_mut().find(|frame| frame.number == number)?;
        frame.lp.replace(lp.clone())
    });
    drop(outer); // after the borrow
}

/// Does something to the loop that this thread is inside of, if there is one (rule 1).
#[inline]
pub(crate) fn here<R>(touch: impl FnOnce(&Loop) -> R) -> Option<R> {
    // Borrowed for as long as `touch` runs, and not cloned: this is on the way of every wake. The
    // price is rule 1.
    let touched = CONTEXT.try_with(|context| context.borrow().lp.as_deref().map(touch));
    touched.ok().flatten()
}

/// The same to both answers, if there is a handle (rule 1).
#[inline]
pub(crate) fn with_handle<R>(touch: impl FnOnce(&Handle, Option<&Loop>) -> R) -> Option<R> {
    let touched = CONTEXT.try_with(|context| {
        let context = context.borrow();
        context.handle.as_ref().map(|handle| touch(handle, context.lp.as_deref()))
    });
    touched.ok().flatten()
}

/// Does something to the wheel or the sockets of the loop of `home`, if this thread may: it is
/// inside that loop, or works for the same runtime of the stealing flavour (rule 1).
#[inline]
pub(crate) fn reach<R>(home: &HomeRef, touch: impl FnOnce(&Reach<'_>) -> R) -> Option<R> {
    // `touch` is called in one place, so that at home it is no call.
    let touched = CONTEXT.try_with(|context| {
        let context = context.borrow();
        let reach = if home.is_here() {
            let lp = context.lp.as_deref()?;
            Reach { clock: &lp.clock, at: At::Own(&lp.outlook) }
        } else {
            context.reach(home)?
        };
        Some(touch(&reach))
    });
    touched.ok().flatten()
}

/// Turns the wheel of the loop that this thread is inside of to the present.
pub(crate) fn advance_wheel_here() {
    // Not by `here`: what is woken is other people's code, and may come back (rule 1).
    let lp = CONTEXT.try_with(|context| context.borrow().lp.clone());
    if let Some(lp) = lp.ok().flatten() {
        lp.advance_wheel();
    }
}

/// Whether this thread is a worker of the stealing flavour.
pub(crate) fn is_worker() -> bool {
    here(|lp| matches!(lp.ready, Ready::Steal(_))) == Some(true)
}

/// The home of the worker that this thread is, if `other` is one of the same runtime.
pub(crate) fn home_among_neighbours(other: &HomeRef) -> Option<HomeRef> {
    let own = here(|lp| match &lp.ready {
        Ready::Steal(queue) if queue.crew().has_member(other) => Some(lp.home.clone()),
        _ => None,
    });
    own.flatten()
}

/// Whether it is one, or stands in for another one just now.
pub(crate) fn is_crew() -> bool {
    here(|lp| !matches!(lp.ready, Ready::Local(_))) == Some(true)
}

/// What this thread is inside of, if it must not block or enter a loop.
pub(crate) fn busy() -> Option<&'static str> {
    CONTEXT.try_with(|context| context.borrow().busy).ok().flatten()
}

/// Panics if this thread is inside a loop, or waits for one.
#[track_caller]
pub(crate) fn forbid_blocking(what: &str) {
    if let Some(inside) = busy() {
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

/// Puts a woken task into the queue of the worker that this thread is, if it is one of `crew`.
pub(crate) fn queue_shared_here(crew: &Crew, task: TaskRef) -> Result<(), TaskRef> {
    let mut task = Some(task);
    here(|lp| match &lp.ready {
        Ready::Steal(queue) if std::ptr::eq(&raw const **queue.crew(), crew) => {
            task.take().into_iter().for_each(|task| queue.push_woken(task));
        }
        _ => {}
    });
    task.map_or(Ok(()), Err)
}
