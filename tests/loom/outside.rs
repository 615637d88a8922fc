//! A loop that has nothing to run asks whether anybody could bring it something.

use crate::blocking::Pool;
use crate::model::check;
use crate::services::{Outside, Services};
use crate::task::inbox::{AfterPost, Inbox, Note};
use crate::time::clock::Clock;
use loom::thread;
use std::sync::Arc;

/// Goal: show that the last note of a thread that goes is not overlooked. Method: a thread leaves a
/// note and is outside no longer, while the loop asks.
#[test]
fn who_goes_has_left_its_note_before() {
    check(|| {
        let services = Arc::new(Services::new(Pool, Clock));
        let inbox = Arc::new(Inbox::new());
        let (outside, theirs) = (Outside::new(&services), inbox.clone());
        let thread = thread::spawn(move || {
            assert!(matches!(theirs.post(Note::Root), Ok(AfterPost::Nothing)));
            drop(outside);
        });
        assert!(!services.is_deserted(&inbox), "its note is there, or it is");
        thread.join().unwrap();
    });
}
