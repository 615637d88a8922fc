//! The test kit's task: a wake from another thread against the one who listens for it.

use std::future::{pending, poll_fn};
use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use crate::model::{block_on, check};
use crate::testing::task::spawn;

/// Goal: show that no wake is lost, whenever it comes, and that it publishes.
/// Method: the flag is relaxed; nothing but the wake orders it.
#[test]
fn a_wake_reaches_the_one_who_listens() {
    check(|| {
        let mut task = spawn(pending::<()>());
        let waker = task.enter(|cx, _| cx.waker().clone());
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        let thread = thread::spawn(move || {
            theirs.store(true, Relaxed);
            waker.wake();
        });
        block_on(poll_fn(|cx| task.poll_woken(cx)));
        assert!(done.load(Relaxed) && task.is_woken());
        thread.join().unwrap();
    });
}
