//! Tokens that go out and come back while the total changes.

use loom::thread;
use std::sync::Arc;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::capacity_limiter::CapacityLimiter;

/// Goal: show that a token which comes back while the total shrinks goes to nobody.
/// Method: two tokens are out; one comes back while the total goes down to one, and while another
/// borrower tries. It may have come before, but not with the total exceeded.
#[test]
fn a_token_that_comes_back_pays_the_debt() {
    check(|| {
        let limiter = Arc::new(CapacityLimiter::for_borrowers(2));
        let first = limiter.clone().try_acquire_owned_on_behalf_of(1).unwrap();
        let second = limiter.clone().try_acquire_owned_on_behalf_of(2).unwrap();
        let giver = thread::spawn(move || drop(first));
        let shrinker = {
            let limiter = limiter.clone();
            thread::spawn(move || {
                limiter.set_total_tokens(1);
                let third = limiter.try_acquire_on_behalf_of(3);
                assert!(third.is_err(), "the second has the one token");
            })
        };
        giver.join().unwrap();
        shrinker.join().unwrap();
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (1, 0));
        drop(second);
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 1));
    });
}

/// Goal: show that a raised total reaches a borrower at whatever step of its wait, and that one
/// who gives up meanwhile loses no token.
/// Method: no tokens; one waits, one gives up, one raises the total to one.
#[test]
fn a_raised_total_reaches_who_waits() {
    check(|| {
        let limiter = Arc::new(CapacityLimiter::for_borrowers(0));
        let quitter = {
            let limiter = limiter.clone();
            thread::spawn(move || drop(poll_and_cancel(limiter.acquire_on_behalf_of(1))))
        };
        let raiser = {
            let limiter = limiter.clone();
            thread::spawn(move || limiter.set_total_tokens(1))
        };
        drop(block_on(limiter.acquire_on_behalf_of(2)).unwrap());
        quitter.join().unwrap();
        raiser.join().unwrap();
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 1));
    });
}

/// Goal: show that the counts are right after a total that goes up and down while one waits.
/// Method: no tokens; one waits and gives up, one raises the total and lowers it again.
#[test]
fn a_total_that_goes_up_and_down_leaves_no_debt() {
    check(|| {
        let limiter = Arc::new(CapacityLimiter::for_borrowers(0));
        let quitter = {
            let limiter = limiter.clone();
            thread::spawn(move || drop(poll_and_cancel(limiter.acquire_on_behalf_of(1))))
        };
        limiter.set_total_tokens(1);
        limiter.set_total_tokens(0);
        quitter.join().unwrap();
        assert_eq!((limiter.borrowed_tokens(), limiter.available_tokens()), (0, 0));
        limiter.set_total_tokens(1);
        assert_eq!(limiter.available_tokens(), 1, "no debt is left");
    });
}
