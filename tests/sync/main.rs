//! The primitives of `rondel::sync`, on an executor that is not Rondel's, and on Rondel.

mod barrier;
mod broadcast;
mod capacity_limiter;
mod condition;
mod event;
mod executor;
mod mpsc;
mod mutex;
mod notify;
mod on_rondel;
mod once_cell;
mod oneshot;
mod queue;
mod rwlock;
mod semaphore;
mod set_once;
mod watch;
