//! Random programs over the whole runtime, each of them made by a seed.
//!
//! A program is 5 to 30 tasks that do random steps: they take and give back locks, send and
//! receive, wait for each other, sleep, start and abort tasks, open groups and scopes, and do
//! several of these at once by every combinator. It is built so that it must end. So a deadlock is a
//! bug, and the loop says who waits for what. On the way and at the end everything is held against
//! what is known:
//!
//! | watched                            | by                                                      |
//! |------------------------------------|---------------------------------------------------------|
//! | who goes on, and when (FIFO)       | a plain model beside each primitive, at each poll       |
//! | lost wakes                         | `watched.rs`: relays, polls without a reason            |
//! | wakers and values under a lock     | nosy ones, that come back and look at everything        |
//! | exclusion, permits, readers        | counters around each lock                               |
//! | nothing lost, nothing twice        | numbered parcels, which are counted                     |
//! | never early, never late            | the virtual clock, to the millisecond                   |
//! | nothing kept                       | counts of relays, parcels, tasks; a clock that stands   |
//! | the same seed, the same program    | three runs, diaries equal to the byte                   |
//!
//! Then the same steps with real threads (`abroad.rs`), where the models are off.
//!
//! A failure prints its seed, the last pages of its diary, and the command that runs that seed
//! alone. `RONDEL_STRESS_SEEDS=0..50000` runs more of them than the tests do.

mod abroad;
mod blocking;
mod channels;
mod combos;
mod keepsakes;
mod locks;
mod luck;
mod model;
mod pairs;
mod parcel;
mod program;
mod queues;
mod signals;
mod stage;
mod steps;
mod structured;
mod tasks;
mod times;
mod watchdog;
mod watched;
mod world;

use std::io::{Write, stderr};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchdog::Watchdog;

/// How long one seed may take, on whatever machine. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// One test at a time: a thread that waits anywhere in the process puts off the verdict that nobody
/// can run any more.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The seeds to run: what the environment says, or else these.
fn seeds(usual: Range<u64>) -> Range<u64> {
    let number = |text: &str| text.trim().parse::<u64>().expect("seeds are numbers");
    if let Ok(seed) = std::env::var("RONDEL_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    match std::env::var("RONDEL_STRESS_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("a range of seeds, like 0..1000");
            number(from)..number(to)
        }
        Err(_) => usual,
    }
}

/// How to run one seed of a test alone.
fn again(seed: u64, test: &str) -> String {
    format!("again with that seed alone: RONDEL_SEED={seed} cargo test --test stress {test}")
}

/// Runs one seed. On failure says all there is to say, and panics.
fn check(seed: u64) -> String {
    let outcome = program::run(seed);
    if outcome.failures.is_empty() {
        return outcome.diary.to_string();
    }
    let (steps, failures) = (outcome.steps, outcome.failures.join("\n  "));
    let (pages, again) = (program::last_pages(&outcome.diary, 30), again(seed, "programs"));
    let _ = writeln!(
        stderr(),
        "seed {seed} failed after {steps} steps:\n  {failures}\nthe end of its diary:\n{pages}\n\
         {again}",
    );
    panic!("seed {seed} failed: {failures}");
}

#[cfg(not(on_workers = "one_loop"))]
#[test]
fn random_programs_end_and_keep_their_promises() {
    let _alone = alone();
    let watchdog = Watchdog::new("random_programs_end_and_keep_their_promises", PATIENCE);
    for seed in seeds(0..600) {
        check(seed);
        watchdog.feed();
    }
}

#[cfg(not(on_workers = "one_loop"))]
#[test]
fn programs_of_one_seed_are_equal_to_the_byte() {
    let _alone = alone();
    let watchdog = Watchdog::new("programs_of_one_seed_are_equal_to_the_byte", PATIENCE);
    for seed in seeds(0..600).step_by(50) {
        let first = check(seed);
        for _ in 0..2 {
            let is_same = first == check(seed);
            assert!(is_same, "seed {seed} gave two programs; {}", again(seed, "to_the_byte"));
            watchdog.feed();
        }
    }
}
