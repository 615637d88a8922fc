//! `Condition`: dropped at the notification or at the lock, the notification goes to the next one,
//! and the lock is free.

use std::pin::Pin;
use std::sync::Arc;

use rondel::sync::{Condition, Mutex};
use rondel::testing::cancel;
use rondel::testing::task::Spawn;

use super::{now, waiting};

type Shared = Arc<(Arc<Mutex<u32>>, Condition)>;
type Waiter = Spawn<Pin<Box<dyn Future<Output = ()>>>>;

fn shared() -> Shared {
    Arc::new((Arc::default(), Condition::new()))
}

async fn wait(shared: &Shared) {
    drop(shared.1.wait(shared.0.lock().await).await);
}

/// One that waits behind it.
fn behind(shared: &Shared) -> Waiter {
    let shared = shared.clone();
    waiting(Box::pin(async move { wait(&shared).await }))
}

/// Two awaits: the notification comes while the others hold the lock, which is given up after that.
#[test]
fn wait_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let shared = shared();
            (shared.clone(), (shared, None, None))
        },
        async |shared| wait(shared).await,
        |(shared, second, lock), nth| {
            if nth == 1 {
                *second = Some(behind(shared));
                *lock = Some(shared.0.clone().try_lock_owned().unwrap());
                shared.1.notify_one();
            } else {
                *lock = None;
            }
        },
        |_, (shared, second, lock), cut| {
            assert_eq!(cut.wakers_kept, 0);
            drop(lock.take());
            assert!(shared.0.try_lock().is_ok(), "it holds no lock");
            assert_eq!(second.is_some(), cut.given > 0);
            if let Some(mut second) = second.take() {
                assert!(second.is_woken(), "the notification was handed on");
                rondel::assert_ready!(second.poll());
            }
            assert!(shared.0.try_lock().is_ok());
        },
    );
    assert_eq!(awaits, 2);
}

/// Notified with all others, it has nothing to hand on to those who come later.
#[test]
fn wait_for_a_call_to_all() {
    let awaits = cancel::at_every_await(
        || {
            let shared = shared();
            (shared.clone(), (shared, None))
        },
        async |shared| wait(shared).await,
        |(shared, late), _| {
            shared.1.notify_all();
            *late = Some(behind(shared));
        },
        |_, (shared, late), cut| {
            assert_eq!(late.is_some(), cut.woken);
            assert!(late.take().is_none_or(|late| !late.is_woken()));
            drop(now(shared.0.lock()));
        },
    );
    assert_eq!(awaits, 1);
}

/// Each notification is an await: what was looked at stays as it was.
#[test]
fn wait_for() {
    let awaits = cancel::at_every_await(
        || {
            let shared = shared();
            (shared.clone(), shared)
        },
        async |shared| {
            let number = shared.0.lock().await;
            *shared.1.wait_for(number, |number| *number == 3).await = 0;
        },
        |shared, _| {
            *now(shared.0.lock()) += 1;
            shared.1.notify_one();
        },
        |_, shared, cut| assert_eq!(*now(shared.0.lock()) as usize, cut.given),
    );
    assert_eq!(awaits, 3);
}

/// With a guard of its own: the mutex is unlocked, and let go of.
#[test]
fn wait_while_with_an_owned_guard() {
    let awaits = cancel::at_every_await(
        || {
            let shared = shared();
            (shared.clone(), shared)
        },
        async |shared| {
            let number = shared.0.clone().lock_owned().await;
            *shared.1.wait_while(number, |number| *number < 2).await = 0;
        },
        |shared, _| {
            *now(shared.0.lock()) += 1;
            shared.1.notify_all();
        },
        |_, shared, cut| {
            assert_eq!(*now(shared.0.lock()) as usize, cut.given);
            assert_eq!((Arc::strong_count(&shared.0), cut.wakers_kept), (1, 0));
        },
    );
    assert_eq!(awaits, 2);
}
