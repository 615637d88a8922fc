//! Floor 5. The value of a watch channel, while somebody looks at it.

use std::ops::Deref;

use crate::shim::RwLockReadGuard;

/// The current value, locked for reading: no send comes through while this lives.
///
/// Keep it short, and never across an `.await`: a sender would wait with its whole thread. A second
/// one on the same thread can deadlock if a sender on another thread comes in between. Clone the
/// value if it is needed for longer.
///
/// The twin of `tokio::sync::watch::Ref`.
///
/// ```
/// use rondel::sync::watch;
///
/// let (tx, mut rx) = watch::channel(vec![1]);
/// tx.send_modify(|list| list.push(2));
/// let list = rx.borrow_and_update();
/// assert!(list.has_changed());
/// assert_eq!(*list, [1, 2]);
/// ```
#[derive(Debug)]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<'a, T> Ref<'a, T> {
    pub(super) fn new(value: RwLockReadGuard<'a, T>, has_changed: bool) -> Self {
        Self { value, has_changed }
    }

    /// Whether the receiver had not seen this value before. Always `false` if it was borrowed from
    /// the sender.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
