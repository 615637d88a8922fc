//! Cancellation tokens: no wait and no member of the family is missed, whoever comes and goes.

use loom::thread;

use crate::model::{block_on, check, poll_and_cancel};
use crate::sync::cancellation_token::CancellationToken;

/// Goal: show that a cancellation reaches one who begins to wait, and with its reason; and that one
/// who gives up meanwhile takes nothing with it.
/// Method: one waits, one waits and gives up, one cancels the parent.
#[test]
fn a_cancellation_reaches_who_begins_to_wait_meanwhile() {
    check(|| {
        let parent = CancellationToken::new();
        let token = parent.child_token();
        let canceller = thread::spawn(move || parent.cancel_with("enough"));
        let quitter = {
            let token = token.clone();
            thread::spawn(move || _ = poll_and_cancel(token.cancelled()))
        };
        block_on(token.cancelled());
        assert_eq!(token.reason(), Some("enough"));
        canceller.join().unwrap();
        quitter.join().unwrap();
    });
}

/// Goal: show that a child is cancelled with its parent, also if it is made at that moment.
/// Method: make a child and wait, against the cancellation.
#[test]
fn a_child_that_is_made_meanwhile_is_cancelled() {
    check(|| {
        let parent = CancellationToken::new();
        let canceller = {
            let parent = parent.clone();
            thread::spawn(move || parent.cancel_with("enough"))
        };
        let child = parent.child_token();
        block_on(child.cancelled());
        assert_eq!(child.reason(), Some("enough"));
        canceller.join().unwrap();
    });
}

/// Goal: show that a member that goes leaves its children in the family at every moment.
/// Method: a cancellation of the grandparent against the drop of the parent and that of a child.
#[test]
fn a_member_that_goes_hides_nobody_from_a_cancellation() {
    check(|| {
        let root = CancellationToken::new();
        let parent = root.child_token();
        let (stays, goes) = (parent.child_token(), parent.child_token());
        let going = thread::spawn(move || {
            drop(parent);
            drop(goes);
        });
        root.cancel();
        assert!(stays.is_cancelled());
        going.join().unwrap();
    });
}

/// Goal: show that of two who cancel at once one gives the reason, the same for the whole family.
/// Method: both the parent and the child are cancelled; the child may have a reason of its own.
#[test]
fn the_first_reason_wins() {
    check(|| {
        let parent = CancellationToken::new();
        let child = parent.child_token();
        let grandchild = child.child_token();
        let canceller = {
            let parent = parent.clone();
            thread::spawn(move || parent.cancel_with("parent"))
        };
        child.cancel_with("child");
        assert_eq!(grandchild.reason(), child.reason());
        assert!(child.is_cancelled());
        canceller.join().unwrap();
        assert_eq!(parent.reason(), Some("parent"));
    });
}
