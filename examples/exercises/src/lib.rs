//! Exercises with a judge.
//!
//! An exercise is a folder beside this crate's `src`:
//!
//! ```text
//!   NN_slug/exercise.rs   handed out; fails for the reason that it teaches
//!   NN_slug/solution.rs   one way to do it
//!   NN_slug/judge.rs      asserts how the module `answer` behaves
//!   NN_slug/text.md       the task, the concept, three hints, the explanation
//! ```
//!
//! A learner's file is compiled together with the judge into one small program (`workbench.rs`),
//! which is run as a child process. The judge runs the answer under 200 seeded schedules in virtual
//! time, so that a racy answer cannot pass by luck, and says what was misunderstood.
//!
//! | module | job |
//! |---|---|
//! | [`judge`](Judge) | runs the checks of one exercise, names what failed |
//! | [`Log`] | what happened, step by step |
//! | [`Calls`] | a service that takes its time, and remembers who overlapped whom |
//! | [`catalogue`] | the folders and their texts |
//! | [`workbench`] | compiles an answer with its judge, and runs it under a time limit |

mod calls;
pub mod catalogue;
mod judge;
mod log;
mod schedule;
mod verdict;
mod watch;
pub mod workbench;

pub use calls::{Calls, Running};
pub use judge::{Check, Judge, run};
pub use log::Log;

/// Ends a check with what the learner has to hear, unless the condition holds.
///
/// ```
/// fn check(count: usize) -> Result<(), String> {
///     rondel_exercises::ensure!(count == 3, "you made {count} calls, and 3 were wanted");
///     Ok(())
/// }
/// assert_eq!(check(2).unwrap_err(), "you made 2 calls, and 3 were wanted");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return ::std::result::Result::Err(::std::format!($($text)+));
        }
    };
}
