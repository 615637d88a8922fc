//! `Semaphore`: fair, exact under cancellation, closable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;

use rondel::sync::{Semaphore, TryAcquireError};

use super::executor::{Probe, block_on};

/// Goal: show that permits are counted, and come back when their guards are dropped.
/// Method: take all, take one too many, drop one guard.
#[test]
fn a_permit_comes_back_when_its_guard_is_dropped() {
    let seats = Semaphore::new(2);
    let first = seats.try_acquire().unwrap();
    let _second = block_on(seats.acquire()).unwrap();
    assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(first);
    assert_eq!(seats.available_permits(), 1);
}

/// Goal: show that waiters are served in the order in which they came, one wake each.
/// Method: three waiters, permits one by one; only the next in line may be woken.
#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let seats = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..3).map(|_| Probe::waiting(seats.acquire())).collect();
    for next in 0..3 {
        seats.add_permits(1);
        for (index, waiter) in waiters.iter().enumerate() {
            assert_eq!(waiter.wakes(), usize::from(index <= next));
        }
    }
    for waiter in &mut waiters {
        waiter.ready().unwrap().forget();
    }
    assert_eq!(seats.available_permits(), 0);
}

/// Goal: show that who gives back and wants again at once goes behind those who wait.
/// Method: one permit, and a queue of two; its holder comes back each time.
#[test]
fn who_gives_back_and_wants_again_goes_behind() {
    let seats = Semaphore::new(1);
    let held = seats.try_acquire().unwrap();
    let mut second = Probe::waiting(seats.acquire());
    let mut third = Probe::waiting(seats.acquire());
    drop(held);
    let mut again = Probe::waiting(seats.acquire());
    assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(second.ready());
    assert_eq!((third.wakes(), again.wakes()), (1, 0));
    drop(third.ready());
    drop(again.ready());
    assert_eq!(seats.available_permits(), 1);
}

/// Goal: show that a big request at the front is neither starved nor overtaken by small ones.
/// Method: a request for 3 waits, small ones come later; permits come one at a time.
#[test]
fn a_big_request_at_the_front_is_not_overtaken() {
    let seats = Semaphore::new(1);
    let mut big = Probe::waiting(seats.acquire_many(3));
    let mut small = Probe::waiting(seats.acquire());
    assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(seats.available_permits(), 0, "what is free is the front waiter's");
    seats.add_permits(1);
    assert_eq!((big.wakes(), small.wakes()), (0, 0));
    seats.add_permits(1);
    assert_eq!((big.wakes(), small.wakes()), (1, 0));
    let permits = big.ready().unwrap();
    assert!(small.poll().is_pending());
    drop(permits);
    assert_eq!(small.wakes(), 1);
    let permit = small.ready().unwrap();
    assert_eq!((permit.num_permits(), seats.available_permits()), (1, 2));
}

/// Goal: show that a waiter that gives up at the front lets those behind it have what piled up.
/// Method: 2 permits are free, the front needs 3, two behind it need 1 each; drop the front.
#[test]
fn a_cancelled_front_waiter_lets_the_others_pass() {
    let seats = Semaphore::new(2);
    let big = Probe::waiting(seats.acquire_many(3));
    let mut small: Vec<_> = (0..2).map(|_| Probe::waiting(seats.acquire())).collect();
    drop(big);
    assert!(small.iter().all(|waiter| waiter.wakes() == 1));
    let permits: Vec<_> = small.iter_mut().map(|waiter| waiter.ready().unwrap()).collect();
    assert_eq!(seats.available_permits(), 0);
    drop(permits);
    assert_eq!(seats.available_permits(), 2);
}

/// Goal: show that a waiter in the middle of the queue can leave without harm.
/// Method: three waiters, the middle one is dropped; both others get their permit.
#[test]
fn a_cancelled_waiter_in_the_middle_leaves_no_gap() {
    let seats = Semaphore::new(0);
    let mut first = Probe::waiting(seats.acquire());
    let middle = Probe::waiting(seats.acquire());
    let mut last = Probe::waiting(seats.acquire());
    drop(middle);
    seats.add_permits(2);
    first.ready().unwrap().forget();
    last.ready().unwrap().forget();
}

/// Goal: show that a permit which was handed to a waiter is not lost when that waiter is dropped
/// before it looked.
/// Method: release to the first of two waiters, drop it unpolled; the second must be woken.
#[test]
fn a_served_waiter_that_is_dropped_hands_its_permit_on() {
    let seats = Semaphore::new(0);
    let first = Probe::waiting(seats.acquire());
    let mut second = Probe::waiting(seats.acquire());
    seats.add_permits(1);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready().unwrap());
    assert_eq!(seats.available_permits(), 1);
}

/// Goal: show that permits reach those behind when several served waiters go, in any order.
/// Method: four wait, two are served and dropped, the later one first or last.
#[test]
fn permits_of_served_waiters_that_go_pass_all_who_are_gone() {
    for first_to_go in [0, 1] {
        let seats = Semaphore::new(0);
        let mut waiters: Vec<_> = (0..4).map(|_| Probe::waiting(seats.acquire())).collect();
        seats.add_permits(2);
        drop(waiters.remove(first_to_go));
        assert_eq!((waiters[1].wakes(), waiters[2].wakes()), (1, 0));
        drop(waiters.remove(0));
        assert_eq!(waiters[1].wakes(), 1);
        let permits: Vec<_> = waiters.iter_mut().map(|waiter| waiter.ready().unwrap()).collect();
        assert_eq!(seats.available_permits(), 0);
        drop(permits);
        assert_eq!(seats.available_permits(), 2);
    }
}

/// Goal: show that closing wakes everybody with an error, and keeps the permits that are out valid.
/// Method: one holder, two waiters, close; then drop the holder.
#[test]
fn closing_wakes_all_waiters_with_an_error() {
    let seats = Semaphore::new(1);
    let held = seats.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..2).map(|_| Probe::waiting(seats.acquire())).collect();
    seats.close();
    assert!(seats.is_closed());
    for waiter in &mut waiters {
        assert_eq!(waiter.wakes(), 1);
        assert_eq!(waiter.ready().unwrap_err().to_string(), "semaphore closed");
    }
    assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(seats.available_permits(), 1);
    assert!(block_on(seats.acquire()).is_err());
}

/// Goal: show that nobody acquires after the closing, also if its permit was on its way by then.
/// Method: serve, close, poll.
#[test]
fn a_waiter_that_looks_after_the_closing_gets_an_error() {
    let seats = Semaphore::new(0);
    let mut served = Probe::waiting(seats.acquire());
    seats.add_permits(1);
    assert_eq!(seats.available_permits(), 0, "it is on its way");
    seats.close();
    assert!(served.ready().is_err());
    assert_eq!(seats.available_permits(), 1);
}

/// Goal: show what forgetting does: the semaphore shrinks.
/// Method: forget through a guard and from outside, more than there is.
#[test]
fn forgotten_permits_are_gone() {
    let seats = Semaphore::new(5);
    seats.try_acquire_many(2).unwrap().forget();
    assert_eq!(seats.available_permits(), 3);
    assert_eq!(seats.forget_permits(10), 3);
    assert_eq!(seats.forget_permits(1), 0);
    assert_eq!(seats.available_permits(), 0);
}

/// Goal: show that a bounded semaphore never has more permits than it began with, and notices one
/// too many at once, whoever holds the others.
/// Method: add while all are free, and while one is out; nothing may have changed.
#[test]
fn a_bounded_semaphore_refuses_permits_that_were_never_taken() {
    let seats = Semaphore::bounded(2);
    let error = seats.try_add_permits(1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot add 1 permit: the semaphore is bounded and has room for 0; add only what was \
         forgotten before, and let guards give back the rest"
    );
    let guard = seats.try_acquire().unwrap();
    assert!(seats.try_add_permits(2).unwrap_err().to_string().starts_with("cannot add 2 permits"));
    assert_eq!(seats.available_permits(), 1);
    drop(guard);
    assert_eq!(seats.available_permits(), 2);
    assert_eq!(seats.try_add_permits(0), Ok(()));
}

/// Goal: show that whatever was forgotten can be added again, and not more.
/// Method: forget through both guards, through a split one, and from outside; add it up.
#[test]
fn what_was_forgotten_makes_room_in_a_bounded_semaphore() {
    let seats = Arc::new(Semaphore::bounded(10));
    seats.try_acquire().unwrap().forget();
    seats.clone().try_acquire_many_owned(2).unwrap().forget();
    let mut guard = seats.try_acquire_many(3).unwrap();
    guard.split(1).unwrap().forget();
    drop(guard);
    assert_eq!(seats.forget_permits(2), 2);
    assert_eq!(seats.available_permits(), 4);
    assert!(seats.try_add_permits(7).is_err());
    assert_eq!(seats.try_add_permits(5), Ok(()));
    seats.add_permits(1);
    assert_eq!(seats.available_permits(), 10);
    assert!(seats.try_add_permits(1).is_err());
}

/// Goal: show that the misuse is a panic where there is no error to return.
/// Method: add one to a full one.
#[test]
#[should_panic(expected = "cannot add 1 permit: the semaphore is bounded and has room for 0")]
fn adding_beyond_the_bound_panics() {
    Semaphore::bounded(1).add_permits(1);
}

/// Goal: show that guards, waiters and the closing work in a bounded semaphore as in any.
/// Method: a waiter that is served and dropped, one that is served by hand, then close.
#[test]
fn a_bounded_semaphore_hands_permits_on_as_any_other() {
    static SEATS: Semaphore = Semaphore::bounded(1);
    let held = SEATS.try_acquire().unwrap();
    let first = Probe::waiting(SEATS.acquire());
    let mut second = Probe::waiting(SEATS.acquire());
    drop(held);
    drop(first);
    second.ready().unwrap().forget();
    let mut third = Probe::waiting(SEATS.acquire());
    SEATS.add_permits(1);
    drop(third.ready().unwrap());
    assert!(SEATS.try_add_permits(1).is_err());
    SEATS.close();
    assert_eq!(SEATS.available_permits(), 1);
}

/// Goal: show that threads which take, forget and add never get past the bound.
/// Method: 4 threads x 2,000 rounds; what one forgets it adds, sometimes twice.
#[test]
fn threads_that_forget_and_add_keep_to_the_bound() {
    const BOUND: usize = 3;
    let seats = Arc::new(Semaphore::bounded(BOUND));
    let extra = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (seats, extra) = (seats.clone(), extra.clone());
            thread::spawn(move || {
                for _ in 0..2_000 {
                    block_on(seats.acquire()).unwrap().forget();
                    if seats.try_add_permits(1).is_ok() {
                        extra.fetch_add(1, SeqCst);
                    }
                    if seats.try_add_permits(1).is_ok() {
                        extra.fetch_add(1, SeqCst);
                    }
                    assert!(seats.available_permits() <= BOUND);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(extra.load(SeqCst), 4 * 2_000, "each was forgotten once and added once");
    assert_eq!(seats.available_permits(), BOUND);
}

/// Goal: show that guards can be split and merged without losing a permit.
/// Method: split 3 into 1 and 2, refuse an impossible split, merge again.
#[test]
fn permits_split_and_merge() {
    let seats = Arc::new(Semaphore::new(3));
    let mut all = seats.clone().try_acquire_many_owned(3).unwrap();
    let one = all.split(1).unwrap();
    assert!(all.split(3).is_none());
    assert_eq!((all.num_permits(), one.num_permits()), (2, 1));
    drop(one);
    assert_eq!(seats.available_permits(), 1);
    all.merge(seats.clone().try_acquire_owned().unwrap());
    assert_eq!(all.num_permits(), 3);
    assert!(Arc::ptr_eq(all.semaphore(), &seats));
    drop(all);
    assert_eq!(seats.available_permits(), 3);
}

/// Goal: show that a merge across semaphores is refused.
/// Method: merge guards of two semaphores.
#[test]
#[should_panic(expected = "merging permits from different semaphore instances")]
fn merging_permits_of_two_semaphores_panics() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    one.try_acquire().unwrap().merge(other.try_acquire().unwrap());
}

/// Goal: show that the count cannot overflow silently.
/// Method: add one permit to a full semaphore.
#[test]
#[should_panic(expected = "would overflow MAX_PERMITS")]
fn adding_beyond_the_maximum_panics() {
    Semaphore::new(Semaphore::MAX_PERMITS).add_permits(1);
}

/// Goal: show that no permits at all are always to be had, even behind a queue.
/// Method: acquire 0 while somebody waits.
#[test]
fn acquiring_nothing_never_waits() {
    let seats = Semaphore::new(0);
    let _waiter = Probe::waiting(seats.acquire());
    assert_eq!(Probe::new(seats.acquire_many(0)).ready().unwrap().num_permits(), 0);
}

/// Goal: show that a waiter follows its task: the waker of the last poll counts.
/// Method: poll one future with two wakers in turn.
#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let seats = Semaphore::new(0);
    let mut future = Box::pin(seats.acquire());
    {
        let mut first = Probe::waiting(std::future::poll_fn(|cx| {
            future.as_mut().poll(cx).map(|permit| permit.unwrap().forget())
        }));
        assert!(first.poll().is_pending());
        assert_eq!(first.wakers_kept(), 1, "the same waker is kept once");
    }
    let mut second = Probe::waiting(future);
    seats.add_permits(1);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.wakers_kept(), 0);
    second.ready().unwrap().forget();
}

/// Goal: show that releasing many permits serves many waiters at once.
/// Method: 100 waiters of mixed needs, one release that fits exactly.
#[test]
fn one_release_serves_many_waiters() {
    let seats = Semaphore::new(0);
    let needs = |index: u32| 1 + index % 3;
    let mut waiters: Vec<_> =
        (0..100).map(|index| Probe::waiting(seats.acquire_many(needs(index)))).collect();
    seats.add_permits((0..100).map(|index| needs(index) as usize).sum());
    assert!(waiters.iter().all(|waiter| waiter.wakes() == 1));
    waiters.iter_mut().for_each(|waiter| waiter.ready().unwrap().forget());
    assert_eq!(seats.available_permits(), 0);
}

/// Goal: show that the limit holds and no permit is lost when threads acquire, cancel and release
/// at once.
/// Method: 4 threads x 2,000 rounds; every third acquire is dropped after one poll.
#[test]
fn threads_that_acquire_and_cancel_never_exceed_the_limit() {
    const LIMIT: usize = 3;
    let seats = Arc::new(Semaphore::new(LIMIT));
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (seats, inside) = (seats.clone(), inside.clone());
            thread::spawn(move || {
                for round in 0..2_000 {
                    if (round + number) % 3 == 0 {
                        if let Poll::Ready(permit) = Probe::new(seats.acquire_many(2)).poll() {
                            drop(permit.unwrap());
                        }
                        continue;
                    }
                    let permit = block_on(seats.acquire()).unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < LIMIT);
                    inside.fetch_sub(1, SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(seats.available_permits(), LIMIT);
}

/// Goal: show that `blocking_acquire` parks the thread and is woken.
/// Method: a thread waits for a permit that another adds.
#[test]
fn a_thread_can_wait_for_a_permit() {
    let seats = Arc::new(Semaphore::new(0));
    let thread = {
        let seats = seats.clone();
        thread::spawn(move || seats.blocking_acquire_owned().unwrap().forget())
    };
    seats.add_permits(1);
    thread.join().unwrap();
    assert_eq!(seats.available_permits(), 0);
}
