//! `OnceCell`: an initialiser that is dropped leaves the cell as it was, and the right to the next.

use std::future::pending;
use std::sync::Arc;

use rondel::sync::{Notify, OnceCell, SetError};
use rondel::testing::cancel;

use super::{shared, waiting};

/// The first await is for the right, which somebody else has; the second is that of the future.
#[test]
fn get_or_init_behind_another() {
    let awaits = cancel::at_every_await(
        || {
            let (cell, go) = (Arc::new(OnceCell::new()), Arc::new(Notify::new()));
            let first = cell.clone();
            let first = waiting(async move { *first.get_or_init(pending).await });
            ((cell.clone(), go.clone()), (cell, go, Some(first)))
        },
        async |(cell, go)| {
            let make = async || {
                go.notified().await;
                1
            };
            assert_eq!(*cell.get_or_init(make).await, 1);
        },
        |(_, go, first), nth| match nth {
            1 => *first = None,
            _ => go.notify_one(),
        },
        |_, (cell, _, first), cut| {
            assert_eq!((cell.get(), cut.wakers_kept), (None, 0));
            *first = None;
            assert_eq!(cell.set(2), Ok(()), "the right is free again");
        },
    );
    assert_eq!(awaits, 2);
}

/// With another one behind it, the right is that one's.
#[test]
fn get_or_try_init_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let (cell, go) = (Arc::new(OnceCell::new()), Arc::new(Notify::new()));
            ((cell.clone(), go.clone()), (cell, go, None))
        },
        async |(cell, go)| {
            let fail = async || {
                go.notified().await;
                Err("no luck")
            };
            assert_eq!(cell.get_or_try_init(fail).await, Err("no luck"));
        },
        |(cell, go, behind), _| {
            let cell = cell.clone();
            *behind = Some(waiting(async move { *cell.get_or_init(async || 2).await }));
            go.notify_one();
        },
        |_, (cell, _, behind), cut| {
            assert_eq!(behind.as_ref().is_some_and(|task| task.is_woken()), cut.woken);
            if let Some(mut behind) = behind.take() {
                assert_eq!(cell.set(3), Err(SetError::InitializingError(3)));
                rondel::assert_ready_eq!(behind.poll(), 2);
            }
        },
    );
    assert_eq!(awaits, 1);
}

/// One that waits for another's value and goes away takes nothing with it.
#[test]
fn get_or_init_while_another_makes_the_value() {
    let awaits = cancel::at_every_await(
        || {
            let (cell, others) = shared(OnceCell::new());
            let go = Arc::new(Notify::new());
            let (maker, signal) = (others.clone(), go.clone());
            let make = waiting(async move {
                let slowly = async || {
                    signal.notified().await;
                    1
                };
                *maker.get_or_init(slowly).await
            });
            (cell, (others, go, make))
        },
        async |cell| assert_eq!(*cell.get_or_init(async || 2).await, 1),
        |(_, go, make), _| {
            go.notify_one();
            rondel::assert_ready_eq!(make.poll(), 1);
        },
        |_, (cell, go, make), cut| {
            assert_eq!((cell.get().is_some(), cut.wakers_kept), (cut.woken, 0));
            if !cut.woken {
                go.notify_one();
                rondel::assert_ready_eq!(make.poll(), 1);
            }
            assert_eq!(cell.get(), Some(&1));
        },
    );
    assert_eq!(awaits, 1);
}
