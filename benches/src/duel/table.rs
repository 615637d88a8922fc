//! The table, at most 112 columns wide: a line for each row and peer, printed as it is measured.

use super::{Options, Outcome, Run, RunRow};
use crate::pair::{Verdict, median};
use crate::rows::{Flavour, Goal, Row};
use crate::runtimes::Runtime;

/// Columns of the table.
const WIDTH: usize = 112;

/// Prints.
#[derive(Debug)]
pub struct Table {
    reps: usize,
}

impl Table {
    /// A table for that command line.
    pub fn new(options: &Options) -> Self {
        Self { reps: options.reps }
    }

    /// What stands above the rows of a flavour.
    pub fn head(
        &self,
        machine: &str,
        contestants: &[&Runtime],
        flavour: Flavour,
        cpu: Option<usize>,
    ) {
        println!("{machine}");
        for (place, runtime) in contestants.iter().enumerate() {
            let against = if place == 0 { "" } else { "against " };
            println!("{against}{}", super::result::version_line(runtime));
        }
        let where_to = cpu.map_or("not pinned".to_string(), |cpu| format!("pinned to CPU {cpu}"));
        println!("{} flavour, {} rounds a row, {where_to}", flavour.name(), self.reps);
        println!();
        println!(
            "{:18} {:11} {:>9}  {:12} {:>9} {:>6}  {:13} {:7} {:>6}   {:>11}",
            "row",
            "unit",
            "rondel",
            "peer",
            "its",
            "ratio",
            "interval",
            "verdict",
            "goal",
            "wall r/p"
        );
    }

    /// One row against all peers.
    pub fn row(&self, lines: &[RunRow]) {
        for (place, line) in lines.iter().enumerate() {
            println!("{}", text_of(line, place == 0));
        }
    }

    /// A row of which a run failed; what failed is told at the end.
    pub fn failed(&self, row: &Row) {
        println!("{:18} {:11} FAILED, see the end", row.name, row.unit);
    }

    /// What stands below: the balance, the losses by name, what was left out, the noise.
    pub fn foot(&self, run: &Run) {
        println!();
        println!("Ratio: Rondel / peer, lower is better. Wall: nanoseconds per operation.");
        println!("An exclamation mark: the goal is missed. A dash: not measured, see below.");
        for line in balance(&run.rows).into_iter().chain(left_out(&run.rows)) {
            println!("{}", wrapped(&line));
        }
        let (waited, stolen) = (run.noise.wait_share * 100.0, run.noise.steal_share * 100.0);
        if run.noise.is_loud() {
            println!(
                "NOISY MACHINE: a run waited for its CPU {waited:.0} % of its CPU time (mean), the \
                 hypervisor took {stolen:.1} %.\nTrust the ratios less than their intervals say."
            );
        } else {
            println!("Quiet machine: waited {waited:.1} %, stolen {stolen:.1} %.");
        }
    }
}

/// Breaks a line behind commas, so that it stays within the table's width.
fn wrapped(line: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in line.split_inclusive(", ") {
        if column > 0 && column + word.trim_end().len() > WIDTH {
            text.truncate(text.trim_end().len());
            text += "\n      ";
            column = 6;
        }
        text += word;
        column += word.len();
    }
    text
}

/// A number in nine columns at most, with as many digits as mean something.
pub(super) fn figure(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.2}")
    } else if value.abs() < 10_000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

pub(super) fn goal_text(line: &RunRow) -> String {
    let goal = match line.goal() {
        Goal::Absent | Goal::Open => "-".to_string(),
        Goal::Ratio(ratio) => format!("{ratio:.2}"),
        Goal::Figure(most) => format!("<{most}"),
    };
    let missed = line.misses_goal() == Some(true);
    format!("{goal:>6}{}", if missed { "!" } else { " " })
}

/// The verdict in a word.
pub(super) fn verdict_text(line: &RunRow) -> String {
    line.verdict().map_or(String::new(), |verdict| verdict.to_string())
}

fn text_of(line: &RunRow, first: bool) -> String {
    let (name, unit) = if first { (line.row.name, line.row.unit) } else { ("", "") };
    let (Some((figures, walls)), Some(ratio)) = (line.measured(), line.ratio()) else {
        return format!("{name:18} {unit:11} {:>9}  {:12} {:>9} {:>6}", "", line.peer, "-", "-");
    };
    let ours = if first { figure(median(&figures.ours)) } else { String::new() };
    format!(
        "{name:18} {unit:11} {ours:>9}  {:12} {:>9} {:>6.3}  {:13} {:7} {}  {:>11}",
        line.peer,
        figure(median(&figures.theirs)),
        ratio.median,
        format!("{:.3}-{:.3}", ratio.low, ratio.high),
        ratio.verdict(),
        goal_text(line),
        format!("{:.0}/{:.0}", median(&walls.ours), median(&walls.theirs)),
    )
}

/// For each flavour and peer: how many were won and lost, the losses and the missed goals by name.
pub(super) fn balance<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Vec<String> {
    let rows: Vec<&RunRow> = rows.into_iter().collect();
    let mut lines = Vec::new();
    let mut opponents: Vec<(Flavour, &str)> = Vec::new();
    for row in &rows {
        if !opponents.contains(&(row.flavour, row.peer)) {
            opponents.push((row.flavour, row.peer));
        }
    }
    for (flavour, peer) in opponents {
        let theirs: Vec<&RunRow> =
            rows.iter().copied().filter(|row| (row.flavour, row.peer) == (flavour, peer)).collect();
        let count = |verdict| theirs.iter().filter(|row| row.verdict() == Some(verdict)).count();
        lines.push(format!(
            "{}, against {peer}: {} faster, {} same, {} SLOWER",
            flavour.name(),
            count(Verdict::Faster),
            count(Verdict::Same),
            count(Verdict::Slower),
        ));
        let named = |of: fn(&RunRow) -> bool, text: fn(&RunRow) -> String| {
            let names = theirs.iter().filter(|row| of(row)).map(|row| text(row));
            names.collect::<Vec<_>>().join(", ")
        };
        let slower = named(|row| row.verdict() == Some(Verdict::Slower), with_ratio);
        let missed = named(|row| row.misses_goal() == Some(true), with_goal);
        lines.extend((!slower.is_empty()).then(|| format!("  SLOWER: {slower}")));
        lines.extend((!missed.is_empty()).then(|| format!("  goal missed: {missed}")));
    }
    lines
}

fn with_ratio(line: &RunRow) -> String {
    format!("{} {:.3}", line.row.name, line.ratio().map_or(f64::NAN, |ratio| ratio.median))
}

fn with_goal(line: &RunRow) -> String {
    match line.goal() {
        Goal::Ratio(goal) => format!("{} (goal {goal:.2})", with_ratio(line)),
        Goal::Figure(most) => format!(
            "{} {} {} (goal {most})",
            line.row.name,
            line.measured().map_or(String::new(), |(figures, _)| figure(median(&figures.ours))),
            line.row.unit
        ),
        Goal::Absent | Goal::Open => with_ratio(line),
    }
}

/// What was not measured, and why.
pub(super) fn left_out<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Vec<String> {
    let mut reasons: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for row in rows {
        if let Outcome::LeftOut(why) = &row.outcome {
            match reasons.iter_mut().find(|(peer, reason, _)| (*peer, *reason) == (row.peer, why)) {
                Some((_, _, names)) => names.push(row.row.name),
                None => reasons.push((row.peer, why, vec![row.row.name])),
            }
        }
    }
    reasons
        .into_iter()
        .map(|(_, why, names)| format!("not measured: {}: {why}", names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that no line of the summary is too long to read, and that nothing gets lost.
    /// Method: wrap a hundred names; measure each line, then join them again.
    #[test]
    fn a_long_list_of_losses_is_broken_behind_commas() {
        let names: Vec<String> =
            (0..100).map(|n| format!("row_{n} 1.{n:03} (goal 0.75)")).collect();
        let line = format!("  SLOWER: {}", names.join(", "));
        let text = wrapped(&line);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert_eq!(text.replace("\n      ", " "), line);
    }
}
