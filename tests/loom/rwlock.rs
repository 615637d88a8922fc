//! The read-write lock: readers and writers keep out of each other's way (loom checks the cell),
//! and nobody is left waiting.

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, check_large, poll_and_cancel};
use crate::sync::rwlock::{RwLock, RwLockWriteGuard};

/// Goal: show that nobody reads while somebody writes, and that no write is lost.
/// Method: two threads add one, a third reads twice under one guard.
#[test]
fn readers_and_writers_keep_out_of_each_others_way() {
    check_large(|| {
        let count = Arc::new(RwLock::new(0));
        let writer = {
            let count = count.clone();
            thread::spawn(move || *block_on(count.write()) += 1)
        };
        let reader = {
            let count = count.clone();
            thread::spawn(move || {
                let guard = block_on(count.read_owned());
                let before = *guard;
                assert_eq!(*guard, before);
            })
        };
        *block_on(count.write()) += 1;
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*count.try_read().unwrap(), 2);
    });
}

/// Goal: show that a downgrade has no gap in which somebody else could write, and lets readers in.
/// Method: one writes, downgrades and looks again; one writes; one reads.
#[test]
fn nobody_writes_between_a_write_and_its_downgrade() {
    check_large(|| {
        let value = Arc::new(RwLock::new(0));
        let writer = {
            let value = value.clone();
            thread::spawn(move || *block_on(value.write()) = 2)
        };
        let reader = {
            let value = value.clone();
            thread::spawn(move || assert!(*block_on(value.read()) <= 2))
        };
        let mut guard = block_on(value.write());
        *guard = 1;
        let guard = guard.downgrade();
        assert_eq!(*guard, 1);
        drop(guard);
        writer.join().unwrap();
        reader.join().unwrap();
        assert!(value.try_write().is_ok(), "all permits are back");
    });
}

/// Goal: show that a writer which gives up lets the readers behind it go on.
/// Method: one reads, one wants to write and gives up, one wants to read.
#[test]
fn a_cancelled_writer_lets_readers_go_on() {
    check(|| {
        let value = Arc::new(RwLock::with_max_readers(0, 2));
        let held = value.try_read().unwrap();
        let quitter = {
            let value = value.clone();
            thread::spawn(move || assert!(poll_and_cancel(value.write()).is_none()))
        };
        let reader = {
            let value = value.clone();
            thread::spawn(move || assert_eq!(*block_on(value.read()), 0))
        };
        reader.join().unwrap();
        quitter.join().unwrap();
        drop(held);
        assert!(value.try_write().is_ok(), "all permits are back");
    });
}

/// Goal: show that a guard of a part keeps everybody from the whole.
/// Method: one writes one half through a mapped guard, one the other half.
#[test]
fn a_mapped_guard_keeps_the_whole_lock() {
    check(|| {
        let pair = Arc::new(RwLock::new((0, 0)));
        let other = {
            let pair = pair.clone();
            thread::spawn(move || {
                *RwLockWriteGuard::map(block_on(pair.write()), |pair| &mut pair.1) += 1;
            })
        };
        *RwLockWriteGuard::map(block_on(pair.write()), |pair| &mut pair.0) += 1;
        other.join().unwrap();
        assert_eq!(*pair.try_read().unwrap(), (1, 1));
    });
}
