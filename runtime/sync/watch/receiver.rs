//! Floor 5. The end of a watch channel that looks: at the value, and whether it is new.

use std::fmt;

use super::Ref;
use super::error::RecvError;
use super::shared::{Shared, Version};
use crate::leaf::leaf;
use crate::shim::Arc;

/// The end of a [`channel`](super::channel) that looks at the value. A clone has seen what this one
/// has seen; from then on each counts for itself.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: Version,
}

impl<T> Receiver<T> {
    /// The receiver that `shared` counts already.
    pub(super) fn at(shared: Arc<Shared<T>>, seen: Version) -> Self {
        Self { shared, seen }
    }

    /// The current value, locked for reading. It does not count as seen.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// let (_tx, rx) = watch::channel("hello");
    /// assert_eq!(*rx.borrow(), "hello");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        let (value, version) = self.shared.read();
        Ref::new(value, version != self.seen)
    }

    /// The current value, locked for reading. It counts as seen.
    ///
    /// After [`changed`](Self::changed) this is the better one of the two: a value sent in between
    /// is not reported again.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let (value, version) = self.shared.read();
        let has_changed = version != self.seen;
        self.seen = version;
        Ref::new(value, has_changed)
    }

    /// Whether there is a value that it has not seen.
    ///
    /// - Errors if all senders are gone, also if there is a value that it has not seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.is_closed() {
            return Err(RecvError(()));
        }
        Ok(self.shared.version() != self.seen)
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Makes the current value count as not seen.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// rondel::run(async {
    ///     let (_tx, mut rx) = watch::channel(1);
    ///     rx.mark_changed();
    ///     rx.changed().await.unwrap(); // does not wait
    /// });
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.seen.before();
    }

    /// Makes the current value count as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits for a value that it has not seen, and counts it as seen.
    ///
    /// - Errors if all senders are gone and their last value is seen.
    ///
    /// **Cancel-safe:** yes. Nothing counts as seen until the future is ready.
    /// **Cost:** one atomic load if there is such a value.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// rondel::run(async {
    ///     let (tx, mut rx) = watch::channel(1);
    ///     rondel::spawn(async move { tx.send(2) });
    ///     rx.changed().await.unwrap();
    ///     assert_eq!(*rx.borrow_and_update(), 2);
    ///     assert!(rx.changed().await.is_err(), "the sender is gone");
    /// });
    /// ```
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        leaf("watch::Receiver::changed", self.shared.changed(&mut self.seen)).await
    }

    /// Waits for a value for which `f` returns `true`, beginning with the current one. Returns it,
    /// locked for reading; it counts as seen, like all that were tried.
    ///
    /// `f` runs while the value is locked: it must not use the channel. A value that is overwritten
    /// before it could be looked at is not tried.
    ///
    /// - Errors if all senders are gone and `f` was not satisfied with the last value either.
    /// - Panics if `f` does; the value it has seen counts as seen.
    ///
    /// **Cancel-safe:** yes. Values that were tried count as seen.
    ///
    /// ```
    /// use rondel::sync::watch;
    ///
    /// rondel::run(async {
    ///     let (tx, mut rx) = watch::channel(0);
    ///     rondel::spawn(async move {
    ///         for percent in [30, 60, 90] {
    ///             tx.send(percent).unwrap();
    ///             rondel::task::yield_now().await;
    ///         }
    ///     });
    ///     assert_eq!(*rx.wait_for(|&percent| percent > 50).await.unwrap(), 60);
    /// });
    /// ```
    pub async fn wait_for(&mut self, f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        let Self { shared, seen } = self;
        leaf("watch::Receiver::wait_for", find(shared, seen, f)).await
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// Tries each value until one will do.
async fn find<'a, T>(
    shared: &'a Shared<T>,
    seen: &mut Version,
    mut will_do: impl FnMut(&T) -> bool,
) -> Result<Ref<'a, T>, RecvError> {
    let mut end = None;
    loop {
        {
            // A block of its own: the lock must be seen to be gone before the await.
            let (value, version) = shared.read();
            let has_changed = version != *seen;
            *seen = version;
            // At the end, the last value is tried once more only if it is another one.
            if (end.is_none() || has_changed) && will_do(&value) {
                return Ok(Ref::new(value, has_changed));
            }
        }
        if let Some(error) = end {
            return Err(error);
        }
        // A copy of `seen`: the value is new until it is looked at.
        end = shared.changed(&mut { *seen }).await.err();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.add_receiver();
        Self::at(self.shared.clone(), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.remove_receiver();
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug(f.debug_struct("Receiver"))
    }
}
