//! Floor 5. A value that somebody will set: asyncio's `Future`.
//!
//! ```text
//!   pending ──set_result(v)──▶ done: Ok(v)                  at that moment, in this order:
//!           ──set_error(e)───▶ done: Err(Failed(e))         1. each done-callback is scheduled,
//!           ──cancel()───────▶ done: Err(Cancelled)            as by `call_soon`, in their order
//!                                                           2. each who awaits it is woken
//! ```
//!
//! Rules
//! 1. The outcome is set once, under the lock of the callbacks; so a callback is in the list before
//!    it, or sees it.
//! 2. Who awaits stands in `wait_list.rs`, which is closed after the outcome is set.
//! 3. Nothing of the user is called, cloned or dropped under the lock.
//! 4. An error that nobody has looked at when the last promise goes is reported.
//!
//! Real world: asyncio's `Future` is not for threads, and this one is; in asyncio those who await
//! are done-callbacks as well, in one line with the others.

use super::exception::{guarded, report};
use crate::current::Handle as LoopHandle;
use crate::leaf::poll_leaf;
use crate::shim::atomic::{AtomicBool, Ordering::Relaxed};
use crate::shim::{Mutex, lock};
use crate::task;
use crate::wait_list::{Place, WaitList};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

/// A value, or an error, that is set once and may be awaited by many.
///
/// Clones are the same promise. Awaiting one (or a reference to one) gives a clone of the value; to
/// share a value that cannot be cloned, promise an `Arc` of it. Any thread may settle it, so values
/// are `Send` and `Sync`.
///
/// The twin of `asyncio.Future`. Where one sends and one receives,
/// [`oneshot`](crate::sync::oneshot) is simpler.
///
/// **Cost:** one allocation; a short lock to set it, and one for each who waits.
///
/// ```
/// use rondel::callbacks::Promise;
///
/// rondel::run(async {
///     let answer = Promise::new();
///     let readers = [0, 1].map(|_| {
///         let answer = answer.clone();
///         rondel::spawn(async move { answer.await.unwrap() })
///     });
///     answer.set_result(42).unwrap();
///     assert!(answer.set_result(43).is_err()); // once is enough
///     for reader in readers {
///         assert_eq!(reader.await.unwrap(), 42);
///     }
/// });
/// ```
pub struct Promise<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    outcome: OnceLock<Result<T, PromiseError>>,
    callbacks: Mutex<Callbacks<T>>,
    /// Never has a permit; closed after `outcome` is set.
    waiters: WaitList,
    /// Somebody has seen the outcome (rule 4).
    seen: AtomicBool,
    /// What the report of an error says that nobody has seen.
    unseen: &'static str,
    made_at: &'static Location<'static>,
}

struct Callbacks<T> {
    list: Vec<Callback<T>>,
    next_id: u64,
}

type Call<T> = dyn FnOnce(&Promise<T>) + Send;

struct Callback<T> {
    id: CallbackId,
    call: Box<Call<T>>,
    /// The loop that is to call it.
    handle: LoopHandle,
    added_at: &'static Location<'static>,
}

/// Names a callback, for [`Promise::remove_done_callback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(u64);

impl<T> Promise<T> {
    /// A promise that nobody has kept yet.
    ///
    /// The twin of `loop.create_future()`. It needs no loop.
    #[track_caller]
    pub fn new() -> Self {
        Self::reporting("the error of a promise was never looked at")
    }

    /// One whose report says `unseen`.
    #[track_caller]
    pub(super) fn reporting(unseen: &'static str) -> Self {
        Self {
            shared: Arc::new(Shared {
                outcome: OnceLock::new(),
                callbacks: Mutex::new(Callbacks { list: Vec::new(), next_id: 0 }),
                waiters: WaitList::new(0),
                seen: AtomicBool::new(false),
                unseen,
                made_at: Location::caller(),
            }),
        }
    }

    /// Whether it is settled: kept, failed or cancelled.
    pub fn done(&self) -> bool {
        self.shared.outcome.get().is_some()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        matches!(self.shared.outcome.get(), Some(Err(PromiseError::Cancelled(_))))
    }

    /// Why it has no value, if that is so.
    ///
    /// The twin of `Future.exception`.
    ///
    /// # Errors
    ///
    /// If it is not settled, and if it was cancelled.
    pub fn error(&self) -> Result<Option<Arc<dyn Error + Send + Sync>>, PromiseError> {
        match self.outcome()? {
            Ok(_) => Ok(None),
            Err(PromiseError::Failed(error)) => Ok(Some(error.clone())),
            Err(cancelled) => Err(cancelled.clone()),
        }
    }

    /// Gives up waiting for a callback. False: it was scheduled, or removed, before.
    ///
    /// The twin of `Future.remove_done_callback`. (Python compares functions; here
    /// [`add_done_callback`](Self::add_done_callback) returns a name.)
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        let mut callbacks = lock(&self.shared.callbacks);
        let at = callbacks.list.iter().position(|callback| callback.id == id);
        let removed = at.map(|at| callbacks.list.remove(at));
        drop(callbacks);
        removed.is_some() // and it is dropped here (rule 3)
    }

    /// The outcome, if it is there. Whoever asks has seen it (rule 4).
    fn outcome(&self) -> Result<&Result<T, PromiseError>, PromiseError> {
        let not_yet = PromiseError::InvalidState(InvalidStateError::NotDone);
        let outcome = self.shared.outcome.get().ok_or(not_yet)?;
        // Relaxed: the last drop comes after all others by the count of the `Arc`.
        self.shared.seen.store(true, Relaxed);
        Ok(outcome)
    }
}

impl<T: Send + Sync + 'static> Promise<T> {
    /// Keeps the promise.
    ///
    /// # Errors
    ///
    /// If it is settled already; `value` is dropped then.
    pub fn set_result(&self, value: T) -> Result<(), InvalidStateError> {
        self.settle(Ok(value))
    }

    /// Breaks the promise: awaiting it gives `error`.
    ///
    /// The twin of `Future.set_exception`. If nobody ever looks at the error, the
    /// [exception handler](super::set_exception_handler) hears of it.
    ///
    /// # Errors
    ///
    /// If it is settled already; `error` is dropped then.
    ///
    /// ```
    /// rondel::run(async {
    ///     let promise = rondel::callbacks::Promise::<u8>::new();
    ///     promise.set_error("no such number").unwrap();
    ///     assert_eq!(promise.await.unwrap_err().to_string(), "no such number");
    /// });
    /// ```
    pub fn set_error(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), InvalidStateError> {
        self.settle(Err(PromiseError::Failed(Arc::from(error.into()))))
    }

    /// Settles it without a value. False: it is settled already.
    ///
    /// The twin of `Future.cancel`.
    pub fn cancel(&self) -> bool {
        self.cancel_for(None)
    }

    /// [`cancel`](Self::cancel), and says why.
    pub fn cancel_with(&self, reason: impl Into<Cow<'static, str>>) -> bool {
        self.cancel_for(Some(reason.into()))
    }

    pub(super) fn cancel_for(&self, reason: Option<Cow<'static, str>>) -> bool {
        self.settle(Err(PromiseError::Cancelled(CancelledError { reason }))).is_ok()
    }

    /// Has the loop call `callback` once this is settled; soon if it is.
    ///
    /// It is called by the loop of the runtime that this thread works for, as by
    /// [`call_soon`](super::call_soon), in the order in which callbacks were added, and before
    /// those who await the promise go on. The twin of `Future.add_done_callback`.
    ///
    /// # Panics
    ///
    /// Panics outside a runtime.
    ///
    /// ```
    /// use rondel::callbacks::Promise;
    /// use std::sync::{Arc, Mutex};
    ///
    /// rondel::run(async {
    ///     let (promise, heard) = (Promise::new(), Arc::new(Mutex::new(None)));
    ///     let hear = heard.clone();
    ///     promise.add_done_callback(move |promise| {
    ///         *hear.lock().unwrap() = Some(promise.result().unwrap());
    ///     });
    ///     promise.set_result("done").unwrap();
    ///     assert_eq!(*heard.lock().unwrap(), None); // the loop calls it, not we
    ///     rondel::task::yield_now().await;
    ///     assert_eq!(*heard.lock().unwrap(), Some("done"));
    /// });
    /// ```
    #[track_caller]
    pub fn add_done_callback<F>(&self, callback: F) -> CallbackId
    where
        F: FnOnce(&Self) + Send + 'static,
    {
        let (call, handle) = (Box::new(callback), LoopHandle::current());
        let mut callbacks = lock(&self.shared.callbacks);
        let id = CallbackId(callbacks.next_id);
        callbacks.next_id += 1;
        let callback = Callback { id, call, handle, added_at: Location::caller() };
        if self.done() {
            drop(callbacks);
            callback.schedule(self.clone());
        } else {
            callbacks.list.push(callback);
        }
        id
    }

    fn settle(&self, outcome: Result<T, PromiseError>) -> Result<(), InvalidStateError> {
        let mut callbacks = lock(&self.shared.callbacks);
        let refused = self.shared.outcome.set(outcome);
        let list = mem::take(&mut callbacks.list); // rule 1; empty if it was settled before
        drop(callbacks);
        refused.map_err(|_| InvalidStateError::Done)?; // dropped after the lock (rule 3)
        for callback in list {
            callback.schedule(self.clone());
        }
        self.shared.waiters.close();
        Ok(())
    }
}

impl<T: Clone> Promise<T> {
    /// The value, or why there is none.
    ///
    /// # Errors
    ///
    /// If it failed or was cancelled, and if it is not settled.
    pub fn result(&self) -> Result<T, PromiseError> {
        self.outcome()?.clone()
    }
}

impl<T: Send + Sync + 'static> Callback<T> {
    fn schedule(self, promise: Promise<T>) {
        let Self { call, handle, added_at, .. } = self;
        let task = async move { guarded(added_at, || call(&promise)) };
        // Its handle is dropped: there is no output. If the loop is gone, so is the callback.
        drop(task::Builder::new().spawn_on(task, &handle));
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if let Some(Err(PromiseError::Failed(error))) = self.outcome.get()
            && !self.seen.load(Relaxed)
        {
            report(self.unseen, error.clone(), self.made_at); // rule 4
        }
    }
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Default for Promise<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.shared.outcome.get() {
            None => "pending",
            Some(Ok(_)) => "finished",
            Some(Err(PromiseError::Cancelled(_))) => "cancelled",
            Some(Err(_)) => "failed",
        };
        f.debug_struct("Promise").field("state", &state).finish_non_exhaustive()
    }
}

impl<T: Clone> IntoFuture for Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        PromiseFuture { promise: self, place: Place::default() }
    }
}

impl<T: Clone> IntoFuture for &Promise<T> {
    type Output = Result<T, PromiseError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        self.clone().into_future()
    }
}

/// Waits for a [`Promise`] or a [`Task`](super::Task): what awaiting one makes.
///
/// **Cancel-safe:** yes. It does not cancel the promise.
#[must_use = "futures do nothing unless awaited"]
pub struct PromiseFuture<T> {
    promise: Promise<T>,
    place: Place,
}

impl<T: Clone> Future for PromiseFuture<T> {
    type Output = Result<T, PromiseError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { promise, place } = &mut *self;
        poll_leaf("Promise", cx, |cx| {
            // There are no permits: the only way out of the list is that it closes (rule 2).
            let _ = ready!(promise.shared.waiters.poll(place, 1, Some(cx.waker()), || false));
            Poll::Ready(promise.result())
        })
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        let _ = self.promise.shared.waiters.leave(&mut self.place); // there was no permit
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").field("promise", &self.promise).finish_non_exhaustive()
    }
}

/// Why a promise gives no value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PromiseError {
    /// It was cancelled.
    Cancelled(CancelledError),
    /// It was broken by [`Promise::set_error`], or its task panicked.
    Failed(Arc<dyn Error + Send + Sync>),
    /// It is not settled yet. Whoever awaits it does not get this.
    InvalidState(InvalidStateError),
}

impl fmt::Display for PromiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
            Self::InvalidState(error) => error.fmt(f),
        }
    }
}

impl Error for PromiseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(), // its own text is ours
            Self::Cancelled(_) | Self::InvalidState(_) => None,
        }
    }
}

/// It was cancelled.
///
/// The twin of `asyncio.CancelledError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelledError {
    reason: Option<Cow<'static, str>>,
}

impl CancelledError {
    /// What [`cancel_with`](Promise::cancel_with) was given.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl fmt::Display for CancelledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "cancelled: {reason}"),
            None => f.write_str("cancelled"),
        }
    }
}

impl Error for CancelledError {}

/// A promise is not in the state that was expected of it.
///
/// The twin of `asyncio.InvalidStateError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidStateError {
    /// It cannot be settled: it is already.
    Done,
    /// It has no result: it is not settled.
    NotDone,
}

impl fmt::Display for InvalidStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "invalid state: the promise is settled already",
            Self::NotDone => "result is not ready: await the promise, or add a done-callback",
        })
    }
}

impl Error for InvalidStateError {}
