//! What the judge says, and how it reaches whoever started it.
//!
//! The answer may print what it likes, so the verdict goes to a file of its own if one is named:
//! first a line with the check, then one with the seed (or `-`), then the text.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

/// The exit codes of a judge's process. Any other means that the answer ended the process itself.
pub(crate) const PASSED: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const NEVER_ENDED: u8 = 3;

/// What did not hold, and what led to it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) check: String,
    pub(crate) reason: String,
    pub(crate) seed: Option<u64>,
    /// Numbered steps under their titles; empty if there were none.
    pub(crate) steps: String,
    pub(crate) has_ended: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED: {}\n", self.check)?;
        for line in self.reason.lines() {
            writeln!(f, "  {line}")?;
        }
        if !self.steps.is_empty() {
            write!(f, "\n{}", self.steps)?;
        }
        Ok(())
    }
}

/// Where the verdict goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    pub(crate) file: Option<PathBuf>,
}

impl Desk {
    /// All `count` checks held.
    pub(crate) fn pass(&self, count: usize) -> u8 {
        let checks = if count == 1 { "check" } else { "checks" };
        self.hand_over("-", None, &format!("PASSED: {count} {checks}\n"));
        PASSED
    }

    /// One did not. Returns the exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> u8 {
        self.hand_over(&failure.check, failure.seed, &failure.to_string());
        if failure.has_ended { FAILED } else { NEVER_ENDED }
    }

    fn hand_over(&self, check: &str, seed: Option<u64>, text: &str) {
        let seed = seed.map_or("-".to_owned(), |seed| seed.to_string());
        let written = match &self.file {
            Some(file) => fs::write(file, format!("{check}\n{seed}\n{text}")),
            None => io::stdout().write_all(text.as_bytes()),
        };
        if let Err(error) = written {
            panic!("the verdict could not be handed over: {error}\n{text}");
        }
    }
}

/// Paths of source files are long and say nothing new: their last part is enough.
pub(crate) fn short_paths(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '\n', '(']) {
        let is_source = word.contains(".rs:");
        let name = word.rsplit('/').next().filter(|_| is_source);
        short.push_str(name.unwrap_or(word));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_and_the_rest_stays() {
        let text = "task 1 (spawned at /home/me/x/answer.rs:3:5) waits for a/b\n/x/y.rs:1:2";
        let short = "task 1 (spawned at answer.rs:3:5) waits for a/b\ny.rs:1:2";
        assert_eq!(short_paths(text), short);
    }
}
