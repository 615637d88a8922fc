//! Floor 5. One run of the explored program, by a schedule, and the record of it.
//!
//! The ready queue asks the plan each time before somebody runs (`ready/plan.rs`). So the plan sees
//! everything: what the last one has come to, who stands in line, how late it is.
//!
//! ```text
//!   asked ─▶ write down what became of the one before ─▶ choose ─▶ write down who ─▶ it runs
//! ```
//!
//! Rule 1. Numbers of tasks are ranks: the ids differ from run to run, their order does not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::failure::{Reason, Step};
use crate::builder::Builder;
use crate::current::here;
use crate::ready::{Job, plan};
use crate::roll_call;
use crate::task::Id;
use crate::task::id::{Origin, panics_reported};
use crate::testing::cancel::text_of;
use crate::testing::seeds::Outcome;
use crate::time::{Duration, Instant};

/// A run that takes more steps than that is taken for one that never ends. More than a program of
/// which all orders are to be tried can have, and some milliseconds.
const STEPS_MAX: usize = 10_000;

/// Somebody comes next who is not the first in line.
#[derive(Clone)]
pub(super) struct Deviation {
    pub(super) step: usize,
    /// Which place of the line; 0 would be the first.
    pub(super) pick: usize,
    /// How many stand in line there, to notice a program that does not do the same each time.
    pub(super) in_line: usize,
}

/// How a run went.
pub(super) struct Course {
    /// Empty if it did not fail.
    pub(super) steps: Vec<Step>,
    /// How many stood in line at each step.
    pub(super) choices: Vec<usize>,
    /// Why it failed, if it did.
    pub(super) reason: Option<Reason>,
}

/// Ends a run that never ends.
struct TooLong;

/// Runs the program once.
pub(super) fn run<T: Outcome>(deviations: &[Deviation], program: &impl AsyncFn() -> T) -> Course {
    // Any seed will do, as long as it is always the same (rule 1 of the explorer).
    let builder = Builder::new().start_paused(true).shuffle(true).seed(0);
    let runtime = builder.build().expect("a runtime of the local flavour can always be built");
    let record = Rc::new(RefCell::new(Record::new(deviations.to_vec())));
    let reported_before = panics_reported();
    let theirs = record.clone();
    let following = plan::follow(Box::new(move |line| theirs.borrow_mut().choose(line)));
    let listening = roll_call::listen();
    let _ = roll_call::heard(); // what others may have left
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.try_block_on(program())));
    drop(listening);
    drop(following);
    // The end of the runtime drops what is left, which may panic too.
    drop(runtime);
    let mut record = Rc::try_unwrap(record).ok().expect("the plan is gone").into_inner();
    assert!(
        !record.is_astray,
        "the program does not do the same each time it is run, so its orders cannot be explored: \
         it uses threads, sockets, the time of the machine, or what an earlier run has left"
    );
    let (reason, end) = match ended {
        Ok(Ok(outcome)) => match outcome.failure() {
            Some(error) => (Some(Reason::Said(format!("it returned Err({error})"))), "returns"),
            None => (None, "returns"),
        },
        Ok(Err(deadlock)) => {
            let text = "deadlock: nobody can run, and nothing is left that could wake one";
            (Some(Reason::Deadlock(text.to_owned(), Box::new(deadlock))), "")
        }
        Err(panic) if panic.is::<TooLong>() => {
            let text = format!("it has not ended after {STEPS_MAX} steps");
            (Some(Reason::Said(text)), "")
        }
        Err(panic) => (Some(Reason::Said(format!("it panicked: {}", text_of(&*panic)))), "panics"),
    };
    record.finish(end);
    let unheard = panics_reported() > reported_before;
    let unheard = unheard.then(|| "a task panicked, and no JoinHandle is left to tell".to_owned());
    let reason = reason.or(unheard.map(Reason::Said));
    let steps = reason.as_ref().map(|_| record.readable());
    Course { reason, steps: steps.unwrap_or_default(), choices: record.choices }
}

/// Who runs. `None`: the program's own future.
type Who = Option<Origin>;

struct Entry {
    who: Who,
    /// The first of those who were overtaken, and how many there were.
    overtakes: Option<(Who, usize)>,
    then: String,
    at: Instant,
}

struct Record {
    deviations: VecDeque<Deviation>,
    choices: Vec<usize>,
    entries: Vec<Entry>,
    seen: BTreeMap<Id, Origin>,
    is_astray: bool,
}

impl Record {
    fn new(deviations: Vec<Deviation>) -> Self {
        Self {
            deviations: deviations.into(),
            choices: Vec::new(),
            entries: Vec::new(),
            seen: BTreeMap::new(),
            is_astray: false,
        }
    }

    /// The plan: which of the line comes next.
    fn choose(&mut self, line: &VecDeque<Job>) -> usize {
        if let Some(last) = self.entries.last_mut() {
            last.settle(line);
        }
        if line.is_empty() {
            return 0;
        }
        for origin in line.iter().filter_map(origin) {
            self.seen.entry(origin.id).or_insert_with(|| origin.clone());
        }
        let step = self.choices.len();
        if step == STEPS_MAX {
            // Not a panic of its own: the hook has nothing to tell.
            resume_unwind(Box::new(TooLong));
        }
        self.choices.push(line.len());
        let planned = self.deviations.pop_front_if(|next| next.step == step);
        let pick = planned.map_or(0, |planned| {
            self.is_astray |= planned.in_line != line.len();
            planned.pick.min(line.len() - 1)
        });
        let who = |place: usize| origin(&line[place]).cloned();
        self.entries.push(Entry {
            who: who(pick),
            overtakes: (pick > 0).then(|| (who(0), pick)),
            then: String::new(),
            at: Instant::now(),
        });
        pick
    }

    /// The run is over; `end` says what the last one came to, if that was its end.
    fn finish(&mut self, end: &str) {
        self.is_astray |= !self.deviations.is_empty();
        if let Some(last) = self.entries.last_mut()
            && last.who.is_none()
            && !end.is_empty()
        {
            last.then = end.to_owned();
        }
    }

    fn readable(&self) -> Vec<Step> {
        let start = self.entries.first().map(|first| first.at);
        let mut known = BTreeSet::new();
        let mut steps = Vec::new();
        for entry in &self.entries {
            let first_time = entry.who.as_ref().is_some_and(|origin| known.insert(origin.id));
            let place = entry.who.as_ref().filter(|_| first_time);
            let place = place.map(|origin| format!(" (spawned at {})", origin.spawned_at));
            let overtakes = entry.overtakes.as_ref().map(|(first, count)| match count - 1 {
                0 => self.name(first),
                more => format!("{} and {more} more", self.name(first)),
            });
            steps.push(Step {
                who: self.name(&entry.who) + &place.unwrap_or_default(),
                overtakes,
                then: self.by_our_names(&entry.then),
                at: start.map_or(Duration::ZERO, |start| entry.at - start),
            });
        }
        steps
    }

    /// Who waits for a task names it as the engine does.
    fn by_our_names(&self, text: &str) -> String {
        let rename = |text: String, origin: &Origin| {
            text.replace(&origin.to_string(), &self.name(&Some(origin.clone())))
        };
        self.seen.values().fold(text.to_owned(), rename)
    }

    fn name(&self, who: &Who) -> String {
        let Some(origin) = who else { return "main".to_owned() };
        let rank = self.seen.range(..=origin.id).count(); // rule 1
        match &origin.name {
            Some(name) => format!("task {rank} `{name}`"),
            None => format!("task {rank}"),
        }
    }
}

impl Entry {
    /// Writes down what this one has come to, unless that is known.
    fn settle(&mut self, line: &VecDeque<Job>) {
        if !self.then.is_empty() {
            return;
        }
        let mut waits = roll_call::heard();
        waits.dedup();
        let id = self.who.as_ref().map(|origin| origin.id);
        let is = |job: &Job| origin(job).map(|origin| origin.id) == id;
        self.then = if id.is_some_and(has_ended) {
            "ends".to_owned()
        } else if !waits.is_empty() {
            format!("waits for {}", waits.join("; "))
        } else if line.iter().any(is) {
            "gives way".to_owned()
        } else {
            "waits for something that Rondel does not know".to_owned()
        };
    }
}

fn origin(job: &Job) -> Option<&Origin> {
    match job {
        Job::Task(task) => Some(task.origin()),
        Job::Root => None,
    }
}

/// Whether the loop of this thread has a task no more.
fn has_ended(id: Id) -> bool {
    here(|lp| lp.live.borrow().iter().all(|(_, task)| task.origin().id != id)).unwrap_or(true)
}
