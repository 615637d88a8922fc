//! `RwLock`: what was handed over and not picked up is handed on, to readers and to writers.

use std::sync::Arc;

use rondel::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use rondel::testing::cancel;

use super::waiting;

/// A lock, and the guard of a writer in the hands of the others.
fn written() -> (Arc<RwLock<u32>>, Option<OwnedRwLockWriteGuard<u32>>) {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.clone().try_write_owned().unwrap();
    (lock, Some(guard))
}

/// A lock, and the guard of a reader in the hands of the others.
fn read() -> (Arc<RwLock<u32>>, Option<OwnedRwLockReadGuard<u32>>) {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.clone().try_read_owned().unwrap();
    (lock, Some(guard))
}

#[test]
fn read_behind_a_writer() {
    let awaits = cancel::at_every_await(
        written,
        async |lock| assert_eq!(*lock.read().await, 0),
        |guard, _| *guard = None,
        |lock, guard, cut| {
            assert_eq!((lock.try_write().is_ok(), cut.wakers_kept), (cut.woken, 0));
            *guard = None;
            assert!(lock.try_write().is_ok());
        },
    );
    assert_eq!(awaits, 1);
}

/// A writer that goes away, at whatever moment, lets the readers behind it in.
#[test]
fn write_with_readers_behind() {
    let awaits = cancel::at_every_await(
        || {
            let (lock, guard) = read();
            (lock.clone(), (lock, guard, Vec::new()))
        },
        async |lock| *lock.write().await += 1,
        |(lock, guard, behind), _| {
            behind.extend((0..2).map(|_| waiting(lock.clone().read_owned())));
            *guard = None;
        },
        |_, (lock, guard, behind), cut| {
            assert!(behind.iter().all(|task| task.is_woken()));
            assert_eq!(cut.wakers_kept, 0);
            assert!(guard.is_none() || lock.try_read().is_ok(), "nobody waits in front");
            (*guard, *behind) = (None, Vec::new());
            assert_eq!(*lock.try_write().unwrap(), 0);
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn owned_guards_one_after_the_other() {
    let awaits = cancel::at_every_await(
        || {
            let (lock, guard) = read();
            (lock.clone(), (lock, guard, None))
        },
        async |lock| {
            drop(lock.clone().write_owned().await);
            drop(lock.clone().read_owned().await);
        },
        |(lock, reader, writer), nth| {
            if nth == 1 {
                let mut next = waiting(lock.clone().write_owned());
                *reader = None;
                rondel::assert_pending!(next.poll());
                *writer = Some(next);
            } else {
                *writer = None;
            }
        },
        |_, (lock, reader, writer), cut| {
            assert_eq!(cut.wakers_kept, 0);
            (*reader, *writer) = (None, None);
            assert!(lock.try_write().is_ok());
            assert_eq!(Arc::strong_count(lock), 2, "the future kept none");
        },
    );
    assert_eq!(awaits, 2);
}
