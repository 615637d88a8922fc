//! Floor 5. Waiting for each other: locks, permits, notifications, channels.
//!
//! | want                                   | take                   | asyncio             |
//! |----------------------------------------|------------------------|---------------------|
//! | at most n at a time                    | [`Semaphore`]          | `Semaphore`         |
//! | the same, and to know who              | [`CapacityLimiter`]    | trio's, anyio's     |
//! | one at a time, across `.await`         | [`Mutex`]              | `Lock`              |
//! | many readers or one writer             | [`RwLock`]             | —                   |
//! | to wait for what a mutex guards        | [`Condition`]          | `Condition`         |
//! | a value made once, when first needed   | [`OnceCell`]           | —                   |
//! | a value set once, awaited by many      | [`SetOnce`]            | `Future`            |
//! | "something happened", to one or to all | [`Notify`]             | —                   |
//! | "it has happened", to whoever asks     | [`Event`]              | `Event`             |
//! | to wait until all are there            | [`Barrier`]            | `Barrier`           |
//! | one value, once                        | [`oneshot`]            | `Future`            |
//! | a stream of values, with back-pressure | [`mpsc::channel`]      | `Queue(maxsize)`    |
//! | the same for many who get; work to do  | [`Queue`]              | `Queue` and its kin |
//! | every value to everybody               | [`broadcast::channel`] | —                   |
//! | the latest value to everybody          | [`watch::channel`]     | —                   |
//! | "please stop", down a tree             | [`CancellationToken`]  | `Task.cancel`       |
//!
//! Rules
//! 1. Everything is `Send` and `Sync` as far as its value allows, and works on any executor: all a
//!    wait needs is the [`Waker`](std::task::Waker) it was polled with.
//! 2. Nobody has a waiter list of its own: `wait_list.rs` serves them all, first come, first
//!    served.
//! 3. An uncontended step is one or two atomic operations.
//! 4. Dropping a future that waits is safe. What is lost then, if anything, is said in its docs.

mod barrier;
pub mod broadcast;
mod cancellation_token;
mod capacity_limiter;
mod condition;
mod event;
mod guard;
pub mod mpsc;
mod mutex;
pub(crate) mod notify;
mod once_cell;
mod once_slot;
mod once_value;
pub mod oneshot;
mod park;
pub(crate) mod permit_cell;
pub mod queue;
mod rwlock;
mod semaphore;
pub(crate) mod senders;
mod set_once;
mod unless;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult, BrokenBarrierError};
pub use cancellation_token::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
    WaitForCancellationFutureOwned,
};
pub use capacity_limiter::{
    AlreadyBorrowedError, CapacityLimiter, CapacityLimiterStatistics, CapacityToken,
    OwnedCapacityToken, TryBorrowTokenError,
};
pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use queue::kinds::{LifoQueue, PriorityQueue, Queue};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, AddPermitsError, OwnedSemaphorePermit, Semaphore, SemaphorePermit,
    TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

/// The futures of this module that have a name.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
