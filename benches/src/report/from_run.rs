//! From what a duel found to what the page says.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::Report;
use crate::duel::{Outcome, Run};

impl Report {
    /// The report of a run that has just ended.
    pub fn of(run: &Run) -> Self {
        let Value::Array(rows) = run.rows_json() else { unreachable!("rows are an array") };
        let (waited, stolen) = (run.noise.wait_share * 100.0, run.noise.steal_share * 100.0);
        let noisy = run.noise.is_loud();
        let noise = if run.rows.is_empty() {
            "Nothing was timed: counts do not depend on how busy the machine is.".to_string()
        } else if noisy {
            format!(
                "Noisy machine: a run waited for its CPU {waited:.0} % of its CPU time (mean), the \
                 hypervisor took {stolen:.1} %. Trust the ratios less than their intervals say."
            )
        } else {
            format!(
                "Quiet machine: runs waited {waited:.1} % of their CPU time, {stolen:.1} % stolen."
            )
        };
        Self {
            facts: facts(run),
            noise,
            noisy,
            left_out: left_out(run),
            command: command(&run.options),
            rows,
        }
    }
}

fn facts(run: &Run) -> Vec<(String, String)> {
    let mut facts = vec![("Machine".to_string(), run.machine.clone())];
    for (place, version) in run.versions.iter().enumerate() {
        let name = if place == 0 { "Contestants" } else { "" };
        facts.push((name.to_string(), version.clone()));
    }
    let pinned = match run.cpu {
        Some(cpu) => format!("runs of one thread to CPU {cpu}"),
        None => "no".to_string(),
    };
    facts.push(("Pinned".to_string(), pinned));
    facts.push(("Rounds a row".to_string(), run.reps.to_string()));
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    facts.push(("Made on".to_string(), date(seconds / 86_400)));
    facts
}

/// What was not measured, and what failed.
fn left_out(run: &Run) -> Vec<String> {
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for row in &run.rows {
        if let Outcome::LeftOut(why) = &row.outcome {
            match reasons.iter_mut().find(|(peer, reason, _)| (*peer, *reason) == (row.peer, why)) {
                Some((_, _, names)) => names.push(row.row.name),
                None => reasons.push((row.peer, why, vec![row.row.name])),
            }
        }
    }
    let left_out = reasons
        .into_iter()
        .map(|(peer, why, names)| format!("{} against {peer}: {why}", names.join(", ")));
    left_out.chain(run.failures.iter().map(|failure| format!("FAILED: {failure}"))).collect()
}

fn command(words: &[String]) -> String {
    let plain =
        |word: &String| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_,./=".contains(c));
    let quoted = words.iter().map(|word| {
        if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    });
    let words: Vec<String> = quoted.collect();
    format!("cargo run --release -p benches --bin duel -- {}", words.join(" "))
        .trim_end()
        .to_string()
}

/// The date of a day since 1 January 1970, in UTC.
fn date(day: u64) -> String {
    // Years begin in March here, so that the leap day is the last; 400 of them have 146,097 days.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that days become dates.
    /// Method: the first day, a leap day, the day after one that is none, and the end of a year.
    #[test]
    fn days_become_dates() {
        let days = [0, 11_016, 47_540, 47_541, 20_453];
        let dates = ["1970-01-01", "2000-02-29", "2100-02-28", "2100-03-01", "2025-12-31"];
        assert_eq!(days.map(date), dates);
    }

    /// Goal: show that the command can be pasted into a shell.
    /// Method: words with and without letters that a shell takes for itself.
    #[test]
    fn the_command_can_be_pasted() {
        let words = ["spawn", "--json", "my rows.json", "a'b"].map(str::to_string);
        let expected =
            "cargo run --release -p benches --bin duel -- spawn --json 'my rows.json' 'a'\\''b'";
        assert_eq!(command(&words), expected);
        assert_eq!(command(&[]), "cargo run --release -p benches --bin duel --");
    }
}
