//! `Semaphore`: a permit that nobody picks up goes to the next in line, or is free again.

use std::sync::Arc;

use rondel::sync::Semaphore;
use rondel::testing::cancel;

use super::{shared, waiting};

#[test]
fn acquire() {
    let awaits = cancel::at_every_await(
        || shared(Semaphore::new(0)),
        async |seats| seats.acquire().await.unwrap().forget(),
        |seats, _| seats.add_permits(1),
        |_, seats, cut| {
            assert_eq!((seats.available_permits(), cut.wakers_kept), (cut.given, 0));
            seats.add_permits(1);
            assert_eq!(seats.available_permits(), cut.given + 1, "no dead waiter takes it");
        },
    );
    assert_eq!(awaits, 1);
}

/// The permits that had piled up for the one at the front go to those behind it.
#[test]
fn acquire_many_with_others_behind() {
    let awaits = cancel::at_every_await(
        || shared(Semaphore::new(2)),
        async |seats| seats.acquire_many(3).await.unwrap().forget(),
        |seats, _| seats.add_permits(1),
        |_, seats, cut| assert_eq!(seats.available_permits(), 2 + cut.given),
    );
    assert_eq!(awaits, 1);
    let awaits = cancel::at_every_await(
        || {
            let seats = Arc::new(Semaphore::new(2));
            (seats.clone(), (seats, Vec::new()))
        },
        async |seats| seats.acquire_many(3).await.unwrap().forget(),
        |(seats, behind), _| {
            behind.extend((0..3).map(|_| waiting(seats.clone().acquire_owned())));
            seats.add_permits(1);
        },
        |_, (seats, behind), cut| {
            assert_eq!(behind.iter().filter(|task| task.is_woken()).count(), 3 * cut.given);
            behind.clear();
            assert_eq!(seats.available_permits(), 2 + cut.given);
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn acquire_owned() {
    let awaits = cancel::at_every_await(
        || shared(Semaphore::new(0)),
        async |seats| {
            seats.clone().acquire_owned().await.unwrap().forget();
            seats.clone().acquire_many_owned(2).await.unwrap().forget();
        },
        |seats, nth| seats.add_permits(nth),
        |_, seats, cut| {
            let left = if cut.woken { cut.nth } else { 0 };
            assert_eq!((seats.available_permits(), cut.wakers_kept), (left, 0));
            assert_eq!(Arc::strong_count(seats), 2, "the future kept none");
        },
    );
    assert_eq!(awaits, 2);
}

/// Sent away without a permit, there is none to hand on.
#[test]
fn acquire_of_a_semaphore_that_closes() {
    let awaits = cancel::at_every_await(
        || shared(Semaphore::new(0)),
        async |seats| assert!(seats.acquire().await.is_err()),
        |seats, _| seats.close(),
        |_, seats, cut| {
            assert_eq!(seats.is_closed(), cut.woken);
            seats.add_permits(1);
            assert_eq!(seats.available_permits(), 1);
        },
    );
    assert_eq!(awaits, 1);
}
