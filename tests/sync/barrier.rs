//! `Barrier`: all or nobody, round after round, whoever gives up, resets or aborts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use rondel::sync::{Barrier, BarrierWaitResult, BrokenBarrierError};

use super::executor::{Probe, block_on};

type Waited = Result<BarrierWaitResult, BrokenBarrierError>;

/// So many who wait.
fn waiting(barrier: &Barrier, count: usize) -> Vec<Probe<'_, Waited>> {
    (0..count).map(|_| Probe::waiting(barrier.checked_wait())).collect()
}

/// Whether it got through, and whether it leads.
fn led(waited: Waited) -> Option<bool> {
    waited.ok().map(|result| result.is_leader())
}

/// None counts as one, as in `std` and tokio.
#[test]
fn a_barrier_for_nobody_or_one_never_waits() {
    for parties in [0, 1] {
        let barrier = Barrier::new(parties);
        assert_eq!(barrier.parties(), 1);
        for _ in 0..3 {
            assert!(block_on(barrier.wait()).is_leader());
            assert_eq!(barrier.n_waiting(), 0);
        }
    }
}

/// Goal: show that all go on with the last one, which alone leads.
/// Method: three parties come one by one, and are counted.
#[test]
fn the_last_party_leads_and_lets_all_go_on() {
    let barrier = Barrier::new(3);
    let mut early = Vec::new();
    for count in 1..=2 {
        early.extend(waiting(&barrier, 1));
        assert_eq!(barrier.n_waiting(), count);
    }
    assert!(early.iter_mut().all(|party| party.poll().is_pending()));
    assert!(block_on(barrier.wait()).is_leader());
    assert_eq!(barrier.n_waiting(), 0);
    for party in &mut early {
        assert_eq!((party.wakes(), led(party.ready())), (1, Some(false)));
    }
}

/// Goal: show that rounds do not mix when a fast party comes back before the slow have looked.
/// Method: two slow parties are let through and not polled; three rounds go by without them.
#[test]
fn a_fast_party_may_come_again_at_once() {
    let barrier = Barrier::new(3);
    let mut slow = waiting(&barrier, 2);
    assert!(block_on(barrier.wait()).is_leader());
    for _ in 0..3 {
        let mut next = waiting(&barrier, 2);
        assert_eq!(barrier.n_waiting(), 2, "the slow ones are not counted again");
        assert!(block_on(barrier.wait()).is_leader());
        assert!(next.iter_mut().all(|party| led(party.ready()) == Some(false)));
    }
    let next = waiting(&barrier, 1);
    assert!(slow.iter_mut().all(|party| led(party.ready()) == Some(false)));
    assert_eq!((barrier.n_waiting(), next[0].wakes()), (1, 0));
}

/// CPython: a task is cancelled at the barrier, and others take its part.
#[test]
fn a_cancelled_party_leaves() {
    let barrier = Barrier::new(3);
    let mut parties = waiting(&barrier, 2);
    drop(parties.remove(0));
    assert_eq!(barrier.n_waiting(), 1);
    parties.extend(waiting(&barrier, 1));
    assert_eq!(barrier.n_waiting(), 2);
    assert!(parties.iter().all(|party| party.wakes() == 0));
    assert!(block_on(barrier.wait()).is_leader());
    assert!(parties.iter_mut().all(|party| led(party.ready()) == Some(false)));
    assert!(!barrier.is_broken());
}

/// Goal: show that a party cancelled after its round was complete changes neither that round nor
/// the next.
#[test]
fn a_party_cancelled_after_the_last_one_came_was_counted() {
    let barrier = Barrier::new(3);
    let mut parties = waiting(&barrier, 2);
    block_on(barrier.wait());
    let mut next = waiting(&barrier, 1);
    drop(parties.remove(0));
    assert_eq!(barrier.n_waiting(), 1, "it is not in this round");
    assert_eq!(led(parties[0].ready()), Some(false));
    next.extend(waiting(&barrier, 1));
    assert!(block_on(barrier.wait()).is_leader());
}

/// A wait begins with its first poll.
#[test]
fn a_future_that_was_not_polled_has_not_come() {
    let barrier = Barrier::new(2);
    let early = barrier.wait();
    assert_eq!(barrier.n_waiting(), 0);
    drop(early);
    Probe::waiting(barrier.wait());
    assert_eq!(barrier.n_waiting(), 0);
}

#[test]
fn a_reset_sends_away_who_waits_and_begins_anew() {
    let barrier = Barrier::new(3);
    barrier.reset(); // nobody is there: nothing happens
    let mut early = waiting(&barrier, 2);
    barrier.reset();
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
    // A newcomer need not wait until those have left.
    let mut next = waiting(&barrier, 1);
    for party in &mut early {
        assert_eq!((party.wakes(), led(party.ready())), (1, None));
    }
    next.extend(waiting(&barrier, 1));
    assert!(block_on(barrier.wait()).is_leader());
    assert!(next.iter_mut().all(|party| led(party.ready()) == Some(false)));
}

/// asyncio sends them away with an error if they have not run yet; here they are through.
#[test]
fn who_was_let_through_stays_so_after_a_reset_or_an_abort() {
    for end in [Barrier::reset, Barrier::abort] {
        let barrier = Barrier::new(3);
        let mut through = waiting(&barrier, 2);
        block_on(barrier.wait());
        end(&barrier);
        assert!(through.iter_mut().all(|party| led(party.ready()) == Some(false)));
    }
}

#[test]
fn an_abort_breaks_the_barrier_until_it_is_reset() {
    let barrier = Barrier::new(2);
    let mut early = waiting(&barrier, 1);
    barrier.abort();
    barrier.abort();
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, true));
    assert_eq!(led(early[0].ready()), None);
    for _ in 0..3 {
        let error = block_on(barrier.checked_wait()).unwrap_err();
        assert!(error.to_string().starts_with("the barrier is broken"));
    }
    assert_eq!(barrier.n_waiting(), 0, "who is refused is not counted");
    barrier.reset();
    assert!(!barrier.is_broken());
    let mut parties = waiting(&barrier, 1);
    assert!(block_on(barrier.wait()).is_leader());
    assert_eq!(led(parties[0].ready()), Some(false));
}

/// Goal: show that a party sent away and cancelled before it looked takes nobody out of the count.
#[test]
fn a_party_cancelled_after_a_reset_is_not_counted_off() {
    let barrier = Barrier::new(3);
    let early = waiting(&barrier, 1);
    barrier.reset();
    let _next = waiting(&barrier, 2);
    drop(early);
    assert_eq!(barrier.n_waiting(), 2);
}

#[test]
#[should_panic(expected = "`Barrier::wait`: the barrier is broken: it was aborted, or reset")]
fn a_wait_at_a_broken_barrier_panics() {
    let barrier = Barrier::new(2);
    barrier.abort();
    block_on(barrier.wait());
}

#[test]
#[should_panic(expected = "`checked_wait` returns this error")]
fn a_wait_that_is_reset_panics() {
    let barrier = Barrier::new(2);
    let mut waiting = Probe::waiting(barrier.wait());
    barrier.reset();
    waiting.ready();
}

/// Goal: show that the last party wakes the others outside the lock.
/// Method: a waker that asks who is there and comes to the next round.
#[test]
fn a_waker_may_come_back_to_the_barrier() {
    struct Back(Arc<Barrier>);
    impl Wake for Back {
        fn wake(self: Arc<Self>) {
            let party = Probe::waiting(self.0.wait());
            assert_eq!(self.0.n_waiting(), 1);
            drop(party);
        }
    }
    let barrier = Arc::new(Barrier::new(2));
    let waker = Waker::from(Arc::new(Back(barrier.clone())));
    let mut wait = Box::pin(barrier.wait());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(block_on(barrier.wait()).is_leader());
    assert!(matches!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(_)));
}

/// CPython: one of five tasks fails after the first round and aborts, so that the others do not
/// wait for it in the second; then the barrier is reset and used again.
#[test]
fn a_party_that_fails_spares_the_others_the_wait() {
    rondel::run(async {
        let (work, meeting) = (Arc::new(Barrier::new(5)), Arc::new(Barrier::new(5)));
        let parties: Vec<_> = (0..5)
            .map(|_| {
                let (work, meeting) = (work.clone(), meeting.clone());
                rondel::spawn(async move {
                    let failed = work.wait().await.is_leader();
                    if failed {
                        work.abort();
                    } else {
                        work.checked_wait().await.unwrap_err();
                    }
                    if meeting.wait().await.is_leader() {
                        work.reset(); // all have left it, and nobody comes before the next meeting
                    }
                    meeting.wait().await;
                    work.wait().await;
                    failed
                })
            })
            .collect();
        let mut failed = 0;
        for party in parties {
            failed += usize::from(party.await.unwrap());
        }
        assert_eq!((failed, work.n_waiting(), work.is_broken()), (1, 0, false));
    });
}

/// Goal: show that threads meet in each round: nobody is let through early, and one leads.
/// Method: three threads write their round before the barrier, and find the others' after it.
#[test]
fn threads_meet_in_each_round() {
    const ROUNDS: usize = 1_000;
    let shared = Arc::new((Barrier::new(3), [const { AtomicUsize::new(0) }; 3]));
    let threads: Vec<_> = (0..3)
        .map(|me| {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut leads = 0;
                for round in 1..=ROUNDS {
                    shared.1[me].store(round, Relaxed);
                    leads += usize::from(block_on(shared.0.wait()).is_leader());
                    assert!(shared.1.iter().all(|number| number.load(Relaxed) >= round));
                }
                leads
            })
        })
        .collect();
    let leads: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((leads, shared.0.n_waiting()), (ROUNDS, 0));
}

/// Goal: show that the count stays right while parties come, meet, give up, reset and abort.
/// Method: four threads do so at random steps; then nobody is there, and a round is complete.
#[test]
fn threads_that_give_up_leave_the_count_right() {
    let barrier = Arc::new(Barrier::new(3));
    let threads: Vec<_> = (0..4)
        .map(|me| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                for step in 0..2_000 {
                    drop(Probe::new(barrier.checked_wait()).poll());
                    match (step + me) % 50 {
                        0 => barrier.abort(),
                        1..10 => barrier.reset(),
                        _ => {}
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(barrier.n_waiting(), 0);
    barrier.reset();
    let _parties = waiting(&barrier, 2);
    assert!(block_on(barrier.wait()).is_leader());
}

#[test]
fn a_barrier_shows_who_is_there() {
    let barrier = Barrier::new(2);
    let _party = Probe::waiting(barrier.wait());
    let text = "Barrier { parties: 2, n_waiting: 1, is_broken: false, .. }";
    assert_eq!(format!("{barrier:?}"), text);
    assert_eq!(format!("{:?}", block_on(barrier.wait()).clone()), "BarrierWaitResult(true)");
}
