//! What happened, step by step: a failure shows it as a numbered list.

use rondel::Handle;
use rondel::time::Instant;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer that never ends may write for ever; more than that nobody reads.
const STEPS_MAX: usize = 1_000;
/// Of a long list the learner sees the beginning and the end.
const SHOWN_AT_EACH_END: usize = 20;

/// Steps with their times. Clones write into the same list.
#[derive(Clone, Debug, Default)]
pub struct Log {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    start: Option<Instant>,
    steps: Vec<Step>,
    left_out: usize,
}

#[derive(Debug)]
struct Step {
    /// `None` outside of a runtime, where no time is kept.
    at: Option<Duration>,
    what: String,
}

impl Log {
    /// Begins the list's time now, inside a runtime.
    pub(crate) fn start(&self) {
        self.book().start = Some(Instant::now());
    }

    /// Writes a step down.
    pub fn note(&self, what: impl Into<String>) {
        let now = Handle::try_current().is_ok().then(Instant::now);
        let mut book = self.book();
        if book.steps.len() == STEPS_MAX {
            book.left_out += 1;
            return;
        }
        let start = book.start;
        let at = now.zip(start).map(|(now, start)| now - start);
        book.steps.push(Step { at, what: what.into() });
    }

    /// The time since the run's start; zero outside of a runtime.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.book().start.map_or(Duration::ZERO, |start| start.elapsed())
    }

    /// The steps in order, without their times.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.book().steps.iter().map(|step| step.what.clone()).collect()
    }

    /// Whether these steps were written in this order, whatever stands between them.
    #[must_use]
    pub fn has_in_order(&self, wanted: &[&str]) -> bool {
        let book = self.book();
        let mut written = book.steps.iter();
        wanted.iter().all(|what| written.any(|step| step.what == *what))
    }

    /// How many steps begin like this.
    #[must_use]
    pub fn count(&self, beginning: &str) -> usize {
        self.book().steps.iter().filter(|step| step.what.starts_with(beginning)).count()
    }

    /// When a step was written for the first time.
    #[must_use]
    pub fn when(&self, what: &str) -> Option<Duration> {
        self.book().steps.iter().find(|step| step.what == what).and_then(|step| step.at)
    }

    /// The list as a learner sees it; empty if nothing was written.
    pub(crate) fn numbered(&self) -> String {
        let book = self.book();
        let count = book.steps.len();
        let mut text = String::new();
        for (index, step) in book.steps.iter().enumerate() {
            if index == SHOWN_AT_EACH_END && count > 2 * SHOWN_AT_EACH_END {
                let more = count - 2 * SHOWN_AT_EACH_END;
                let _ = writeln!(text, "       … {more} more …");
            }
            if index >= SHOWN_AT_EACH_END && index + SHOWN_AT_EACH_END < count {
                continue;
            }
            let time = step.at.map_or(String::new(), |at| format!("{:>6} ms  ", at.as_millis()));
            let _ = writeln!(text, "{:>4}. {time}{}", index + 1, step.what);
        }
        if book.left_out > 0 {
            let _ = writeln!(text, "       … and {} more", book.left_out);
        }
        text
    }

    /// A panic of the answer must not hide what was written until then.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_shows_both_ends() {
        let log = Log::default();
        for number in 1..=1_005 {
            log.note(format!("step {number}"));
        }
        let text = log.numbered();
        assert!(text.starts_with("   1. step 1\n"), "{text}");
        assert!(text.contains("  20. step 20\n       … 960 more …\n 981. step 981\n"), "{text}");
        assert!(text.ends_with("1000. step 1000\n       … and 5 more\n"), "{text}");
    }
}
