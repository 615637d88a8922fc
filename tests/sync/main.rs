//! The primitives of `rondel::sync`, on an executor that is not Rondel's.

mod executor;
mod mpsc;
mod mutex;
mod notify;
mod oneshot;
mod semaphore;
