//! Floor 5. Waiting with a whole thread, for code that is not async.
//!
//! `blocking_send`, `blocking_recv` and their kin poll their future on the caller's own thread.
//! Inside a running loop that would stop the loop, and with it whoever should do the waking, so it
//! is refused there.

use crate::{current, park};
use std::future::Future;

/// Polls `future` on this thread until it is ready. `what` names the caller's function.
///
/// Panics inside a running loop.
#[track_caller]
pub(crate) fn wait<F: Future>(what: &str, future: F) -> F::Output {
    current::forbid_blocking(what);
    park::block_on(future)
}
