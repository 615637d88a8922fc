//! `Mutex`: exclusive across an await, fair, `Send` where it must be.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use rondel::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

use super::executor::{Probe, block_on};

/// Goal: show that the lock is exclusive and comes back when the guard is dropped.
/// Method: lock, try again, drop, try again.
#[test]
fn one_guard_at_a_time() {
    let mutex = Mutex::new(1);
    let mut guard = block_on(mutex.lock());
    *guard += 1;
    assert_eq!(mutex.try_lock().unwrap_err().to_string(), "operation would block");
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    drop(guard);
    assert_eq!(*mutex.try_lock().unwrap(), 2);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 2 }");
}

/// Goal: show that waiters get the lock in order, and that nobody barges in between.
/// Method: two waiters; after the unlock the lock is the first one's before it was polled.
#[test]
fn the_lock_goes_to_the_one_who_waits_longest() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let mut first = Probe::waiting(mutex.lock());
    let mut second = Probe::waiting(mutex.lock());
    drop(guard);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(mutex.try_lock().is_err());
    drop(first.ready());
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(mutex.try_lock().is_ok());
}

/// Goal: show that who unlocks and locks again at once goes behind those who wait, so that two who
/// never let go for long take turns.
/// Method: the holder comes back before the one who waits has run.
#[test]
fn who_unlocks_and_locks_again_goes_behind() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let mut other = Probe::waiting(mutex.lock());
    drop(guard);
    let mut again = Probe::waiting(mutex.lock());
    for _ in 0..3 {
        drop(other.ready());
        other = Probe::waiting(mutex.lock());
        drop(again.ready());
        again = Probe::waiting(mutex.lock());
    }
}

/// Goal: show that a waiter which is not served yet takes nothing with it, whether it goes before or
/// after the unlocking.
/// Method: three wait; the second goes while the mutex is locked, or while the first is served.
#[test]
fn a_cancelled_waiter_in_the_middle_is_passed_over() {
    for unlocked in [false, true] {
        let mutex = Mutex::new(0);
        let mut guard = Some(mutex.try_lock().unwrap());
        let mut first = Probe::waiting(mutex.lock());
        let second = Probe::waiting(mutex.lock());
        let mut third = Probe::waiting(mutex.lock());
        if unlocked {
            guard = None;
        }
        drop(second);
        drop(guard);
        assert_eq!((first.wakes(), third.wakes()), (1, 0));
        drop(first.ready());
        drop(third.ready());
    }
}

/// Goal: show that a cancelled waiter which had the lock already passes it on.
/// Method: unlock to the first waiter, drop it unpolled.
#[test]
fn a_cancelled_waiter_passes_the_lock_on() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let first = Probe::waiting(mutex.lock());
    let mut second = Probe::waiting(mutex.lock());
    drop(guard);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
}

/// Goal: show that an owned guard leaves its scope and still unlocks, also for an unsized value.
/// Method: lock an `Arc<Mutex<dyn Display>>`, move the guard to a thread, drop it there.
#[test]
fn an_owned_guard_may_leave_its_scope() {
    let mutex: Arc<Mutex<dyn Display + Send>> = Arc::new(Mutex::new(7));
    let guard = block_on(mutex.clone().lock_owned());
    assert!(mutex.clone().try_lock_owned().is_err());
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert_eq!(thread::spawn(move || guard.to_string()).join().unwrap(), "7");
    let guard = mutex.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*mutex));
}

/// Goal: show that a panic under the lock unlocks, without poisoning.
/// Method: a thread panics with the guard in its hands.
#[test]
fn a_panic_under_the_lock_unlocks_it() {
    let mutex = Arc::new(Mutex::new(1));
    let other = mutex.clone();
    let thread = thread::spawn(move || {
        let _guard = other.blocking_lock();
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    assert_eq!(*mutex.blocking_lock(), 1);
}

/// Goal: show that the owner of the whole mutex needs no lock, and that the value is dropped once.
/// Method: `get_mut`, `into_inner`, counting owners of an `Arc`.
#[test]
fn the_owner_reaches_the_value_without_locking() {
    let value = Arc::new(());
    let mut mutex = Mutex::from(Some(value.clone()));
    assert!(mutex.get_mut().is_some());
    drop(mutex);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(Arc::strong_count(&Mutex::new(value).into_inner()), 1);
    assert_eq!(Mutex::<i32>::default().into_inner(), 0);
}

/// Goal: show what the compiler must accept and refuse as `Send` and `Sync`.
/// Method: ask it; a value that is `Send` alone makes the mutex `Sync`.
#[test]
fn a_send_value_makes_a_sync_mutex() {
    fn send<T: Send>(_: &T) {}
    fn sync<T: Sync>(_: &T) {}
    let mutex = Mutex::new(std::cell::Cell::new(1));
    sync(&mutex);
    send(&mutex.lock());
    send(&mutex.try_lock().unwrap());
    sync(&Mutex::new(1).try_lock().unwrap());
}

/// Goal: show that no update is lost between threads, with cancelled waits in between.
/// Method: 4 threads x 2,000 plain increments under the lock.
#[test]
fn threads_lose_no_update() {
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mutex = mutex.clone();
            thread::spawn(move || {
                for _ in 0..2_000 {
                    drop(Probe::new(mutex.lock()).poll());
                    let mut count = block_on(mutex.lock());
                    *count += 1;
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(block_on(mutex.lock_owned()).to_string(), "8000");
}

/// Goal: show that a guard can be traded for one of a part, and keeps the lock.
/// Method: map twice, write, and count who is kept out; borrowed and owned.
#[test]
fn a_mapped_guard_leads_to_a_part_and_keeps_the_lock() {
    let mutex = Arc::new(Mutex::new((1, [2, 3])));
    let guard = MutexGuard::map(mutex.try_lock().unwrap(), |value| &mut value.1);
    let mut guard = MappedMutexGuard::map(guard, |array| &mut array[0]);
    *guard += 10;
    assert_eq!((format!("{guard} {guard:?}"), *guard), ("12 12".into(), 12));
    assert!(mutex.try_lock().is_err());
    let mut waiter = Probe::waiting(mutex.lock());
    drop(guard);
    assert_eq!(waiter.ready().1, [12, 3]);

    let guard = mutex.clone().try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::map(guard, |value| &mut value.1);
    let mut guard: OwnedMappedMutexGuard<(i32, [i32; 2]), i32> =
        OwnedMappedMutexGuard::map(guard, |array| &mut array[1]);
    *guard += 10;
    assert!(mutex.try_lock().is_err());
    thread::spawn(move || assert_eq!(*guard, 13)).join().unwrap();
    assert_eq!(*mutex.try_lock().unwrap(), (1, [12, 13]));
}

/// Goal: show that a part which is not there costs nothing: the guard comes back as it was.
/// Method: `try_map` to nothing and to something, for each guard.
#[test]
fn a_part_that_is_not_there_gives_the_guard_back() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let guard = mutex.try_lock().unwrap();
    let mut guard = MutexGuard::try_map(guard, |list| list.get_mut(1)).unwrap_err();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*mutex));
    guard.push(2);
    let guard = MutexGuard::try_map(guard, |list| Some(&mut list[..])).unwrap();
    let guard = MappedMutexGuard::try_map(guard, |list| list.get_mut(2)).unwrap_err();
    *MappedMutexGuard::try_map(guard, |list| list.get_mut(1)).unwrap() += 1;

    let guard = mutex.clone().try_lock_owned().unwrap();
    let guard = OwnedMutexGuard::try_map(guard, |list| list.get_mut(2)).unwrap_err();
    let guard = OwnedMutexGuard::try_map(guard, |list| Some(&mut list[..])).unwrap();
    let guard = OwnedMappedMutexGuard::try_map(guard, |list| list.get_mut(2)).unwrap_err();
    *OwnedMappedMutexGuard::try_map(guard, |list| list.get_mut(1)).unwrap() += 1;
    assert_eq!(*mutex.try_lock().unwrap(), [1, 4]);
}

/// Goal: show that a panic while a part is looked for loses no lock.
/// Method: panic in the closure of each of the functions that take one, and look at the mutex.
#[test]
fn a_panic_while_a_part_is_looked_for_unlocks() {
    let mutex = Arc::new(Mutex::new(1));
    let lock = || mutex.try_lock().unwrap();
    let lock_owned = || mutex.clone().try_lock_owned().unwrap();
    let mapped = || MutexGuard::map(lock(), |value| value);
    let mapped_owned = || OwnedMutexGuard::map(lock_owned(), |value| value);
    fn touch(_: &mut i32) -> &mut i32 {
        panic!("on purpose")
    }
    let ways: [&dyn Fn(); 8] = [
        &|| drop(MutexGuard::map(lock(), touch)),
        &|| drop(MutexGuard::try_map(lock(), |value| Some(touch(value)))),
        &|| drop(MappedMutexGuard::map(mapped(), touch)),
        &|| drop(MappedMutexGuard::try_map(mapped(), |value| Some(touch(value)))),
        &|| drop(OwnedMutexGuard::map(lock_owned(), touch)),
        &|| drop(OwnedMutexGuard::try_map(lock_owned(), |value| Some(touch(value)))),
        &|| drop(OwnedMappedMutexGuard::map(mapped_owned(), touch)),
        &|| drop(OwnedMappedMutexGuard::try_map(mapped_owned(), |value| Some(touch(value)))),
    ];
    for (number, way) in ways.iter().enumerate() {
        assert!(catch_unwind(AssertUnwindSafe(way)).is_err());
        assert!(mutex.try_lock().is_ok(), "way {number}");
    }
    assert_eq!(Arc::strong_count(&mutex), 1, "owned guards gave their share back");
}

/// Goal: show that the part alone decides whether a mapped guard may cross threads.
/// Method: a mutex that must stay lends a part of its value to a thread, which unlocks it.
#[test]
fn a_part_may_cross_where_the_whole_may_not() {
    let mutex = Mutex::new((Rc::new(()), 7));
    let mut part = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.1);
    thread::scope(|scope| {
        scope.spawn(move || *part += 1);
    });
    assert_eq!(mutex.try_lock().unwrap().1, 8);
}

/// Goal: show that an owned guard of a part outlives the last other owner of its mutex, and that
/// the value is dropped once.
/// Method: a value that counts its owners.
#[test]
fn an_owned_guard_of_a_part_keeps_the_mutex_alive() {
    let value = Arc::new(5);
    let mutex = Arc::new(Mutex::new((value.clone(), 7)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let part = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    drop(mutex);
    assert_eq!((*part, Arc::strong_count(&value)), (7, 2));
    drop(part);
    assert_eq!(Arc::strong_count(&value), 1);
}
