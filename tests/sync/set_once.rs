//! `SetOnce`: one sets, many wait.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use rondel::sync::{SetOnce, SetOnceError};

use super::executor::{Probe, block_on};

/// Goal: show that all who wait get the value, with one wake each, and those who come later at
/// once.
/// Method: two wait, one of three gave up; set; look; come late.
#[test]
fn a_value_that_is_set_reaches_all_who_wait() {
    let once = SetOnce::new();
    let mut waiters = [Probe::waiting(once.wait()), Probe::waiting(once.wait())];
    drop(Probe::waiting(once.wait()));
    assert_eq!((once.get(), once.initialized()), (None, false));
    assert_eq!(once.set(1), Ok(()));
    assert!(waiters.iter().all(|waiter| waiter.wakes() == 1));
    assert!(waiters.iter_mut().all(|waiter| *waiter.ready() == 1));
    assert!(waiters.iter().all(|waiter| waiter.wakers_kept() == 0));
    assert_eq!(Probe::new(once.wait()).ready(), &1);
    assert_eq!((once.get(), once.initialized()), (Some(&1), true));
}

/// Goal: show that a future which exists, but was not polled when the value came, gets it.
/// Method: make it, set, poll.
#[test]
fn a_value_reaches_a_future_that_was_not_polled_yet() {
    let once = SetOnce::new();
    let mut early = Probe::new(once.wait());
    once.set(1).unwrap();
    assert_eq!(early.ready(), &1);
}

/// Goal: show that the first value stays, and the second comes back.
/// Method: set twice; also one that was made with a value.
#[test]
fn a_second_value_comes_back() {
    let once = SetOnce::new();
    once.set(1).unwrap();
    let error = once.set(2).unwrap_err();
    assert_eq!((&error, error.to_string()), (&SetOnceError(2), "SetOnceError".into()));
    assert_eq!(SetOnce::from(3).set(4), Err(SetOnceError(4)));
    assert_eq!(once.get(), Some(&1));
}

/// Goal: show the ways in and out, and that a value is dropped once.
/// Method: each constructor, `into_inner`, `Clone`, `Eq`, `Debug`.
#[test]
fn the_owner_reaches_the_value_without_waiting() {
    static GIVEN: SetOnce<u8> = SetOnce::const_new_with(7);
    static EMPTY: SetOnce<u8> = SetOnce::const_new();
    assert_eq!((GIVEN.get(), EMPTY.get()), (Some(&7), None));
    assert_eq!(block_on(GIVEN.wait()), &7);
    assert_eq!(EMPTY.set(8), Ok(()));

    let once = SetOnce::new_with(Some(1));
    assert_eq!(once, once.clone());
    assert_ne!(once, SetOnce::default());
    assert_eq!(format!("{once:?}"), "SetOnce { value: Some(1) }");
    assert_eq!(once.into_inner(), Some(1));
    assert_eq!(SetOnce::<u8>::new_with(None).into_inner(), None);

    let value = Rc::new(());
    let once = SetOnce::new();
    assert!(once.set(value.clone()).is_ok());
    assert!(once.set(value.clone()).is_err());
    assert_eq!(Rc::strong_count(&value), 2);
    drop(once);
    drop(SetOnce::from(value.clone()));
    assert_eq!(Rc::strong_count(&value), 1);
}

/// Goal: show that of several threads which set one succeeds, and that all who wait see its value.
/// Method: 200 rounds of two that set and two that wait.
#[test]
fn threads_agree_on_one_value() {
    for _ in 0..200 {
        let once = Arc::new(SetOnce::new());
        let setters: Vec<_> = (0..2)
            .map(|number| {
                let once = once.clone();
                thread::spawn(move || once.set(number).is_ok())
            })
            .collect();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let once = once.clone();
                thread::spawn(move || *block_on(once.wait()))
            })
            .collect();
        let set: Vec<bool> = setters.into_iter().map(|thread| thread.join().unwrap()).collect();
        let winner = i32::from(set[1]);
        assert!(set[0] != set[1], "exactly one of the two set it");
        assert!(waiters.into_iter().all(|thread| thread.join().unwrap() == winner));
    }
}
