//! Floor 1. The output of work that is no task of a loop, and who waits for it.
//!
//! A task of the loop has its output in its own block (`cell.rs`). A task of a `LocalSet` and a
//! closure on the blocking pool end on one thread and are awaited on any other, so theirs lies
//! under a lock:
//!
//! | before  | finish          | poll           | join          | detach           |
//! |---------|-----------------|----------------|---------------|------------------|
//! | Awaited | Done, wake      | keep the waker | the same      | Detached         |
//! | Done    | -               | Taken, Ready   | wake at once  | Detached, drop it |
//! | Taken   | -               | panic          | wake at once  | Detached         |
//! | Detached | drop it, report a panic | -     | -             | -                |
//!
//! Rules
//! 1. The output has one owner: the handle while it exists, else whoever finishes, who drops it.
//! 2. Outputs and wakers are dropped, and wakers cloned and woken, outside the lock.
//! 3. A waker goes with the handle: who does not wait any more is not kept.
//!
//! Real world: asyncio's `concurrent.futures.Future` is this, with a condition variable.

use super::id::{Id, Origin};
use super::join::JoinError;
use crate::shim::{Mutex, lock};
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

/// See the head of the file.
pub(crate) struct Output<T>(Mutex<Stage<T>>);

enum Stage<T> {
    /// A handle exists; perhaps somebody waits for it.
    Awaited {
        joiner: Option<Waker>,
    },
    /// Nobody wants the output.
    Detached,
    Done(Result<T, JoinError>),
    Taken,
}

impl<T> Output<T> {
    /// A handle exists, and nobody waits yet.
    pub(crate) fn awaited() -> Self {
        Self(Mutex::new(Stage::Awaited { joiner: None }))
    }

    /// Stores the output, or drops it if nobody wants it (rule 1). `mark` makes the end known: it
    /// is called once the output is stored, before anybody is woken.
    pub(crate) fn finish(
        &self,
        origin: &Origin,
        output: Result<T, JoinError>,
        mark: impl FnOnce(),
    ) {
        let mut stage = lock(&self.0);
        let (joiner, unwanted) = match &mut *stage {
            Stage::Awaited { joiner } => {
                let joiner = joiner.take();
                *stage = Stage::Done(output);
                (joiner, None)
            }
            _ => (None, Some(output)),
        };
        drop(stage);
        mark();
        if let Some(output) = unwanted {
            if output.as_ref().is_err_and(JoinError::is_panic) {
                origin.report_panic();
            }
            drop_quietly(output);
        }
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }

    /// The output; if it is not there yet, `waker` is woken once it is.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        let mut fresh = None; // a clone of `waker`, made outside the lock (rule 2)
        loop {
            let mut stage = lock(&self.0);
            match &mut *stage {
                Stage::Awaited { joiner } => {
                    if joiner.as_ref().is_some_and(|joiner| joiner.will_wake(waker)) {
                        return Poll::Pending;
                    }
                    if fresh.is_some() {
                        mem::swap(joiner, &mut fresh); // dropped after the lock
                        return Poll::Pending;
                    }
                }
                Stage::Done(_) => match mem::replace(&mut *stage, Stage::Taken) {
                    Stage::Done(output) => return Poll::Ready(output),
                    _ => unreachable!("it was done a line ago, under the lock"),
                },
                Stage::Taken | Stage::Detached => {
                    drop(stage);
                    panic!("a `JoinHandle` was awaited again after it gave its output")
                }
            }
            drop(stage);
            fresh = Some(waker.clone());
        }
    }

    /// Has `waker` woken once the output is there; at once if it is.
    pub(crate) fn join(&self, waker: &Waker) {
        let mut mine = Some(waker.clone()); // as is the one before it, dropped after the lock
        let mut stage = lock(&self.0);
        if let Stage::Awaited { joiner } = &mut *stage {
            mem::swap(joiner, &mut mine);
            return;
        }
        drop(stage);
        waker.wake_by_ref();
    }

    /// The handle is gone, and its waker with it (rules 1 and 3). `id` is that of the work.
    pub(crate) fn detach(&self, id: Id) {
        let before = mem::replace(&mut *lock(&self.0), Stage::Detached);
        let _running = id.enter();
        drop_quietly(before);
    }
}

/// Drops `value`. Returns a panic of the drop.
pub(crate) fn drop_caught<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| drop(value)))
}

/// Drops what nobody wants. The drop may panic: nobody is left to be told, and the panic hook has
/// spoken.
pub(crate) fn drop_quietly<T>(value: T) {
    let _ = drop_caught(value);
}
