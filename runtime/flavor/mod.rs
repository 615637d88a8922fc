//! Floor 4. Who runs the loop.
//!
//! The local flavour is one thread that runs one loop. The stealing flavour is N of them that rob
//! each other's ready queue, the pinned one N of them that do not; `turn`, tasks, timers and
//! sockets are the same.

pub(crate) mod deputy;
pub(crate) mod local;
mod meeting;
mod owned;
pub(crate) mod pinned;
pub(crate) mod stealing;
