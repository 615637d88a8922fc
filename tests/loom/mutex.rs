//! The mutex: the value behind the permit is touched by one thread at a time (loom checks the
//! cell).

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::mutex::Mutex;

/// Goal: show that no update under the lock is lost, also when a wait is cancelled meanwhile.
/// Method: two threads add one; one of them first cancels a wait.
#[test]
fn no_update_under_the_lock_is_lost() {
    check(|| {
        let count = Arc::new(Mutex::new(0));
        let other = {
            let count = count.clone();
            thread::spawn(move || {
                drop(poll_and_cancel(count.lock()));
                *block_on(count.clone().lock_owned()) += 1;
            })
        };
        *block_on(count.lock()) += 1;
        other.join().unwrap();
        assert_eq!(*count.try_lock().unwrap(), 2);
    });
}
