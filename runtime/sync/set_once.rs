//! Floor 5. A value that one sets and many wait for.
//!
//! ```text
//!   set(value) ──▶ [ value ] ──▶ get: &T, or nothing yet
//!        └─ then closes ──▶ [ wait list without permits ] ──▶ all who wait: &T
//! ```
//!
//! Rule: the value is put in before the list is closed. So who is sent away by the list finds it.
//!
//! Real world: asyncio's `Event` is the same without a value, and can be cleared; a `Future` that
//! many tasks await is the same with one. tokio builds it on `Notify`.

use std::error::Error;
use std::fmt;

use crate::leaf::leaf;
use crate::shim::const_outside_loom;
use crate::sync::once_value::OnceValue;
use crate::wait_list::WaitList;

/// A place for a value that is set once, and that tasks can wait for.
///
/// The twin of `tokio::sync::SetOnce`, and in Python of a bare `asyncio.Future` that several tasks
/// await.
///
/// **Cost:** an atomic load to get; a place in the queue to wait.
///
/// ```
/// use rondel::sync::SetOnce;
/// use std::sync::Arc;
///
/// rondel::run(async {
///     let address = Arc::new(SetOnce::new());
///     let known = address.clone();
///     let client = rondel::spawn(async move { *known.wait().await + 1 });
///     address.set(80).unwrap();
///     assert_eq!(client.await.unwrap(), 81);
///     assert_eq!(address.get(), Some(&80));
/// });
/// ```
pub struct SetOnce<T> {
    value: OnceValue<T>,
    /// Never has a permit; closed after the value is in.
    waiters: WaitList,
}

impl<T> SetOnce<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self::const_new()
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::SetOnce;
        /// static STARTED: SetOnce<u32> = SetOnce::const_new();
        /// STARTED.set(1).unwrap();
        /// assert_eq!(STARTED.get(), Some(&1));
        /// ```
        pub const fn const_new() -> Self {
            Self { value: OnceValue::new(), waiters: WaitList::new(0) }
        }
    }

    /// One with this value, if there is one.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(Self::new, Self::const_new_with)
    }

    const_outside_loom! {
        /// One with this value, also for a `static`.
        pub const fn const_new_with(value: T) -> Self {
            // Nobody waits where there is a value.
            Self { value: OnceValue::Given(value), waiters: WaitList::new(0) }
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

    /// Puts the value in, and wakes all who wait for it. Never waits.
    ///
    /// - Errors if there is a value; `value` comes back.
    ///
    /// ```
    /// use rondel::sync::{SetOnce, SetOnceError};
    ///
    /// let once = SetOnce::new();
    /// assert_eq!(once.set(1), Ok(()));
    /// assert_eq!(once.set(2), Err(SetOnceError(2)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.value.set(value).map_err(SetOnceError)?;
        self.waiters.close();
        Ok(())
    }

    /// Waits for the value; ready at once if there is one.
    ///
    /// **Cancel-safe:** yes.
    pub async fn wait(&self) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        // There are no permits, so the only way out of the list is that it closes.
        let _ = leaf("SetOnce::wait", self.waiters.acquire(1)).await;
        self.get().expect("the list is closed when the value is in")
    }

    /// The value, out of its place, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// There was a value already; the one that was to be set is inside.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
