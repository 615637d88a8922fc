//! Floor 5. `shield`: work that goes on when nobody waits for it any more.
//!
//! In Rust a future lives in whoever waits for it, and dropping the one drops the other. A task
//! does not: it belongs to the loop. So the shield against cancelling is to make the future a task,
//! and to wait for it from outside:
//!
//! ```text
//!   timeout ── shield ── handle ─ ─ ─▶ [task: future]          the drop of `timeout` ends here ─┐
//!      └──────────── dropped together ────────────┘                     and the task runs on ◀──┘
//! ```
//!
//! Rules
//! 1. The task starts with the call, not with the first poll of the shield.
//! 2. A shield never aborts. Who wants that says so, through its handle.
//!
//! Real world: `asyncio.shield` makes a task as well, and has a second future in front of it that
//! takes the cancelling; trio's `CancelScope(shield=True)` defers it instead, so the caller waits.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::{AbortHandle, JoinError, JoinHandle, spawn, spawn_local};

/// Runs `future` as a task at once, and waits for it; dropping the shield leaves the task running.
///
/// The twin of `asyncio.shield`.
///
/// - Resolves to `Ok(output)`, or to a [`JoinError`] if the task panicked or was aborted: by its
///   own handle, or by the end of the runtime.
/// - A task that is left alone runs on; its output is dropped when it ends, and a panic is told on
///   stderr.
///
/// A plain [`JoinHandle`] is shielded already: dropping it detaches the task, and a handle needs no
/// shield. What `shield` adds is the word. It says that this wait may be given up and the work may
/// not; `timeout(limit, spawn(f))` does the same and looks like an oversight. (In Python the
/// difference is real: cancelling whoever awaits a `Task` cancels that task.)
///
/// It protects from being dropped, and from nothing else: the runtime ends its tasks when it ends,
/// shielded or not. What must be finished is awaited before that.
///
/// # Panics
///
/// If called outside a loop; awaiting it again after it gave the output.
///
/// **Cancel-safe:** no: **dropping it loses the output** (not the work); yes by `&mut shield`.
/// **Cost:** that of a [`spawn`](crate::spawn).
///
/// ```
/// use rondel::combine::shield;
/// use rondel::sync::oneshot;
/// use rondel::time::{Duration, sleep, timeout};
///
/// rondel::run(async {
///     let (written, confirmation) = oneshot::channel();
///     let write = async move {
///         sleep(Duration::from_millis(5)).await;
///         written.send("written").unwrap();
///     };
///     assert!(timeout(Duration::from_millis(1), shield(write)).await.is_err());
///     assert_eq!(confirmation.await, Ok("written")); // late, but not lost
/// });
/// ```
#[track_caller]
pub fn shield<F>(future: F) -> Shield<F::Output>
where
    F: IntoFuture<IntoFuture: Send + 'static>,
    F::Output: Send + 'static,
{
    Shield { handle: spawn(future.into_future()) }
}

/// As [`shield`], for a future that must stay on this thread.
///
/// # Panics
///
/// If called outside a loop; awaiting it again after it gave the output.
///
/// **Cancel-safe:** as [`shield`]. **Cost:** that of a [`spawn_local`].
///
/// ```
/// use std::rc::Rc;
///
/// rondel::run(async {
///     let ours = Rc::new(7);
///     assert_eq!(rondel::combine::shield_local(async move { *ours }).await.unwrap(), 7);
/// });
/// ```
#[track_caller]
pub fn shield_local<F>(future: F) -> Shield<F::Output>
where
    F: IntoFuture<IntoFuture: 'static>,
    F::Output: 'static,
{
    Shield { handle: spawn_local(future.into_future()) }
}

/// The future of [`shield`].
#[must_use = "to start work that nobody waits for, `spawn` is the word"]
pub struct Shield<T> {
    handle: JoinHandle<T>,
}

impl<T> Shield<T> {
    /// The handle of the task behind the shield.
    pub fn get_ref(&self) -> &JoinHandle<T> {
        &self.handle
    }

    /// Takes the shield away: the handle, which aborts the task when it is told to.
    ///
    /// ```
    /// rondel::run(async {
    ///     let shield = rondel::combine::shield(std::future::pending::<()>());
    ///     let handle = shield.into_inner();
    ///     handle.abort();
    ///     assert!(handle.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn into_inner(self) -> JoinHandle<T> {
        self.handle
    }
}

impl<T: 'static> Shield<T> {
    /// A handle that can abort the task behind the shield, and that outlives the shield.
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("handle", &self.handle).finish()
    }
}
