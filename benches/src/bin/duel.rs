//! The duel: every row on Rondel and on tokio in turn, each run a process of its own.

use std::fmt::Write as _;
use std::process::{Command, ExitCode};

use benches::child::exit;
use benches::counts;
use benches::machine::{self, describe, pin, run_queue_wait, steal_and_total, version_of};
use benches::meter::{Meter, Size};
use benches::pair::{Pairs, median};
use benches::rows::{self, ROWS, Row};
use benches::runtimes;

const HELP: &str = "\
duel: Rondel against tokio, row by row, in alternating processes

usage: duel [FILTER ...] [--flavour F] [--reps N] [--quick] [--json FILE] [--no-pin] [--list]

  FILTER       rows whose name contains one of these words; all without
  --flavour F  local (default): one thread each. stealing: a worker for each CPU, against
               tokio's multi_thread, in the rows that mean something there; never pinned
  --reps N     pairs a row (default 10; with --quick 5)
  --quick      smaller batches and fewer pairs, for a first look
  --json FILE  also write the rows as a JSON array
  --no-pin     let the kernel choose the CPU
  --list       name the rows and their operations

The figure is CPU time of the process per operation (or what the unit says); the ratio is the
median of the pairs' ratios Rondel / tokio, lower is better, with its 95 % interval (fewer than
six pairs: lowest and highest). The verdict is `same` when the interval contains 1.";

/// A process waits longer for its CPU than this share of the time it has it: the machine is noisy.
const WAIT_SHARE_MAX: f64 = 0.05;
/// The hypervisor takes a larger share of the CPUs than this: likewise.
const STEAL_SHARE_MAX: f64 = 0.02;

#[derive(Debug)]
struct Options {
    filters: Vec<String>,
    reps: Option<usize>,
    quick: bool,
    json: Option<String>,
    pin: bool,
    flavour: &'static Flavour,
}

/// What is compared with what.
#[derive(Debug)]
struct Flavour {
    name: &'static str,
    peer: &'static str,
    runtimes: [&'static str; 2],
}

const LOCAL: Flavour =
    Flavour { name: "local", peer: "current_thread, enable_all", runtimes: runtimes::NAMES };
const STEALING: Flavour = Flavour {
    name: "stealing",
    peer: "multi_thread, enable_all",
    runtimes: runtimes::NAMES_OF_MANY,
};

impl Flavour {
    /// Whether the row is measured, and the goal of its ratio.
    fn goal(&self, row: &Row) -> Option<Option<f64>> {
        if self.name == LOCAL.name {
            return Some(row.goal);
        }
        let of_many = rows::OF_MANY_THREADS.iter().find(|(name, _)| *name == row.name);
        of_many.map(|(_, goal)| Some(*goal))
    }
}

/// What one child reports.
#[derive(Clone, Copy, Debug)]
struct Report {
    figure: f64,
    wall_ns: f64,
    wait_share: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--child", runtime, row, size] => child(runtime, row, size),
        [counts::CHILD_FLAG, runtime, row] => counts::child(runtime, row),
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        ["--list"] => {
            ROWS.iter().for_each(|row| println!("{:18} {:12} {}", row.name, row.unit, row.what));
            Ok(())
        }
        _ => parse(&words).and_then(|options| duel(&options)),
    };
    exit("duel", done)
}

fn parse(words: &[&str]) -> Result<Options, String> {
    let mut options = Options {
        filters: Vec::new(),
        reps: None,
        quick: false,
        json: None,
        pin: true,
        flavour: &LOCAL,
    };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value; see --help"));
        match word {
            "--reps" => {
                let reps = value()?.parse().ok().filter(|&reps: &usize| reps > 0);
                options.reps = Some(reps.ok_or("--reps wants a number from 1 on")?);
            }
            "--flavour" | "--flavor" => {
                options.flavour = match *value()? {
                    "local" | "current_thread" => &LOCAL,
                    "stealing" | "multi_thread" => &STEALING,
                    other => {
                        return Err(format!("no flavour is called {other}: local or stealing"));
                    }
                }
            }
            "--json" => options.json = Some(value()?.to_string()),
            "--quick" => options.quick = true,
            "--no-pin" => options.pin = false,
            _ if word.starts_with('-') => return Err(format!("unknown option {word}; see --help")),
            _ => options.filters.push(word.to_string()),
        }
    }
    if !ROWS.iter().any(|row| options.wants(row)) {
        return Err(format!("no row matches {:?}; see --list", options.filters));
    }
    Ok(options)
}

impl Options {
    fn wants(&self, row: &Row) -> bool {
        self.flavour.goal(row).is_some() && self.wants_name(row)
    }

    fn wants_name(&self, row: &Row) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|word| row.name.contains(word.as_str()))
    }

    fn size(&self) -> &'static str {
        if self.quick { "quick" } else { "full" }
    }
}

/// Measures one row on one runtime and prints the report.
fn child(runtime: &str, row: &str, size: &str) -> Result<(), String> {
    let row = rows::find(row).ok_or(format!("no row is called {row}"))?;
    let size = match size {
        "full" => Size::Full,
        "quick" => Size::Quick,
        _ => Size::Smoke,
    };
    let mut meter = Meter::new(size);
    runtimes::run_row(runtime, row, &mut meter);
    let wait_share = run_queue_wait().as_secs_f64() / machine::cpu_time().as_secs_f64();
    println!("{} {} {wait_share}", meter.figure(), meter.wall_ns());
    Ok(())
}

fn run_child(runtime: &str, row: &Row, size: &str) -> Result<Report, String> {
    let exe = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let output = Command::new(exe)
        .args(["--child", runtime, row.name, size])
        .output()
        .map_err(|error| format!("cannot start a child: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [figure, wall_ns, wait_share] => Ok(Report { figure, wall_ns, wait_share }),
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let first: Vec<&str> =
                complaint.lines().filter(|line| !line.is_empty()).take(3).collect();
            Err(format!("{} on {runtime} failed: {}", row.name, first.join(" ")))
        }
    }
}

fn duel(options: &Options) -> Result<(), String> {
    let reps = options.reps.unwrap_or(if options.quick { 5 } else { 10 });
    println!("{}", describe());
    let flavour = options.flavour;
    let may_pin = options.pin && flavour.name == LOCAL.name;
    let cpu = may_pin.then(|| pin(0)).flatten();
    println!(
        "rondel {} ({}) against tokio {} ({}), {reps} pairs a row, {}",
        version_of("rondel"),
        flavour.name,
        version_of("tokio"),
        flavour.peer,
        cpu.map_or("not pinned".to_string(), |cpu| format!("pinned to CPU {cpu}")),
    );
    println!();
    println!(
        "{:18} {:11} {:>9} {:>9} {:>6}  {:13} {:7} {:>5} {:>11}",
        "row", "unit", "rondel", "tokio", "ratio", "interval", "verdict", "goal", "wall ns r/t"
    );
    let (steal_before, total_before) = steal_and_total();
    let mut rows = Vec::new();
    let mut waits = Vec::new();
    let mut failures = String::new();
    for row in ROWS.iter().filter(|row| options.wants(row)) {
        match duel_row(flavour, row, reps, options.size(), &mut waits) {
            Ok(pairs) => rows.push(pairs.to_json(row.name, flavour.name, "tokio", row.unit)),
            Err(message) => writeln!(failures, "{message}").expect("a string takes all"),
        }
    }
    let (steal, total) = steal_and_total();
    warn_of_noise(&waits, (steal - steal_before) as f64 / (total - total_before).max(1) as f64);
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n")
            .map_err(|error| format!("cannot write {file}: {error}"))?;
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn duel_row(
    flavour: &Flavour,
    row: &Row,
    reps: usize,
    size: &str,
    waits: &mut Vec<f64>,
) -> Result<Pairs, String> {
    let mut pairs = Pairs::default();
    let mut walls = Pairs::default();
    for rep in 0..reps {
        // A B, then B A: whoever goes second finds the machine warm, so they take turns.
        let mut order = flavour.runtimes;
        if rep % 2 == 1 {
            order.reverse();
        }
        let mut reports = Vec::with_capacity(2);
        for runtime in order {
            let report = run_child(runtime, row, size)?;
            waits.push(report.wait_share);
            reports.push(report);
        }
        if rep % 2 == 1 {
            reports.reverse();
        }
        pairs.push(reports[0].figure, reports[1].figure);
        walls.push(reports[0].wall_ns, reports[1].wall_ns);
    }
    let ratio = pairs.ratio();
    let wanted = flavour.goal(row).flatten();
    let goal = wanted.map_or("-".to_string(), |goal| format!("{goal:.2}"));
    let missed = wanted.is_some_and(|goal| ratio.median > goal);
    println!(
        "{:18} {:11} {:>9.1} {:>9.1} {:>6.3}  {:5.3}-{:<7.3} {:7} {goal:>5}{} {:>5.0}/{:.0}",
        row.name,
        row.unit,
        median(&pairs.ours),
        median(&pairs.theirs),
        ratio.median,
        ratio.low,
        ratio.high,
        ratio.verdict(),
        if missed { "!" } else { " " },
        median(&walls.ours),
        median(&walls.theirs),
    );
    Ok(pairs)
}

fn warn_of_noise(waits: &[f64], steal: f64) {
    let waited = waits.iter().sum::<f64>() / waits.len().max(1) as f64;
    println!();
    println!("An exclamation mark: the goal is missed. Wall: nanoseconds per operation.");
    if waited > WAIT_SHARE_MAX || steal > STEAL_SHARE_MAX {
        println!(
            "NOISY MACHINE: a run waited for its CPU {:.0} % of its CPU time (mean), \
             the hypervisor took {:.1} %. Trust the ratios less than their intervals say.",
            waited * 100.0,
            steal * 100.0
        );
    } else {
        println!("Quiet machine: waited {:.1} %, stolen {:.1} %.", waited * 100.0, steal * 100.0);
    }
}
