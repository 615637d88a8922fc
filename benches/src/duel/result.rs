//! What a duel found, as one value: the table prints it, `--json` writes it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::pair::{Pairs, Ratio, Verdict, median};
use crate::rows::{Flavour, Goal, Row};
use crate::runtimes::Runtime;

/// Everything a duel found.
#[derive(Debug)]
pub struct Run {
    /// The machine and the build, in a line.
    pub machine: String,
    /// Who took part: name, flavour, version, how it was built.
    pub versions: Vec<String>,
    /// The command line.
    pub options: Vec<String>,
    /// The CPU that runs of one thread were pinned to.
    pub cpu: Option<usize>,
    /// Rounds a row.
    pub reps: usize,
    /// How quiet the machine was.
    pub noise: Noise,
    /// A row for each peer, in the order of the table.
    pub rows: Vec<RunRow>,
    /// What went wrong, a sentence each.
    pub failures: Vec<String>,
}

/// One row against one peer.
#[derive(Debug)]
pub struct RunRow {
    /// The row.
    pub row: &'static Row,
    /// In which flavour.
    pub flavour: Flavour,
    /// Against whom, as `--peers` calls it.
    pub peer: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a row.
#[derive(Debug)]
pub enum Outcome {
    /// Figures, round by round.
    Measured {
        /// In the row's unit.
        figures: Pairs,
        /// Wall nanoseconds per operation.
        walls: Pairs,
    },
    /// The peer cannot do it, or Rondel cannot; and why.
    LeftOut(String),
}

/// How quiet the machine was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// Mean over the runs: time a run waited for its CPU as a share of its CPU time.
    pub wait_share: f64,
    /// What the hypervisor took of all CPUs' time.
    pub steal_share: f64,
}

impl Noise {
    /// A process waits longer for its CPU than this share of the time it has it: noisy.
    const WAIT_SHARE_MAX: f64 = 0.05;
    /// The hypervisor takes a larger share of the CPUs than this: likewise.
    const STEAL_SHARE_MAX: f64 = 0.02;

    /// Whether the figures deserve less trust than their intervals say.
    pub fn is_loud(&self) -> bool {
        self.wait_share > Self::WAIT_SHARE_MAX || self.steal_share > Self::STEAL_SHARE_MAX
    }
}

impl RunRow {
    /// The goal, if this peer is the one that goals are set against.
    pub fn goal(&self) -> Goal {
        match self.row.goal(self.flavour) {
            Goal::Ratio(_) if self.peer != "tokio" => Goal::Open,
            goal => goal,
        }
    }

    /// The figures and the wall times, if it was measured.
    pub fn measured(&self) -> Option<(&Pairs, &Pairs)> {
        match &self.outcome {
            Outcome::Measured { figures, walls } => Some((figures, walls)),
            Outcome::LeftOut(_) => None,
        }
    }

    /// The ratio Rondel / peer with its interval.
    pub fn ratio(&self) -> Option<Ratio> {
        self.measured().map(|(figures, _)| figures.ratio())
    }

    /// In a word.
    pub fn verdict(&self) -> Option<Verdict> {
        self.ratio().map(|ratio| ratio.verdict())
    }

    /// Whether the goal is missed; `None` without figures or without a goal.
    pub fn misses_goal(&self) -> Option<bool> {
        let (figures, _) = self.measured()?;
        match self.goal() {
            Goal::Absent | Goal::Open => None,
            Goal::Ratio(most) => Some(figures.ratio().median > most),
            Goal::Figure(most) => Some(median(&figures.ours) > most),
        }
    }

    /// The row for the JSON file; `None` if it was not measured.
    pub fn to_json(&self) -> Option<Value> {
        let (figures, walls) = self.measured()?;
        let mut value =
            figures.to_json(self.row.name, self.flavour.name(), self.peer, self.row.unit);
        let (goal, goal_figure) = match self.goal() {
            Goal::Ratio(ratio) => (Some(ratio), None),
            Goal::Figure(figure) => (None, Some(figure)),
            Goal::Absent | Goal::Open => (None, None),
        };
        let more = json!({
            "what": self.row.what,
            "kind": self.row.kind.name(),
            "goal": goal,
            "goal_figure": goal_figure,
            "goal_missed": self.misses_goal(),
            "rondel_runs": figures.ours,
            "peer_runs": figures.theirs,
            "rondel_wall": walls.ours,
            "peer_wall": walls.theirs,
        });
        if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
            value.extend(more);
        }
        Some(value)
    }
}

impl Run {
    /// The array of rows that `--json` writes.
    pub fn rows_json(&self) -> Value {
        self.rows.iter().filter_map(RunRow::to_json).collect()
    }

    /// Everything, for who wants to draw it.
    pub fn to_json(&self) -> Value {
        let left_out = self.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::LeftOut(why) => Some(json!({
                "row": row.row.name, "flavour": row.flavour.name(), "peer": row.peer, "why": why,
            })),
            Outcome::Measured { .. } => None,
        });
        json!({
            "machine": self.machine,
            "versions": self.versions,
            "options": self.options,
            "cpu": self.cpu,
            "reps": self.reps,
            "wait_share": self.noise.wait_share,
            "steal_share": self.noise.steal_share,
            "noisy": self.noise.is_loud(),
            "rows": self.rows_json(),
            "left_out": left_out.collect::<Vec<_>>(),
            "failures": self.failures,
        })
    }
}

/// A contestant as the heading names it.
pub fn version_line(runtime: &Runtime) -> String {
    let version = crate::machine::version_of(runtime.package);
    format!("{} {version} ({})", runtime.peer, runtime.how)
}

/// A file that is to hold the rows.
#[derive(Debug)]
pub struct JsonFile {
    path: PathBuf,
    file: File,
}

/// Creates the file before anything is measured.
pub fn create(path: &Path) -> Result<JsonFile, String> {
    let file =
        File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(JsonFile { path: path.to_path_buf(), file })
}

/// Writes the rows as a JSON array.
pub fn write(mut to: JsonFile, run: &Run) -> Result<(), String> {
    writeln!(to.file, "{:#}", run.rows_json())
        .map_err(|error| format!("cannot write {}: {error}", to.path.display()))
}
