//! Floor 1. Who a task is, for the world outside: the public face of an [`Origin`].
//!
//! A block has its `Origin` for its own reports. What is handed out must outlive the block, so it
//! is a copy.

use super::id::{Id, Origin};
use std::fmt;
use std::panic::Location;

/// Who a task is: its number, its birthplace, its name. For reports and logs.
///
/// Handles give it ([`JoinHandle::info`](super::JoinHandle::info)), and it lives on when the task
/// is gone. Its `Display` is what Rondel's own reports say: ``task 7 `fetch` (spawned at
/// src/x.rs:3:5)``.
///
/// The twin of `tokio::runtime::TaskMeta`, and of what `repr(asyncio.Task)` tells.
///
/// **Cost:** a copy; a task with a name allocates twice for it.
///
/// ```
/// rondel::run(async {
///     let task = rondel::task::Builder::new().name("fetch").spawn(async {}).unwrap();
///     let info = task.info();
///     assert_eq!((info.id(), info.name()), (task.id(), Some("fetch")));
///     assert!(info.to_string().contains("`fetch` (spawned at "));
/// });
/// ```
#[derive(Clone)]
pub struct TaskInfo(Origin);

impl TaskInfo {
    pub(crate) fn new(origin: Origin) -> Self {
        Self(origin)
    }

    /// Of something that is no task, and still has a name and a birthplace.
    #[track_caller]
    pub(crate) fn here(name: Option<&str>) -> Self {
        Self(Origin::here(name))
    }

    /// The number that no other task of this process ever had.
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// The name it was given, if any.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref().map(|name| &**name)
    }

    /// Where in the program it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.spawned_at
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskInfo");
        debug.field("id", &self.id()).field("name", &self.name());
        debug.field("spawned_at", &format_args!("{}", self.spawned_at())).finish()
    }
}
