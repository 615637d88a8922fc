//! The nudge: a worker is kept from falling asleep, or woken, without a note.

use crate::task::inbox::{AfterPost, Inbox, Note};
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::sync::{Arc, Notify};
use loom::thread;
use std::collections::VecDeque;

/// An inbox and its doorbell; work lies elsewhere.
struct Door {
    inbox: Inbox,
    bell: Notify,
    work: AtomicBool,
}

impl Door {
    fn new() -> Arc<Self> {
        Arc::new(Self { inbox: Inbox::new(), bell: Notify::new(), work: AtomicBool::new(false) })
    }

    fn ring(&self, after: AfterPost) {
        if after == AfterPost::Ring {
            self.bell.notify();
        }
    }

    /// Sleeps until `is_there`.
    fn wait_until(&self, mut is_there: impl FnMut() -> bool) {
        while !is_there() {
            if self.inbox.fall_asleep() {
                self.bell.wait();
                self.inbox.wake_up();
            }
        }
    }
}

/// The work is written `Relaxed`: the nudge must carry it, or come after the look.
#[test]
fn a_nudge_comes_while_the_loop_falls_asleep() {
    crate::model::check(|| {
        let door = Door::new();
        let other = {
            let door = door.clone();
            thread::spawn(move || {
                door.work.store(true, Relaxed);
                door.ring(door.inbox.nudge());
            })
        };
        crate::model::let_others_first();
        door.wait_until(|| door.work.load(Relaxed));
        other.join().unwrap();
    });
}

/// Each of the two rings or finds the loop awake, and neither takes the other's ring away.
#[test]
fn a_nudge_and_a_note_come_while_the_loop_falls_asleep() {
    crate::model::check(|| {
        let door = Door::new();
        let nudger = {
            let door = door.clone();
            thread::spawn(move || {
                door.work.store(true, Relaxed);
                door.ring(door.inbox.nudge());
            })
        };
        let writer = {
            let door = door.clone();
            thread::spawn(move || {
                let posted = door.inbox.post(Note::Root);
                door.ring(posted.unwrap_or_else(|_| unreachable!("the inbox is open")));
            })
        };
        crate::model::let_others_first();
        let mut notes = VecDeque::new();
        door.wait_until(|| {
            if notes.is_empty() {
                door.inbox.take(&mut notes);
            }
            door.work.load(Relaxed) && !notes.is_empty()
        });
        assert_eq!(notes.len(), 1);
        nudger.join().unwrap();
        writer.join().unwrap();
    });
}
