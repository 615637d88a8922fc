//! Floor 4. The verdict on a loop where nothing can ever run again, and the report that says why.
//!
//! With real time a program that waits for itself just hangs, and its author looks at nothing. With
//! virtual time the loop can tell: nobody is ready, no timer is set, no socket is open and no
//! thread works outside. Then it does not wait, but calls the roll (`roll_call.rs`).
//!
//! ```text
//!   deadlock: no task can run, and nothing is left that could wake one
//!     the future given to `block_on` waits for task 1 `left` (spawned at tests/x.rs:9:5)
//!     task 1 `left` (spawned at tests/x.rs:9:5) waits for Mutex::lock
//!     task 2 `right` (spawned at tests/x.rs:14:5) waits for Mutex::lock
//! ```
//!
//! Rules
//! 1. The roll is called among the tasks that were there when the verdict fell. Each is polled
//!    once; what that sets in motion is not followed, for the loop ends here.
//! 2. A task that can go on when it is polled once more was forgotten by whoever had its waker.
//!
//! Real world: Go's runtime ends the process with "all goroutines are asleep - deadlock!" and the
//! stack of each; trio's `MockClock` jumps, and a test without a deadline hangs.

use crate::budget;
use crate::ready::{Job, ReadyQueue, plan};
use crate::roll_call;
use crate::task::cell::{Ran, TaskRef};
use crate::task::waker::Sleeper;
use crate::turn::Loop;
use std::error::Error;
use std::fmt;

/// Nothing can ever run again on a loop whose time is virtual; says who waits for what.
///
/// [`Runtime::try_block_on`](crate::Runtime::try_block_on) returns it;
/// [`block_on`](crate::Runtime::block_on) panics with its text.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Deadlock {
    root: Vec<String>,
    root_forgotten: bool,
    tasks: Vec<Entry>,
}

/// A task, and what it waits for.
#[derive(Debug, Clone)]
struct Entry {
    task: String,
    waits_for: Vec<String>,
    forgotten: bool,
}

impl Deadlock {
    /// Calls the roll among the tasks of `lp` and the root future (rule 1). At home.
    pub(crate) fn of(lp: &Loop, poll_root: &mut dyn FnMut() -> bool) -> Self {
        plan::end(); // whoever explores orders is not to count these polls
        let tasks: Vec<TaskRef> = lp.live.borrow().iter().map(|(_, task)| task.clone()).collect();
        let (root_forgotten, root) = roll_call::call(poll_root);
        let tasks = tasks.iter().filter_map(|task| ask(lp, task)).collect();
        Self { root, root_forgotten, tasks }
    }

    /// The tasks that wait, each as text, and for each what it waits for. A task that waits for
    /// several things at once, in a `select!` for one, names all of them; one that waits for
    /// something that Rondel does not know names nothing.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.tasks.iter().map(|entry| (&*entry.task, &*entry.waits_for))
    }

    /// What the future given to `block_on` waits for.
    pub fn root(&self) -> &[String] {
        &self.root
    }

    /// The tasks that could go on when they were polled once more: whoever had their waker has not
    /// woken them.
    pub fn forgotten(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().filter(|entry| entry.forgotten).map(|entry| &*entry.task)
    }
}

/// Polls a task once more. `None`: it is in line already, as the roll call itself woke it.
fn ask(lp: &Loop, task: &TaskRef) -> Option<Entry> {
    let ready = lp.ready.local();
    // Alone in the queue, whatever the ones before have woken.
    let others: Vec<Job> = std::iter::from_fn(|| ready.pop()).collect();
    task.wake_by_ref();
    let job = ready.pop();
    others.into_iter().for_each(|job| ready.push(job));
    let Some(Job::Task(queued)) = job else { return None };
    budget::refill();
    let (ran, waits_for) = roll_call::call(|| queued.run());
    let forgotten = !matches!(ran, Ran::Waiting);
    lp.settle(ran, ready);
    Some(Entry { task: task.origin().to_string(), waits_for, forgotten })
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadlock: no task can run, and nothing is left that could wake one")?;
        let root = "the future given to `block_on`";
        write_line(f, root, &self.root, self.root_forgotten)?;
        for entry in &self.tasks {
            write_line(f, &entry.task, &entry.waits_for, entry.forgotten)?;
        }
        f.write_str(
            "\n  (if a thread of your own was to wake one: let it hold \
             `rondel::testing::outside_thread()`)",
        )
    }
}

fn write_line(
    f: &mut fmt::Formatter<'_>,
    who: &str,
    waits_for: &[String],
    forgotten: bool,
) -> fmt::Result {
    write!(f, "\n  {who} ")?;
    if forgotten {
        return f.write_str("was forgotten: polled once more it goes on, but nobody had woken it");
    }
    match waits_for {
        [] => f.write_str("waits for something that Rondel does not know"),
        [one] => write!(f, "waits for {one}"),
        several => write!(f, "waits for any of: {}", several.join("; ")),
    }
}

impl Error for Deadlock {}
