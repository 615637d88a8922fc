//! `CapacityLimiter`: a token that nobody picks up goes on; its borrower is forgotten.

use std::sync::Arc;

use rondel::sync::CapacityLimiter;
use rondel::testing::cancel;

use super::{now, shared, waiting};

#[test]
fn acquire_on_behalf_of() {
    let awaits = cancel::at_every_await(
        || shared(CapacityLimiter::for_borrowers(0)),
        async |limiter| drop(limiter.acquire_on_behalf_of("it").await.unwrap()),
        |limiter, _| limiter.set_total_tokens(1),
        |_, limiter, cut| {
            assert_eq!((limiter.available_tokens(), cut.wakers_kept), (cut.given, 0));
            let statistics = limiter.statistics();
            assert_eq!((statistics.borrowers.len(), statistics.tasks_waiting), (0, 0));
            limiter.set_total_tokens(1);
            drop(now(limiter.acquire_on_behalf_of("it")).unwrap());
        },
    );
    assert_eq!(awaits, 1);
}

/// The next in line gets it; if the total has gone down meanwhile, nobody.
#[test]
fn acquire_owned_on_behalf_of_with_another_behind() {
    for total in [1, 0] {
        let awaits = cancel::at_every_await(
            || {
                let limiter = Arc::new(CapacityLimiter::for_borrowers(0));
                (limiter.clone(), (limiter, None))
            },
            async |limiter| drop(limiter.clone().acquire_owned_on_behalf_of(1).await.unwrap()),
            |(limiter, behind), _| {
                *behind = Some(waiting(limiter.clone().acquire_owned_on_behalf_of(2)));
                limiter.set_total_tokens(1);
                limiter.set_total_tokens(total);
            },
            |_, (limiter, behind), cut| {
                if let Some(behind) = behind {
                    assert_eq!(behind.is_woken(), total == 1);
                    assert_eq!(limiter.borrowed_tokens(), total);
                }
                drop(behind.take());
                let left = if cut.woken { total } else { 0 };
                assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, left));
            },
        );
        assert_eq!(awaits, 1);
    }
}

/// By the id of the task: the same, in the name of whoever calls.
#[test]
fn acquire_and_acquire_owned_in_a_task() {
    async fn cuts() {
        let awaits = cancel::at_every_await(
            || shared(CapacityLimiter::new(0)),
            async |limiter| {
                drop(limiter.acquire().await.unwrap());
                limiter.set_total_tokens(0);
                drop(limiter.clone().acquire_owned().await.unwrap());
            },
            |limiter, _| limiter.set_total_tokens(1),
            |_, limiter, cut| {
                let left = usize::from(cut.woken);
                assert_eq!((limiter.available_tokens(), cut.wakers_kept), (left, 0));
                assert_eq!(Arc::strong_count(limiter), 2, "the future kept none");
                limiter.set_total_tokens(1);
                drop(limiter.try_acquire().expect("the task is no borrower any more"));
            },
        );
        assert_eq!(awaits, 2);
    }
    rondel::run(async { rondel::spawn(cuts()).await.unwrap() });
}
