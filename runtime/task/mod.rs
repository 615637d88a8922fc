//! Floor 1. Tasks: what `spawn` makes of a future.
//!
//! A task is one heap block with a future in it, a state, and counted references to it. Its life:
//!
//! ```text
//!            spawn                    taken from the queue
//!   future ────────▶ QUEUED ─────────────────────────────────▶ RUNNING ──ready, panic──▶ DONE
//!                      ▲  ▲                                      │  │                     ▲
//!                      │  └───────── woken while running ────────┘  │                     │
//!                      │                                            │ pending             │
//!                      └────────── wake, abort ────── IDLE ◀────────┘     aborted: the future
//!                                                                         is dropped ─────┘
//! ```
//!
//! | from | event | to | done by | what the caller must do next |
//! |---|---|---|---|---|
//! | IDLE | wake | QUEUED | home* | put it into the ready queue |
//! | QUEUED, DONE | wake | same | home* | nothing |
//! | RUNNING | wake | RUNNING + QUEUED | home* | nothing: its runner requeues it |
//! | IDLE | abort | QUEUED + ABORTED | home* | put it into the ready queue |
//! | QUEUED | abort | QUEUED + ABORTED | home* | nothing |
//! | RUNNING | abort | RUNNING + ABORTED | home* | nothing: its runner drops the future |
//! | DONE | abort | same | home* | nothing: too late |
//! | QUEUED | run | RUNNING | the turn | poll the future |
//! | QUEUED + ABORTED | run | RUNNING | the turn | drop the future, then *finish* |
//! | RUNNING | pending | IDLE | the turn | nothing |
//! | RUNNING + QUEUED | pending | QUEUED | the turn | put it at the back of the ready queue |
//! | RUNNING + ABORTED | pending | same | the turn | drop the future, then *finish* |
//! | RUNNING | finish | DONE | the turn | wake the joiner; without JOINED, drop the output |
//! | not DONE | detach | without JOINED | the handle | nothing |
//! | DONE | detach | without JOINED | the handle | drop the output |
//! | any | any*, by a stranger | same | a stranger | leave a note; home takes the row |
//! | any, loop gone | last reference dropped | freed | anybody | free, under the inbox's lock |
//!
//! \* A task that is SHARED, of the stealing flavour, has no home and no strangers: any thread
//! takes the row itself, at once. The turn is that of whichever worker took the task from a queue.
//! Three rows are for such tasks alone:
//!
//! | from | event | to | done by | what the caller must do next |
//! |---|---|---|---|---|
//! | not DONE | join | with JOINER | the handle | nothing: *finish* gives the waker to its caller |
//! | DONE | join | same | the handle | wake itself |
//! | any | last reference dropped | freed | anybody | free |
//!
//! `state.rs` has a method and a test for each row, `tests/task_matrix.rs` each row from outside.
//!
//! **Owner pays plainly, strangers pay atomically**: see `home.rs` for who is who, `inbox.rs` for
//! the notes, `cell.rs` and `stage.rs` for the block, `waker.rs` and `join.rs` for its two faces. A
//! task of a `LocalSet` has the same life, and is made of other parts: `local_work.rs`.

mod abort_on_drop;
pub(crate) mod bells;
mod block_in_place;
pub(crate) mod cell;
mod closure;
pub mod coop;
pub(crate) mod elsewhere;
mod group;
pub(crate) mod home;
pub(crate) mod id;
pub(crate) mod inbox;
pub(crate) mod info;
pub(crate) mod join;
pub mod join_set;
mod local_set;
pub(crate) mod local_work;
mod output;
pub(crate) mod payload;
pub(crate) mod purse;
mod scope;
mod shutdown;
mod spare;
mod spawn;
mod spawn_pinned;
mod stage;
mod state;
pub(crate) mod tally;
mod task_local;
mod task_tracker;
pub(crate) mod waker;
mod yield_now;

pub use abort_on_drop::{AbortOnDrop, AbortOnDropHandle};
pub use block_in_place::block_in_place;
#[doc(hidden)] // where tokio had them first
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use group::{
    BoxError, ChildError, ChildHandle, ErrorGroup, Failure, GroupClosed, Member, Start, StartError,
    Started, TaskGroup, TaskGroupBuilder,
};
pub use id::{Id, id, try_id};
pub use info::TaskInfo;
pub use join::{AbortHandle, JoinError, JoinHandle};
pub use join_set::JoinSet;
pub use local_set::{LocalEnterGuard, LocalSet};
pub use payload::PanicPayload;
pub use scope::{
    LocalScope, Scope, ScopeFuture, ScopedJoinHandle, TryLocalScope, TryScope, TryScopeFuture,
    scope, scope_local, try_scope, try_scope_local,
};
pub use shutdown::{Shutdown, ShutdownOutcome, ShutdownReport, ShutdownTask};
pub use spawn::{Builder, spawn, spawn_blocking, spawn_local};
pub use task_local::{AccessError, LocalKey};
pub use task_tracker::{TaskTracker, TaskTrackerToken, TaskTrackerWaitFuture, TrackedFuture};
pub use yield_now::yield_now;

/// The futures of this module that have a name.
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}
