//! `CancellationToken`: a wait that is dropped changes nothing.

use rondel::sync::{CancellationToken, Notify};
use rondel::testing::{cancel, task};

use super::shared;

fn token() -> (CancellationToken, CancellationToken) {
    let parent = CancellationToken::new();
    (parent.child_token(), parent)
}

#[test]
fn cancelled() {
    let awaits = cancel::at_every_await(
        token,
        async |token| token.cancelled().await,
        |parent, _| parent.cancel_with("enough"),
        |token, _, cut| {
            assert_eq!(token.reason(), cut.woken.then_some("enough"));
            assert_eq!(cut.wakers_kept, 0);
        },
    );
    assert_eq!(awaits, 1);
}

/// The future keeps the token itself; dropped with it, it neither cancels nor stays in the tree.
#[test]
fn cancelled_owned() {
    let awaits = cancel::at_every_await(
        || {
            let (child, parent) = token();
            (Some(child), parent)
        },
        async |child| child.take().unwrap().cancelled_owned().await,
        |parent, _| parent.cancel(),
        |_, parent, cut| {
            assert_eq!((parent.is_cancelled(), cut.wakers_kept), (cut.woken, 0));
            parent.cancel();
        },
    );
    assert_eq!(awaits, 1);
}

/// As cancel-safe as the future inside: here one that hands a notification on.
#[test]
fn run_until_cancelled() {
    for cancels in [false, true] {
        let awaits = cancel::at_every_await(
            || shared((CancellationToken::new(), Notify::new())),
            async |own| {
                let (token, notify) = &**own;
                let ran = token.run_until_cancelled(notify.notified()).await;
                assert_eq!(ran.is_none(), cancels);
            },
            |others, _| if cancels { others.0.cancel() } else { others.1.notify_one() },
            |_, others, cut| {
                assert_eq!(others.0.is_cancelled(), cut.woken && cancels);
                let is_there = task::spawn(others.1.notified()).poll().is_ready();
                assert_eq!(is_there, cut.woken && !cancels);
                assert_eq!(cut.wakers_kept, 0);
            },
        );
        assert_eq!(awaits, 1);
    }
}

/// The token goes with the future, and neither cancels nor stays in the tree.
#[test]
fn run_until_cancelled_owned() {
    let awaits = cancel::at_every_await(
        || {
            let (child, parent) = token();
            let (notify, other) = shared(Notify::new());
            ((Some(child), notify), (parent, other))
        },
        async |(child, notify)| {
            let child = child.take().unwrap();
            assert_eq!(child.run_until_cancelled_owned(notify.notified()).await, Some(()));
        },
        |(_, notify), _| notify.notify_one(),
        |_, (parent, notify), cut| {
            assert!(!parent.is_cancelled());
            parent.cancel();
            assert_eq!(task::spawn(notify.notified()).poll().is_ready(), cut.woken);
            assert_eq!(cut.wakers_kept, 0);
        },
    );
    assert_eq!(awaits, 1);
}
