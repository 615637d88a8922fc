//! Floor 4. Whose loops are whose: each thread keeps those of the local flavour that it owns.
//!
//! Such a loop holds futures that must never leave their thread, so it must not leave it either. A
//! `Runtime` should be able to: to be kept in a static, or handed to the thread that shall run it.
//! So a runtime does not hold its loop, but only knows its name; the loop lies in a list of its
//! thread, which no other thread can reach.
//!
//! ```text
//!   Runtime ── home ──▶ the list of this thread:  [home A, loop]  [home B, loop]
//!      found       it is run
//!      not found   nobody's yet: this thread makes it; else it is another thread's: panic
//! ```
//!
//! Rules
//! 1. A loop is made by the first thread that runs or enters it, and is in that one's list until it
//!    ends. The compiler sees to it: a `Loop` is in an `Rc`, and the list in a thread-local.
//! 2. It ends on its thread: when its runtime ends there; or, if that ended elsewhere, when the
//!    thread next makes or looks for a loop; or with the thread.
//!
//! Real world: tokio needs none of this, as its current-thread flavour takes only futures that are
//! `Send`; for others it has `LocalSet`, which is not `Send`.

use super::local;
use crate::current::Handle;
use crate::shim::Arc;
use crate::shim::atomic::{AtomicBool, Ordering};
use crate::task::cell::TaskRef;
use crate::task::home::HomeRef;
use crate::turn::Loop;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static LOOPS: List = const { List(RefCell::new(Vec::new())) };
}

struct List(RefCell<Vec<Owned>>);

impl Drop for List {
    fn drop(&mut self) {
        // The thread ends (rule 2).
        self.0.take().into_iter().for_each(|owned| owned.end(&mut |_| ()));
    }
}

/// A loop on its thread.
pub(super) struct Owned {
    pub(super) lp: Rc<Loop>,
    pub(super) handle: Handle,
    /// Its runtime is gone, and could not end it.
    pub(super) abandoned: Arc<AtomicBool>,
}

impl Owned {
    pub(super) fn end(self, cancelled: &mut dyn FnMut(&TaskRef)) {
        local::end(self.lp, self.handle, cancelled);
    }

    fn is_at(&self, home: &HomeRef) -> bool {
        self.lp.home.is(home)
    }
}

/// The loop of that home, if it is one of this thread.
pub(super) fn find(home: &HomeRef) -> Option<Rc<Loop>> {
    LOOPS
        .try_with(|list| {
            sweep(list);
            let loops = list.0.borrow();
            loops.iter().find(|owned| owned.is_at(home)).map(|owned| owned.lp.clone())
        })
        .ok()
        .flatten()
}

/// Keeps a loop in this thread's list. Gives it back if the thread is ending.
pub(super) fn keep(owned: Owned) -> Result<(), Owned> {
    let mut owned = Some(owned);
    let _ = LOOPS.try_with(|list| list.0.borrow_mut().extend(owned.take()));
    owned.map_or(Ok(()), Err)
}

/// Takes the loop of that home out of this thread's list, if it is there.
pub(super) fn take(home: &HomeRef) -> Option<Owned> {
    LOOPS
        .try_with(|list| {
            let mut loops = list.0.borrow_mut();
            let at = loops.iter().position(|owned| owned.is_at(home))?;
            Some(loops.swap_remove(at))
        })
        .ok()
        .flatten()
}

/// Ends the loops whose runtimes have ended on other threads (rule 2).
fn sweep(list: &List) {
    // Acquire: pairs with the Release in `Local::end`.
    let is_abandoned = |owned: &mut Owned| owned.abandoned.load(Ordering::Acquire);
    let abandoned: Vec<Owned> = list.0.borrow_mut().extract_if(.., is_abandoned).collect();
    // After the borrow: the drops of their tasks are programs.
    abandoned.into_iter().for_each(|owned| owned.end(&mut |_| ()));
}
