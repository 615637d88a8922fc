//! Floor 5. A value that belongs to a future, and is there wherever that future runs.
//!
//! A thread-local is shared by all tasks of the thread. So the future that has a value puts it into
//! a thread-local before each poll, and takes it out after it:
//!
//! ```text
//!   future's slot   thread-local      what happens
//!   1               2 (outer scope)   the future is polled: the two change places
//!   2               1                 KEY.get() is 1, in here and in all that is called
//!   1               2                 Pending, Ready or a panic: they change places again
//! ```
//!
//! Rules
//! 1. The slot and the thread-local change places around each poll, and around the drop of the
//!    future; a guard sees to the way back, also after a panic.
//! 2. Values are moved under the borrow of the thread-local, and neither made nor dropped there.
//! 3. Whoever reads borrows meanwhile, so no scope can begin inside `with`: that panics.
//!
//! Real world: tokio's `task_local!` is this; Python's `contextvars.ContextVar` is the idea, but a
//! new task copies its parent's context, and here it begins with nothing.

use pin_project_lite::pin_project;
use std::cell::{BorrowMutError, RefCell};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// Declares keys for values that belong to tasks.
///
/// The twin of `tokio::task_local!`, and of module-level `contextvars.ContextVar`s. See
/// [`LocalKey`](crate::task::LocalKey).
///
/// ```
/// rondel::task_local! {
///     /// Who asked.
///     pub static USER: String;
///     static ATTEMPT: u32;
/// }
///
/// rondel::run(USER.scope("ada".to_owned(), async {
///     assert_eq!(USER.get(), "ada");
///     assert!(ATTEMPT.try_get().is_err());
/// }));
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attr])* $vis static $name: $type);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static __KEY: ::std::cell::RefCell<::std::option::Option<$type>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey { inner: __KEY }
        };
    };
}

/// The key of a value that belongs to a future; made by [`task_local!`](crate::task_local).
///
/// A value is there while a future runs that was given one by [`scope`](Self::scope). A task that
/// is spawned inside does not inherit it: give it a scope of its own.
///
/// The twin of `tokio::task::LocalKey` and of `contextvars.ContextVar`.
///
/// ```
/// rondel::task_local! {
///     static NUMBER: u32;
/// }
///
/// rondel::run(NUMBER.scope(1, async {
///     assert_eq!(NUMBER.get(), 1);
///     NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
///     rondel::spawn(async { assert!(NUMBER.try_get().is_err()) }).await.unwrap();
///     assert_eq!(NUMBER.get(), 1);
/// }));
/// ```
pub struct LocalKey<T: 'static> {
    #[doc(hidden)] // for the macro alone
    pub inner: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// Gives `future` the value: it is there while `future` is polled, and while it is dropped.
    ///
    /// The value is dropped with the returned future, unless it is
    /// [taken](TaskLocalFuture::take_value) before.
    ///
    /// # Panics
    ///
    /// A poll of the returned future panics inside [`with`](Self::with) of the same key.
    ///
    /// **Cancel-safe:** as `future`. **Cost:** no allocation; two moves of the value a poll.
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            slot: Some(value),
            future: Some(future),
            _pinned: PhantomPinned,
        }
    }

    /// Runs `work` with the value in place.
    ///
    /// # Panics
    ///
    /// Panics inside [`with`](Self::with) of the same key.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, work: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut slot = Some(value);
        match self.swapped(&mut slot, work) {
            Ok(result) => result,
            Err(why) => panic!("{why}"),
        }
    }

    /// Lends the value to `look`.
    ///
    /// # Panics
    ///
    /// Panics outside a scope of this key; [`try_with`](Self::try_with) does not.
    #[track_caller]
    pub fn with<F, R>(&'static self, look: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(look) {
            Ok(result) => result,
            Err(_) => panic!("cannot access a task-local storage value without setting it first"),
        }
    }

    /// Lends the value to `look`, if it is there.
    ///
    /// # Errors
    ///
    /// Outside a scope of this key.
    pub fn try_with<F, R>(&'static self, look: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        // A thread-local that is gone, as its thread ends, is as good as one without a value.
        let seen = self.inner.try_with(|value| value.borrow().as_ref().map(look));
        seen.ok().flatten().ok_or(AccessError(()))
    }

    /// Runs `work` while `slot` and the thread-local have changed places (rule 1).
    fn swapped<F, R>(&'static self, slot: &mut Option<T>, work: F) -> Result<R, NoScope>
    where
        F: FnOnce() -> R,
    {
        struct Back<'a, T: 'static>(&'static LocalKey<T>, &'a mut Option<T>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                // No panic here: who borrowed inside has let go, for borrows end with `with`; and
                // the thread-local is there, for it was a moment ago.
                self.0.inner.with(|value| mem::swap(&mut *value.borrow_mut(), self.1));
            }
        }
        self.inner.try_with(|value| {
            value.try_borrow_mut().map(|mut value| mem::swap(&mut *value, slot))
        })??;
        let _back = Back(self, slot);
        Ok(work())
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    ///
    /// Panics outside a scope of this key; [`try_get`](Self::try_get) does not.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value, if it is there.
    ///
    /// # Errors
    ///
    /// Outside a scope of this key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

pin_project! {
    /// A future with a value of its own; what [`LocalKey::scope`] returns.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        // The value while the future does not run; what was there before while it does.
        slot: Option<T>,
        // None: it has ended.
        #[pin]
        future: Option<F>,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if mem::needs_drop::<F>() && this.future.is_some() {
                // An error means that there can be no scope: then it is dropped without one.
                let _ = this.key.swapped(this.slot, || this.future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, before or after the end; `None` if it was taken already.
    ///
    /// A future that has not ended then goes on without it.
    ///
    /// ```
    /// rondel::task_local! {
    ///     static LOG: std::cell::RefCell<Vec<&'static str>>;
    /// }
    ///
    /// rondel::run(async {
    ///     let work = LOG.scope(Default::default(), async {
    ///         LOG.with(|log| log.borrow_mut().push("done"));
    ///     });
    ///     let mut work = std::pin::pin!(work);
    ///     work.as_mut().await;
    ///     assert_eq!(work.take_value().unwrap().into_inner(), ["done"]);
    /// });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().slot.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let polled = this.key.swapped(this.slot, || {
            let polled = this.future.as_mut().as_pin_mut()?.poll(cx);
            if polled.is_ready() {
                this.future.set(None); // its drop is to find the value as well
            }
            Some(polled)
        });
        match polled {
            Ok(Some(polled)) => polled,
            Ok(None) => panic!("`TaskLocalFuture` polled after completion"),
            Err(why) => panic!("{why}"),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskLocalFuture");
        match &self.slot {
            Some(value) => debug.field("value", value),
            None => debug.field("value", &format_args!("<missing>")),
        };
        debug.finish()
    }
}

/// There is no value: no scope of the key is running.
///
/// The twin of the `LookupError` of `ContextVar.get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl Error for AccessError {}

/// Why a scope could not begin.
enum NoScope {
    Borrowed,
    Gone,
}

impl fmt::Display for NoScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Borrowed => {
                "cannot enter a task-local scope while the task-local storage is borrowed: \
                 call `scope` outside of `with`"
            }
            Self::Gone => {
                "cannot enter a task-local scope during or after destruction of the underlying \
                 thread-local: the thread is ending"
            }
        })
    }
}

impl From<BorrowMutError> for NoScope {
    fn from(_: BorrowMutError) -> Self {
        Self::Borrowed
    }
}

impl From<thread::AccessError> for NoScope {
    fn from(_: thread::AccessError) -> Self {
        Self::Gone
    }
}
