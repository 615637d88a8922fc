//! The judge: checks an answer, and says what was misunderstood.
//!
//! ```text
//!   judge.check("three calls run side by side").schedules(async |log| { … })
//!     │                                            │
//!     │ the name, in words                         │ 200 seeds, virtual time, a time limit
//!     ▼                                            ▼
//!   the first check that fails ends it:  reason · steps, numbered · the seed to replay
//! ```

use crate::log::Log;
use crate::schedule::{self, Reason};
use crate::verdict::{Desk, Failure};
use crate::watch::Watch;
use rondel::Deadlock;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// So many schedules find by luck nearly every race of a few tasks.
const SEEDS: u64 = 200;
/// A run in virtual time takes milliseconds. Many times that, for a machine with other work.
const LIMIT: Duration = Duration::from_secs(3);
/// All seeds of one check together: ten times what the largest exercise takes on a slow machine.
const ALL_SEEDS_LIMIT: Duration = Duration::from_secs(30);

/// Runs the checks of one exercise; its `judge.rs` gets one.
#[derive(Debug)]
pub struct Judge {
    /// The only seed to try, if one is to be replayed.
    seed: Option<u64>,
    watch: Watch,
    checks: usize,
    failure: Option<Failure>,
}

/// `main` of an exercise's program: lets `judge` check the answer, and hands the verdict over.
///
/// Options on the command line: `--seed N` replays one schedule, `--verdict FILE` names the file to
/// write to instead of stdout.
///
/// # Panics
///
/// Panics if the options are wrong, or if the verdict cannot be written.
pub fn run(judge: fn(&mut Judge)) -> ExitCode {
    let mut seed = None;
    let mut desk = Desk::default();
    let mut words = std::env::args();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match &*word {
            "--seed" => seed = Some(value().parse().expect("--seed takes a number")),
            "--verdict" => desk.file = Some(value().into()),
            _ => {}
        }
    }
    schedule::keep_panics();
    let watch = Watch::start(desk.clone());
    let mut state = Judge { seed, watch, checks: 0, failure: None };
    judge(&mut state);
    assert!(state.checks > 0, "this judge checks nothing");
    let code = match &state.failure {
        Some(failure) => desk.fail(failure),
        None => desk.pass(state.checks),
    };
    ExitCode::from(code)
}

impl Judge {
    /// A check with a name: what has to hold, in words. After one has failed the others are not
    /// run.
    pub fn check(&mut self, name: &str) -> Check<'_> {
        Check {
            name: name.to_owned(),
            stalls: None,
            hangs: None,
            panics: None,
            limit: LIMIT,
            seeds: SEEDS,
            judge: self,
        }
    }
}

/// One check; see [`Judge::check`]. First what it is called when something goes wrong, then one of
/// the ways to run it: [`plain`](Check::plain), [`schedules`](Check::schedules),
/// [`every_order`](Check::every_order), [`in_real_time`](Check::in_real_time).
#[derive(Debug)]
#[must_use = "nothing is checked until it is run"]
pub struct Check<'a> {
    judge: &'a mut Judge,
    name: String,
    stalls: Option<String>,
    hangs: Option<String>,
    panics: Option<String>,
    limit: Duration,
    seeds: u64,
}

impl Check<'_> {
    /// What it means if nobody can run any more, and nothing is left that could wake one.
    pub fn stalls(mut self, misconception: &str) -> Self {
        self.stalls = Some(misconception.to_owned());
        self
    }

    /// What it means if a run does not end: it goes round for ever, or blocks the thread.
    pub fn hangs(mut self, misconception: &str) -> Self {
        self.hangs = Some(misconception.to_owned());
        self
    }

    /// What it means if the answer panics. Its message is shown below.
    pub fn panics(mut self, misconception: &str) -> Self {
        self.panics = Some(misconception.to_owned());
        self
    }

    /// How long one run may take on the machine's clock; 3 seconds, if nothing else is said.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How many seeds are tried; 200, if nothing else is said.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// Without a loop: for futures that the judge polls itself.
    pub fn plain(mut self, test: impl FnOnce(&Log) -> Result<(), String>) {
        if !self.begins() {
            return;
        }
        let log = Log::default();
        self.arm(&log, None);
        let outcome = schedule::guarded(|| test(&log).map_err(Reason::Said));
        self.judge.watch.disarm();
        if let Err(reason) = outcome {
            let steps = happened(&log, None);
            self.fail(&reason, None, steps);
        }
    }

    /// In virtual time, once for each seed: the tasks that are ready run in an order drawn by lot.
    /// All that the program works on must be made inside of it.
    pub fn schedules(mut self, program: impl AsyncFn(Log) -> Result<(), String>) {
        if !self.begins() {
            return;
        }
        let seeds = self.judge.seed.map_or(0..=self.seeds - 1, |seed| seed..=seed);
        let start = Instant::now();
        for seed in seeds {
            let log = Log::default();
            self.arm(&log, Some(seed));
            let outcome = schedule::with_seed(seed, &log, &program);
            self.judge.watch.disarm();
            if let Err(reason) = outcome {
                let steps = happened(&log, Some(seed));
                // The verdict stands; if to explain it takes too long, it goes without.
                let verdict = self.failure(&reason, Some(seed), steps.clone());
                self.judge.watch.arm(self.limit, move || verdict.clone());
                let way = schedule::shortest(&reason, &program);
                self.judge.watch.disarm();
                // Who was forgotten is found out by polling it once more, and the log shows that
                // poll, too. What fails though everybody comes in turn, the log tells well enough.
                let is_muddled = schedule::has_forgotten(&reason);
                let steps = if is_muddled && way.is_some() { String::new() } else { steps };
                let way = way.filter(|way| way.overtakings() > 0 || steps.is_empty());
                let way = way.map_or(String::new(), |way| schedule::in_words(&way));
                let blank = if steps.is_empty() || way.is_empty() { "" } else { "\n" };
                self.fail(&reason, Some(seed), steps + blank + &way);
                return;
            }
            if start.elapsed() > ALL_SEEDS_LIMIT {
                let reason = format!(
                    "the runs up to seed {seed} took {ALL_SEEDS_LIMIT:?}, and in virtual time they \
                     take next to nothing: does something block the thread, such as \
                     `std::thread::sleep`?"
                );
                self.fail(&Reason::Said(reason), None, happened(&log, None));
                return;
            }
        }
    }

    /// In virtual time, under all orders of its tasks with at most `bound` overtakings: for a race
    /// that luck finds rarely. The program must do the same each time it is run.
    pub fn every_order(mut self, bound: usize, program: impl AsyncFn(Log) -> Result<(), String>) {
        if !self.begins() {
            return;
        }
        let mut found = None;
        let outcome = schedule::guarded(|| {
            let arm = |log: &Log| self.arm(log, None);
            let Err((failure, log)) = schedule::in_every_order(bound, arm, &program) else {
                return Ok(());
            };
            let text = match failure.deadlock() {
                Some(deadlock) => self.stalled(deadlock),
                None => said(failure.reason()),
            };
            found = Some((schedule::in_words(&failure), log));
            Err(Reason::Said(text))
        });
        self.judge.watch.disarm();
        let Err(reason) = outcome else { return };
        let steps = found.map_or(String::new(), |(way, log)| {
            let log = happened(&log, None);
            if log.is_empty() { way } else { format!("{log}\n{way}") }
        });
        self.fail(&reason, None, steps);
    }

    /// Once, on the machine's clock: for sockets and threads.
    pub fn in_real_time(mut self, program: impl AsyncFn(Log) -> Result<(), String>) {
        if !self.begins() {
            return;
        }
        let log = Log::default();
        self.arm(&log, None);
        let outcome = schedule::in_real_time(&log, &program);
        self.judge.watch.disarm();
        if let Err(reason) = outcome {
            let steps = happened(&log, None);
            self.fail(&reason, None, steps);
        }
    }

    fn begins(&mut self) -> bool {
        self.judge.checks += 1;
        self.judge.failure.is_none()
    }

    fn arm(&self, log: &Log, seed: Option<u64>) {
        let (check, log, limit) = (self.name.clone(), log.clone(), self.limit);
        let text = self.hangs.clone().unwrap_or_else(|| {
            "it waits for something that blocks the thread, or goes round for ever".to_owned()
        });
        self.judge.watch.arm(limit, move || Failure {
            check: check.clone(),
            reason: format!("it never ended: {text}\n(stopped after {limit:?})"),
            seed,
            steps: happened(&log, seed),
            has_ended: false,
        });
    }

    fn fail(&mut self, reason: &Reason, seed: Option<u64>, steps: String) {
        self.judge.failure = Some(self.failure(reason, seed, steps));
    }

    fn failure(&self, reason: &Reason, seed: Option<u64>, steps: String) -> Failure {
        let reason = match reason {
            Reason::Said(text) => text.clone(),
            Reason::Stalled(deadlock) => self.stalled(deadlock),
            Reason::Panicked(text) => match &self.panics {
                Some(words) => format!("{words}\n{text}"),
                None => text.clone(),
            },
        };
        Failure { check: self.name.clone(), reason, seed, steps, has_ended: true }
    }

    fn stalled(&self, deadlock: &Deadlock) -> String {
        let text = self.stalls.as_deref().unwrap_or(
            "it waits for ever: nobody can run, and nothing is left that could wake one",
        );
        format!("{text}\n{}", schedule::waits(deadlock))
    }
}

/// The log under its title.
fn happened(log: &Log, seed: Option<u64>) -> String {
    let steps = log.numbered();
    match seed {
        _ if steps.is_empty() => steps,
        Some(seed) => format!("What happened, under the schedule of seed {seed}:\n{steps}"),
        None => format!("What happened:\n{steps}"),
    }
}

/// The sentence inside `it returned Err("…")`, as the judge wrote it.
fn said(reason: &str) -> String {
    let inside = reason.strip_prefix("it returned Err(").and_then(|rest| rest.strip_suffix(')'));
    let Some(inside) = inside else { return reason.to_owned() };
    serde_json::from_str(inside).unwrap_or_else(|_| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensure;
    use rondel::sync::oneshot;
    use rondel::task::{spawn_local, yield_now};
    use std::cell::Cell;
    use std::rc::Rc;

    fn judge(seed: Option<u64>) -> Judge {
        Judge { seed, watch: Watch::start(Desk::default()), checks: 0, failure: None }
    }

    fn text(judge: &Judge) -> String {
        judge.failure.as_ref().map_or_else(String::new, ToString::to_string)
    }

    /// The second comes a little later than the first; only out of turn they meet.
    async fn two_visitors() -> Result<(), String> {
        let counter = Rc::new(Cell::new(0));
        let tasks = [0, 1].map(|waits| {
            let counter = counter.clone();
            spawn_local(async move {
                for _ in 0..waits {
                    yield_now().await;
                }
                let seen = counter.get();
                yield_now().await;
                counter.set(seen + 1);
            })
        });
        for task in tasks {
            task.await.map_err(|error| error.to_string())?;
        }
        ensure!(counter.get() == 2, "an update was lost: \"{}\"", counter.get());
        Ok(())
    }

    #[test]
    fn every_order_finds_a_race_and_shows_the_way() {
        let mut judge = judge(None);
        judge.check("in turn it works").every_order(0, async |_| two_visitors().await);
        assert_eq!(text(&judge), "");
        judge.check("nobody loses an update").every_order(2, async |log| {
            log.note("two visitors come");
            two_visitors().await
        });
        let text = text(&judge);
        assert!(
            text.starts_with("FAILED: nobody loses an update\n\n  an update was lost: \"1\"\n")
        );
        assert!(text.contains("   1.      0 ms  two visitors come\n"), "{text}");
        assert!(text.contains("OVERTAKES") && text.contains("main returns"), "{text}");
    }

    #[test]
    fn a_stall_has_the_words_of_its_check_and_says_who_waits() {
        let stalled = async |_| {
            let (keep, waits) = oneshot::channel::<()>();
            let outcome = waits.await;
            drop(keep);
            outcome.map_err(|error| error.to_string())
        };
        for in_every_order in [false, true] {
            let mut judge = judge(None);
            let check = judge.check("it ends").stalls("nobody sends");
            match in_every_order {
                true => check.every_order(1, stalled),
                false => check.schedules(stalled),
            }
            let text = text(&judge);
            assert!(text.starts_with("FAILED: it ends\n\n  nobody sends\n"), "{text}");
            assert!(text.contains("    main waits for oneshot::Receiver\n"), "{text}");
        }
    }

    #[test]
    fn after_a_failure_nothing_more_is_run() {
        let mut judge = judge(None);
        judge.check("first").plain(|_| Err("no".to_owned()));
        judge.check("second").plain(|_| panic!("nobody should come here"));
        judge.check("third").schedules(async |_| panic!("nor here"));
        judge.check("fourth").in_real_time(async |_| panic!("nor here"));
        assert_eq!((judge.checks, &*text(&judge)), (4, "FAILED: first\n\n  no\n"));
    }

    #[test]
    fn all_seeds_are_tried_or_the_one_that_is_replayed() {
        for (seed, runs) in [(None, 7), (Some(3), 1)] {
            let count = Cell::new(0);
            let mut judge = judge(seed);
            judge.check("counted").seeds(7).schedules(async |_| {
                count.set(count.get() + 1);
                Ok(())
            });
            assert_eq!((count.get(), &*text(&judge)), (runs, ""));
        }
    }

    #[test]
    fn real_time_passes_and_is_in_the_log() {
        let mut judge = judge(None);
        judge.check("a nap").in_real_time(async |log| {
            rondel::time::sleep(Duration::from_millis(5)).await;
            ensure!(log.now() < Duration::from_millis(5), "the nap is over");
            Ok(())
        });
        assert_eq!(text(&judge), "FAILED: a nap\n\n  the nap is over\n");
    }
}
