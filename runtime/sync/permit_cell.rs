//! Floor 5. A value that only those who hold permits may reach.
//!
//! ```text
//!   PermitCell { gate: a wait list, all: how many permits it has, value }
//!        ▲ kept alive by      ▲ given back to                      ▲ & or &mut, or to a part of it
//!   Hold { keeper,            permits,                             part }
//! ```
//!
//! | hold            | its permits      | gives  | the coat around it                          |
//! |-----------------|------------------|--------|---------------------------------------------|
//! | [`Hold`]        | one of many      | `&`    | the guards that read                        |
//! | [`HoldMut`]     | all, or the only | `&mut` | the mutex's guards; mapped guards that write |
//! | [`HoldAll`]     | all of many      | `&mut` | guards that write and may begin to share    |
//!
//! The locks of `sync` are safe code around this: they wait here, and wrap the hold they get.
//!
//! Rules
//! 1. Who has one permit may look, who has all may touch. A hold is made when its permits were
//!    taken, and gives them back when it is dropped; nothing else takes or gives them, and the list
//!    is never closed.
//! 2. The value is reached through a hold, or through `&mut PermitCell`, which no hold can outlive
//!    or overlap, as its keeper borrows or shares the owner of the cell.
//! 3. A keeper is a borrow or an `Arc`. What it points to does not move, is not dropped and is not
//!    borrowed mutably as long as the keeper lives; and a hold drops its keeper last.
//! 4. `part` is the value, or was found in it by a closure through a reference like the one that
//!    the hold gives. Whatever such a closure does, the permits are in a hold while it runs.
//! 5. A hold whose part was found through `&mut` is not shared any more: the way there (that of
//!    `Cell::get_mut`, say) may not bear company. So `HoldAll`, which can be, leads to the whole.
//!
//! Real world: tokio's locks are the same pair of a semaphore and a cell, once for each guard;
//! std's mutex has the futex word in the place of the list.

#![allow(unsafe_code)]

use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::leaf::leaf;
use crate::shim::{UnsafeCell, const_outside_loom};
use crate::wait_list::{Acquire, WaitList};

/// A number of permits, never zero.
pub(crate) trait Count: Copy {
    fn get(self) -> usize;
}

/// One permit: a number that takes no room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct One;

/// As many permits as a lock lets readers in at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Many(NonZeroU32);

impl Count for One {
    #[inline]
    fn get(self) -> usize {
        1
    }
}

impl Count for Many {
    #[inline]
    fn get(self) -> usize {
        self.0.get() as usize
    }
}

/// A value and the permits to reach it.
pub(crate) struct PermitCell<N, T: ?Sized> {
    gate: Gate,
    all: N,
    value: UnsafeCell<T>,
}

/// What a hold has to do with, whatever the type of the value it came from.
struct Gate {
    list: WaitList,
    /// Nothing is in it. It stands for the value where loom looks who reads and who writes: a hold
    /// of a part does not know the value's own cell any more.
    witness: UnsafeCell<()>,
}

// SAFETY: exclusive. With one permit, sharing the cell only ever moves the right to the value from
// one thread to another, and the release of a permit is ordered before its next acquire; see rule
// 1. So `T: Send` is enough.
unsafe impl<T: ?Sized + Send> Sync for PermitCell<One, T> {}
// SAFETY: alive. With many permits, several threads may have a `&T` at once, too: `T: Sync`; see
// rule 1.
unsafe impl<T: ?Sized + Send + Sync> Sync for PermitCell<Many, T> {}

impl<T> PermitCell<One, T> {
    const_outside_loom! {
        /// A cell with one permit, which is free.
        pub(crate) const fn new(value: T) -> Self {
            let gate = Gate { list: WaitList::new(1), witness: UnsafeCell::new(()) };
            Self { gate, all: One, value: UnsafeCell::new(value) }
        }
    }
}

impl<T> PermitCell<Many, T> {
    const_outside_loom! {
        /// A cell with so many permits, all of them free.
        pub(crate) const fn with_permits(all: NonZeroU32, value: T) -> Self {
            let list = WaitList::new(all.get() as usize);
            let gate = Gate { list, witness: UnsafeCell::new(()) };
            Self { gate, all: Many(all), value: UnsafeCell::new(value) }
        }
    }
}

impl<N, T> PermitCell<N, T> {
    pub(crate) fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<N, T: ?Sized> PermitCell<N, T> {
    /// The value, for the one who has the whole cell.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        // SAFETY: exclusive. `&mut self` says that there is no hold; see rule 2.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<N: Count, T: ?Sized> PermitCell<N, T> {
    /// Waits until the value is the caller's alone.
    #[inline]
    pub(crate) fn lock(&self) -> impl Future<Output = HoldMut<N, Lent<'_>, T>> {
        Wait { acquire: self.gate.list.acquire(self.all.get()), then: || HoldMut::of(self) }
    }

    /// Takes all permits if they are free and nobody waits.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<HoldMut<N, Lent<'_>, T>> {
        self.gate.list.try_acquire(self.all.get()).ok()?;
        Some(HoldMut::of(self))
    }
}

impl<T: ?Sized> PermitCell<Many, T> {
    /// Waits until the caller may look.
    #[inline]
    pub(crate) fn read(&self) -> impl Future<Output = Hold<One, Lent<'_>, T>> {
        Wait { acquire: self.gate.list.acquire(1), then: || Hold::of(self) }
    }

    /// Takes one permit if one is free and nobody waits.
    #[inline]
    pub(crate) fn try_read(&self) -> Option<Hold<One, Lent<'_>, T>> {
        self.gate.list.try_acquire(1).ok()?;
        Some(Hold::of(self))
    }

    /// As [`lock`](Self::lock), for one who may share later.
    #[inline]
    pub(crate) fn write(&self) -> impl Future<Output = HoldAll<Lent<'_>, T>> {
        Wait {
            acquire: self.gate.list.acquire(self.all.get()),
            then: || HoldAll(HoldMut::of(self)),
        }
    }

    /// As [`try_lock`](Self::try_lock), for one who may share later.
    #[inline]
    pub(crate) fn try_write(&self) -> Option<HoldAll<Lent<'_>, T>> {
        self.try_lock().map(HoldAll)
    }
}

/// Waits for permits, and makes a hold of them.
struct Wait<'a, F> {
    acquire: Acquire<'a>,
    then: F,
}

impl<H, F: Fn() -> H + Unpin> Future for Wait<'_, F> {
    type Output = H;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<H> {
        let _ = ready!(Pin::new(&mut self.acquire).poll(cx)); // no error: it is never closed
        Poll::Ready((self.then)())
    }
}

/// The keeper of a hold that borrows the cell.
pub(crate) struct Lent<'a>(PhantomData<&'a ()>);

/// Permits that were taken; they go back when this is dropped. They do not keep their gate alive:
/// the keeper beside them does (rule 3).
struct Permits<N: Count> {
    gate: NonNull<Gate>,
    n: N,
}

impl<N: Count> Permits<N> {
    #[inline]
    fn gate(&self) -> &Gate {
        // SAFETY: alive. The gate was found in what the keeper points to, and that one is dropped
        // after the permits; see rule 3.
        unsafe { self.gate.as_ref() }
    }
}

impl Permits<Many> {
    /// Gives back all but one.
    fn keep_one(self) -> Permits<One> {
        let (gate, others) = (self.gate, self.n.get() - 1);
        mem::forget(self); // they go their two ways here
        let one = Permits { gate, n: One };
        one.gate().list.release(others);
        one
    }
}

impl<N: Count> Drop for Permits<N> {
    #[inline]
    fn drop(&mut self) {
        self.gate().list.release(self.n.get());
    }
}

/// The permit to look at a value, and the way to it or to a part of it.
pub(crate) struct Hold<N: Count, K, U: ?Sized> {
    part: *const U,
    permits: Permits<N>,
    keeper: K, // the last field is dropped last (rule 3)
}

// SAFETY: alive. A `Hold` is a `&U` with a keeper beside it, and permits can be given back from any
// thread; see rule 1.
unsafe impl<K: Send, U: ?Sized + Sync> Send for Hold<One, K, U> {}
// SAFETY: alive. A shared `Hold` gives a `&U` and a `&K`. That `U` is `Send`, too, is tokio's wish;
// see rule 1.
unsafe impl<K: Sync, U: ?Sized + Send + Sync> Sync for Hold<One, K, U> {}

impl<'a, T: ?Sized> Hold<One, Lent<'a>, T> {
    /// The hold of one who has taken a permit of `cell`.
    #[inline]
    fn of(cell: &'a PermitCell<Many, T>) -> Self {
        let permits = Permits { gate: NonNull::from(&cell.gate), n: One };
        Self { part: cell.value.with(|value| value), permits, keeper: Lent(PhantomData) }
    }
}

impl<M: ?Sized, T: ?Sized> Hold<One, Arc<M>, T> {
    /// Waits until the caller may look at what `find` finds in what `keeper` owns.
    pub(crate) async fn read_owned(
        name: &'static str,
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<Many, T>,
    ) -> Self {
        let hold = leaf(name, find(&keeper).read()).await.kept_by(());
        hold.kept_by(keeper)
    }

    /// Takes one permit if one is free and nobody waits.
    pub(crate) fn try_read_owned(
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<Many, T>,
    ) -> Option<Self> {
        let hold = find(&keeper).try_read()?.kept_by(());
        Some(hold.kept_by(keeper))
    }
}

impl<N: Count, K, U: ?Sized> Hold<N, K, U> {
    /// What keeps the cell alive.
    #[inline]
    pub(crate) fn keeper(&self) -> &K {
        &self.keeper
    }

    /// Leads on to what `find` finds.
    #[inline]
    pub(crate) fn map<V: ?Sized>(self, find: impl FnOnce(&U) -> &V) -> Hold<N, K, V> {
        let part = ptr::from_ref(find(&self));
        self.lead_to(part)
    }

    /// Leads on to what `find` finds, or stays where it is.
    #[inline]
    pub(crate) fn try_map<V: ?Sized>(
        self,
        find: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<Hold<N, K, V>, Self> {
        match find(&self).map(ptr::from_ref) {
            Some(part) => Ok(self.lead_to(part)),
            None => Err(self),
        }
    }

    /// `part` must have been found as rule 4 says.
    #[inline]
    fn lead_to<V: ?Sized>(self, part: *const V) -> Hold<N, K, V> {
        Hold { part, permits: self.permits, keeper: self.keeper }
    }

    /// `keeper` must be as rule 3 says. A hold that has none must be given one at once.
    #[inline]
    fn kept_by<L>(self, keeper: L) -> Hold<N, L, U> {
        Hold { part: self.part, permits: self.permits, keeper }
    }
}

impl<N: Count, K, U: ?Sized> Deref for Hold<N, K, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: alive. We have a permit, so nobody has a `&mut` but through us, and `&self` keeps
        // that away; see rules 1 and 4.
        self.permits.gate().witness.with(|_| unsafe { &*self.part })
    }
}

/// All permits of a value, and the way to it or to a part of it.
pub(crate) struct HoldMut<N: Count, K, U: ?Sized> {
    hold: Hold<N, K, U>,
    /// As with any `&mut`, another type of the same layout with a shorter life is not good enough.
    invariant: PhantomData<*mut U>,
}

// SAFETY: exclusive. A `HoldMut` is a `&mut U` with a keeper beside it, and the permit can be given
// back from any thread; see rule 1.
unsafe impl<K: Send, U: ?Sized + Send> Send for HoldMut<One, K, U> {}
// SAFETY: alive. A shared `HoldMut` gives a `&U` and a `&K`, nothing else; see rule 2.
unsafe impl<K: Sync, U: ?Sized + Sync> Sync for HoldMut<One, K, U> {}
// SAFETY: exclusive. As with one permit. That `U` is `Sync`, too, is tokio's wish; see rule 1.
unsafe impl<K: Send, U: ?Sized + Send + Sync> Send for HoldMut<Many, K, U> {}
// SAFETY: alive. As with one permit. That `U` is `Send`, too, is tokio's wish; see rule 2.
unsafe impl<K: Sync, U: ?Sized + Send + Sync> Sync for HoldMut<Many, K, U> {}

impl<'a, N: Count, T: ?Sized> HoldMut<N, Lent<'a>, T> {
    /// The hold of one who has taken all permits of `cell`.
    #[inline]
    fn of(cell: &'a PermitCell<N, T>) -> Self {
        let permits = Permits { gate: NonNull::from(&cell.gate), n: cell.all };
        let part = cell.value.with_mut(|value| value.cast_const());
        Self::new(Hold { part, permits, keeper: Lent(PhantomData) })
    }
}

impl<M: ?Sized, N: Count, T: ?Sized> HoldMut<N, Arc<M>, T> {
    /// Waits until what `find` finds in what `keeper` owns is the caller's alone.
    pub(crate) async fn lock_owned(
        name: &'static str,
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<N, T>,
    ) -> Self {
        let hold = leaf(name, find(&keeper).lock()).await.hold.kept_by(());
        Self::new(hold.kept_by(keeper))
    }

    /// Takes all permits if they are free and nobody waits.
    pub(crate) fn try_lock_owned(
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<N, T>,
    ) -> Option<Self> {
        let hold = find(&keeper).try_lock()?.hold.kept_by(());
        Some(Self::new(hold.kept_by(keeper)))
    }
}

impl<N: Count, K, U: ?Sized> HoldMut<N, K, U> {
    /// `hold` must have all permits, and its part come from a pointer to write through.
    #[inline]
    fn new(hold: Hold<N, K, U>) -> Self {
        Self { hold, invariant: PhantomData }
    }

    /// What keeps the cell alive.
    #[inline]
    pub(crate) fn keeper(&self) -> &K {
        self.hold.keeper()
    }

    /// Leads on to what `find` finds.
    #[inline]
    pub(crate) fn map<V: ?Sized>(
        mut self,
        find: impl FnOnce(&mut U) -> &mut V,
    ) -> HoldMut<N, K, V> {
        let part = ptr::from_mut(find(&mut self));
        HoldMut::new(self.hold.lead_to(part))
    }

    /// Leads on to what `find` finds, or stays where it is.
    #[inline]
    pub(crate) fn try_map<V: ?Sized>(
        mut self,
        find: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<HoldMut<N, K, V>, Self> {
        match find(&mut self).map(ptr::from_mut) {
            Some(part) => Ok(HoldMut::new(self.hold.lead_to(part))),
            None => Err(self),
        }
    }
}

impl<N: Count, K, U: ?Sized> Deref for HoldMut<N, K, U> {
    type Target = U;

    #[inline]
    fn deref(&self) -> &U {
        &self.hold
    }
}

impl<N: Count, K, U: ?Sized> DerefMut for HoldMut<N, K, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        let part = self.hold.part.cast_mut();
        // SAFETY: exclusive. We have all permits, and `&mut self`; see rules 1 and 4.
        self.hold.permits.gate().witness.with_mut(|_| unsafe { &mut *part })
    }
}

/// All permits of a value, and the way to the whole of it; some of them can be given back (rule 5).
pub(crate) struct HoldAll<K, T: ?Sized>(HoldMut<Many, K, T>);

impl<M: ?Sized, T: ?Sized> HoldAll<Arc<M>, T> {
    /// As [`HoldMut::lock_owned`], for one who may share later.
    pub(crate) async fn write_owned(
        name: &'static str,
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<Many, T>,
    ) -> Self {
        Self(HoldMut::lock_owned(name, keeper, find).await)
    }

    /// As [`HoldMut::try_lock_owned`], for one who may share later.
    pub(crate) fn try_write_owned(
        keeper: Arc<M>,
        find: impl FnOnce(&M) -> &PermitCell<Many, T>,
    ) -> Option<Self> {
        HoldMut::try_lock_owned(keeper, find).map(Self)
    }
}

impl<K, T: ?Sized> HoldAll<K, T> {
    /// What keeps the cell alive.
    pub(crate) fn keeper(&self) -> &K {
        self.0.keeper()
    }

    /// Leads on to what `find` finds, and will not be shared.
    pub(crate) fn map<U: ?Sized>(self, find: impl FnOnce(&mut T) -> &mut U) -> HoldMut<Many, K, U> {
        self.0.map(find)
    }

    /// Leads on to what `find` finds, or stays where it is.
    pub(crate) fn try_map<U: ?Sized>(
        self,
        find: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<HoldMut<Many, K, U>, Self> {
        self.0.try_map(find).map_err(Self)
    }

    /// Gives back all permits but one: from now on others may look, too.
    pub(crate) fn downgrade(self) -> Hold<One, K, T> {
        let Hold { part, permits, keeper } = self.0.hold;
        Hold { part, permits: permits.keep_one(), keeper }
    }

    /// Leads on to what `find` finds, alone until it has found it, and downgrades then.
    pub(crate) fn downgrade_map<U: ?Sized>(self, find: impl FnOnce(&T) -> &U) -> Hold<One, K, U> {
        let part = ptr::from_ref(find(&self));
        self.downgrade().lead_to(part)
    }

    /// Downgrades and leads on to what `find` finds, or stays where and what it is.
    pub(crate) fn try_downgrade_map<U: ?Sized>(
        self,
        find: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<Hold<One, K, U>, Self> {
        match find(&self).map(ptr::from_ref) {
            Some(part) => Ok(self.downgrade().lead_to(part)),
            None => Err(self),
        }
    }
}

impl<K, T: ?Sized> Deref for HoldAll<K, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<K, T: ?Sized> DerefMut for HoldAll<K, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
