//! The table, at most 100 columns wide: a line for each row and peer, printed as it is measured.

use super::{Options, Outcome, Run, RunRow};
use crate::pair::{Verdict, median};
use crate::rows::{Flavour, Goal, Row};
use crate::runtimes::Runtime;

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
        for line in balance(&run.rows) {
            println!("{line}");
        }
        for line in left_out(&run.rows) {
            println!("{line}");
        }
        let (waited, stolen) = (run.noise.wait_share * 100.0, run.noise.steal_share * 100.0);
        if run.noise.is_loud() {
            println!(
                "NOISY MACHINE: a run waited for its CPU {waited:.0} % of its CPU time (mean), the \
                 hypervisor took {stolen:.1} %. Trust the ratios less than their intervals say."
            );
        } else {
            println!("Quiet machine: waited {waited:.1} %, stolen {stolen:.1} %.");
        }
    }
}

/// A number in nine columns at most, with as many digits as mean something.
fn figure(value: f64) -> String {
    if value.abs() < 10.0 {
        format!("{value:.2}")
    } else if value.abs() < 10_000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn goal_text(line: &RunRow) -> String {
    let goal = match line.goal() {
        Goal::Absent | Goal::Open => "-".to_string(),
        Goal::Ratio(ratio) => format!("{ratio:.2}"),
        Goal::Figure(most) => format!("<{most}"),
    };
    let missed = line.misses_goal() == Some(true);
    format!("{goal:>6}{}", if missed { "!" } else { " " })
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
fn balance(rows: &[RunRow]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut opponents: Vec<(Flavour, &str)> = Vec::new();
    for row in rows {
        if !opponents.contains(&(row.flavour, row.peer)) {
            opponents.push((row.flavour, row.peer));
        }
    }
    for (flavour, peer) in opponents {
        let theirs: Vec<&RunRow> =
            rows.iter().filter(|row| (row.flavour, row.peer) == (flavour, peer)).collect();
        let count = |verdict| theirs.iter().filter(|row| row.verdict() == Some(verdict)).count();
        lines.push(format!(
            "{}, against {peer}: {} faster, {} same, {} SLOWER",
            flavour.name(),
            count(Verdict::Faster),
            count(Verdict::Same),
            count(Verdict::Slower),
        ));
        let named = |of: &dyn Fn(&&&RunRow) -> bool| {
            let names = theirs.iter().filter(of).map(|row| with_ratio(row));
            names.collect::<Vec<_>>().join(", ")
        };
        let slower = named(&|row| row.verdict() == Some(Verdict::Slower));
        let missed = named(&|row| row.misses_goal() == Some(true));
        lines.extend((!slower.is_empty()).then(|| format!("  SLOWER: {slower}")));
        lines.extend((!missed.is_empty()).then(|| format!("  goal missed: {missed}")));
    }
    lines
}

fn with_ratio(line: &RunRow) -> String {
    let ratio = line.ratio().map_or(f64::NAN, |ratio| ratio.median);
    match line.goal() {
        Goal::Ratio(goal) => format!("{} {ratio:.3} (goal {goal:.2})", line.row.name),
        Goal::Figure(most) => format!(
            "{} {} {} (goal {most})",
            line.row.name,
            line.measured().map_or(String::new(), |(figures, _)| figure(median(&figures.ours))),
            line.row.unit
        ),
        Goal::Absent | Goal::Open => format!("{} {ratio:.3}", line.row.name),
    }
}

fn left_out(rows: &[RunRow]) -> Vec<String> {
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
