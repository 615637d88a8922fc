//! Floor 5. What an exploration found: nothing, or the shortest way to a failure, to be read.

use std::error::Error;
use std::fmt;

use crate::deadlock::Deadlock;
use crate::time::Duration;

/// What [`explore`](super::explore()) tried when nothing failed.
///
/// ```
/// use rondel::testing::explore;
///
/// let exploration = explore(1, || async { rondel::spawn(async {}).await.unwrap() }).unwrap();
/// assert!(exploration.is_complete());
/// // In turn; and once more for each step at which two stood in line.
/// assert!(exploration.schedules() < 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exploration {
    pub(super) schedules: usize,
    pub(super) is_complete: bool,
}

impl Exploration {
    /// How many schedules were tried.
    #[must_use]
    pub fn schedules(&self) -> usize {
        self.schedules
    }

    /// Whether these were all within the bound.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

/// A schedule under which the program fails; [`explore`](super::explore()) returns it.
///
/// `Display` and `Debug` are the same text: what went wrong, and the steps that lead there, so that
/// `unwrap` shows them.
pub struct Failure {
    pub(super) reason: Reason,
    pub(super) steps: Vec<Step>,
    pub(super) schedules: usize,
    pub(super) overtakings: usize,
}

/// What went wrong.
pub(super) enum Reason {
    Said(String),
    Deadlock(String, Box<Deadlock>),
}

/// One step of a schedule: somebody runs from one await to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub(super) who: String,
    pub(super) overtakes: Option<String>,
    pub(super) then: String,
    pub(super) at: Duration,
}

impl Failure {
    /// What went wrong, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        match &self.reason {
            Reason::Said(text) | Reason::Deadlock(text, _) => text,
        }
    }

    /// Who waits for whom, if that is what went wrong.
    #[must_use]
    pub fn deadlock(&self) -> Option<&Deadlock> {
        match &self.reason {
            Reason::Deadlock(_, deadlock) => Some(deadlock),
            Reason::Said(_) => None,
        }
    }

    /// What happened, step by step.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How often somebody had to overtake for it. No fewer are enough.
    #[must_use]
    pub fn overtakings(&self) -> usize {
        self.overtakings
    }

    /// How many schedules were tried, this one included.
    #[must_use]
    pub fn schedules(&self) -> usize {
        self.schedules
    }
}

impl Step {
    /// Who ran: `main`, which is the program's own future, or a task with its number (in the order
    /// in which they were spawned), its name and its birthplace.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Whose turn it was, if it was not theirs.
    #[must_use]
    pub fn overtakes(&self) -> Option<&str> {
        self.overtakes.as_deref()
    }

    /// What came of it: what they wait for now, that they gave way, or that they ended. Of a step
    /// that came upon several things that were not ready all are named.
    #[must_use]
    pub fn then(&self) -> &str {
        &self.then
    }

    /// The time since the program's start.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)?;
        if let Some(others) = &self.overtakes {
            write!(f, " OVERTAKES {others}, and")?;
        }
        write!(f, " {}", self.then)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (times, tried) = (self.overtakings, self.schedules);
        writeln!(f, "the program fails: {}", self.reason())?;
        match times {
            0 => f.write_str("though everybody comes in turn")?,
            1 => f.write_str("when somebody comes out of turn once")?,
            _ => write!(f, "when somebody comes out of turn {times} times")?,
        }
        write!(f, " (schedule {tried} of those tried):")?;
        let mut clock = Duration::ZERO;
        for (number, step) in self.steps.iter().enumerate() {
            if step.at != clock {
                clock = step.at;
                write!(f, "\n       {clock:?} after the start:")?;
            }
            write!(f, "\n  {:>3}. {step}", number + 1)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}
