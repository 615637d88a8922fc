//! Floor 5. How a task group is made, and how it runs: from the first poll of the body to the end.
//!
//! ```text
//!   run ── body, polled in the caller's own task ─┐   until the token is cancelled, or the body
//!    │     child ── a task of the loop ───────────┤   has ended and after it all the children
//!    │     child ── a closure on the pool ────────┘
//!    ├── cancelled, with a grace: both once more, for so long
//!    ├── what is left: the body is dropped, the children are aborted
//!    └── when all have ended: the result
//! ```
//!
//! Rules
//! 1. The token is looked at before the body is polled: once somebody has failed, the body does not
//!    get to run on and to report what it makes of that.
//! 2. Who has not begun when the token is cancelled does not begin (`child.rs`): the grace is for
//!    those who have something to clean up.
//! 3. The body is gone before the result is made, and all children are.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::error_group::ErrorGroup;
use super::roster::{Link, Roster};
use super::task_group::{Body, Failed, Shared, TaskGroup};
use super::watched::Watched;
use crate::sync::{CancellationToken, Semaphore};
use crate::time::timeout;

/// Makes a [`TaskGroup`]; see [`TaskGroup::builder`].
///
/// ```
/// use rondel::task::TaskGroup;
/// use rondel::time::Duration;
///
/// rondel::run(async {
///     let builder = TaskGroup::<String>::builder().name("fetch").limit(2);
///     let pages = builder.grace(Duration::from_secs(1)).run(async |group| {
///         for page in 0..10 {
///             group.spawn(async move { Ok(page) }); // never more than two at a time
///         }
///         Ok(10)
///     });
///     assert_eq!(pages.await.unwrap(), 10);
/// });
/// ```
#[must_use = "a builder does nothing until `run`"]
pub struct TaskGroupBuilder<E> {
    name: Option<Arc<str>>,
    limit: Option<usize>,
    grace: Duration,
    token: Option<CancellationToken>,
    error: PhantomData<fn() -> E>,
}

impl<E: 'static> TaskGroupBuilder<E> {
    pub(super) fn new() -> Self {
        let (grace, error) = (Duration::ZERO, PhantomData);
        Self { name: None, limit: None, grace, token: None, error }
    }

    /// A name for the group, which stands in its [`ErrorGroup`].
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// At most so many children are polled at a time; the others wait, first come, first served.
    ///
    /// A child that waits for another one, while it holds a permit that the other needs, waits for
    /// ever. The body and closures of `spawn_blocking` do not count. On the stealing flavour a
    /// child may begin in the moment between the end of one that fails and the news of it.
    ///
    /// # Panics
    ///
    /// If `limit` is 0: nothing could ever run.
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(limit > 0, "a task group with a limit of 0 could never run anything");
        self.limit = Some(limit.min(Semaphore::MAX_PERMITS));
        self
    }

    /// How long body and children may clean up, from when the [token](TaskGroup::token) is
    /// cancelled to when they are dropped. Zero, if nothing is said: they are dropped at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Cancels the group when `token` is cancelled, with its reason.
    pub fn below(mut self, token: &CancellationToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// As [`TaskGroup::run`].
    ///
    /// # Errors
    ///
    /// As [`TaskGroup::run`].
    ///
    /// **Cancel-safe:** as [`TaskGroup::run`].
    pub async fn run<F, Fut, T>(self, body: F) -> Result<T, ErrorGroup<E>>
    where
        F: FnOnce(TaskGroup<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let group = self.build();
        let shared = group.shared.clone();
        // Below a token that is cancelled already there is nothing to clean up.
        let grace = if shared.token.is_cancelled() { Duration::ZERO } else { shared.grace };
        let mut abandoned = Abandoned { shared: &shared, armed: true };
        let body = async { body(group).await }; // called inside, where its panic is caught
        let body = Watched::new(body, shared.roster.admit_body(), Body(shared.clone()));
        let mut value = None;
        {
            let mut whole = pin!(async {
                value = body.await;
                shared.roster.wait_for_all("TaskGroup::run").await;
            });
            let mut cancelled = shared.token.cancelled();
            let ended = poll_fn(|cx| {
                if cancelled.poll_free(cx).is_ready() {
                    return Poll::Ready(false); // rule 1
                }
                whole.as_mut().poll(cx).map(|()| true)
            });
            let ended = ended.await;
            if !ended && !grace.is_zero() {
                let _ = timeout(grace, &mut whole).await; // too late is no error here
            }
        } // the body is dropped here, if it has not ended
        shared.roster.abort_all();
        shared.roster.wait_for_all("TaskGroup::run").await;
        abandoned.armed = false;
        shared.result(value)
    }

    fn build(self) -> TaskGroup<E> {
        let shared = Shared {
            roster: Roster::new(Link::current()),
            token: self.token.map_or_else(CancellationToken::new, |token| token.child_token()),
            failed: Failed::none(),
            limit: self.limit.map(|limit| Arc::new(Semaphore::new(limit))),
            grace: self.grace,
            name: self.name,
        };
        TaskGroup { shared: Arc::new(shared), child_name: None }
    }
}

/// Aborts the children of a group whose `run` is dropped half way.
struct Abandoned<'a, E> {
    shared: &'a Shared<E>,
    armed: bool,
}

impl<E> Drop for Abandoned<'_, E> {
    fn drop(&mut self) {
        if self.armed {
            self.shared.token.cancel_with("the future of the group's `run` was dropped");
            self.shared.roster.abort_all();
        }
    }
}

impl<E> fmt::Debug for TaskGroupBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskGroupBuilder");
        debug.field("name", &self.name).field("limit", &self.limit).field("grace", &self.grace);
        debug.field("token", &self.token).finish()
    }
}
