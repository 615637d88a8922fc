//! Floor 1. The roll call: everybody who waits says what for.
//!
//! A loop that finds itself in a deadlock wants to tell who waits for what. To write that down at
//! each wait would cost every wait; so nobody writes anything down, and the loop asks. It polls
//! each task once more, which a future must bear at any time, and while that lasts every wait that
//! has to say `Pending` also says its name.
//!
//! ```text
//!   call(|| poll the task) ── join! ──┬── Mutex::lock: still taken ──note──▶ "Mutex::lock"
//!                                     └── oneshot::Receiver: empty ──note──▶ "oneshot::Receiver"
//! ```
//!
//! A task that is *ready* when it is polled once more had been forgotten: whoever had its waker did
//! not wake it. That is a bug in a future written by hand, and the most useful line of the report.
//!
//! The explorer of the test kit does not poll once more, but listens to the polls there are anyway.
//!
//! Real world: asyncio keeps each task's `_fut_waiter`, so that `Task.print_stack` can tell;
//! tokio's console records every poll.

use std::cell::{Cell, RefCell};

thread_local! {
    /// A flag of its own: it is all that a wait looks at when nobody asks.
    static EAR: Cell<Ear> = const { Cell::new(Ear::Deaf) };
    static ANSWERS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Who asks what a future waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ear {
    /// Nobody.
    Deaf,
    /// Whoever listens to polls that happen anyway.
    Listening,
    /// A roll call.
    Calling,
}

/// Whether a roll is being called on this thread. Who polls only children that were woken polls all
/// of them then.
#[inline]
pub(crate) fn is_on() -> bool {
    EAR.get() == Ear::Calling
}

/// Says what the current future waits for, if anybody asks.
#[inline]
pub(crate) fn note(what: impl FnOnce() -> String) {
    if EAR.get() != Ear::Deaf {
        let what = what(); // outside the borrow: it may be other people's `Display`
        // An error means that the thread is ending: then nobody asks any more.
        let _ = ANSWERS.try_with(|answers| answers.borrow_mut().push(what));
    }
}

/// Puts the ear back as it was, also after a panic.
pub(crate) struct Before(Ear);

impl Drop for Before {
    fn drop(&mut self) {
        EAR.set(self.0);
    }
}

/// Runs `poll`, and returns what was noted meanwhile.
pub(crate) fn call<R>(poll: impl FnOnce() -> R) -> (R, Vec<String>) {
    let before = ANSWERS.take();
    let over = Before(EAR.replace(Ear::Calling));
    let result = poll();
    drop(over);
    (result, ANSWERS.replace(before))
}

/// Listens to all polls of this thread until the guard is dropped.
pub(crate) fn listen() -> Before {
    Before(EAR.replace(Ear::Listening))
}

/// What was noted since the last time.
pub(crate) fn heard() -> Vec<String> {
    ANSWERS.take()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn notes_are_taken_only_while_the_roll_is_called() {
        note(|| unreachable!("nobody asks"));
        let ((), answers) = call(|| note(|| "a lock".to_owned()));
        assert_eq!(answers, ["a lock"]);
        note(|| unreachable!("nobody asks any more"));
        assert_eq!(call(|| 7), (7, Vec::new()));
    }

    #[test]
    fn who_listens_hears_what_is_noted_and_calls_no_roll() {
        let listening = listen();
        note(|| "a lock".to_owned());
        assert!(!is_on());
        assert_eq!(call(|| note(|| "another".to_owned())).1, ["another"]);
        assert_eq!(heard(), ["a lock"]);
        drop(listening);
        note(|| unreachable!("nobody asks any more"));
    }
}
