//! `Barrier`: who is dropped has not come, unless the last one came before.

use rondel::sync::Barrier;
use rondel::testing::cancel;

use super::{now, shared, waiting};

#[test]
fn wait() {
    let awaits = cancel::at_every_await(
        || shared(Barrier::new(2)),
        async |barrier| barrier.wait().await,
        |barrier, _| assert!(now(barrier.wait()).is_leader()),
        |_, barrier, cut| {
            assert_eq!((barrier.n_waiting(), cut.wakers_kept), (0, 0));
            let mut party = waiting(barrier.wait());
            assert!(now(barrier.wait()).is_leader(), "two of the next round are enough");
            assert!(!rondel::assert_ready!(party.poll()).is_leader());
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn checked_wait_of_a_barrier_that_is_reset_or_aborted() {
    for end in [Barrier::reset, Barrier::abort] {
        let awaits = cancel::at_every_await(
            || shared(Barrier::new(2)),
            async |barrier| barrier.checked_wait().await.unwrap_err(),
            |barrier, _| end(barrier),
            |_, barrier, _| {
                barrier.reset();
                let party = waiting(barrier.wait());
                assert_eq!(barrier.n_waiting(), 1);
                drop(party);
                assert_eq!(barrier.n_waiting(), 0);
            },
        );
        assert_eq!(awaits, 1);
    }
}
