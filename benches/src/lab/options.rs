//! The command line of a laboratory: words that filter, flags, options with a value.

use serde_json::Value;

use crate::meter::Size;

/// What a laboratory understands.
#[derive(Debug)]
pub struct Spec {
    /// The text of `--help`.
    pub help: &'static str,
    /// Its tables by name, and what each is.
    pub names: &'static [(&'static str, &'static str)],
    /// Flags of its own, beside `--quick` and `--smoke`.
    pub flags: &'static [&'static str],
    /// Options with a value of its own, beside `--reps` and `--json`.
    pub values: &'static [&'static str],
}

/// What a command line says.
#[derive(Debug, Default)]
pub struct Parsed {
    filters: Vec<String>,
    flags: Vec<String>,
    values: Vec<(String, String)>,
}

impl Spec {
    /// Reads a command line. `None` after `--help` and `--list`, which are answered here.
    ///
    /// Fails with a text that says what is wrong: an unknown option, a missing value, a number that
    /// is none, a filter that matches no table.
    pub fn parse(&self, words: &[&str]) -> Result<Option<Parsed>, String> {
        let mut parsed = Parsed::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            if word == "--help" || word == "-h" {
                println!("{}", self.help);
                return Ok(None);
            } else if word == "--list" {
                self.names.iter().for_each(|(name, what)| println!("{name:16} {what}"));
                return Ok(None);
            } else if ["--quick", "--smoke"].contains(&word) || self.flags.contains(&word) {
                parsed.flags.push(word.to_owned());
            } else if ["--reps", "--json"].contains(&word) || self.values.contains(&word) {
                let value = words.next().ok_or(format!("{word} wants a value; see --help"))?;
                parsed.values.push((word.to_owned(), (*value).to_owned()));
            } else if word.starts_with('-') {
                return Err(format!("unknown option {word}; see --help"));
            } else {
                self.check_filter(word)?;
                parsed.filters.push(word.to_owned());
            }
        }
        parsed.number("--reps")?;
        Ok(Some(parsed))
    }

    fn check_filter(&self, word: &str) -> Result<(), String> {
        if self.names.iter().any(|(name, _)| name.contains(word)) {
            return Ok(());
        }
        let names: Vec<&str> = self.names.iter().map(|(name, _)| *name).collect();
        Err(format!("no table matches {word}; there are {}", names.join(", ")))
    }
}

impl Parsed {
    /// Whether the table of that name is wanted: all are, without a filter.
    pub fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|word| name.contains(word.as_str()))
    }

    /// Whether a flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The value of an option; the last one given counts.
    pub fn value(&self, option: &str) -> Option<&str> {
        let given = self.values.iter().rev().find(|(name, _)| name == option);
        given.map(|(_, value)| value.as_str())
    }

    /// The value of an option as a number from 1 on.
    pub fn number(&self, option: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.value(option) else { return Ok(None) };
        let number = value.parse().ok().filter(|&number: &usize| number > 0);
        number.map(Some).ok_or(format!("{option} wants a number from 1 on, not {value}"))
    }

    /// The value of an option as numbers with commas between them.
    pub fn numbers(&self, option: &str) -> Result<Option<Vec<usize>>, String> {
        let Some(value) = self.value(option) else { return Ok(None) };
        let numbers: Result<Vec<usize>, _> = value.split(',').map(str::parse).collect();
        let numbers = numbers.ok().filter(|numbers| !numbers.contains(&0));
        numbers.map(Some).ok_or(format!("{option} wants numbers from 1 on, as 1,64; not {value}"))
    }

    /// How large the run is.
    pub fn size(&self) -> Size {
        if self.has("--smoke") {
            Size::Smoke
        } else if self.has("--quick") {
            Size::Quick
        } else {
            Size::Full
        }
    }

    /// Repetitions: what was asked for, else by size (one of a smoke run).
    pub fn reps(&self, full: usize, quick: usize) -> usize {
        let asked = self.number("--reps").ok().flatten();
        asked.unwrap_or(match self.size() {
            Size::Smoke => 1,
            Size::Quick => quick,
            Size::Full => full,
        })
    }

    /// Writes the rows where `--json` says, if it was given.
    pub fn write_json(&self, rows: &[Value]) -> Result<(), String> {
        let Some(file) = self.value("--json") else { return Ok(()) };
        let text = serde_json::to_string_pretty(rows).map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n").map_err(|error| format!("cannot write {file}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        help: "help",
        names: &[("timers", "a table"), ("queue", "another")],
        flags: &["--strace"],
        values: &["--conns"],
    };

    /// Goal: show that a command line means what it says.
    /// Method: one of everything.
    #[test]
    fn filters_flags_and_values_are_told_apart() {
        let words = ["time", "--strace", "--conns", "1,64", "--reps", "3", "--quick"];
        let parsed = SPEC.parse(&words).unwrap().unwrap();
        assert!(parsed.wants("timers") && !parsed.wants("queue"));
        assert!(parsed.has("--strace"));
        assert_eq!(parsed.numbers("--conns"), Ok(Some(vec![1, 64])));
        assert_eq!(parsed.reps(9, 5), 3);
        assert_eq!(parsed.size(), Size::Quick);
    }

    /// Goal: show that a wrong command line is refused with a reason.
    /// Method: one line for each way to be wrong.
    #[test]
    fn what_is_wrong_is_said() {
        let complaint = |words: &[&str]| SPEC.parse(words).unwrap_err();
        assert!(complaint(&["--fast"]).contains("unknown option --fast"));
        assert!(complaint(&["--json"]).contains("--json wants a value"));
        assert!(complaint(&["--reps", "none"]).contains("a number from 1 on"));
        assert!(complaint(&["sockets"]).contains("there are timers, queue"));
    }
}
