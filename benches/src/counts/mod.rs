//! Counts that do not depend on the machine: instructions, allocations, bytes, system calls.
//!
//! A time says how fast this machine was in this minute. A count says what the program did, and
//! says the same again tomorrow and elsewhere. A tool watches one process from outside and counts
//! what happens between the marks of each batch ([`marks`]); a batch before them warms up.
//!
//! | count                  | tool                       | read by       |
//! |------------------------|----------------------------|---------------|
//! | instructions           | `valgrind --tool=callgrind` | [`callgrind`] |
//! | allocations, bytes     | `valgrind --tool=memcheck`  | [`memcheck`]  |
//! | system calls           | `strace -f`                | [`strace`]    |
//!
//! Rules
//! 1. Whatever cannot be counted has no figure but a reason: see [`why_uncounted`].
//! 2. A tool that is missing is named with the command that installs it, before anything runs.
//! 3. Instructions are those of the process; what the kernel does in a call is not among them.

pub mod callgrind;
pub mod marks;
pub mod memcheck;
pub mod pins;
pub mod run;
mod scratch;
pub mod strace;
pub mod table;

use std::fmt::{self, Display, Formatter};
use std::io::ErrorKind;
use std::process::Command;

use crate::meter::{Meter, Size};
use crate::rows::{self, Row};
use crate::runtimes::{self, Runtime};
use scratch::Scratch;

/// Batches that are counted, after the one that warms up.
pub const BATCHES: usize = 3;

/// The first word of a child's command line; see [`child`].
pub const CHILD_FLAG: &str = "--count-child";

/// How a child begins that has nothing to count.
const NONE: &str = "none: ";

/// What is counted, per operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instructions of the process, in user mode.
    Instructions,
    /// Calls of `malloc`, `calloc`, `memalign` and `realloc`.
    Allocations,
    /// The bytes that those asked for.
    Bytes,
    /// Calls into the kernel.
    SystemCalls,
}

impl Kind {
    /// The unit as the table and the JSON name it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Instructions => "instructions/op",
            Self::Allocations => "allocations/op",
            Self::Bytes => "bytes allocated/op",
            Self::SystemCalls => "system calls/op",
        }
    }

    /// The most that an operation of this row should take, where somebody has said so.
    pub fn goal(self, row: &str) -> Option<f64> {
        let goals: &[(&str, f64)] = match self {
            Self::Instructions => &[
                ("spawn_join_1k", 750.0),
                ("yield_1k", 130.0),
                ("ping_pong_mpsc", 1_000.0),
                ("sleep_churn", 270.0),
                ("semaphore_1000x5", 650.0),
            ],
            _ => &[],
        };
        goals.iter().find(|(name, _)| *name == row).map(|(_, goal)| *goal)
    }
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Instructions.
    Callgrind,
    /// Allocations and their bytes.
    Memcheck,
    /// System calls.
    Strace,
}

/// A count per operation over some batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// All that was counted, divided by all operations.
    pub mean: f64,
    /// The batch with the fewest.
    pub low: f64,
    /// The batch with the most.
    pub high: f64,
}

impl Count {
    /// From the total of each batch and its operations. Panics if there is no batch.
    fn of(totals: &[u64], ops: &[usize]) -> Self {
        let each = totals.iter().zip(ops).map(|(&total, &ops)| total as f64 / ops as f64);
        Self {
            mean: totals.iter().sum::<u64>() as f64 / ops.iter().sum::<usize>() as f64,
            low: each.clone().reduce(f64::min).expect("a batch"),
            high: each.reduce(f64::max).expect("a batch"),
        }
    }
}

/// Why there is no count.
#[derive(Debug)]
pub enum Missing {
    /// There is nothing to count, for this reason.
    Uncounted(String),
    /// Something went wrong.
    Failed(String),
}

impl Display for Missing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncounted(reason) => f.write_str(reason),
            Self::Failed(message) => f.write_str(message),
        }
    }
}

/// Why a row is not counted, if so; a row that sets no marks says so itself.
pub fn why_uncounted(row: &Row) -> Option<&'static str> {
    if !matches!(row.kind, rows::Kind::Body) {
        return Some("it is not the work of one process");
    }
    let reasons = [
        ("sleep_fire", "the real time that passes decides how often its loop turns"),
        ("sleep_lateness", "it measures time"),
        ("interval", "it waits for real time"),
        ("bytes_", "it measures memory"),
    ];
    reasons.iter().find(|(name, _)| row.name.starts_with(name)).map(|(_, reason)| *reason)
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Callgrind, Self::Memcheck, Self::Strace];

    /// What it counts.
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Callgrind => &[Kind::Instructions],
            Self::Memcheck => &[Kind::Allocations, Kind::Bytes],
            Self::Strace => &[Kind::SystemCalls],
        }
    }

    /// The program that has to be installed.
    fn program(self) -> &'static str {
        match self {
            Self::Callgrind | Self::Memcheck => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// Fails with what to do if the tool is not installed or does not run.
    pub fn check(self) -> Result<(), String> {
        let program = self.program();
        match Command::new(program).arg("--version").output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("`{program} --version` failed: {}", output.status)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
                "{} are counted by {program}, which is not installed: \
                 `sudo apt-get install -y {program}` on Debian and Ubuntu, `sudo dnf install \
                 {program}` on Fedora",
                self.kinds()[0].unit().trim_end_matches("/op"),
            )),
            Err(error) => Err(format!("cannot run {program}: {error}")),
        }
    }

    /// Counts what `row` does on `runtime`, in a process of its own; one count for each of
    /// [`kinds`](Self::kinds).
    pub fn count(self, runtime: &Runtime, row: &Row) -> Result<Vec<Count>, Missing> {
        if let Some(reason) = why_uncounted(row) {
            return Err(Missing::Uncounted(reason.to_string()));
        }
        let scratch = Scratch::new().map_err(Missing::Failed)?;
        let arguments = match self {
            Self::Callgrind => callgrind::arguments(scratch.folder()),
            Self::Memcheck => memcheck::arguments(scratch.folder()),
            Self::Strace => strace::arguments(scratch.folder()),
        };
        let ops = self.run(&arguments, runtime.name, row)?;
        if ops.is_empty() {
            let reason = "it has no operations that could be counted";
            return Err(Missing::Uncounted(reason.to_string()));
        }
        let batches = match self {
            Self::Callgrind => callgrind::batches(scratch.folder()),
            Self::Memcheck => memcheck::batches(scratch.folder()),
            Self::Strace => strace::batches(scratch.folder()),
        };
        let of_kinds = batches.map_err(Missing::Failed)?;
        of_kinds.iter().map(|totals| self.per_op(totals, &ops, runtime.name, row)).collect()
    }

    fn per_op(
        self,
        totals: &[u64],
        ops: &[usize],
        runtime: &str,
        row: &Row,
    ) -> Result<Count, Missing> {
        if totals.len() != ops.len() {
            return Err(Missing::Failed(format!(
                "{} on {runtime} did {} batches, but {} saw {}: are the symbols stripped?",
                row.name,
                ops.len(),
                self.program(),
                totals.len(),
            )));
        }
        // The first batch warms up.
        Ok(Count::of(&totals[1..], &ops[1..]))
    }

    /// Runs the row under this tool; returns the operations of each batch.
    fn run(self, arguments: &[String], runtime: &str, row: &Row) -> Result<Vec<usize>, Missing> {
        let failed = |message: String| Missing::Failed(message);
        let exe = std::env::current_exe()
            .map_err(|error| failed(format!("cannot find myself: {error}")))?;
        let output = Command::new(self.program())
            .args(arguments)
            .arg(exe)
            .args([CHILD_FLAG, runtime, row.name])
            .output()
            .map_err(|error| failed(format!("cannot start {}: {error}", self.program())))?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = complaint.lines().filter(|line| !line.is_empty()).collect();
            let last = lines[lines.len().saturating_sub(3)..].join(" / ");
            let (program, status) = (self.program(), output.status);
            let what = format!("{} on {runtime} under {program}", row.name);
            return Err(failed(format!("{what} ended with {status}: {last}")));
        }
        let said = String::from_utf8_lossy(&output.stdout);
        if let Some(why) = said.strip_prefix(NONE) {
            return Err(Missing::Uncounted(why.trim().to_string()));
        }
        let number = |word: &str| {
            word.parse().map_err(|_| failed(format!("{} on {runtime} said {word}", row.name)))
        };
        said.split_whitespace().map(number).collect()
    }
}

/// A child's life: runs the row between marks and says the operations of each batch.
pub fn child(runtime: &str, row: &str) -> Result<(), String> {
    let row = rows::find(row).ok_or(format!("no row is called {row}"))?;
    let runtime = runtimes::find(runtime).ok_or(format!("no runtime is called {runtime}"))?;
    let mut meter = Meter::marking(Size::Quick, BATCHES);
    match runtime.run(row.name, &mut meter) {
        Ok(()) => {
            let ops: Vec<String> = meter.marked_ops().iter().map(usize::to_string).collect();
            println!("{}", ops.join(" "));
        }
        Err(why) => println!("{NONE}{why}"),
    }
    Ok(())
}
