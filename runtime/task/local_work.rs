//! Floor 1. A task of a `LocalSet`: its future, its output, and what strangers may have of it.
//!
//! A task of the loop is one block with hand-made counts (`cell.rs`). A task of a set is polled by
//! whoever polls the set, which may be any executor, so it knows nothing of a loop, and is made of
//! safe parts:
//!
//! ```text
//!   Body ── at home, boxed in the set ──▶ future
//!     └──▶ LocalWork<T> ◀── JoinHandle       the output: crosses threads if T does
//!             └──▶ Remote ◀── AbortHandle, wakers, the set       any thread
//!                     └──▶ Bells: "key 7 wants to be polled"
//! ```
//!
//! | event | done by | what happens |
//! |---|---|---|
//! | wake | any thread | the first since the last poll rings |
//! | abort | any thread | a mark, and a ring: the set drops the future when it comes to the key |
//! | poll: pending | the set | nothing; with the mark, as aborted |
//! | poll: ready, panic | the set | future dropped, output stored, *done*, joiner woken |
//! | detach, not done | the handle | nobody will want the output |
//! | detach, done | the handle | the output is dropped |
//!
//! Rules
//! 1. The future is polled and dropped by the set alone, on the set's thread.
//! 2. The output and its waker are those of `output.rs`: the handle owns it, else the body.
//! 3. `done` is set after the output is stored and before the joiner is woken.
//!
//! Real world: tokio's `LocalSet` has the same tasks as its runtimes, with a queue of their own.

use super::bells::{Bells, Key};
use super::elsewhere::Stop;
use super::id::Origin;
use super::join::JoinError;
use super::output::{Output, drop_quietly};
use crate::shim::atomic::{AtomicBool, Ordering};
use pin_project_lite::pin_project;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc; // not the shim's: a `Waker` is made of std's
use std::task::{Context, Poll, Wake, Waker};

/// What any thread may have of a task: its waker, and the right to end it.
pub(crate) struct Remote {
    origin: Origin,
    key: Key,
    bells: Arc<Bells>,
    /// Its key is in the list already: a thousand wakes are one ring.
    rung: AtomicBool,
    aborted: AtomicBool,
    done: AtomicBool,
}

impl Remote {
    pub(crate) fn new(origin: Origin, key: Key, bells: Arc<Bells>) -> Self {
        let [rung, aborted, done] = [const { false }; 3].map(AtomicBool::new);
        Self { origin, key, bells, rung, aborted, done }
    }

    pub(crate) fn ring(&self) {
        // AcqRel: pairs with the swap in `silence`. Either that swap sees what this thread wrote
        // before it woke, or this swap sees `false` and a ring follows.
        if !self.is_done() && !self.rung.swap(true, Ordering::AcqRel) {
            self.bells.ring(self.key);
        }
    }

    /// The set has come to the key: a wake from now on rings anew.
    fn silence(&self) {
        // AcqRel: see `ring`.
        self.rung.swap(false, Ordering::AcqRel);
    }

    fn is_aborted(&self) -> bool {
        // Acquire: pairs with the Release in `abort`: the drops see what was done before it.
        self.aborted.load(Ordering::Acquire)
    }

    fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `finish`, so whoever sees it sees the drops too.
        self.done.load(Ordering::Acquire)
    }
}

impl Wake for Remote {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Stop for Remote {
    fn abort(&self) {
        // Release: see `is_aborted`.
        self.aborted.store(true, Ordering::Release);
        self.ring();
    }

    fn is_finished(&self) -> bool {
        self.is_done()
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The output of a task, and the way to the task.
pub(crate) struct LocalWork<T> {
    remote: Arc<Remote>,
    output: Output<T>,
}

impl<T> LocalWork<T> {
    fn finish(&self, output: Result<T, JoinError>) {
        self.output.finish(&self.remote.origin, output, || {
            // Release: pairs with the Acquire in `is_done`; see rule 3.
            self.remote.done.store(true, Ordering::Release);
        });
    }
}

/// The right to a task's output. Dropping it detaches the task.
pub(crate) struct LocalOutput<T>(Arc<LocalWork<T>>);

impl<T> LocalOutput<T> {
    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.0.remote
    }

    /// See [`Output::poll`].
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        self.0.output.poll(waker)
    }

    /// See [`Output::join`].
    pub(crate) fn join(&self, waker: &Waker) {
        self.0.output.join(waker);
    }
}

impl<T> Drop for LocalOutput<T> {
    fn drop(&mut self) {
        self.0.output.detach(self.0.remote.origin.id);
    }
}

/// The part of a task that stays at home: what the set does with it.
pub(crate) trait Body {
    /// Polls the future, or ends it if it was aborted. True: it has ended, and its handle knows.
    fn run(self: Pin<&mut Self>, waker: &Waker) -> bool;

    /// Drops the future; its handle learns that it was cancelled.
    fn cancel(self: Pin<&mut Self>);
}

pin_project! {
    struct BodyOf<F: Future> {
        // None: it has ended.
        #[pin]
        future: Option<F>,
        work: Arc<LocalWork<F::Output>>,
    }
}

/// Makes a task of `future`: the part for the set, and the handle's right.
pub(crate) fn new_pair<F: Future + 'static>(
    future: F,
    remote: Arc<Remote>,
) -> (Pin<Box<dyn Body>>, LocalOutput<F::Output>) {
    let work = Arc::new(LocalWork { remote, output: Output::awaited() });
    let body = BodyOf { future: Some(future), work: work.clone() };
    (Box::pin(body), LocalOutput(work))
}

impl<F: Future> Body for BodyOf<F> {
    fn run(mut self: Pin<&mut Self>, waker: &Waker) -> bool {
        let _running = self.work.remote.origin.id.enter();
        self.work.remote.silence();
        if self.work.remote.is_aborted() {
            self.cancel();
            return true;
        }
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = self.as_mut().project().future.as_pin_mut();
            let future = future.expect("a task that has ended is polled no more");
            future.poll(&mut Context::from_waker(waker))
        }));
        match polled {
            Ok(Poll::Pending) if self.work.remote.is_aborted() => self.cancel(),
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => self.finish(Ok(output)),
            Err(panic) => {
                let error = panicked(&self.work.remote, panic);
                self.finish(Err(error));
            }
        }
        true
    }

    fn cancel(self: Pin<&mut Self>) {
        let id = self.work.remote.origin.id;
        let _running = id.enter();
        self.finish(Err(JoinError::cancelled(id)));
    }
}

impl<F: Future> BodyOf<F> {
    /// Drops the future, then stores the output; a panic of that drop becomes the output.
    fn finish(self: Pin<&mut Self>, output: Result<F::Output, JoinError>) {
        let mut this = self.project();
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let output = match dropped {
            Ok(()) => output,
            Err(panic) => {
                drop_quietly(output);
                Err(panicked(&this.work.remote, panic))
            }
        };
        this.work.finish(output);
    }
}

fn panicked(remote: &Remote, payload: Box<dyn Any + Send>) -> JoinError {
    JoinError::panicked(remote.origin.id, payload)
}
