//! Floor 5. asyncio's loop, without `await`: callbacks, timers with callbacks, futures that are
//! set.
//!
//! Below every `await` there is a loop that calls functions. Python shows it (`loop.call_soon`,
//! `Future.add_done_callback`), and programs that grew up with callbacks use it. This is the same
//! layer on Rondel's loop, to learn from and to move such programs over; new ones take tasks and
//! [`sync`](crate::sync).
//!
//! | asyncio | here |
//! |---|---|
//! | `loop.call_soon(f)`, `call_soon_threadsafe(f)` | [`call_soon`], [`call_soon_threadsafe`] |
//! | `loop.call_later(delay, f)`, `call_at(when, f)` | [`call_later`], [`call_at`] |
//! | `loop.time()` | [`time`] |
//! | `Handle`, `TimerHandle` | [`Handle`], [`TimerHandle`] |
//! | `loop.create_future()`, `Future` | [`Promise`] |
//! | `loop.create_task(coro)`, `Task` | [`create_task`], [`Task`] |
//! | `loop.set_exception_handler(f)` | [`set_exception_handler`] |
//!
//! ```text
//!   call_soon(f) ──────────────────────────▶ ready queue ─▶ f()       in one line with the tasks
//!   call_later(d, f) ─▶ wheel ── fires ────▶ ready queue ─▶ f()
//!   set_result(v) ── each done-callback ───▶ ready queue ─▶ f(&promise)
//! ```
//!
//! Rules
//! 1. A callback is called by the loop, never by whoever schedules it: `call_soon` returns first.
//! 2. Callbacks run in the order in which they were made ready, each once. One that is cancelled
//!    before its turn, even by the one before it, does not run.
//! 3. A callback that panics is reported, once, and takes nobody along.
//!
//! Real world: this is most of `asyncio/base_events.py` and `futures.py`. One thing differs: a turn
//! of CPython's loop runs what was ready at its start; one of ours up to 61 places, also those that
//! were made meanwhile, before it looks at the timers (`turn.rs`).

mod exception;
mod handle;
mod promise;
mod task;

pub use exception::{
    ExceptionContext, clear_exception_handler, default_exception_handler, set_exception_handler,
};
pub use handle::{Handle, TimerHandle, call_at, call_later, call_soon, call_soon_threadsafe, time};
pub use promise::{
    CallbackId, CancelledError, InvalidStateError, Promise, PromiseError, PromiseFuture,
};
pub use task::{Task, create_named_task, create_task};
