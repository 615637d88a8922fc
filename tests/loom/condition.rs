//! Conditions: notifications against waits that begin, end and give up meanwhile.

use std::pin::pin;

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_once};
use crate::sync::condition::Condition;
use crate::sync::mutex::Mutex;

type Shared = Arc<(Mutex<usize>, Condition)>;

fn shared() -> Shared {
    Arc::new((Mutex::new(0), Condition::new()))
}

/// Takes one, and waits until there is one.
fn take(shared: &Shared) {
    block_on(async {
        let count = shared.0.lock().await;
        *shared.1.wait_for(count, |count| *count > 0).await -= 1;
    });
}

/// Goal: show that no notification is lost between the unlock and the sleep.
/// Method: one waits for a number that the other one writes under the lock; it notifies after it.
#[test]
fn a_notification_reaches_who_begins_to_wait_meanwhile() {
    check(|| {
        let shared = shared();
        let giver = {
            let shared = shared.clone();
            thread::spawn(move || {
                *block_on(shared.0.lock()) += 1;
                shared.1.notify_one();
            })
        };
        take(&shared);
        giver.join().unwrap();
        assert_eq!(*shared.0.try_lock().unwrap(), 0, "the lock is free again");
    });
}

/// Goal: show that a waiter which is cancelled as it is notified hands the notification on.
/// Method: two wait; one notification comes; the first one is dropped at the same time. It is
/// dropped before the lock is its own, so the second one must go on.
#[test]
fn a_cancelled_waiter_hands_the_notification_on() {
    check(|| {
        let shared = shared();
        let mut quitter = Box::pin({
            let shared = shared.clone();
            async move {
                let count = shared.0.lock().await;
                let _count = shared.1.wait(count).await;
                unreachable!("it is polled once only");
            }
        });
        assert!(poll_once(quitter.as_mut()).is_pending());
        let quitting = thread::spawn(move || drop(quitter));
        let giver = {
            let shared = shared.clone();
            thread::spawn(move || {
                *block_on(shared.0.lock()) += 1;
                shared.1.notify_one();
            })
        };
        take(&shared);
        quitting.join().unwrap();
        giver.join().unwrap();
    });
}

/// Goal: show the same for a waiter that has looked, and is cancelled as it waits for the lock.
/// Method: both are notified in turn; the first is polled and dropped by its thread while another
/// one unlocks.
#[test]
fn a_waiter_cancelled_before_it_has_the_lock_hands_on() {
    check(|| {
        let shared = shared();
        let mut quitter = Box::pin({
            let shared = shared.clone();
            async move {
                let count = shared.0.lock().await;
                let _count = shared.1.wait(count).await;
            }
        });
        assert!(poll_once(quitter.as_mut()).is_pending());
        let mut second = pin!(async {
            let count = shared.0.lock().await;
            *shared.1.wait_for(count, |count| *count > 0).await -= 1;
        });
        assert!(poll_once(second.as_mut()).is_pending());
        let mut count = shared.0.try_lock().unwrap();
        *count += 1;
        shared.1.notify_one();
        let quitting = thread::spawn(move || poll_once(quitter.as_mut()).is_ready());
        drop(count);
        if quitting.join().unwrap() {
            shared.1.notify_one(); // it went all the way: the notification was used up
        }
        block_on(second);
        assert_eq!(*shared.0.try_lock().unwrap(), 0);
    });
}
