//! Floor 5. Structured concurrency: tasks that end before the block that started them.
//!
//! A task that outlives the function that spawned it is like a `goto`: nobody knows who waits for
//! it, who hears of its error, who stops it. A [`TaskGroup`] is a block for tasks:
//!
//! ```text
//!   TaskGroup::run(async |group| {          body ──────────────▶ its value
//!       group.spawn(a);                       ├── a ────▶          │
//!       group.spawn(b);                       ├── b ─────────────▶ │   all have ended:
//!       …                                     │                    ▼
//!   }).await  ◀────────────────────────────── Ok(value) or Err(all failures)
//! ```
//!
//! | event                              | what the group does                                     |
//! |------------------------------------|---------------------------------------------------------|
//! | a child or the body fails          | cancels the others, waits, returns all failures         |
//! | `cancel(reason)`, or a token above | the same, without a failure                             |
//! | a child ends well, or was aborted  | nothing                                                 |
//! | the future of `run` is dropped     | aborts the children; a drop cannot wait                 |
//!
//! To cancel means: the token is cancelled, so that whoever looks at it can clean up; after the
//! grace, if there is one, the body is dropped and the children are aborted. Nobody can refuse: a
//! future that is dropped has no say, unlike a coroutine that catches `CancelledError` and goes on.
//!
//! | file               | its job                                                                 |
//! |--------------------|-------------------------------------------------------------------------|
//! | `roster.rs`        | who is in, how to abort them all, when the last is gone                 |
//! | `watched.rs`       | a future whose end is heard of, whatever the end is                     |
//! | `task_group.rs`    | the group: a roster, a token, and a list of failures                    |
//! | `builder.rs`       | how a group is made, and how it runs                                    |
//! | `child.rs`         | the handle of a child                                                   |
//! | `start.rs`         | starting a child and waiting until it is ready                          |
//! | `handshake.rs`     | what passes between the two                                             |
//! | `error_group.rs`   | all failures as one error                                               |
//!
//! Source: Nathaniel J. Smith, "Notes on structured concurrency, or: Go statement considered
//! harmful", 2018.

mod builder;
mod child;
mod error_group;
mod handshake;
pub(crate) mod roster;
mod start;
mod task_group;
pub(crate) mod watched;

pub use builder::TaskGroupBuilder;
pub use child::{ChildError, ChildHandle, GroupClosed};
pub use error_group::{BoxError, ErrorGroup, Failure, Member};
pub use handshake::{Start, StartError, Started};
pub use task_group::TaskGroup;
