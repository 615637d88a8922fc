//! Floor 4. Deputies: who takes a worker's place while it blocks.
//!
//! A task that calls `block_in_place` says beforehand what a long poll does not: that its worker
//! will be stuck. So nobody needs to find out. The worker hands its loop on, to a thread that has
//! nothing else to do, and goes on as an ordinary thread until the poll is over.
//!
//! ```text
//!   worker      polls ─ hands on ─ blocks, as a stranger ──── poll ends ── goes: it has no loop
//!                          │                                        ╲
//!                        [slot]                                      or takes the loop back, if it
//!                          ╰───▶ deputy: turns the loop, for good    still lies in the slot
//! ```
//!
//! What is handed on is the right to the ring; all else of a loop (its home, timers, sockets, desk)
//! is in locks already, for the sake of the watchman. The deputy builds another loop around it.
//!
//! Rules
//! 1. One thread at a time is inside a worker's loop: the worker steps out before it puts the ring
//!    into the slot, and the slot's lock orders all that it did before all that the next one does.
//! 2. Whoever takes the ring out of the slot is the worker from then on.
//! 3. Only a poll is left this way, and not while the runtime ends: whoever calls from elsewhere
//!    blocks where it stands.
//!
//! Real world: tokio hands its "core" to a thread of the blocking pool; if that pool is full of
//! closures that wait for tasks, nobody runs these. Go's `entersyscall` leaves the P behind, and
//! `sysmon` gives it to another M.

use super::stealing::{Parts, Staff, Worker};
use crate::current;
use crate::ready::ring::Owner;
use crate::shim::{Arc, Mutex, lock};
use crate::task::cell::TaskRef;
use crate::task::id::try_id;
use crate::turn::Loop;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    /// What this thread is a worker of, be it inside the loop or out of it.
    static POST: RefCell<Option<Rc<Post>>> = const { RefCell::new(None) };
}

/// A worker's place, on the thread that holds it or has left it in a poll.
pub(super) struct Post {
    pub(super) staff: Arc<Staff>,
    pub(super) lp: Rc<Loop>,
}

/// Where the ring lies until somebody takes it.
type Slot = Arc<Mutex<Option<Owner<TaskRef>>>>;

fn take(slot: &Slot) -> Option<Owner<TaskRef>> {
    lock(slot).take()
}

/// Makes `post` the one of this thread until the guard is dropped.
pub(super) fn hold(post: Rc<Post>) -> Holding {
    POST.with(|place| place.replace(Some(post)));
    Holding(())
}

/// See [`hold`].
pub(super) struct Holding(());

impl Drop for Holding {
    fn drop(&mut self) {
        drop(POST.with(RefCell::take));
    }
}

/// Whether this thread works for that runtime, be it inside its loop or out of it.
pub(super) fn is_of(staff: &Arc<Staff>) -> bool {
    let is_its = |post: &Rc<Post>| Arc::ptr_eq(&post.staff, staff);
    POST.try_with(|place| place.borrow().as_ref().is_some_and(is_its)) == Ok(true)
}

/// Leaves the loop of the worker that this thread is, if it is one and polls a task.
pub(crate) fn step_out() -> Option<Out> {
    let post = POST.try_with(|place| place.borrow().clone()).ok().flatten()?;
    if !current::is_worker() || try_id().is_none() || post.staff.workers.crew.is_closing() {
        return None; // rule 3
    }
    let ring = post.lp.ready.steal().hand_on()?;
    let frame = current::step_out(&post.lp)?;
    let slot: Slot = Arc::new(Mutex::new(Some(ring)));
    post.staff.meeting.step_out();
    post.send_deputy(slot.clone());
    Some(Out { post, frame, slot })
}

impl Post {
    /// Has the ring taken out of `slot` by a thread that turns the loop. If none can be started, it
    /// stays there, and the neighbours see to the loop as to one that is stuck.
    fn send_deputy(&self, slot: Slot) {
        let (staff, worker) = (self.staff.clone(), self.lp.ready.steal().worker());
        let _ = self.staff.deputies.submit(Box::new(move || {
            if let Some(ring) = take(&slot) {
                Worker::new(Parts { worker, ring }, staff).work();
            }
        }));
    }
}

/// This thread is out of its loop. Dropped, it is back, unless somebody else has the loop by then.
pub(crate) struct Out {
    post: Rc<Post>,
    frame: u64,
    slot: Slot,
}

impl Drop for Out {
    fn drop(&mut self) {
        let Some(ring) = take(&self.slot) else { return };
        self.post.lp.ready.steal().take_back(ring);
        current::step_in(self.frame, &self.post.lp);
        self.post.staff.meeting.step_in();
    }
}
