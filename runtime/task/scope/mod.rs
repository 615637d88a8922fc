//! Floor 5. Scopes: children that may borrow from the function that starts them.
//!
//! A task must own all it uses, because nobody can promise that its parent lives longer. A child of
//! a scope is polled inside the parent's own task, by the parent's own future; so when that future
//! is gone the child is gone, and what the child borrows may live on the parent's stack:
//!
//! ```text
//!   let table = load();
//!   scope(async |s| {                     one task ┌── body ────────▶
//!       s.spawn(search(&table, "a"));              ├── search a ──────────▶
//!       s.spawn(search(&table, "b"));              └── search b ───▶
//!   }).await;                             `table` is free again when all have ended
//! ```
//!
//! | function            | children are `Send` | ends early                                  |
//! |---------------------|---------------------|---------------------------------------------|
//! | [`scope`]           | yes                 | never                                       |
//! | [`scope_local`]     | need not be         | never                                       |
//! | [`try_scope`]       | yes                 | when a child or the body returns an error   |
//! | [`try_scope_local`] | need not be         | the same                                    |
//!
//! What it costs: children of a scope never run at the same time as each other, on any flavour.
//! A [`TaskGroup`](super::TaskGroup) has real tasks.
//!
//! Rules
//! 1. The body is the first child. So it is polled like the others, and the scope is over when all
//!    are.
//! 2. Nothing here is unsafe: the compiler sees the borrows in the type of the scope's future.
//!
//! Real world: `std::thread::scope` blocks the thread until its threads have ended, which is what
//! makes their borrows sound; a future cannot block, and so cannot do that with tasks. trio's
//! nursery needs neither, as Python has no borrows.

mod crew;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use self::crew::{Crew, Hatch};
use crate::leaf::poll_leaf;
use crate::sync::oneshot;

type SendChild<'env, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'env>>;
type LocalChild<'env, E> = Pin<Box<dyn Future<Output = Result<(), E>> + 'env>>;

/// Runs `body` and the children that it spawns, all within the current task, until all have ended.
///
/// - `body`: gets the [`Scope`] to spawn with, and returns a future. What body and children borrow
///   must live longer than the returned future: spawn with what is outside of `body`, not with its
///   own variables. (An `async |s| { … }` borrows what it names; a closure with an `async move`
///   block takes it, so make a reference first.)
/// - Returns what the body returned.
///
/// The twin of `std::thread::scope`. asyncio and tokio have none.
///
/// # Panics
///
/// If the body or a child panics, with that panic, when all others have been dropped.
///
/// **Cancel-safe:** dropping it drops body and children where they are.
/// **Cost:** three allocations a child. A wake polls the children that were woken and no other.
///
/// ```
/// use rondel::task::scope;
///
/// rondel::run(async {
///     let text = String::from("borrowed by all");
///     let words = scope(async |s| {
///         let first = s.spawn(async { text.split(' ').next() });
///         let last = s.spawn(async { text.split(' ').next_back() });
///         (first.await, last.await)
///     });
///     assert_eq!(words.await, (Some("borrowed"), Some("all")));
/// });
/// ```
pub fn scope<'env, F, Fut, T>(body: F) -> ScopeFuture<SendChild<'env, Infallible>, T>
where
    F: FnOnce(Scope<'env>) -> Fut,
    Fut: Future<Output = T> + Send + 'env,
    T: Send + 'env,
{
    let (crew, hatch) = Crew::new();
    let scope = Scope { hatch };
    let value = scope.spawn(body(scope.clone())).value;
    ScopeFuture { crew, value }
}

/// [`scope`] for children that need not be `Send`; neither is the returned future.
///
/// # Panics
///
/// As [`scope`].
///
/// **Cancel-safe:** dropping it drops body and children where they are. **Cost:** as [`scope`].
///
/// ```
/// use std::cell::Cell;
///
/// rondel::run(async {
///     let count = Cell::new(0);
///     rondel::task::scope_local(async |s| {
///         for _ in 0..3 {
///             s.spawn(async { count.set(count.get() + 1) });
///         }
///     })
///     .await;
///     assert_eq!(count.get(), 3);
/// });
/// ```
pub fn scope_local<'env, F, Fut, T>(body: F) -> ScopeFuture<LocalChild<'env, Infallible>, T>
where
    F: FnOnce(LocalScope<'env>) -> Fut,
    Fut: Future<Output = T> + 'env,
    T: 'env,
{
    let (crew, hatch) = Crew::new();
    let scope = LocalScope { hatch };
    let value = scope.spawn(body(scope.clone())).value;
    ScopeFuture { crew, value }
}

/// A [`scope`] whose body and children return results, and which ends with the first error.
///
/// - Returns `Ok` with the body's value when all have ended well.
///
/// # Errors
///
/// The first error in time; all others have been dropped by then, where they were.
///
/// # Panics
///
/// As [`scope`].
///
/// **Cancel-safe:** dropping it drops body and children where they are. **Cost:** as [`scope`].
///
/// ```
/// use rondel::task::try_scope;
///
/// rondel::run(async {
///     let inputs = ["1", "2", "x"].map(String::from);
///     let parsed = try_scope(async |s| {
///         for input in &inputs {
///             s.spawn(async { input.parse::<u8>() });
///         }
///         Ok(())
///     });
///     assert!(parsed.await.is_err());
/// });
/// ```
pub fn try_scope<'env, F, Fut, T, E>(body: F) -> TryScopeFuture<SendChild<'env, E>, T>
where
    F: FnOnce(TryScope<'env, E>) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'env,
    T: Send + 'env,
    E: Send + 'env,
{
    let (crew, hatch) = Crew::new();
    let scope = TryScope { hatch };
    let value = scope.spawn(body(scope.clone())).value;
    TryScopeFuture { crew, value }
}

/// [`try_scope`] for children that need not be `Send`; neither is the returned future.
///
/// # Errors
///
/// As [`try_scope`].
///
/// # Panics
///
/// As [`scope`].
///
/// **Cancel-safe:** dropping it drops body and children where they are. **Cost:** as [`scope`].
///
/// ```
/// rondel::run(async {
///     let limit = std::rc::Rc::new(7);
///     let checked = rondel::task::try_scope_local(async |s| {
///         s.spawn(async { if *limit > 5 { Err("too much") } else { Ok(()) } });
///         Ok(())
///     });
///     assert_eq!(checked.await, Err("too much"));
/// });
/// ```
pub fn try_scope_local<'env, F, Fut, T, E>(body: F) -> TryScopeFuture<LocalChild<'env, E>, T>
where
    F: FnOnce(TryLocalScope<'env, E>) -> Fut,
    Fut: Future<Output = Result<T, E>> + 'env,
    T: 'env,
    E: 'env,
{
    let (crew, hatch) = Crew::new();
    let scope = TryLocalScope { hatch };
    let value = scope.spawn(body(scope.clone())).value;
    TryScopeFuture { crew, value }
}

// --- the four handles
// -----------------------------------------------------------------------------

/// Spawns children of a [`scope`]. Clones are the same scope, so children may spawn further ones.
pub struct Scope<'env> {
    hatch: Arc<Hatch<SendChild<'env, Infallible>>>,
}

impl<'env> Scope<'env> {
    /// Starts a child; its first poll comes when the task gets its next turn. The handle gives its
    /// output; dropping the handle changes nothing.
    ///
    /// When the scope is over the future is dropped.
    pub fn spawn<F>(&self, future: F) -> ScopedJoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'env,
    {
        let (sender, handle) = ScopedJoinHandle::new();
        self.hatch.hand_in(Box::pin(async move {
            let _ = sender.send(future.await); // nobody may want it
            Ok(())
        }));
        handle
    }
}

/// Spawns children of a [`scope_local`]; see [`Scope`].
pub struct LocalScope<'env> {
    hatch: Arc<Hatch<LocalChild<'env, Infallible>>>,
}

impl<'env> LocalScope<'env> {
    /// Starts a child; see [`Scope::spawn`].
    pub fn spawn<F>(&self, future: F) -> ScopedJoinHandle<F::Output>
    where
        F: Future + 'env,
    {
        let (sender, handle) = ScopedJoinHandle::new();
        self.hatch.hand_in(Box::pin(async move {
            let _ = sender.send(future.await); // nobody may want it
            Ok(())
        }));
        handle
    }
}

/// Spawns children of a [`try_scope`]; see [`Scope`].
pub struct TryScope<'env, E> {
    hatch: Arc<Hatch<SendChild<'env, E>>>,
}

impl<'env, E: Send + 'env> TryScope<'env, E> {
    /// Starts a child, whose error ends the scope. The handle gives its value; see
    /// [`Scope::spawn`].
    pub fn spawn<F, T>(&self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'env,
        T: Send + 'env,
    {
        let (sender, handle) = ScopedJoinHandle::new();
        self.hatch.hand_in(Box::pin(async move {
            let _ = sender.send(future.await?); // nobody may want it
            Ok(())
        }));
        handle
    }
}

/// Spawns children of a [`try_scope_local`]; see [`Scope`].
pub struct TryLocalScope<'env, E> {
    hatch: Arc<Hatch<LocalChild<'env, E>>>,
}

impl<'env, E: 'env> TryLocalScope<'env, E> {
    /// Starts a child, whose error ends the scope. The handle gives its value; see
    /// [`Scope::spawn`].
    pub fn spawn<F, T>(&self, future: F) -> ScopedJoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'env,
        T: 'env,
    {
        let (sender, handle) = ScopedJoinHandle::new();
        self.hatch.hand_in(Box::pin(async move {
            let _ = sender.send(future.await?); // nobody may want it
            Ok(())
        }));
        handle
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Self { hatch: self.hatch.clone() }
    }
}

impl Clone for LocalScope<'_> {
    fn clone(&self) -> Self {
        Self { hatch: self.hatch.clone() }
    }
}

impl<E> Clone for TryScope<'_, E> {
    fn clone(&self) -> Self {
        Self { hatch: self.hatch.clone() }
    }
}

impl<E> Clone for TryLocalScope<'_, E> {
    fn clone(&self) -> Self {
        Self { hatch: self.hatch.clone() }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope")
    }
}

impl fmt::Debug for LocalScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalScope")
    }
}

impl<E> fmt::Debug for TryScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryScope")
    }
}

impl<E> fmt::Debug for TryLocalScope<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryLocalScope")
    }
}

// --- what is awaited
// ------------------------------------------------------------------------------

/// Waits for the output of a child of a scope.
///
/// The twin of `std::thread::ScopedJoinHandle`. There is no error: a child that panics ends the
/// whole scope, and whoever awaits its handle with it.
///
/// **Cancel-safe:** yes, by `&mut handle`. **Cost:** that of a [`oneshot`] channel.
///
/// # Panics
///
/// Awaiting it again after it gave its output panics. So does awaiting it outside the scope, when
/// that was dropped before the child had ended.
pub struct ScopedJoinHandle<T> {
    value: oneshot::Receiver<T>,
}

impl<T> ScopedJoinHandle<T> {
    fn new() -> (oneshot::Sender<T>, Self) {
        let (sender, value) = oneshot::channel();
        (sender, Self { value })
    }

    /// Whether the output is there to be awaited.
    pub fn is_finished(&self) -> bool {
        !self.value.is_empty() || self.value.is_terminated()
    }
}

impl<T> Future for ScopedJoinHandle<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let value = ready!(poll_leaf("ScopedJoinHandle", cx, |cx| self.value.poll_value(cx)));
        Poll::Ready(value.expect("the scope of this child was dropped before the child had ended"))
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("is_finished", &self.is_finished()).finish()
    }
}

/// The future of [`scope`] and [`scope_local`].
#[must_use = "futures do nothing unless polled"]
pub struct ScopeFuture<C, T> {
    crew: Crew<C>,
    value: oneshot::Receiver<T>,
}

impl<C, T> Future for ScopeFuture<C, T>
where
    C: Future<Output = Result<(), Infallible>> + Unpin,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Ok(()) = ready!(self.crew.poll(cx));
        Poll::Ready(self.value.try_recv().expect(BODY))
    }
}

/// The future of [`try_scope`] and [`try_scope_local`].
#[must_use = "futures do nothing unless polled"]
pub struct TryScopeFuture<C, T> {
    crew: Crew<C>,
    value: oneshot::Receiver<T>,
}

impl<C, T, E> Future for TryScopeFuture<C, T>
where
    C: Future<Output = Result<(), E>> + Unpin,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let all_well = ready!(self.crew.poll(cx));
        Poll::Ready(all_well.map(|()| self.value.try_recv().expect(BODY)))
    }
}

/// Why the value of the body is there when all children have ended well.
const BODY: &str = "the body is the first child, and a scope is not polled again when it is over";

// Nothing in them is pinned: the children are in boxes.
impl<C, T> Unpin for ScopeFuture<C, T> {}
impl<C, T> Unpin for TryScopeFuture<C, T> {}

impl<C, T> fmt::Debug for ScopeFuture<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeFuture").finish_non_exhaustive()
    }
}

impl<C, T> fmt::Debug for TryScopeFuture<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryScopeFuture").finish_non_exhaustive()
    }
}
