//! `Notify`: a notification for one is handed on; one for all was for all.

use std::pin::pin;

use rondel::sync::Notify;
use rondel::testing::{cancel, task};

use super::{shared, waiting};

/// Whether a notification lies there.
fn takes_one(notify: &Notify) -> bool {
    task::spawn(notify.notified()).poll().is_ready()
}

#[test]
fn notified() {
    for notify_one in [Notify::notify_one, Notify::notify_last] {
        let awaits = cancel::at_every_await(
            || shared(Notify::new()),
            async |notify| notify.notified().await,
            |notify, _| notify_one(notify),
            |_, notify, cut| {
                assert_eq!((takes_one(notify), cut.wakers_kept), (cut.woken, 0));
                assert!(!takes_one(notify), "never two");
            },
        );
        assert_eq!(awaits, 1);
    }
}

#[test]
fn notified_owned_with_another_behind() {
    let awaits = cancel::at_every_await(
        || {
            let (own, notify) = shared(Notify::new());
            (own, (notify, None))
        },
        async |notify| notify.clone().notified_owned().await,
        |(notify, behind), _| {
            *behind = Some(waiting(notify.clone().notified_owned()));
            notify.notify_one();
        },
        |_, (notify, behind), cut| {
            assert_eq!(behind.as_ref().is_some_and(|task| task.is_woken()), cut.woken);
            drop(behind.take());
            assert_eq!(takes_one(notify), cut.woken);
        },
    );
    assert_eq!(awaits, 1);
}

#[test]
fn notified_by_a_call_to_all() {
    let awaits = cancel::at_every_await(
        || shared(Notify::new()),
        async |notify| notify.notified().await,
        |notify, _| notify.notify_waiters(),
        |_, notify, _| assert!(!takes_one(notify), "nothing is left of a call to all"),
    );
    assert_eq!(awaits, 1);
}

/// Its place was taken before anybody waited at it.
#[test]
fn notified_after_enable() {
    let awaits = cancel::at_every_await(
        || shared(Notify::new()),
        async |notify| {
            let mut notified = pin!(notify.notified());
            assert!(!notified.as_mut().enable());
            notified.await;
        },
        |notify, _| notify.notify_one(),
        |_, notify, cut| {
            assert_eq!((takes_one(notify), cut.wakers_kept), (cut.woken, 0));
            assert!(!takes_one(notify), "no dead waiter takes it, and there are never two");
        },
    );
    assert_eq!(awaits, 1);
}
