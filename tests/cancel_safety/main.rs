//! Every wait of the engine, dropped at each of its awaits, before the wake and after it.
//!
//! One file a family. A test says what must be true after the drop: what came is still there, what
//! was granted is with the next in line, and where the documents say that something is lost, it is
//! that and nothing else. `rondel::testing::cancel` tells how the cuts are made.

mod barrier;
mod broadcast;
mod callbacks;
mod cancellation_token;
mod capacity_limiter;
mod combine;
mod condition;
mod event;
mod io;
mod mpsc;
mod mutex;
mod net;
mod notify;
mod once_cell;
mod oneshot;
mod queue;
mod rwlock;
mod semaphore;
mod set_once;
mod structured;
mod task;
mod time;
mod watch;

use std::future::Future;
use std::sync::Arc;

use rondel::testing::task::{Spawn, spawn};

/// The output of what must not have to wait.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    rondel::assert_ready!(spawn(future).poll(), "this was expected to be ready")
}

/// A task that was polled once and has to wait.
#[track_caller]
fn waiting<F: Future>(future: F) -> Spawn<F> {
    let mut task = spawn(future);
    assert!(task.poll().is_pending(), "this was expected to wait");
    task
}

/// A world in which the future and the others share one thing.
fn shared<T>(thing: T) -> (Arc<T>, Arc<T>) {
    let thing = Arc::new(thing);
    (thing.clone(), thing)
}
