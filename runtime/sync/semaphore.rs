//! Floor 5. At most n at a time, first come, first served.
//!
//! A thin coat over `wait_list.rs`: the counting and the waiting happen there, this file adds
//! guards that give back what they hold when they are dropped.
//!
//! ```text
//!   acquire ──▶ SemaphorePermit ──drop──▶ the next in line, or the free ones
//!                    └──forget──▶ gone: the semaphore is smaller now
//!                                   └─ and, if it is bounded, has room for add_permits
//! ```
//!
//! Rule: permits that are free, permits that are out, and the room together are the bound. So only
//! forgetting and adding move the room; who takes permits and gives them back never looks at it.
//!
//! Real world: asyncio's `Semaphore` and tokio's have the same fairness; a `threading.Semaphore`
//! has none. asyncio's `BoundedSemaphore` has no guards to tell whose permit comes back, and so
//! notices a release too many only when all permits are free.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::park;
use crate::leaf::leaf;
use crate::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::shim::const_outside_loom;
use crate::wait_list::{self, Dismissed, Refused, WaitList};

/// The room of a semaphore without a bound: more than one with a bound can ever have.
const NO_BOUND: usize = usize::MAX;

/// Hands out at most so many permits at a time.
///
/// The queue is fair: permits go to waiters in the order in which they came. A waiter that wants
/// many is not overtaken by later ones that want few; it keeps the place at the front, and freed
/// permits pile up for it.
///
/// The twin of `asyncio.Semaphore` and of `tokio::sync::Semaphore`;
/// [`bounded`](Self::bounded) makes the twin of `asyncio.BoundedSemaphore`.
///
/// **Cost:** one atomic operation to acquire, one to release; a lock only if somebody has to wait.
///
/// ```
/// use rondel::sync::Semaphore;
///
/// rondel::run(async {
///     let seats = Semaphore::new(2);
///     let first = seats.acquire().await.unwrap();
///     let _second = seats.acquire().await.unwrap();
///     assert!(seats.try_acquire().is_err());
///     drop(first);
///     assert_eq!(seats.available_permits(), 1);
/// });
/// ```
#[derive(Debug)]
pub struct Semaphore {
    list: WaitList,
    /// How many permits may be added, or [`NO_BOUND`]. A count that guards nothing, so all its
    /// orderings are Relaxed.
    room: AtomicUsize,
}

impl Semaphore {
    /// The most permits a semaphore can count.
    pub const MAX_PERMITS: usize = wait_list::MAX_PERMITS;

    /// A semaphore with so many permits.
    ///
    /// Panics if `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        Self { list: WaitList::new(permits), room: AtomicUsize::new(NO_BOUND) }
    }

    const_outside_loom! {
        /// [`new`](Self::new) for a `static`.
        ///
        /// ```
        /// use rondel::sync::Semaphore;
        /// static SEATS: Semaphore = Semaphore::const_new(3);
        /// assert_eq!(SEATS.available_permits(), 3);
        /// ```
        pub const fn const_new(permits: usize) -> Self {
            Self { list: WaitList::new(permits), room: AtomicUsize::new(NO_BOUND) }
        }
    }

    const_outside_loom! {
        /// A semaphore that can never have more than so many permits: one that is added without
        /// having been [forgotten](SemaphorePermit::forget) before is a mistake, and
        /// [`add_permits`](Self::add_permits) says so.
        ///
        /// Panics if `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        ///
        /// The twin of `asyncio.BoundedSemaphore`; tokio has none. asyncio notices a release too
        /// many only if no permit is out at that moment; here it is noticed always.
        ///
        /// ```
        /// use rondel::sync::Semaphore;
        ///
        /// let seats = Semaphore::bounded(2);
        /// seats.try_acquire().unwrap().forget(); // a seat is taken without a guard …
        /// seats.add_permits(1); // … and given back by hand
        /// let error = seats.try_add_permits(1).unwrap_err();
        /// assert!(error.to_string().starts_with("cannot add 1 permit"));
        /// assert_eq!(seats.available_permits(), 2);
        /// ```
        pub const fn bounded(permits: usize) -> Self {
            Self { list: WaitList::new(permits), room: AtomicUsize::new(0) }
        }
    }

    /// How many permits a newcomer could have at once: none while others wait.
    pub fn available_permits(&self) -> usize {
        self.list.free()
    }

    /// Adds `n` permits. They go to the waiters first.
    ///
    /// Panics if that would make more than [`MAX_PERMITS`](Self::MAX_PERMITS), or more than the
    /// bound of a [`bounded`](Self::bounded) semaphore.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        if let Err(error) = self.try_add_permits(n) {
            panic!("{error}");
        }
    }

    /// Adds `n` permits, or none if they are too many. They go to the waiters first.
    ///
    /// - Errors if that would make more than the bound of a [`bounded`](Self::bounded) semaphore.
    /// - Panics if that would make more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// asyncio's `BoundedSemaphore.release` raises `ValueError` in the place of this error.
    pub fn try_add_permits(&self, n: usize) -> Result<(), AddPermitsError> {
        if self.is_bounded() {
            let less = self.room.fetch_update(Relaxed, Relaxed, |room| room.checked_sub(n));
            less.map_err(|room| AddPermitsError { n, room })?;
        }
        self.list.release(n);
        Ok(())
    }

    /// Takes away up to `n` of the free permits for good; returns how many it were.
    pub fn forget_permits(&self, n: usize) -> usize {
        let taken = self.list.take_free(n);
        self.make_room(taken);
        taken
    }

    /// `n` permits are gone for good.
    fn make_room(&self, n: usize) {
        if self.is_bounded() {
            self.room.fetch_add(n, Relaxed);
        }
    }

    fn is_bounded(&self) -> bool {
        self.room.load(Relaxed) != NO_BOUND
    }

    /// Waits for one permit.
    ///
    /// - Errors if the semaphore is closed, before or during the wait.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** one atomic operation if a permit is free.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        leaf("Semaphore::acquire", self.list.acquire(1)).await?;
        Ok(SemaphorePermit { semaphore: self, permits: 1 })
    }

    /// Waits for `n` permits at once. Small requests that come later do not overtake it.
    ///
    /// - Errors if the semaphore is closed, before or during the wait.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** as [`acquire`](Self::acquire).
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        leaf("Semaphore::acquire", self.list.acquire(n as usize)).await?;
        Ok(SemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Takes one permit if one is free and nobody waits.
    ///
    /// - Errors with [`NoPermits`](TryAcquireError::NoPermits) or
    ///   [`Closed`](TryAcquireError::Closed).
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// - Errors with [`NoPermits`](TryAcquireError::NoPermits) or
    ///   [`Closed`](TryAcquireError::Closed).
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.list.try_acquire(n as usize)?;
        Ok(SemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Waits for one permit and parks the thread meanwhile: for code that is not async.
    ///
    /// - Errors if the semaphore is closed.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        park::wait("Semaphore::blocking_acquire", self.acquire())
    }

    /// Waits for `n` permits and parks the thread meanwhile: for code that is not async.
    ///
    /// - Errors if the semaphore is closed.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        park::wait("Semaphore::blocking_acquire_many", self.acquire_many(n))
    }

    /// Waits for one permit that may outlive this borrow, to move into a task for example.
    ///
    /// - Errors if the semaphore is closed, before or during the wait.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** as [`acquire`](Self::acquire).
    ///
    /// ```
    /// use rondel::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// rondel::run(async {
    ///     let seats = Arc::new(Semaphore::new(1));
    ///     let permit = seats.clone().acquire_owned().await.unwrap();
    ///     rondel::spawn(async move { drop(permit) }).await.unwrap();
    ///     assert_eq!(seats.available_permits(), 1);
    /// });
    /// ```
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Waits for `n` permits that may outlive this borrow.
    ///
    /// - Errors if the semaphore is closed, before or during the wait.
    ///
    /// **Cancel-safe:** yes, but it gives up its place in the queue.
    /// **Cost:** as [`acquire`](Self::acquire).
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        leaf("Semaphore::acquire", self.list.acquire(n as usize)).await?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// [`try_acquire`](Self::try_acquire) for a permit that may outlive this borrow.
    ///
    /// - Errors with [`NoPermits`](TryAcquireError::NoPermits) or
    ///   [`Closed`](TryAcquireError::Closed).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many) for permits that may outlive this borrow.
    ///
    /// - Errors with [`NoPermits`](TryAcquireError::NoPermits) or
    ///   [`Closed`](TryAcquireError::Closed).
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.list.try_acquire(n as usize)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// [`blocking_acquire`](Self::blocking_acquire) for a permit that may outlive this borrow.
    ///
    /// - Errors if the semaphore is closed.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        park::wait("Semaphore::blocking_acquire_owned", self.acquire_owned())
    }

    /// [`blocking_acquire_many`](Self::blocking_acquire_many) for permits that may outlive this
    /// borrow.
    ///
    /// - Errors if the semaphore is closed.
    /// - Panics inside a running loop.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        park::wait("Semaphore::blocking_acquire_many_owned", self.acquire_many_owned(n))
    }

    /// Refuses every acquire from now on and sends away all who wait, also those whose permit is on
    /// its way: it is free again. Permits that are out stay valid.
    pub fn close(&self) {
        self.list.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.list.is_closed()
    }
}

/// Permits of a borrowed [`Semaphore`]; given back when dropped.
#[clippy::has_significant_drop]
#[must_use]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl<'a> SemaphorePermit<'a> {
    /// Never gives the permits back: the semaphore is smaller from now on.
    pub fn forget(mut self) {
        self.semaphore.make_room(std::mem::take(&mut self.permits));
    }

    /// Takes over the permits of `other`.
    ///
    /// Panics if `other` is of a different semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Splits off `n` permits; `None` if this holds fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(Self { semaphore: self.semaphore, permits: n })
    }

    /// The semaphore these permits are of.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.list.release(self.permits);
    }
}

/// Permits of a shared [`Semaphore`]; given back when dropped.
#[clippy::has_significant_drop]
#[must_use]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedSemaphorePermit {
    /// Never gives the permits back: the semaphore is smaller from now on.
    pub fn forget(mut self) {
        self.semaphore.make_room(std::mem::take(&mut self.permits));
    }

    /// Takes over the permits of `other`.
    ///
    /// Panics if `other` is of a different semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Splits off `n` permits; `None` if this holds fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(Self { semaphore: self.semaphore.clone(), permits: n })
    }

    /// The semaphore these permits are of.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.list.release(self.permits);
    }
}

/// More permits than a [`bounded`](Semaphore::bounded) semaphore has room for; none was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddPermitsError {
    n: usize,
    room: usize,
}

impl fmt::Display for AddPermitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, room) = (self.n, self.room);
        let permits = if n == 1 { "permit" } else { "permits" };
        write!(
            f,
            "cannot add {n} {permits}: the semaphore is bounded and has room for {room}; add only \
             what was forgotten before, and let guards give back the rest"
        )
    }
}

impl Error for AddPermitsError {}

/// The semaphore was closed: there will be no permit.
#[derive(Debug)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}

impl From<Dismissed> for AcquireError {
    fn from(_: Dismissed) -> Self {
        Self(())
    }
}

/// Why a `try_acquire` got no permit.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed: there will be no permit.
    Closed,
    /// Too few permits are free, or others wait for them.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "semaphore closed",
            Self::NoPermits => "no permits available",
        })
    }
}

impl Error for TryAcquireError {}

impl From<Refused> for TryAcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::Short => Self::NoPermits,
        }
    }
}
