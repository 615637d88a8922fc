//! `RwLock`: many readers or one writer, fair to both, also when it is cancelled, downgraded,
//! mapped or panicked under.

use std::cell::Cell;
use std::fmt::Display;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;

use rondel::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

use super::executor::{Probe, block_on};

/// Whether nobody holds the lock and nobody waits.
fn is_free<T: ?Sized>(lock: &RwLock<T>) -> bool {
    lock.try_write().is_ok()
}

/// Runs `body`, which must panic.
fn must_panic<R>(body: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err(), "this was expected to panic");
}

// --- who comes in when ---------------------------------------------------------------------------

/// Goal: show who keeps out whom.
/// Method: readers beside readers, a writer beside nobody; then the other way round.
#[test]
fn many_may_read_or_one_may_write() {
    let lock = RwLock::new(1);
    let readers = [block_on(lock.read()), lock.try_read().unwrap()];
    assert_eq!(readers.iter().map(|guard| **guard).sum::<i32>(), 2);
    assert_eq!(lock.try_write().unwrap_err().to_string(), "operation would block");
    drop(readers);
    let mut writer = block_on(lock.write());
    *writer += 1;
    assert_eq!(lock.try_read().unwrap_err().to_string(), "operation would block");
    assert!(lock.try_write().is_err());
    drop(writer);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

/// Goal: show that readers who keep coming do not starve a writer.
/// Method: one reads, a writer waits; nobody may read from then on, until the writer was there.
#[test]
fn a_writer_that_waits_is_not_overtaken_by_readers() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let mut writer = Probe::waiting(lock.write());
    assert!(lock.try_read().is_err(), "a newcomer does not overtake");
    let mut late = Probe::waiting(lock.read());
    drop(reader);
    assert_eq!((writer.wakes(), late.wakes()), (1, 0));
    drop(writer.ready());
    assert_eq!(late.wakes(), 1);
    drop(late.ready());
    assert!(is_free(&lock));
}

/// Goal: show that writers who keep coming do not starve a reader.
/// Method: one writes, a reader waits, another writer waits behind it.
#[test]
fn a_reader_that_waits_is_not_overtaken_by_writers() {
    let lock = RwLock::new(());
    let first = lock.try_write().unwrap();
    let mut reader = Probe::waiting(lock.read());
    let mut second = Probe::waiting(lock.write());
    drop(first);
    assert_eq!((reader.wakes(), second.wakes()), (1, 0));
    drop(reader.ready());
    drop(second.ready());
    assert!(is_free(&lock));
}

/// Goal: show the order of the whole line, and that neighbours who read are let in together.
/// Method: queue up as writer, reader, reader, writer, reader; note who is woken by each unlock.
#[test]
fn the_line_is_served_in_order_and_neighbouring_readers_together() {
    let lock = RwLock::new(());
    let holder = lock.try_write().unwrap();
    let mut writer = Probe::waiting(lock.write());
    let mut readers = [Probe::waiting(lock.read()), Probe::waiting(lock.read())];
    let mut last_writer = Probe::waiting(lock.write());
    let mut last_reader = Probe::waiting(lock.read());
    drop(holder);
    let guard = writer.ready();
    assert!(readers.iter_mut().all(|reader| reader.poll().is_pending()));
    drop(guard);
    assert!(readers.iter().all(|reader| reader.wakes() == 1));
    let [first, second] = readers.each_mut().map(|reader| reader.ready());
    drop(first);
    assert!(last_writer.poll().is_pending(), "one still reads");
    drop(second);
    let guard = last_writer.ready();
    assert!(last_reader.poll().is_pending());
    drop(guard);
    drop(last_reader.ready());
    assert!(is_free(&lock));
}

/// Goal: show that the number of readers at once can be limited.
/// Method: room for 2; the third waits; a writer still needs to be alone.
#[test]
fn no_more_readers_than_the_lock_was_made_for() {
    let lock = RwLock::with_max_readers((), 2);
    let first = lock.try_read().unwrap();
    let second = lock.try_read().unwrap();
    assert!(lock.try_read().is_err());
    let mut third = Probe::waiting(lock.read());
    drop(first);
    let third = third.ready();
    assert!(lock.try_write().is_err());
    drop((second, third));
    assert!(is_free(&lock));
}

/// Goal: show that a lock for one reader is sound: the writer has one permit, too.
/// Method: read, write, downgrade; each keeps everybody else out.
#[test]
fn a_lock_for_one_reader_is_a_mutex() {
    let lock = RwLock::with_max_readers(0, 1);
    let reader = lock.try_read().unwrap();
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(reader);
    let reader = lock.try_write().unwrap().downgrade();
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(reader);
    assert!(is_free(&lock));
}

/// Goal: show that impossible numbers of readers are refused.
/// Method: none, and one more than tokio's maximum, which is allowed.
#[test]
fn impossible_numbers_of_readers_are_refused() {
    let text = |readers: u32| {
        let made = catch_unwind(|| drop(RwLock::with_max_readers((), readers)));
        made.err().map(|panic| panic.downcast_ref::<&str>().unwrap().to_string())
    };
    assert_eq!(text(u32::MAX >> 3), None);
    assert_eq!(text(0).unwrap(), "a RwLock may not be created with 0 readers");
    let too_many = text((u32::MAX >> 3) + 1).unwrap();
    assert_eq!(too_many, "a RwLock may not be created with more than 536870911 readers");
}

/// Goal: show that a reader cannot become a writer, even if it reads alone: two that tried would
/// wait for each other.
/// Method: try it beside the guard, and wait for it; it comes when the guard is gone.
#[test]
fn a_reader_does_not_become_a_writer() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    assert!(lock.try_write().is_err());
    let mut writer = Probe::waiting(lock.write());
    assert!(writer.poll().is_pending());
    drop(reader);
    drop(writer.ready());
}

// --- cancellation --------------------------------------------------------------------------------

/// Goal: show that a writer which gives up lets those behind it go on with the readers before it.
/// Method: one reads, a writer waits, two readers wait behind it; drop the writer.
#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let writer = Probe::waiting(lock.write());
    let mut late = [Probe::waiting(lock.read()), Probe::waiting(lock.read())];
    drop(writer);
    assert!(late.iter().all(|reader| reader.wakes() == 1));
    drop(late.each_mut().map(|reader| reader.ready()));
    assert!(lock.try_write().is_err());
    drop(reader);
    assert!(is_free(&lock));
}

/// Goal: show that the lock of a writer which was served and is dropped before it looked goes on.
/// Method: serve the first of two writers, drop it unpolled; then the same with a reader behind.
#[test]
fn a_served_writer_that_is_dropped_hands_the_lock_on() {
    let lock = RwLock::new(());
    let holder = lock.try_write().unwrap();
    let first = Probe::waiting(lock.write());
    let second = Probe::waiting(lock.write());
    let mut reader = Probe::waiting(lock.read());
    drop(holder);
    assert_eq!((first.wakes(), second.wakes(), reader.wakes()), (1, 0, 0));
    drop(first);
    assert_eq!((second.wakes(), reader.wakes()), (1, 0));
    drop(second);
    assert_eq!(reader.wakes(), 1);
    drop(reader.ready());
    assert!(is_free(&lock));
}

/// Goal: show that a reader which was served and is dropped before it looked gives its permit on.
/// Method: serve two readers before a writer; drop one unpolled, then end the other.
#[test]
fn a_served_reader_that_is_dropped_hands_its_share_on() {
    let lock = RwLock::new(());
    let holder = lock.try_write().unwrap();
    let quitter = Probe::waiting(lock.read());
    let mut reader = Probe::waiting(lock.read());
    let mut writer = Probe::waiting(lock.write());
    drop(holder);
    drop(quitter);
    assert_eq!(writer.wakes(), 0, "the other one reads");
    drop(reader.ready());
    assert_eq!(writer.wakes(), 1);
    drop(writer.ready());
    assert!(is_free(&lock));
}

/// Goal: show that a future which was never polled holds nobody up.
/// Method: make one of each kind and leave it; everything is still free.
#[test]
fn a_future_that_is_not_polled_is_not_in_line() {
    let lock = Arc::new(RwLock::new(()));
    let futures = (lock.read(), lock.write(), lock.clone().write_owned());
    assert!(is_free(&lock));
    drop(futures);
    assert!(is_free(&lock));
}

// --- downgrade -----------------------------------------------------------------------------------

/// Goal: show that a downgrade lets in the readers in front, and nobody past a writer.
/// Method: reader, writer, reader wait for a writer that downgrades.
#[test]
fn a_downgrade_lets_readers_in_and_writers_not() {
    let lock = RwLock::new(1);
    let mut holder = lock.try_write().unwrap();
    let mut front = Probe::waiting(lock.read());
    let mut writer = Probe::waiting(lock.write());
    let late = Probe::waiting(lock.read());
    *holder += 1;
    let holder = holder.downgrade();
    assert_eq!((front.wakes(), writer.wakes(), late.wakes()), (1, 0, 0));
    let front = front.ready();
    assert_eq!((*holder, *front), (2, 2));
    drop(holder);
    assert_eq!(writer.wakes(), 0);
    drop(front);
    assert_eq!((writer.wakes(), late.wakes()), (1, 0));
    *writer.ready() += 1;
    assert_eq!(late.wakes(), 1);
}

/// Goal: show that nobody can write between the write and the read of one who downgrades.
/// Method: a writer waits in front; it gets in only after the reader that the holder became.
#[test]
fn a_downgrade_leaves_no_gap_for_a_writer() {
    let lock = Arc::new(RwLock::new(1));
    let holder = lock.clone().try_write_owned().unwrap();
    let mut writer = Probe::waiting(lock.write());
    let holder = holder.downgrade();
    assert_eq!(writer.wakes(), 0);
    assert!(lock.try_read().is_err(), "the writer is in line before newcomers");
    drop(holder);
    drop(writer.ready());
    assert!(is_free(&lock));
}

// --- guards --------------------------------------------------------------------------------------

/// Goal: show that a guard can be traded for one of a part, and keeps the lock.
/// Method: map each kind twice; look, write, and count who is kept out.
#[test]
fn a_mapped_guard_leads_to_a_part_and_keeps_the_lock() {
    let lock = RwLock::new((1, [2, 3]));
    let reader = RwLockReadGuard::map(lock.try_read().unwrap(), |value| &value.1);
    let reader = RwLockReadGuard::map(reader, |array| &array[1]);
    assert_eq!(*reader, 3);
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    drop(reader);

    let writer = RwLockWriteGuard::map(lock.try_write().unwrap(), |value| &mut value.1);
    let mut writer = RwLockMappedWriteGuard::map(writer, |array| &mut array[0]);
    *writer += 10;
    assert!(lock.try_read().is_err());
    drop(writer);

    let mut writer = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
    writer.0 += 10;
    drop(writer);
    assert_eq!(lock.into_inner(), (11, [12, 3]));
}

/// Goal: show the same of owned guards, which also know their lock.
/// Method: as above; then `downgrade_map`.
#[test]
fn an_owned_mapped_guard_leads_to_a_part_and_keeps_the_lock() {
    let lock = Arc::new(RwLock::new((1, [2, 3])));
    let reader = lock.clone().try_read_owned().unwrap();
    let reader = OwnedRwLockReadGuard::map(reader, |value| &value.1);
    let reader: OwnedRwLockReadGuard<(i32, [i32; 2]), i32> =
        OwnedRwLockReadGuard::map(reader, |array| &array[1]);
    assert_eq!(*reader, 3);
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&reader), &lock));
    assert!(lock.try_write().is_err());
    drop(reader);

    let writer = lock.clone().try_write_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&writer), &lock));
    let writer = OwnedRwLockWriteGuard::map(writer, |value| &mut value.1);
    let mut writer = OwnedRwLockMappedWriteGuard::map(writer, |array| &mut array[0]);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&writer), &lock));
    *writer += 10;
    assert!(lock.try_read().is_err());
    drop(writer);

    let mut writer = OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap());
    writer.0 += 10;
    drop(writer);
    let writer = lock.clone().try_write_owned().unwrap();
    let reader = OwnedRwLockWriteGuard::downgrade_map(writer, |value| &value.0);
    assert_eq!((*reader, lock.try_read().unwrap().1), (11, [12, 3]));
}

/// Goal: show that a part which is not there costs nothing: the guard comes back as it was.
/// Method: `try_map` and its kin to nothing and to something, for each guard.
#[test]
fn a_part_that_is_not_there_gives_the_guard_back() {
    let lock = Arc::new(RwLock::new(vec![1]));
    let reader = lock.try_read().unwrap();
    let reader = RwLockReadGuard::try_map(reader, |list| list.get(1)).unwrap_err();
    assert_eq!(*RwLockReadGuard::try_map(reader, |list| list.first()).unwrap(), 1);

    let writer = lock.try_write().unwrap();
    let mut writer = RwLockWriteGuard::try_map(writer, |list| list.get_mut(1)).unwrap_err();
    writer.push(2);
    let writer = RwLockWriteGuard::try_downgrade_map(writer, |list| list.get(2)).unwrap_err();
    assert!(lock.try_read().is_err(), "it still writes");
    let writer = RwLockWriteGuard::try_map(writer, |list| Some(&mut list[..])).unwrap();
    let writer = RwLockMappedWriteGuard::try_map(writer, |list| list.get_mut(2)).unwrap_err();
    *RwLockMappedWriteGuard::try_map(writer, |list| list.get_mut(1)).unwrap() += 1;

    let reader = lock.clone().try_read_owned().unwrap();
    let reader = OwnedRwLockReadGuard::try_map(reader, |list| list.get(2)).unwrap_err();
    assert_eq!(*OwnedRwLockReadGuard::try_map(reader, |list| list.get(1)).unwrap(), 3);

    let writer = lock.clone().try_write_owned().unwrap();
    let writer = OwnedRwLockWriteGuard::try_map(writer, |list| list.get_mut(2)).unwrap_err();
    let writer = OwnedRwLockWriteGuard::try_downgrade_map(writer, |list| list.get(2)).unwrap_err();
    let writer = OwnedRwLockWriteGuard::try_map(writer, |list| Some(&mut list[..])).unwrap();
    let writer = OwnedRwLockMappedWriteGuard::try_map(writer, |list| list.get_mut(2)).unwrap_err();
    *OwnedRwLockMappedWriteGuard::try_map(writer, |list| list.get_mut(1)).unwrap() += 1;

    let writer = lock.clone().try_write_owned().unwrap();
    let reader = OwnedRwLockWriteGuard::try_downgrade_map(writer, |list| list.get(1)).unwrap();
    assert_eq!((*reader, lock.try_read().unwrap().len()), (4, 2));
    drop(reader);
    assert!(is_free(&lock));
}

/// Goal: show that a panic while a part is looked for loses no permit.
/// Method: panic in the closure of each of the functions that take one, and look at the lock.
#[test]
fn a_panic_while_a_part_is_looked_for_unlocks() {
    let lock = Arc::new(RwLock::new(1));
    let read = || lock.try_read().unwrap();
    let write = || lock.try_write().unwrap();
    let read_owned = || lock.clone().try_read_owned().unwrap();
    let write_owned = || lock.clone().try_write_owned().unwrap();
    let mapped = || RwLockWriteGuard::into_mapped(write());
    let mapped_owned = || OwnedRwLockWriteGuard::into_mapped(write_owned());
    fn look(_: &i32) -> &i32 {
        panic!("on purpose")
    }
    fn touch(_: &mut i32) -> &mut i32 {
        panic!("on purpose")
    }
    let ways: [&dyn Fn(); 14] = [
        &|| drop(RwLockReadGuard::map(read(), look)),
        &|| drop(RwLockReadGuard::try_map(read(), |value| Some(look(value)))),
        &|| drop(RwLockWriteGuard::map(write(), touch)),
        &|| drop(RwLockWriteGuard::try_map(write(), |value| Some(touch(value)))),
        &|| drop(RwLockWriteGuard::downgrade_map(write(), look)),
        &|| drop(RwLockWriteGuard::try_downgrade_map(write(), |value| Some(look(value)))),
        &|| drop(RwLockMappedWriteGuard::map(mapped(), touch)),
        &|| drop(RwLockMappedWriteGuard::try_map(mapped(), |value| Some(touch(value)))),
        &|| drop(OwnedRwLockReadGuard::map(read_owned(), look)),
        &|| drop(OwnedRwLockWriteGuard::map(write_owned(), touch)),
        &|| drop(OwnedRwLockWriteGuard::downgrade_map(write_owned(), look)),
        &|| {
            drop(OwnedRwLockWriteGuard::try_downgrade_map(write_owned(), |value| Some(look(value))))
        },
        &|| drop(OwnedRwLockMappedWriteGuard::map(mapped_owned(), touch)),
        &|| drop(OwnedRwLockMappedWriteGuard::try_map(mapped_owned(), |value| Some(touch(value)))),
    ];
    for (number, way) in ways.iter().enumerate() {
        must_panic(way);
        assert!(is_free(&lock), "way {number}");
    }
    assert_eq!(Arc::strong_count(&lock), 1, "owned guards gave their share back");
}

/// Goal: show that a guard outlives its scope and the last other owner of its lock, and that the
/// value is dropped once.
/// Method: an owned guard of a part of a value that counts its owners.
#[test]
fn an_owned_guard_keeps_its_lock_alive() {
    let value = Arc::new(5);
    let lock = Arc::new(RwLock::new((value.clone(), 7)));
    let reader = lock.clone().try_read_owned().unwrap();
    let part = OwnedRwLockReadGuard::map(reader, |pair| &pair.1);
    drop(lock);
    assert_eq!((*part, Arc::strong_count(&value)), (7, 2));
    thread::spawn(move || drop(part)).join().unwrap();
    assert_eq!(Arc::strong_count(&value), 1);
}

/// Goal: show that unsized values are welcome.
/// Method: a `dyn Display`, read and written through owned guards.
#[test]
fn a_lock_of_an_unsized_value() {
    let lock: Arc<RwLock<dyn Display + Send + Sync>> = Arc::new(RwLock::new(7));
    assert_eq!(block_on(lock.clone().read_owned()).to_string(), "7");
    assert_eq!(format!("{}", block_on(lock.clone().write_owned())), "7");
    assert_eq!(lock.try_read().unwrap().to_string(), "7");
}

/// Goal: show that a panic under the lock unlocks, without poisoning.
/// Method: a thread panics while it writes.
#[test]
fn a_panic_under_the_lock_unlocks_it() {
    let lock = Arc::new(RwLock::new(1));
    let other = lock.clone();
    let thread = thread::spawn(move || {
        let _guard = other.blocking_write();
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    assert_eq!(*lock.blocking_read(), 1);
}

/// Goal: show what a lock and its guards print.
/// Method: print it free, read and written.
#[test]
fn a_lock_prints_its_value_unless_somebody_writes() {
    let lock = RwLock::new("value");
    let reader = lock.try_read().unwrap();
    assert_eq!(
        format!("{lock:?} {reader:?} {reader}"),
        r#"RwLock { data: "value" } "value" value"#
    );
    drop(reader);
    let writer = lock.try_write().unwrap();
    assert_eq!(
        format!("{lock:?} {writer:?} {writer}"),
        r#"RwLock { data: <locked> } "value" value"#
    );
}

/// Goal: show that the owner of the whole lock needs no lock, and the ways to make one.
/// Method: `get_mut`, `into_inner`, `Default`, `From`, statics.
#[test]
fn the_owner_reaches_the_value_without_locking() {
    static LOCK: RwLock<i32> = RwLock::const_new(1);
    static NARROW: RwLock<i32> = RwLock::const_with_max_readers(2, 1);
    assert_eq!((*LOCK.try_read().unwrap(), *NARROW.try_read().unwrap()), (1, 2));
    let mut lock = RwLock::from(1);
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 2);
    assert_eq!(RwLock::<i32>::default().into_inner(), 0);
}

// --- what the compiler says ----------------------------------------------------------------------

/// Goal: show that guards are accepted wherever tokio's are: a shorter life will do for what is
/// only read, and a guard lives no longer than its value.
/// Method: let the compiler check two functions.
#[test]
fn guards_have_the_lives_that_programs_expect() {
    fn shorter<'a>(guard: RwLockReadGuard<'a, &'static str>) -> RwLockReadGuard<'a, &'a str> {
        guard
    }
    fn boxed<'a, T>(guard: RwLockReadGuard<'a, T>) -> Box<dyn Deref<Target = T> + 'a> {
        Box::new(guard)
    }
    let lock = RwLock::new("value");
    assert_eq!(**boxed(shorter(lock.try_read().unwrap())), "value");
}

/// Goal: show that the part alone decides whether a guard that reads may cross threads, and that
/// the futures are as free as the lock.
/// Method: ask the compiler; a lock that must stay lends a part of itself to a thread.
#[test]
fn a_part_may_cross_where_the_whole_may_not() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let lock = Arc::new(RwLock::new(Cell::new(1).into_inner()));
    drop((send(lock.read()), send(lock.write())));
    drop((send(lock.clone().read_owned()), send(lock.clone().write_owned())));

    let stays = RwLock::new((Rc::new(()), 7));
    let part = RwLockReadGuard::map(stays.try_read().unwrap(), |pair| &pair.1);
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(*part, 7));
    });
    assert!(is_free(&stays), "given back from the other thread");
}

// --- threads and wakers --------------------------------------------------------------------------

/// Goal: show that a waker may come back to the lock that wakes it.
/// Method: a waker that reads the lock; it is woken by an unlock and by a downgrade.
#[test]
fn a_waker_may_use_the_lock_that_wakes_it() {
    struct Reads(RwLock<i32>);
    impl Wake for Reads {
        fn wake(self: Arc<Self>) {
            assert!(self.0.try_write().is_err(), "the one who was woken has it");
        }
    }
    let shared = Arc::new(Reads(RwLock::new(1)));
    let waker = Waker::from(shared.clone());
    let mut cx = std::task::Context::from_waker(&waker);
    let writer = shared.0.try_write().unwrap();
    let mut reader = Box::pin(shared.0.read());
    let mut other = Box::pin(shared.0.write());
    assert!(reader.as_mut().poll(&mut cx).is_pending());
    assert!(other.as_mut().poll(&mut cx).is_pending());
    drop(writer.downgrade());
    drop(reader);
    assert!(other.as_mut().poll(&mut cx).is_ready());
}

/// Goal: show that readers never see half a write, and that no write is lost, with waits that are
/// cancelled in between.
/// Method: 4 threads x 1,000 rounds on a pair that must stay a pair of equals; one round in four
/// goes on as a reader.
#[test]
fn threads_see_whole_writes_and_lose_none() {
    const ROUNDS: usize = 1_000;
    let lock = Arc::new(RwLock::new((0, 0)));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let lock = lock.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    drop(Probe::new(lock.write()).poll());
                    drop(Probe::new(lock.read()).poll());
                    let mut writer = block_on(lock.write());
                    writer.0 += 1;
                    writer.1 += 1;
                    let written = *writer;
                    if (round + number) % 4 == 0 {
                        assert_eq!(*writer.downgrade(), written);
                    } else {
                        drop(writer);
                    }
                    let (left, right) = *block_on(lock.read());
                    assert_eq!(left, right);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*lock.try_write().unwrap(), (4 * ROUNDS, 4 * ROUNDS));
}

/// Goal: show that blocking parks the thread and is woken.
/// Method: threads read and write while the lock is held; then let go.
#[test]
fn threads_can_wait_for_the_lock() {
    let lock = Arc::new(RwLock::new(0));
    let held = lock.try_write().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let lock = lock.clone();
            thread::spawn(move || match number % 2 {
                0 => *lock.blocking_write() += 1,
                _ => assert!(*lock.blocking_read() <= 2),
            })
        })
        .collect();
    drop(held);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*lock.blocking_read(), 2);
}

/// Goal: show that blocking inside a running loop is refused, with the function's name.
/// Method: `blocking_write` in a loop's own thread.
#[test]
#[should_panic(expected = "`RwLock::blocking_write` was called inside")]
fn blocking_inside_a_loop_is_refused() {
    rondel::run(async { drop(RwLock::new(()).blocking_write()) });
}
