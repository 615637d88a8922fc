//! `Notify`: one permit at most, the right one chosen, nothing lost on cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use rondel::sync::Notify;

use super::executor::{Probe, block_on};

/// Goal: show that a notification waits for its taker, and that several count as one.
/// Method: notify three times, then wait twice.
#[test]
fn one_notification_is_left_never_two() {
    let notify = Notify::new();
    (0..3).for_each(|_| notify.notify_one());
    block_on(notify.notified());
    Probe::waiting(notify.notified());
}

/// Goal: show whom `notify_one` and `notify_last` choose.
/// Method: three waiters, one call of each.
#[test]
fn the_first_or_the_last_is_chosen() {
    let notify = Notify::new();
    let waiters: Vec<_> = (0..3).map(|_| Probe::waiting(notify.notified())).collect();
    let wakes = || waiters.iter().map(|waiter| waiter.wakes()).collect::<Vec<_>>();
    notify.notify_one();
    assert_eq!(wakes(), [1, 0, 0]);
    notify.notify_last();
    assert_eq!(wakes(), [1, 0, 1]);
}

/// Goal: show that a chosen waiter which is dropped hands the notification on, to the end it came
/// from, or leaves it.
/// Method: drop the chosen one of three, then the next chosen one, then the last.
#[test]
fn a_chosen_waiter_that_is_dropped_hands_on() {
    let notify = Notify::new();
    let mut waiters: Vec<_> = (0..4).map(|_| Probe::waiting(notify.notified())).collect();
    notify.notify_one();
    drop(waiters.remove(0));
    assert_eq!(waiters.iter().map(|waiter| waiter.wakes()).collect::<Vec<_>>(), [1, 0, 0]);
    waiters.remove(0).ready();
    notify.notify_last();
    drop(waiters.pop());
    assert_eq!(waiters[0].wakes(), 1);
    drop(waiters);
    block_on(notify.notified());
}

/// Goal: show that `notify_waiters` reaches all who wait, and also futures not polled yet, but
/// leaves nothing for those who come later.
/// Method: one waiter, one future made before, one made after the call.
#[test]
fn notify_waiters_reaches_those_who_exist() {
    let notify = Notify::new();
    let mut waiting = Probe::waiting(notify.notified());
    let early = notify.notified();
    notify.notify_waiters();
    let late = notify.notified();
    assert_eq!(waiting.wakes(), 1);
    waiting.ready();
    Probe::new(early).ready();
    Probe::waiting(late);
}

/// Goal: show that a future which `notify_waiters` has reached leaves a notification to the next.
/// Method: a future made before both calls, in both orders of them; whoever comes after it finds
/// the permit, also if it waits already.
#[test]
fn a_future_that_was_reached_uses_up_nothing() {
    let notify = Notify::new();
    let early = notify.notified();
    notify.notify_waiters();
    notify.notify_one();
    Probe::new(early).ready();
    Probe::new(notify.notified()).ready();

    notify.notify_one();
    let mut early = Box::pin(notify.notified());
    notify.notify_waiters();
    assert!(early.as_mut().enable());
    Probe::new(notify.notified()).ready();
    Probe::waiting(notify.notified());
}

/// Goal: show that a waiter sent off by `notify_waiters` hands nothing on when it is dropped.
/// Method: drop it unpolled; the next to come has to wait.
#[test]
fn a_waiter_sent_off_with_all_hands_nothing_on() {
    let notify = Notify::new();
    let waiting = Probe::waiting(notify.notified());
    notify.notify_waiters();
    drop(waiting);
    Probe::waiting(notify.notified());
}

/// Goal: show that `enable` takes the place in the queue without a waker, and that a later poll
/// adds one.
/// Method: enable, notify, and the other way round; an owned one too.
#[test]
fn an_enabled_future_can_be_chosen() {
    let notify = Arc::new(Notify::new());
    let mut first = Box::pin(notify.notified());
    assert!(!first.as_mut().enable());
    notify.notify_one();
    assert!(first.as_mut().enable());
    Probe::waiting(notify.notified());
    Probe::new(first).ready();

    let mut owned = Box::pin(notify.clone().notified_owned());
    assert!(!owned.as_mut().enable());
    let mut owned = Probe::waiting(owned);
    notify.notify_one();
    assert_eq!(owned.wakes(), 1);
    owned.ready();
    owned.ready(); // it stays ready
}

/// Goal: show that a stored permit and a queue do not mix up: who comes after the store takes it.
/// Method: notify, wait, wait, notify.
#[test]
fn a_left_notification_is_taken_once() {
    let notify = Notify::default();
    notify.notify_one();
    let mut first = Probe::new(notify.notified());
    first.ready();
    let second = Probe::waiting(notify.notified());
    drop(first);
    assert_eq!(second.wakes(), 0);
    notify.notify_one();
    assert_eq!(second.wakes(), 1);
}

/// Goal: show that between threads no notification is lost while waits are cancelled.
/// Method: a thread hands over 5,000 tickets one by one; the taker cancels waits at random steps.
#[test]
fn threads_lose_no_notification() {
    const TICKETS: usize = 5_000;
    let shared = Arc::new((Notify::new(), AtomicUsize::new(0)));
    let giver = {
        let shared = shared.clone();
        thread::spawn(move || {
            for _ in 0..TICKETS {
                shared.1.fetch_add(1, SeqCst);
                shared.0.notify_one();
            }
        })
    };
    let mut taken = 0;
    while taken < TICKETS {
        if taken % 3 == 0 {
            let _ = Probe::new(shared.0.notified()).poll();
        }
        let now = shared.1.swap(0, SeqCst);
        taken += now;
        if now == 0 && taken < TICKETS {
            // Either a ticket came after the swap, and with it a notification, or one will come.
            block_on(shared.0.notified());
        }
    }
    giver.join().unwrap();
}
