//! Floor 5. A value that is made when it is first asked for, by an async function, once.
//!
//! Whoever finds the cell empty wants the one right to fill it, and waits for it in line:
//!
//! ```text
//!   get_or_init ──value there──▶ &T
//!        └──empty──▶ [ wait list, one permit: the right ] ──▶ run f ──▶ put it in, close the list
//!                        ▲                                      │           └─▶ all who wait: &T
//!                        └── error, panic, dropped half way ────┘
//!                            the right goes to the next in line, who runs its own f
//! ```
//!
//! Rules
//! 1. Only the holder of the right puts a value in, and only once: the right does not come back
//!    from a filled cell, because the list is closed.
//! 2. The value is put in before the list is closed. So who is sent away by the list finds it.
//!
//! Real world: tokio's cell, with a semaphore in the place of the list; in asyncio people keep the
//! task that computes the value and await it many times.

use std::error::Error;
use std::fmt;
use std::future::Future;

use crate::leaf::leaf;
use crate::shim::const_outside_loom;
use crate::sync::once_value::OnceValue;
use crate::wait_list::{Dismissed, Refused, WaitList};

/// A place for a value that is made once, at the first call that needs it.
///
/// The twin of `tokio::sync::OnceCell`; asyncio has none.
///
/// **Cost:** an atomic load once it is filled.
///
/// ```
/// use rondel::sync::OnceCell;
///
/// static ANSWER: OnceCell<u32> = OnceCell::const_new();
///
/// async fn answer() -> &'static u32 {
///     ANSWER.get_or_init(async || 6 * 7).await
/// }
///
/// rondel::run(async {
///     assert_eq!(ANSWER.get(), None);
///     assert_eq!(*answer().await, 42);
///     assert_eq!(ANSWER.get(), Some(&42));
/// });
/// ```
pub struct OnceCell<T> {
    value: OnceValue<T>,
    right: WaitList,
}

impl<T> OnceCell<T> {
    /// An empty cell.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        pub const fn const_new() -> Self {
            Self { value: OnceValue::new(), right: WaitList::new(1) }
        }
    }

    /// A cell with this value, if there is one.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(Self::new, Self::const_new_with)
    }

    const_outside_loom! {
        /// A cell with this value, also for a `static`.
        ///
        /// ```
        /// use rondel::sync::OnceCell;
        /// static LIMIT: OnceCell<u32> = OnceCell::const_new_with(3);
        /// assert_eq!(LIMIT.get(), Some(&3));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            // Nobody asks for the right where there is a value.
            Self { value: OnceValue::Given(value), right: WaitList::new(1) }
        }
    }

    /// Whether there is a value.
    pub fn initialized(&self) -> bool {
        self.get().is_some()
    }

    /// The value, if there is one. Never waits.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if there is one, to change it: `&mut self` says that nobody else is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Puts the value in. Never waits.
    ///
    /// - Errors if there is a value, or somebody is about to make one; `value` comes back.
    ///
    /// ```
    /// use rondel::sync::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.right.try_acquire(1) {
            Ok(()) => {
                Right(&self.right).fill(self, value);
                Ok(())
            }
            Err(Refused::Short) => Err(SetError::InitializingError(value)),
            Err(Refused::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; if there is none, that of the future that `f` makes, which is kept.
    ///
    /// Several callers at once wait for the first of them. If its future panics or is dropped
    /// before it is ready, the next one tries with its own `f`. A future that asks the same cell
    /// for its value waits for itself, for ever.
    ///
    /// **Cancel-safe:** yes: the cell is as if this call had not been. **What the future had done
    /// so far is done again by the next.**
    /// **Cost:** an atomic load if there is a value.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.get() {
            return value;
        }
        match self.wait_for_right("OnceCell::get_or_init").await {
            Ok(right) => right.fill(self, f().await),
            Err(value) => value,
        }
    }

    /// [`get_or_init`](Self::get_or_init) for a future that may fail.
    ///
    /// - Errors with the error of this call's own future; the cell stays empty, and the next in
    ///   line tries with its own `f`.
    ///
    /// **Cancel-safe:** as [`get_or_init`](Self::get_or_init).
    ///
    /// ```
    /// use rondel::sync::OnceCell;
    ///
    /// rondel::run(async {
    ///     let cell = OnceCell::new();
    ///     assert_eq!(cell.get_or_try_init(async || Err("no luck")).await, Err("no luck"));
    ///     assert_eq!(cell.get_or_try_init(async || Ok::<_, ()>(1)).await, Ok(&1));
    /// });
    /// ```
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match self.wait_for_right("OnceCell::get_or_try_init").await {
            Ok(right) => Ok(right.fill(self, f().await?)),
            Err(value) => Ok(value),
        }
    }

    /// Waits for the right to fill the cell, or for the value that somebody else put in.
    async fn wait_for_right(&self, name: &'static str) -> Result<Right<'_>, &T> {
        match leaf(name, self.right.acquire(1)).await {
            Ok(()) => Ok(Right(&self.right)),
            Err(Dismissed) => Err(self.get().expect("the list is closed when the value is in")),
        }
    }

    /// The value, out of its cell, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if there is one; the cell is as new.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

/// The right to fill a cell; goes to the next in line when it is dropped.
struct Right<'a>(&'a WaitList);

impl Right<'_> {
    /// Fills the cell that this is the right of (rules 1 and 2).
    fn fill<T>(self, cell: &OnceCell<T>, value: T) -> &T {
        let Ok(()) = cell.value.set(value) else { unreachable!("only the right fills the cell") };
        self.0.close();
        cell.get().expect("it was put in just now")
    }
}

impl Drop for Right<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why [`OnceCell::set`] did not put the value in; it is inside.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There was a value.
    AlreadyInitializedError(T),
    /// Somebody is about to make one.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there was a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, Self::AlreadyInitializedError(_))
    }

    /// Whether somebody is about to make one.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, Self::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitializedError(_) => "AlreadyInitializedError",
            Self::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
