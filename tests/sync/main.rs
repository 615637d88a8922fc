//! The primitives of `rondel::sync`, on an executor that is not Rondel's, and on Rondel.

mod executor;
mod mpsc;
mod mutex;
mod notify;
mod on_rondel;
mod once_cell;
mod oneshot;
mod rwlock;
mod semaphore;
mod set_once;
