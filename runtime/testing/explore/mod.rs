//! Floor 5. The explorer: a small program under all orders of its tasks, up to a bound.
//!
//! Seeds find a race by luck. A small program has so few orders that luck is not needed: run them
//! all. What a task does between two awaits nobody can interrupt, so an order is nothing but who of
//! those in line comes next, each time:
//!
//! ```text
//!   in line:   main       a b        b a        a b
//!   first:     main       a          b          a            in turn: schedule 1
//!   or:                   b                                  overtakes once
//!   or:                              a          b            overtakes twice
//! ```
//!
//! There are exponentially many; but nearly every race needs only one or two places where somebody
//! comes out of turn. So a schedule is the list of these places, everybody else comes in turn, and
//! short lists are tried first: what fails first is the easiest to read. With n in line at each of
//! s steps, about s (n - 1) schedules overtake once, and half the square of that twice.
//!
//! Rules
//! 1. Each schedule is run from the beginning, on a runtime of its own, in virtual time and with
//!    the same luck, so that `select!` takes the same branches.
//! 2. A schedule has a child for each way to overtake once more, at a later step; so none is run
//!    twice and none is left out.
//!
//! Real world: loom does the same to threads and atomics, and shuttle by chance.
//! Source: Musuvathi & Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
//! Programs" (CHESS), 2007, who found that two preemptions are nearly always enough; to count
//! deviations from a fixed order is the delay bound of Emmi, Qadeer & Rakamarić, 2011.

mod course;
mod failure;

use std::collections::VecDeque;

pub use failure::{Exploration, Failure, Step};

use super::seeds::Outcome;
use course::{Course, Deviation};

/// So many schedules are tried at most: some seconds, and some megabytes for those to come.
const SCHEDULES_MAX: usize = 100_000;

/// Runs `program` under all orders of its tasks in which at most `bound` times somebody overtakes
/// those before it in line.
///
/// The program fails if it panics, returns an `Err`, waits for ever
/// ([`Deadlock`](crate::Deadlock)), takes more than 10,000 steps, or if one of its tasks panics and
/// no [`JoinHandle`](crate::task::JoinHandle) is left to tell.
///
/// - `bound`: 2 finds nearly everything; each one more takes as many times longer as the program
///   has places to overtake at.
/// - Time is virtual, and passes only when nobody can run: a timer never overtakes a task that is
///   ready.
/// - Not more than 100,000 schedules are tried; [`Exploration::is_complete`] says whether that was
///   enough.
/// - The program runs many times: all that it works on must be made inside of it. It must do the
///   same each time, so no real sockets, no threads, no luck but Rondel's. Simulated
///   [networks](super::net) are fine.
/// - While it lasts, panics print their message as always, also the one that is found.
///
/// # Errors
///
/// The first failure, which is one that takes the fewest overtakings. Its text is what went wrong
/// and the steps that lead there.
///
/// # Panics
///
/// Panics inside a loop, and if the program does not do the same each time.
///
/// **Cost:** a runtime for each schedule, about 5 µs (50 in a debug build), and what the program
/// costs.
///
/// ```
/// use rondel::task::{spawn_local, yield_now};
/// use rondel::testing::explore;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// async fn add_one(counter: Rc<Cell<i32>>, late: bool) {
///     if late {
///         yield_now().await;
///     }
///     let before = counter.get();
///     yield_now().await; // `counter += 1` with an await in the middle
///     counter.set(before + 1);
/// }
///
/// let failure = explore(2, || async {
///     let counter = Rc::new(Cell::new(0));
///     let early = spawn_local(add_one(counter.clone(), false));
///     let late = spawn_local(add_one(counter.clone(), true));
///     early.await.unwrap();
///     late.await.unwrap();
///     if counter.get() == 2 { Ok(()) } else { Err("an update was lost") }
/// })
/// .unwrap_err();
/// assert_eq!(failure.reason(), "it returned Err(\"an update was lost\")");
/// assert_eq!(failure.overtakings(), 1); // in turn it works, so no other test would ever see it
/// assert!(failure.steps().iter().any(|step| step.overtakes().is_some()));
/// ```
pub fn explore<T: Outcome>(
    bound: usize,
    program: impl AsyncFn() -> T,
) -> Result<Exploration, Failure> {
    search(bound, SCHEDULES_MAX, program)
}

fn search<T: Outcome>(
    bound: usize,
    schedules_max: usize,
    program: impl AsyncFn() -> T,
) -> Result<Exploration, Failure> {
    let mut to_try = VecDeque::from([Vec::<Deviation>::new()]);
    let mut exploration = Exploration { schedules: 0, is_complete: true };
    while let Some(deviations) = to_try.pop_front() {
        exploration.schedules += 1;
        let Course { steps, choices, reason } = course::run(&deviations, &program);
        if let Some(reason) = reason {
            let schedules = exploration.schedules;
            return Err(Failure { reason, steps, schedules, overtakings: deviations.len() });
        }
        if deviations.len() == bound {
            continue;
        }
        for child in children(&deviations, &choices) {
            if exploration.schedules + to_try.len() == schedules_max {
                exploration.is_complete = false;
                break;
            }
            to_try.push_back(child);
        }
    }
    Ok(exploration)
}

/// The schedules that overtake once more, after the last time (rule 2). `choices` tells how many
/// stood in line at each step.
fn children<'a>(
    parent: &'a [Deviation],
    choices: &'a [usize],
) -> impl Iterator<Item = Vec<Deviation>> + 'a {
    let first = parent.last().map_or(0, |last| last.step + 1);
    (first..choices.len()).flat_map(move |step| {
        let in_line = choices[step];
        (1..in_line).map(move |pick| {
            let mut child = parent.to_vec();
            child.push(Deviation { step, pick, in_line });
            child
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_schedules_is_kept_and_told() {
        let three = || async {
            for _ in 0..3 {
                drop(crate::task::spawn_local(crate::task::yield_now()));
            }
            crate::task::yield_now().await;
        };
        let whole = search(2, usize::MAX, three).unwrap();
        assert!(whole.is_complete() && whole.schedules() > 20);
        let cut = search(2, 20, three).unwrap();
        assert_eq!(cut, Exploration { schedules: 20, is_complete: false });
    }
}
