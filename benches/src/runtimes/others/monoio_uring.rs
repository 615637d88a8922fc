//! monoio on io_uring; all else as on epoll.

#[path = "../../bodies/channels.rs"]
mod channels;
#[path = "../../bodies/combine.rs"]
mod combine;
#[path = "../../bodies/memory.rs"]
mod memory;
// Here the bodies stay on one thread; elsewhere they do not.
#[allow(clippy::arc_with_non_send_sync)]
#[path = "../../bodies/semaphore.rs"]
mod semaphore;
#[path = "../../bodies/tasks.rs"]
mod tasks;
#[path = "../../bodies/time.rs"]
mod time;

use crate::Meter;

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let questions =
        [channels::run, combine::run, memory::run, semaphore::run, tasks::run, time::run];
    questions.iter().any(|run| run(row, meter))
}

/// Why it cannot run here, if so.
pub(super) fn why_not_here() -> Option<String> {
    let refused = "this kernel refuses io_uring; see /proc/sys/kernel/io_uring_disabled";
    (!::monoio::utils::detect_uring()).then(|| refused.to_string())
}

mod rt {
    use ::monoio::{IoUringDriver, RuntimeBuilder};

    pub(super) use super::super::monoio::rt::*;

    pub(super) fn run<F: Future>(future: F) -> F::Output {
        let builder = RuntimeBuilder::<IoUringDriver>::new().enable_timer();
        builder.build().expect("a monoio runtime").block_on(future)
    }
}
