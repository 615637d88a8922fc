//! `Condition`: nothing is missed between the unlock and the sleep, and nothing lost with a waiter
//! that goes away.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use rondel::sync::{Condition, Mutex, MutexGuard};
use rondel::time::timeout;

use super::executor::{Probe, block_on};

/// A list under a lock, and the condition that it changes.
#[derive(Default)]
struct Shared(Mutex<Vec<u32>>, Condition);

impl Shared {
    /// A task that waits for a notification, and keeps the lock when it has it again.
    async fn wait(&self) -> MutexGuard<'_, Vec<u32>> {
        self.1.wait(self.0.lock().await).await
    }

    /// One that waits for something in the list, and takes it.
    async fn take(&self) -> u32 {
        let mut list = self.1.wait_for(self.0.lock().await, |list| !list.is_empty()).await;
        list.remove(0)
    }
}

fn wakes<T>(waiters: &[Probe<'_, T>]) -> Vec<usize> {
    waiters.iter().map(Probe::wakes).collect()
}

/// Goal: show the whole way: unlocked while it waits, notified in order, back only with the lock.
/// Method: three wait; notify one, then two, with the lock held; unlock step by step.
#[test]
fn a_notified_waiter_returns_when_it_has_the_lock_again() {
    let shared = Shared::default();
    let mut waiters: Vec<_> = (0..3).map(|_| Probe::waiting(shared.wait())).collect();
    let lock = shared.0.try_lock().expect("who waits has unlocked");
    shared.1.notify_one();
    assert_eq!(wakes(&waiters), [1, 0, 0]);
    assert!(waiters[0].poll().is_pending(), "it has the notification, not the lock");
    drop(lock);
    let lock = waiters[0].ready();
    assert!(shared.0.try_lock().is_err(), "the lock came with it");

    shared.1.notify(2);
    assert_eq!(wakes(&waiters), [2, 1, 1]);
    assert!(waiters[1].poll().is_pending() && waiters[2].poll().is_pending());
    drop(lock);
    assert!(waiters[2].poll().is_pending(), "first come, first served");
    drop(waiters[1].ready());
    drop(waiters[2].ready());
    assert!(shared.0.try_lock().is_ok());
}

#[test]
fn a_notification_without_waiters_is_gone() {
    let shared = Shared::default();
    shared.1.notify_one();
    shared.1.notify(usize::MAX);
    shared.1.notify_all();
    let mut waiting = Probe::waiting(shared.wait());
    shared.1.notify(0);
    assert_eq!(waiting.wakes(), 0);
    shared.1.notify(2_048); // more than there are: nothing is left of it
    drop(waiting.ready());
    Probe::waiting(shared.wait());
}

#[test]
fn notify_all_wakes_those_who_wait_now() {
    let shared = Shared::default();
    let mut waiters: Vec<_> = (0..3).map(|_| Probe::waiting(shared.wait())).collect();
    shared.1.notify_all();
    let late = Probe::waiting(shared.wait());
    assert_eq!(wakes(&waiters), [1, 1, 1]);
    for waiter in &mut waiters {
        drop(waiter.ready());
    }
    assert_eq!(late.wakes(), 0);
}

/// Goal: show when the predicate is asked: at once, and after each notification, with the lock.
/// Method: a predicate that counts its calls and tries the lock itself.
#[test]
fn the_predicate_is_asked_under_the_lock() {
    let shared = Shared::default();
    let asked = AtomicUsize::new(0);
    let wait = async {
        let is_locked = || shared.0.try_lock().is_err();
        let predicate = |list: &mut Vec<u32>| {
            assert!(is_locked());
            asked.fetch_add(1, SeqCst);
            list.len() == 2
        };
        shared.1.wait_for(shared.0.lock().await, predicate).await.len()
    };
    let mut waiting = Probe::waiting(wait);
    for number in 1..=2 {
        assert_eq!(asked.load(SeqCst), number as usize);
        shared.0.try_lock().unwrap().push(number);
        assert!(waiting.poll().is_pending(), "no news without a notification");
        shared.1.notify_one();
        assert_eq!(waiting.wakes(), number as usize);
        if number == 1 {
            assert!(waiting.poll().is_pending(), "not enough yet");
        }
    }
    assert_eq!(waiting.ready(), 2);
}

/// What is true already is not waited for: the lock is kept all the time.
#[test]
fn a_predicate_that_is_true_at_once_does_not_unlock() {
    let shared = Shared::default();
    let guard = shared.0.try_lock().unwrap();
    let mut other = Probe::waiting(shared.0.lock());
    let guard = Probe::new(shared.1.wait_for(guard, |list| list.is_empty())).ready();
    let guard = Probe::new(shared.1.wait_while(guard, |list| !list.is_empty())).ready();
    assert_eq!(other.wakes(), 0);
    drop(guard);
    drop(other.ready());
}

/// The guard is given up by the first poll, not by the call.
#[test]
fn a_wait_that_was_not_polled_keeps_the_lock() {
    let shared = Shared::default();
    let wait = shared.1.wait(shared.0.try_lock().unwrap());
    assert!(shared.0.try_lock().is_err());
    drop(wait);
    assert!(shared.0.try_lock().is_ok());
}

/// Goal: show that a wait cancelled before its notification is as if it had never been.
/// Method: the first of two is dropped; one notification; the second goes on.
#[test]
fn a_cancelled_waiter_leaves_the_queue_and_has_no_lock() {
    let shared = Shared::default();
    let first = Probe::waiting(shared.wait());
    let mut second = Probe::waiting(shared.wait());
    drop(first);
    assert!(shared.0.try_lock().is_ok());
    shared.1.notify_one();
    drop(second.ready());
}

/// Goal: show that the notification of a cancelled waiter goes to the next one, whenever it is
/// cancelled: before it has looked, or while it waits for the lock.
/// Method: three wait; one notification; the first two are dropped in turn.
#[test]
fn a_notified_waiter_that_is_cancelled_hands_on() {
    let shared = Shared::default();
    let mut waiters: Vec<_> = (0..3).map(|_| Probe::waiting(shared.wait())).collect();
    let lock = shared.0.try_lock().unwrap();
    shared.1.notify_one();
    drop(waiters.remove(0)); // has not looked
    assert_eq!(wakes(&waiters), [1, 0]);
    assert!(waiters[0].poll().is_pending()); // waits for the lock now
    drop(waiters.remove(0));
    assert_eq!(wakes(&waiters), [1]);
    drop(lock);
    drop(waiters.remove(0).ready());
}

/// Goal: show the same when the lock had been handed to it already.
/// Method: notified, queued for the lock, given the lock, dropped: the other one gets both.
#[test]
fn a_waiter_cancelled_with_the_lock_on_its_way_passes_both_on() {
    let shared = Shared::default();
    let mut first = Probe::waiting(shared.wait());
    let mut second = Probe::waiting(shared.wait());
    let lock = shared.0.try_lock().unwrap();
    shared.1.notify_one();
    assert!(first.poll().is_pending());
    drop(lock);
    assert!(shared.0.try_lock().is_err(), "the lock is on its way to the first");
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready());
    assert!(shared.0.try_lock().is_ok());
}

/// Goal: show that a used notification is not handed on, and that one without a next waiter is gone.
#[test]
fn a_notification_is_used_once() {
    let shared = Shared::default();
    let mut first = Probe::waiting(shared.wait());
    let second = Probe::waiting(shared.wait());
    shared.1.notify_one();
    let guard = first.ready();
    drop(first);
    drop(guard);
    assert_eq!(second.wakes(), 0, "the first has used it");
    shared.1.notify_one();
    drop(second); // notified, and nobody is left
    Probe::waiting(shared.wait());
}

#[test]
fn who_was_woken_with_all_others_hands_nothing_on() {
    let shared = Shared::default();
    let first = Probe::waiting(shared.wait());
    shared.1.notify_all();
    let late = Probe::waiting(shared.wait());
    drop(first);
    assert_eq!(late.wakes(), 0);
}

/// Goal: show that owned guards go in and out as owned ones, between tasks; also of unsized values.
#[test]
fn an_owned_guard_comes_back_owned() {
    let list: Arc<Mutex<[u32]>> = Arc::new(Mutex::new([0, 0]));
    let changed = Arc::new(Condition::new());
    rondel::run(async {
        let (mine, change) = (list.clone(), changed.clone());
        let task = rondel::spawn(async move {
            let guard = mine.lock_owned().await;
            let guard = change.wait_while(guard, |list| list[1] == 0).await;
            rondel::spawn(async move { guard[1] }).await.unwrap()
        });
        rondel::task::yield_now().await;
        list.lock().await[1] = 7;
        changed.notify_one();
        assert_eq!(task.await.unwrap(), 7);
    });
}

/// Goal: show that a predicate that panics unlocks, and harms nobody.
#[test]
fn a_predicate_that_panics_unlocks() {
    let shared = Shared::default();
    let wait = async {
        drop(shared.1.wait_for(shared.0.lock().await, |_| panic!("on purpose")).await);
    };
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(wait))).is_err());
    let mut other = Probe::waiting(shared.wait());
    shared.1.notify_one();
    drop(other.ready());
}

/// asyncio: `wait_for(condition.wait(), timeout)` inside `async with condition`.
#[test]
fn a_wait_that_runs_out_of_time_does_not_hold_the_lock() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let shared = Shared::default();
        assert!(timeout(Duration::from_millis(500), shared.take()).await.is_err());
        shared.0.try_lock().unwrap().push(1);
        assert_eq!(timeout(Duration::from_millis(500), shared.take()).await, Ok(1));
    });
}

/// Goal: show that notifying wakes outside the lock.
/// Method: a waker that notifies and waits itself.
#[test]
fn a_waker_may_come_back_to_the_condition() {
    struct Back(Arc<Shared>);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            drop(Probe::waiting(self.0.wait()));
            self.0.1.notify_all();
        }
    }
    let shared = Arc::new(Shared::default());
    let waker = Waker::from(Arc::new(Back(shared.clone())));
    let mut wait = Box::pin(shared.wait());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    shared.1.notify_one();
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// Goal: show that tasks which share work by a condition all get theirs, in their order.
/// Method: five tasks wait; five things come, announced one by one and then together.
#[cfg(not(on_workers = "order"))]
#[test]
fn tasks_take_turns() {
    rondel::run(async {
        let shared = Arc::new(Shared::default());
        let takers: Vec<_> = (0..5)
            .map(|_| {
                let shared = shared.clone();
                rondel::spawn(async move { shared.take().await })
            })
            .collect();
        rondel::task::yield_now().await;
        for number in [0, 1] {
            shared.0.lock().await.push(number);
            shared.1.notify_one();
        }
        shared.0.lock().await.extend([2, 3, 4]);
        shared.1.notify_all();
        for (expected, taker) in (0..5).zip(takers) {
            assert_eq!(taker.await.unwrap(), expected);
        }
    });
}

/// Goal: show that between threads nothing is lost while waits are cancelled at all steps.
/// Method: two threads give 2,000 numbers with `notify_one`, two take them; each taker first
/// begins a wait and drops it.
#[test]
fn threads_lose_nothing() {
    const EACH: u32 = 2_000;
    let shared = Arc::new(Shared::default());
    let givers: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    shared.0.blocking_lock().push(number);
                    shared.1.notify_one();
                }
            })
        })
        .collect();
    let takers: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut sum = 0;
                for _ in 0..EACH {
                    drop(Probe::new(shared.wait()).poll());
                    sum += u64::from(block_on(shared.take()));
                }
                sum
            })
        })
        .collect();
    givers.into_iter().for_each(|giver| giver.join().unwrap());
    let sum: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
    assert_eq!(sum, u64::from(EACH) * u64::from(EACH - 1));
}

#[test]
fn a_condition_shows_whether_it_is_waited_for() {
    let shared = Shared::default();
    assert_eq!(format!("{:?}", shared.1), "Condition { is_waited_for: false, .. }");
    let waiting = Probe::waiting(shared.wait());
    assert_eq!(format!("{:?}", shared.1), "Condition { is_waited_for: true, .. }");
    drop(waiting);
}
