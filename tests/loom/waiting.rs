//! The wait list: no permit is lost, no wake is lost, whoever acquires, releases and gives up at
//! once.

use std::pin::pin;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::wait_list::{End, Refused, WaitList};

/// Goal: show that a waiter and a releaser never miss each other.
/// Method: one waits for a permit, one gives it.
#[test]
fn a_release_reaches_a_waiter_that_comes_meanwhile() {
    check(|| {
        let list = Arc::new(WaitList::new(0));
        let giver = {
            let list = list.clone();
            thread::spawn(move || list.release(1))
        };
        block_on(list.acquire(1)).unwrap();
        giver.join().unwrap();
        assert_eq!(list.free(), 0);
    });
}

/// Goal: show that two who need the one permit both get it, one after the other.
/// Method: each acquires and releases.
#[test]
fn two_who_want_one_permit_both_get_it() {
    check(|| {
        let list = Arc::new(WaitList::new(1));
        let other = {
            let list = list.clone();
            thread::spawn(move || {
                block_on(list.acquire(1)).unwrap();
                list.release(1);
            })
        };
        block_on(list.acquire(1)).unwrap();
        list.release(1);
        other.join().unwrap();
        assert_eq!(list.free(), 1);
    });
}

/// Goal: show that a waiter which is cancelled while it is being served loses no permit.
/// Method: one waits and gives up, one releases, one waits to the end.
#[test]
fn a_cancelled_waiter_loses_no_permit() {
    check(|| {
        let list = Arc::new(WaitList::new(0));
        let quitter = {
            let list = list.clone();
            thread::spawn(move || {
                if poll_and_cancel(list.acquire(1)).is_some() {
                    list.release(1);
                }
            })
        };
        let giver = {
            let list = list.clone();
            thread::spawn(move || list.release(1))
        };
        block_on(list.acquire(1)).unwrap();
        quitter.join().unwrap();
        giver.join().unwrap();
        assert_eq!(list.free(), 0);
    });
}

/// Goal: show that a big request that gives up lets a small one behind it pass, while permits come
/// in; and that the small one sees what was done before the release.
/// Method: one wants 2 and gives up, one wants 1, one writes a cell and releases a permit.
#[test]
fn a_big_request_that_gives_up_blocks_nobody() {
    check(|| {
        let shared = Arc::new((WaitList::new(0), UnsafeCell::new(0)));
        let quitter = {
            let shared = shared.clone();
            thread::spawn(move || assert!(poll_and_cancel(shared.0.acquire(2)).is_none()))
        };
        let giver = {
            let shared = shared.clone();
            thread::spawn(move || {
                add_one(&shared.1);
                shared.0.release(1);
            })
        };
        block_on(shared.0.acquire(1)).unwrap();
        add_one(&shared.1);
        quitter.join().unwrap();
        giver.join().unwrap();
        assert_eq!(shared.0.free(), 0);
    });
}

/// Goal: show that permits released one by one add up for a waiter that needs two.
/// Method: two releasers and one waiter for two.
#[test]
fn permits_pile_up_for_a_big_request() {
    check(|| {
        let list = Arc::new(WaitList::new(0));
        let givers = [0, 1].map(|_| {
            let list = list.clone();
            thread::spawn(move || list.release(1))
        });
        block_on(list.acquire(2)).unwrap();
        givers.into_iter().for_each(|giver| giver.join().unwrap());
        assert_eq!(list.free(), 0);
    });
}

/// Changes a plain cell. loom reports it if another thread might do so at the same time.
fn add_one(cell: &UnsafeCell<i32>) {
    #[allow(unsafe_code)]
    // SAFETY: exclusive. The permit is held, or not given yet; that is what the models check.
    cell.with_mut(|value| unsafe { *value += 1 });
}

/// Goal: show that what was written before a release is seen after the acquire (loom checks it).
/// Method: three threads change one plain cell under the permit.
#[test]
fn a_permit_orders_what_is_done_under_it() {
    check(|| {
        let shared = Arc::new((WaitList::new(1), UnsafeCell::new(0)));
        let step = |shared: &(WaitList, UnsafeCell<i32>)| {
            block_on(shared.0.acquire(1)).unwrap();
            add_one(&shared.1);
            shared.0.release(1);
        };
        let others = [0, 1].map(|_| {
            let shared = shared.clone();
            thread::spawn(move || step(&shared))
        });
        step(&shared);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Goal: show the same for a permit that was released under the lock, past a waiter that gives up.
/// Method: one thread waits for two, writes the cell, releases one and gives up; one acquires. Both
/// are spawned, so that the search starts with the giver (loom forgets a load once another thread
/// has loaded, too, and would not come to that order by itself).
#[test]
fn a_permit_that_passes_a_waiter_orders_what_was_done_before() {
    check(|| {
        let shared = Arc::new((WaitList::new(0), UnsafeCell::new(0)));
        let giver = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut big = pin!(shared.0.acquire(2));
                let _ = poll_once(big.as_mut());
                add_one(&shared.1);
                shared.0.release(1);
            })
        };
        let taker = thread::spawn(move || {
            block_on(shared.0.acquire(1)).unwrap();
            add_one(&shared.1);
        });
        giver.join().unwrap();
        taker.join().unwrap();
    });
}

/// Goal: show that a permit which is left, not counted, is left at most once and never lost.
/// Method: two leave one each, one takes; then at most one lies there.
#[test]
fn a_left_permit_reaches_a_waiter_that_comes_meanwhile() {
    check(|| {
        let list = Arc::new(WaitList::new(0));
        let others = [End::Front, End::Back].map(|end| {
            let list = list.clone();
            thread::spawn(move || list.leave_one(end))
        });
        block_on(list.acquire(1)).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(list.free() <= 1);
    });
}

/// Goal: show that who is refused by a closed list sees what was done before the closing.
/// Method: one writes and closes, one tries; only who is refused looks.
#[test]
fn who_is_refused_by_a_closed_list_sees_what_was_done_before() {
    check(|| {
        let list = Arc::new(WaitList::new(0));
        let news = Arc::new(UnsafeCell::new(0));
        let closer = {
            let (list, news) = (list.clone(), news.clone());
            thread::spawn(move || {
                news.with_mut(|_| ());
                list.close();
            })
        };
        if list.try_acquire(1) == Err(Refused::Closed) {
            news.with(|_| ());
        }
        closer.join().unwrap();
    });
}
