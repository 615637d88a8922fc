//! Barriers: parties that come, go on, come again and give up at once.

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel, poll_once};
use crate::shim::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::barrier::Barrier;

/// Goal: show that both parties go on, that one of them leads, and that each sees what the other
/// one did before it came; twice, so that a fast one is in the second round before the other one
/// has left the first.
/// Method: each writes its own number before a round, and reads the other's after it.
#[test]
fn two_parties_meet_in_each_round() {
    check(|| {
        let shared = Arc::new((Barrier::new(2), [AtomicUsize::new(0), AtomicUsize::new(0)]));
        let party = |me: usize, shared: Arc<(Barrier, [AtomicUsize; 2])>| {
            let mut led = [false; 2];
            for round in 1..=2 {
                shared.1[me].store(round, Relaxed);
                led[round - 1] = block_on(shared.0.wait()).is_leader();
                assert!(shared.1[1 - me].load(Relaxed) >= round);
            }
            led
        };
        let other = {
            let shared = shared.clone();
            thread::spawn(move || party(1, shared))
        };
        let mine = party(0, shared.clone());
        let theirs = other.join().unwrap();
        assert_eq!([mine[0] != theirs[0], mine[1] != theirs[1]], [true; 2], "one leads each round");
        assert_eq!(shared.0.n_waiting(), 0);
    });
}

/// Goal: show that parties which give up are not counted, whatever they do at once.
/// Method: two of three come and give up; then nobody is there, and three more have to meet.
#[test]
fn parties_that_give_up_are_not_counted() {
    check(|| {
        let barrier = Arc::new(Barrier::new(3));
        let quitter = {
            let barrier = barrier.clone();
            thread::spawn(move || drop(poll_and_cancel(barrier.wait())))
        };
        drop(poll_and_cancel(barrier.wait()));
        quitter.join().unwrap();
        assert_eq!(barrier.n_waiting(), 0);
    });
}

/// Goal: show that a party which gives up while its round ends takes nobody out of the next one.
/// Method: one waits and is dropped, while another one comes twice: once to end that round, or to
/// give up, and once to wait in the next.
#[test]
fn a_party_that_gives_up_late_leaves_the_next_round_alone() {
    check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let wait = |barrier: &Arc<Barrier>| {
            let barrier = barrier.clone();
            Box::pin(async move { barrier.wait().await })
        };
        let mut quitter = wait(&barrier);
        assert!(poll_once(quitter.as_mut()).is_pending());
        let other = {
            let barrier = barrier.clone();
            thread::spawn(move || {
                drop(poll_and_cancel(wait(&barrier)));
                let mut next = wait(&barrier);
                assert!(poll_once(next.as_mut()).is_pending());
                next
            })
        };
        drop(quitter);
        let next = other.join().unwrap();
        assert_eq!(barrier.n_waiting(), 1);
        drop(next);
        assert_eq!(barrier.n_waiting(), 0);
    });
}

/// Goal: show that an abort sends everybody away, whether they had queued up yet or not; and that
/// the error is not mixed up with a complete round.
/// Method: one waits; one aborts.
#[test]
fn an_abort_reaches_who_begins_to_wait_meanwhile() {
    check(|| {
        let barrier = Arc::new(Barrier::new(2));
        let breaker = {
            let barrier = barrier.clone();
            thread::spawn(move || barrier.abort())
        };
        assert!(block_on(barrier.checked_wait()).is_err());
        breaker.join().unwrap();
        assert!(barrier.is_broken());
        assert_eq!(barrier.n_waiting(), 0);
    });
}
