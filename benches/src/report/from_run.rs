//! From what a duel found to what the page says.

use serde_json::Value;

use super::Report;
use crate::date;
use crate::duel::{COMMAND, Outcome, Run};

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
    facts.push(("Made on".to_string(), date::today()));
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
    format!("{COMMAND} {}", words.join(" ")).trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that the command can be pasted into a shell.
    /// Method: words with and without letters that a shell takes for itself.
    #[test]
    fn the_command_can_be_pasted() {
        let words = ["spawn", "--json", "my rows.json", "a'b"].map(str::to_string);
        let expected = "spawn --json 'my rows.json' 'a'\\''b'";
        assert_eq!(command(&words), format!("{COMMAND} {expected}"));
        assert_eq!(command(&[]), COMMAND);
    }
}
