//! Floor 5. One test under many schedules: what `#[rondel::test(seeds = 0..200)]` stands for.
//!
//! Each seed is a run of its own on a fresh runtime whose ready queue draws lots. A failure names
//! its seed, and with that seed alone the same lots are drawn again:
//!
//! ```text
//!   seed 0: ok   seed 1: ok   …   seed 17: panics ─▶ "failed with seed 17; RONDEL_SEED=17 …"
//! ```
//!
//! Rules
//! 1. `RONDEL_SEED` in the environment replaces the seeds that stand in the source.
//! 2. The panic, or the error, of the test is its own: it goes on to the test harness as it is.
//!
//! Real world: tokio's `turmoil` and `loom`, FoundationDB's simulator; Python's `pytest-randomly`
//! shuffles tests, not tasks.

use crate::builder::Builder;
use crate::runtime::Runtime;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The variable that replaces the seeds (rule 1).
const VARIABLE: &str = "RONDEL_SEED";

/// What a test can return.
pub trait Outcome {
    /// Whether the test went wrong, though it did not panic.
    fn is_failure(&self) -> bool;

    /// What went wrong.
    fn failure(&self) -> Option<String>;
}

impl Outcome for () {
    fn is_failure(&self) -> bool {
        false
    }

    fn failure(&self) -> Option<String> {
        None
    }
}

impl<T, E: fmt::Debug> Outcome for Result<T, E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }

    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(|error| format!("{error:?}"))
    }
}

/// Runs `test` once for each of `seeds`, on a runtime that `builder` describes, until one fails.
///
/// # Panics
///
/// Panics if there is no seed, if `RONDEL_SEED` is no number, and with the test.
pub fn seeds<T: Outcome>(
    name: &str,
    seeds: impl IntoIterator<Item = u64>,
    builder: impl Fn() -> Builder,
    test: impl Fn(&Runtime) -> T,
) -> T {
    let seeds: Vec<u64> = match std::env::var(VARIABLE) {
        Ok(text) => vec![text.parse().unwrap_or_else(|_| {
            panic!("{VARIABLE} is `{text}`; it takes one number from 0 to 2^64 - 1")
        })],
        Err(_) => seeds.into_iter().collect(),
    };
    let (last, others) = seeds.split_last().expect("`seeds` is an empty range: no test was run");
    for seed in others {
        let outcome = one(name, *seed, &builder, &test);
        if outcome.is_failure() {
            return outcome;
        }
    }
    one(name, *last, &builder, &test)
}

fn one<T: Outcome>(
    name: &str,
    seed: u64,
    builder: &impl Fn() -> Builder,
    test: &impl Fn(&Runtime) -> T,
) -> T {
    let run = || {
        let runtime = builder().seed(seed).shuffle(true).build();
        test(&runtime.expect("the runtime could not be built"))
    };
    let outcome = catch_unwind(AssertUnwindSafe(run));
    if outcome.as_ref().map_or(true, Outcome::is_failure) {
        let short = name.rsplit("::").next().unwrap_or(name);
        // Not `eprintln!`, which panics where stderr takes nothing more.
        let _ = writeln!(
            io::stderr(),
            "rondel: `{name}` failed with seed {seed}; again with that seed alone: \
             {VARIABLE}={seed} cargo test {short}"
        );
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic)) // rule 2
}
