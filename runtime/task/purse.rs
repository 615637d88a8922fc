//! Floor 1. A thread's purse: references to the home of shared tasks, counted plainly.
//!
//! No thread is at home where tasks are shared (`home.rs`), so each task that is born, woken or
//! freed would change one atomic count, and all workers would pull its cache line back and forth.
//! Therefore a thread that works for such a runtime takes many references at once, and hands them
//! out and takes them back by a plain add.
//!
//! ```text
//!   count of the home (atomic)  ──32 at a time──▶  purse (plain)  ──one by one──▶ tasks
//!                               ◀──what is more than 64──         ◀──────────────
//! ```
//!
//! It does not matter which thread a reference comes back to: what is in the purses and in the
//! tasks together is what the count says.
//!
//! Rules
//! 1. A purse is for one home, and only while its thread holds a reference of its own to that home
//!    ([`carry`]): so giving back never takes the last one.
//! 2. What is in the purse is given back before that reference goes.
//!
//! Real world: the kernel's per-CPU reference counts, and the local count of Go's `mcache`.

use super::home::HomeRef;
use crate::shim::{Cell, thread_local};

/// So many references are taken at once; twice as many are kept at most.
const HANDFUL: isize = 32;

thread_local! {
    /// The address of the home that this purse is for, or 0: to be compared, never followed.
    static OF: Cell<usize> = const { Cell::new(0) };
}

thread_local! {
    static COUNT: Cell<isize> = const { Cell::new(0) };
}

/// Exchanges this thread's purse for one of `home`, or for none. `before` is the home that it was
/// for; the caller holds references to both (rule 1).
pub(crate) fn carry(before: Option<&HomeRef>, home: Option<&HomeRef>) {
    let word = home.map_or(0, HomeRef::word);
    if OF.with(Cell::get) == word {
        return;
    }
    let left = COUNT.with(|count| count.replace(0));
    if let Some(before) = before.filter(|_| left > 0) {
        before.change_away(-left); // rule 2
    }
    OF.with(|of| of.set(word));
}

/// Takes a reference to `home` out of the purse. False if this thread's is not for that home.
#[inline]
pub(super) fn take(home: &HomeRef) -> bool {
    if OF.with(Cell::get) != home.word() {
        return false;
    }
    COUNT.with(|count| {
        if count.get() == 0 {
            home.change_away(HANDFUL);
            count.set(HANDFUL);
        }
        count.set(count.get() - 1);
    });
    true
}

/// Puts a reference to `home` into the purse. False if this thread's is not for that home.
#[inline]
pub(super) fn put(home: &HomeRef) -> bool {
    if OF.with(Cell::get) != home.word() {
        return false;
    }
    COUNT.with(|count| {
        count.set(count.get() + 1);
        if count.get() > 2 * HANDFUL {
            count.set(count.get() - HANDFUL);
            home.change_away(-HANDFUL);
        }
    });
    true
}
