//! Floor 5. `TaskGroup`: a roster of children, a token to ask them, and a list of what went wrong.
//!
//! ```text
//!   spawn ── roster: may somebody come in? ──▶ task { future, watcher }
//!                                                   │ its end
//!   failures ◀── push ── a failure ◀────────────────┤
//!   token    ◀── cancel ─┘                          │     `run` (builder.rs)
//!   roster   ◀── one less ◀─────────────────────────┘     looks at these three
//! ```
//!
//! Rules
//! 1. A failure is in the list before the token is cancelled, and both before its task's place in
//!    the roster is given up. So when the roster is empty the list is complete.
//! 2. The first reason wins, as always with a token: the failures after it are members, no reasons.
//!
//! Real world: `asyncio.TaskGroup` is the same without limit, start or grace; trio's nursery has
//! the start; Go's `errgroup` limit and first error, and waits for goroutines that nobody can stop.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::builder::TaskGroupBuilder;
use super::child::{ChildHandle, Gated, GroupClosed, NoValue};
use super::error_group::{BoxError, ErrorGroup, Failure, Member, Who};
use super::roster::{Occupant, Roster, Seat, Ticket};
use super::watched::{End, Payload, Watched, WatchedCall, Watcher};
use crate::shim::{Mutex, lock};
use crate::sync::{CancellationToken, Semaphore};
use crate::task::{Builder, PanicPayload, TaskInfo};

/// Tasks that live no longer than the block they are started in, and fail together.
///
/// The value given to the body of [`run`](Self::run): a way to spawn children. Clones are the same
/// group, so children may spawn further ones. `E` is the error of all of them.
///
/// The twin of `asyncio.TaskGroup` and of trio's nursery. tokio has no twin: a
/// [`JoinSet`](crate::task::JoinSet) aborts its tasks when dropped and does not wait for them.
///
/// **Cost:** some heap blocks for the group; for a child one (its task), one entry in a table, and
/// some 20 atomic operations.
///
/// ```
/// use rondel::task::{ErrorGroup, TaskGroup};
/// use rondel::time::{Duration, sleep};
///
/// rondel::run(async {
///     let result: Result<(), ErrorGroup<String>> = TaskGroup::run(async |group| {
///         group.spawn(async { Err::<(), _>("no route to host".to_owned()) });
///         sleep(Duration::from_secs(3_600)).await; // cut short: a sibling has failed
///         Ok(())
///     })
///     .await;
///     let errors = result.unwrap_err();
///     assert_eq!(errors.errors().collect::<Vec<_>>(), ["no route to host"]);
/// });
/// ```
pub struct TaskGroup<E = BoxError> {
    pub(super) shared: Arc<Shared<E>>,
    /// What the children spawned by way of this handle are called.
    pub(super) child_name: Option<Arc<str>>,
}

/// What the clones of a group share.
pub(super) struct Shared<E> {
    pub(super) roster: Roster<Failures<E>>,
    pub(super) token: CancellationToken,
    pub(super) failed: Mutex<Failed<E>>,
    pub(super) limit: Option<Arc<Semaphore>>,
    pub(super) grace: Duration,
    pub(super) name: Option<Arc<str>>,
}

pub(super) struct Failed<E> {
    members: Vec<Member<E>>,
    /// The reasons given to the token by failures that found it not cancelled. Two on two threads
    /// may both find it so, and either may be the first to cancel it.
    causes: Vec<String>,
}

impl<E> Failed<E> {
    pub(super) fn none() -> Mutex<Self> {
        Mutex::new(Self { members: Vec::new(), causes: Vec::new() })
    }
}

/// How one child failed: by its end, by a panic in the drops after it, by both, or not at all.
pub(super) type Failures<E> = Vec<Failure<E>>;

impl<E: 'static> TaskGroup<E> {
    /// Runs `body`, and returns when it and all children have ended.
    ///
    /// - `body`: gets the group, and returns a future (an `async |group| { … }`, or a closure with
    ///   an `async move` block). It is polled in the caller's own task, so it may borrow from
    ///   there.
    /// - Returns what the body returned, if nobody failed. If the group was
    ///   [cancelled](Self::cancel) before the body had ended, there is no such value: then it
    ///   returns an error without members, of which [`is_cancelled`](ErrorGroup::is_cancelled) is
    ///   true.
    ///
    /// # Errors
    ///
    /// The first failure of a child or of the body (an error or a panic) cancels all others. When
    /// they have ended, this returns all failures in the order in which they happened, those among
    /// them that the cancelling itself brought about (a panic in a drop).
    ///
    /// **Cancel-safe:** dropping it drops the body and aborts the children, which end a turn later;
    /// **their values and failures are lost.** A group that is below in a child of another group
    /// is waited for by that one.
    ///
    /// ```
    /// use rondel::task::TaskGroup;
    ///
    /// rondel::run(async {
    ///     let words = vec!["a", "bc"]; // the body borrows it; children must own what they use
    ///     let total = TaskGroup::<std::fmt::Error>::run(async |group| {
    ///         let lengths: Vec<_> =
    ///             words.iter().map(|word| group.spawn(length(word.to_string()))).collect();
    ///         let mut total = 0;
    ///         for length in lengths {
    ///             total += length.await.unwrap();
    ///         }
    ///         Ok(total)
    ///     });
    ///     assert_eq!(total.await.unwrap(), 3);
    /// });
    ///
    /// async fn length(word: String) -> Result<usize, std::fmt::Error> {
    ///     Ok(word.len())
    /// }
    /// ```
    pub async fn run<F, Fut, T>(body: F) -> Result<T, ErrorGroup<E>>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        Self::builder().run(body).await
    }

    /// A group with a limit, a grace, a name, or a token above it.
    pub fn builder() -> TaskGroupBuilder<E> {
        TaskGroupBuilder::new()
    }

    /// The same group; children spawned by way of the new handle are called `name`.
    ///
    /// **Cost:** one allocation, and two small ones for each child that has a name.
    ///
    /// ```
    /// use rondel::task::TaskGroup;
    ///
    /// rondel::run(async {
    ///     let group = TaskGroup::<String>::run(async |group| {
    ///         let child = group.named("greeter").spawn(async { Ok(()) });
    ///         assert_eq!(child.info().name(), Some("greeter"));
    ///         Ok(())
    ///     });
    ///     group.await.unwrap();
    /// });
    /// ```
    #[must_use = "the handle it was called on spawns children without this name"]
    pub fn named(&self, name: &str) -> Self {
        Self { shared: self.shared.clone(), child_name: Some(name.into()) }
    }

    // --- spawning -------------------------------------------------------------------------------

    /// Starts a child. Its value is to be had from the handle; its error belongs to the group.
    ///
    /// If the group [takes no more](Self::try_spawn), or is cancelled before the child has begun,
    /// the future is dropped without a poll, and the handle says that it was cancelled. The twin of
    /// `asyncio.TaskGroup.create_task` and of trio's `start_soon`.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> ChildHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        match self.try_spawn(future) {
            Ok(child) => child,
            Err(_) => self.refused(),
        }
    }

    /// Starts a child that must stay on this thread; otherwise as [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn_local<T, F>(&self, future: F) -> ChildHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
    {
        match self.try_spawn_local(future) {
            Ok(child) => child,
            Err(_) => self.refused(),
        }
    }

    /// Starts a child, unless the group takes no more.
    ///
    /// # Errors
    ///
    /// When the group was cancelled, one of its tasks has failed, or it is over. The future is
    /// dropped then.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn try_spawn<T, F>(&self, future: F) -> Result<ChildHandle<T>, GroupClosed>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        let (ticket, seat) = self.admit()?;
        let child = self.watch(future, ticket, Failure::of);
        let handle = self.task().spawn(child).expect(NO_ERRORS);
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.settle(who, end));
        Ok(ChildHandle::new(handle))
    }

    /// Starts a child that must stay on this thread, unless the group takes no more.
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn).
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn try_spawn_local<T, F>(&self, future: F) -> Result<ChildHandle<T>, GroupClosed>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
    {
        let (ticket, seat) = self.admit()?;
        let child = self.watch(future, ticket, Failure::of);
        let handle = self.task().spawn_local(child).expect(NO_ERRORS);
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.settle(who, end));
        Ok(ChildHandle::new(handle))
    }

    /// Runs a closure that blocks on the blocking pool, as a child.
    ///
    /// Once it runs nobody can stop it: a group that fails waits for it, so it should look at the
    /// [token](Self::token) now and then. It does not count towards the limit.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread, or if no thread can be started.
    #[track_caller]
    pub fn spawn_blocking<T, F>(&self, work: F) -> ChildHandle<T>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        let Ok((ticket, seat)) = self.admit() else { return self.refused() };
        let token = self.shared.token.clone();
        let work = move || (!token.is_cancelled()).then(work);
        let call = WatchedCall::new(work, ticket, self.watcher(Failure::of));
        let handle = match self.task().spawn_blocking(move || call.call()) {
            Ok(handle) => handle,
            Err(error) => panic!("the blocking pool could not start a thread: {error}"),
        };
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.settle(who, end));
        ChildHandle::new(handle)
    }

    /// Starts a child that is a group of its own: its failures are a group within the group.
    ///
    /// The token of the inner group is below that of this one, and it has the same grace. A group
    /// that is simply run inside a child ends with the child, too; but its error is then what `?`
    /// makes of it.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    ///
    /// ```
    /// use rondel::task::{Failure, TaskGroup};
    ///
    /// rondel::run(async {
    ///     let outer = TaskGroup::<&str>::run(async |outer| {
    ///         outer.spawn_group(async |inner| {
    ///             inner.spawn(async { Err::<(), _>("deep inside") });
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     });
    ///     let error = outer.await.unwrap_err();
    ///     let Failure::Group(inner) = error.members()[0].failure() else { panic!("a tree") };
    ///     assert_eq!(inner.errors().collect::<Vec<_>>(), [&"deep inside"]);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_group<T, F, Fut>(&self, body: F) -> ChildHandle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send,
    {
        let Ok((ticket, seat)) = self.admit() else { return self.refused() };
        let inner = Self::builder().below(&self.shared.token).grace(self.shared.grace).run(body);
        let child = self.watch(inner, ticket, Failure::Group);
        let handle = self.task().spawn(child).expect(NO_ERRORS);
        seat.take(Occupant::Task(handle.abort_handle()), |who, end| self.settle(who, end));
        ChildHandle::new(handle)
    }

    // --- ending ---------------------------------------------------------------------------------

    /// Ends the group without a failure: cancels the token with `reason`, then, after the grace,
    /// drops the body and aborts the children.
    ///
    /// If the body has returned its value already, [`run`](Self::run) returns that all the same.
    /// The twin of trio's `nursery.cancel_scope.cancel()`.
    ///
    /// ```
    /// use rondel::task::TaskGroup;
    ///
    /// rondel::run(async {
    ///     let first = TaskGroup::<String>::run(async |group| {
    ///         for number in 1..=3 {
    ///             let ours = group.clone();
    ///             group.spawn(async move {
    ///                 ours.cancel(format!("{number} was first"));
    ///                 Ok(())
    ///             });
    ///         }
    ///         std::future::pending().await
    ///     });
    ///     let outcome: Result<(), _> = first.await;
    ///     let error = outcome.unwrap_err();
    ///     assert!(error.is_cancelled());
    ///     assert_eq!(error.reason(), Some("1 was first"));
    /// });
    /// ```
    pub fn cancel(&self, reason: impl Into<Cow<'static, str>>) {
        self.shared.token.cancel_with(reason);
    }

    /// A token that is cancelled when the group is: by a failure, by [`cancel`](Self::cancel), or
    /// because the future of [`run`](Self::run) was dropped. Its reason says which.
    ///
    /// For children that want to clean up with `.await`: that needs a
    /// [grace](TaskGroupBuilder::grace). Cancelling it cancels nobody but its own children.
    pub fn token(&self) -> CancellationToken {
        self.shared.token.child_token()
    }

    /// Whether the group is being cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.token.is_cancelled()
    }

    // --- inside ---------------------------------------------------------------------------------

    fn admit(&self) -> Result<(Ticket, Seat<'_, Failures<E>>), GroupClosed> {
        let token = &self.shared.token;
        self.shared.roster.admit(|| token.is_cancelled()).ok_or_else(|| GroupClosed {
            reason: token.is_cancelled().then(|| token.reason().unwrap_or("no reason").to_owned()),
        })
    }

    #[track_caller]
    fn refused<T>(&self) -> ChildHandle<T> {
        ChildHandle::refused(TaskInfo::here(self.child_name.as_deref()))
    }

    fn task(&self) -> Builder<'_> {
        match &self.child_name {
            Some(name) => Builder::new().name(name),
            None => Builder::new(),
        }
    }

    fn watcher<X>(&self, failure: fn(X) -> Failure<E>) -> Child<E, X> {
        Child { group: self.shared.clone(), failure }
    }

    fn watch<F, T, X>(
        &self,
        future: F,
        ticket: Ticket,
        failure: fn(X) -> Failure<E>,
    ) -> Watched<Gated<F>, Child<E, X>>
    where
        F: Future<Output = Result<T, X>>,
    {
        let gated = Gated::new(future, &self.shared.token, self.shared.limit.as_ref());
        Watched::new(gated, ticket, self.watcher(failure))
    }

    fn settle(&self, who: Occupant, end: Failures<E>) {
        self.shared.settle(|| Who::Task(who.info()), end);
    }
}

const NO_ERRORS: &str = "`Builder::spawn` has no errors today";

impl<E> Shared<E> {
    /// Takes failures in and cancels the group (rule 1).
    fn settle(&self, who: impl Fn() -> Who, failures: Failures<E>) {
        for failure in failures {
            let who = who();
            let cause = match &who {
                Who::Task(task) => format!("{task} failed"),
                Who::Body | Who::Nobody => "the body of the group failed".to_owned(),
            };
            let mut failed = lock(&self.failed);
            failed.members.push(Member { who, failure });
            if !self.token.is_cancelled() {
                failed.causes.push(cause.clone());
            }
            drop(failed);
            self.token.cancel_with(cause);
        }
    }

    /// What [`TaskGroup::run`] returns when all have ended.
    pub(super) fn result<T>(&self, value: Option<T>) -> Result<T, ErrorGroup<E>> {
        let Failed { members, causes } = &mut *lock(&self.failed);
        match value {
            Some(value) if members.is_empty() => Ok(value),
            _ => {
                let is_ours = |reason: &str| causes.iter().any(|cause| cause == reason);
                let reason = self.token.reason().filter(|reason| !is_ours(reason));
                Err(ErrorGroup {
                    name: self.name.clone(),
                    reason: reason.map(Into::into),
                    members: std::mem::take(members),
                })
            }
        }
    }
}

/// Hears of the end of a child, whose error is an `X`.
struct Child<E, X> {
    group: Arc<Shared<E>>,
    failure: fn(X) -> Failure<E>,
}

/// What to tell the group of an end, and what the handle.
fn failures<T, E, X>(
    end: End<Result<T, X>>,
    also: Option<Payload>,
    failure: fn(X) -> Failure<E>,
) -> (Failures<E>, Result<T, NoValue>) {
    let panic = |payload| Failure::Panic(PanicPayload::new(payload));
    let (failed, value) = match end {
        End::Ready(Ok(value)) => (None, Ok(value)),
        End::Ready(Err(error)) => match failure(error) {
            // A group that was only cancelled has not failed (rule 1 of error_group.rs).
            Failure::Group(group) if group.is_cancelled() => (None, Err(NoValue::Cancelled)),
            failure => (Some(failure), Err(NoValue::Failed)),
        },
        End::Panicked(payload) => (Some(panic(payload)), Err(NoValue::Failed)),
        End::Dropped => (None, Err(NoValue::Cancelled)),
    };
    let mut failures = Vec::new(); // mostly it stays empty, and costs nothing
    failures.extend(failed);
    failures.extend(also.map(panic));
    (failures, value)
}

// `None` comes from a child that has not begun: the group was cancelled before.
impl<E, X, T> Watcher<Option<Result<T, X>>> for Child<E, X> {
    type Answer = Result<T, NoValue>;

    fn ended(
        self,
        ticket: &mut Ticket,
        end: End<Option<Result<T, X>>>,
        also: Option<Payload>,
    ) -> Result<T, NoValue> {
        let end = match end {
            End::Ready(Some(result)) => End::Ready(result),
            End::Ready(None) | End::Dropped => End::Dropped,
            End::Panicked(payload) => End::Panicked(payload),
        };
        let (failures, value) = failures(end, also, self.failure);
        let settle = |who: Occupant, end| self.group.settle(|| Who::Task(who.info()), end);
        self.group.roster.leave(ticket, failures, settle);
        value
    }
}

/// Hears of the end of the body.
pub(super) struct Body<E>(pub(super) Arc<Shared<E>>);

impl<E: 'static, T> Watcher<Result<T, E>> for Body<E> {
    type Answer = Option<T>;

    fn ended(self, _: &mut Ticket, end: End<Result<T, E>>, also: Option<Payload>) -> Option<T> {
        let was_dropped = matches!(end, End::Dropped);
        let (failures, value) = failures(end, also, Failure::of);
        self.0.settle(|| Who::Body, failures);
        if value.is_err() && !was_dropped {
            // It has not failed, or that would be the reason: it returned that it was cancelled.
            self.0.token.cancel_with("the body of the group was cancelled");
        }
        value.ok()
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), child_name: self.child_name.clone() }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskGroup");
        debug.field("name", &self.shared.name).field("tasks", &self.shared.roster.len());
        debug.field("is_cancelled", &self.shared.token.is_cancelled()).finish_non_exhaustive()
    }
}
