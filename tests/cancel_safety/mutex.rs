//! `Mutex`: a lock that was handed over and not picked up is handed on.

use std::sync::Arc;

use rondel::sync::Mutex;
use rondel::testing::cancel;

use super::waiting;

/// A mutex, and its guard in the hands of the others.
fn locked() -> (Arc<Mutex<u32>>, Option<rondel::sync::OwnedMutexGuard<u32>>) {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.clone().try_lock_owned().unwrap();
    (mutex, Some(guard))
}

#[test]
fn lock() {
    let awaits = cancel::at_every_await(
        locked,
        async |mutex| *mutex.lock().await += 1,
        |guard, _| *guard = None,
        |mutex, guard, cut| {
            assert_eq!((mutex.try_lock().is_ok(), cut.wakers_kept), (cut.woken, 0));
            *guard = None;
            assert_eq!(*mutex.try_lock().unwrap(), 0);
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn lock_owned_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let (mutex, guard) = locked();
            (mutex.clone(), (mutex, guard, None))
        },
        async |mutex| *mutex.clone().lock_owned().await += 1,
        |(mutex, guard, behind), _| {
            *behind = Some(waiting(mutex.clone().lock_owned()));
            *guard = None;
        },
        |_, (mutex, guard, behind), cut| {
            assert_eq!(behind.as_ref().is_some_and(|task| task.is_woken()), cut.woken);
            (*behind, *guard) = (None, None);
            assert_eq!(*mutex.try_lock().unwrap(), 0);
        },
    );
    assert_eq!(awaits, 1);
}
