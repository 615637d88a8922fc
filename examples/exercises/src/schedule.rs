//! One run of an answer, and why it failed.

use crate::log::Log;
use crate::verdict::short_paths;
use rondel::testing::{Failure as Schedule, explore};
use rondel::{Builder, Deadlock};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// To show the shortest schedule it is enough to let somebody overtake once: what needs more has no
/// short one.
const OVERTAKINGS: usize = 1;
/// A longer list of steps explains nothing.
const STEPS_SHOWN_MAX: usize = 40;

/// The messages of this run's panics.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Why a run failed.
#[derive(Debug)]
pub(crate) enum Reason {
    Said(String),
    Stalled(Box<Deadlock>),
    Panicked(String),
}

/// Whether somebody would have gone on, had anybody polled it.
pub(crate) fn has_forgotten(reason: &Reason) -> bool {
    matches!(reason, Reason::Stalled(deadlock) if deadlock.forgotten().next().is_some())
}

/// From now on a panic is kept for the verdict and not printed.
pub(crate) fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or("?".to_owned(), ToString::to_string);
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "(no message)".to_owned());
        let line = format!("it panicked at {}: {text}", short_paths(&place));
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }));
}

/// Runs something that may panic.
pub(crate) fn guarded(run: impl FnOnce() -> Result<(), Reason>) -> Result<(), Reason> {
    let panics = || std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    panics();
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let mut lines = panics();
        lines.truncate(3);
        Err(Reason::Panicked(lines.join("\n")))
    })
}

/// Runs a program under the schedule of one seed, in virtual time.
pub(crate) fn with_seed(
    seed: u64,
    log: &Log,
    program: &impl AsyncFn(Log) -> Result<(), String>,
) -> Result<(), Reason> {
    let builder = Builder::new().start_paused(true).shuffle(true).seed(seed);
    on_a_runtime(builder, log, program)
}

/// Runs a program once, on the machine's clock.
pub(crate) fn in_real_time(
    log: &Log,
    program: &impl AsyncFn(Log) -> Result<(), String>,
) -> Result<(), Reason> {
    on_a_runtime(Builder::new(), log, program)
}

fn on_a_runtime(
    builder: Builder,
    log: &Log,
    program: &impl AsyncFn(Log) -> Result<(), String>,
) -> Result<(), Reason> {
    guarded(|| {
        let runtime = builder.build().expect("the runtime could not be built");
        let ended = runtime.try_block_on(async {
            log.start();
            program(log.clone()).await
        });
        match ended {
            Ok(outcome) => outcome.map_err(Reason::Said),
            Err(deadlock) => Err(Reason::Stalled(Box::new(deadlock))),
        }
    })
}

/// Runs a program under all orders of its tasks with at most `bound` overtakings, and calls
/// `begins` before each run. The log that is returned is that of the run that failed.
pub(crate) fn in_every_order(
    bound: usize,
    begins: impl Fn(&Log),
    program: &impl AsyncFn(Log) -> Result<(), String>,
) -> Result<(), (Schedule, Log)> {
    let last = RefCell::new(Log::default());
    let run = async || {
        let log = Log::default();
        log.start();
        begins(&log);
        last.replace(log.clone());
        program(log).await
    };
    explore(bound, run).map(drop).map_err(|schedule| (schedule, last.take()))
}

/// The shortest schedule that fails for the same reason, as the loop sees it.
pub(crate) fn shortest(
    reason: &Reason,
    program: &impl AsyncFn(Log) -> Result<(), String>,
) -> Option<Schedule> {
    // The explorer panics if the program does not do the same each time: then there is none.
    let found = catch_unwind(AssertUnwindSafe(|| in_every_order(OVERTAKINGS, |_| {}, program)));
    let (schedule, _) = found.ok()?.err()?;
    let is_same = match reason {
        Reason::Said(text) => schedule.reason() == format!("it returned Err({text:?})"),
        Reason::Stalled(_) => schedule.deadlock().is_some(),
        Reason::Panicked(_) => schedule.reason().starts_with("it panicked"),
    };
    (is_same && schedule.steps().len() <= STEPS_SHOWN_MAX).then_some(schedule)
}

/// The steps of a schedule under a title.
pub(crate) fn in_words(schedule: &Schedule) -> String {
    let text = short_paths(&schedule.to_string());
    let steps = text.split_once('\n').map_or("", |(_, steps)| steps);
    format!("The shortest way there, as the loop sees it,\n{steps}\n")
}

/// Who waits for what; the names are those of the steps.
pub(crate) fn waits(deadlock: &Deadlock) -> String {
    let text = deadlock.to_string();
    // The first line is said already, and the last is for programs with threads of their own.
    let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.contains("(if ")).collect();
    let text = lines.join("\n").replace("the future given to `block_on`", "main");
    short_paths(&text)
}
