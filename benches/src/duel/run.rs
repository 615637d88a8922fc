//! Measuring: for each row some rounds, in each round every contestant once, in rotation.

use super::child::{self, Report};
use super::result::version_line;
use super::table::Table;
use super::{Noise, Options, Outcome, Run, RunRow};
use crate::machine::{Allowed, describe, pin, steal_and_total};
use crate::meter::Size;
use crate::pair::Pairs;
use crate::rows::{Flavour, Kind, Row};
use crate::runtimes::Runtime;

/// What one contestant did in each round, or why it does not take part.
type Runs = Result<Vec<Report>, String>;

/// Measures everything; shows each row as soon as it is there.
///
/// Fails only if nothing can be measured at all. A run that fails is noted in the result.
pub fn run(options: &Options, table: &mut Table) -> Result<Run, String> {
    let mut run = Run {
        machine: describe(),
        versions: Vec::new(),
        options: options.words.clone(),
        cpu: None,
        reps: options.reps,
        noise: Noise::default(),
        rows: Vec::new(),
        counts: Vec::new(),
        failures: Vec::new(),
    };
    if !options.time {
        return Ok(run);
    }
    let (steal_before, total_before) = steal_and_total();
    let mut waits = Vec::new();
    let allowed = Allowed::now();
    for &flavour in &options.flavours {
        let contestants = options.contestants(flavour);
        let cpu = settle(options, flavour, &allowed)?;
        run.cpu = run.cpu.or(cpu);
        run.versions.extend(contestants.iter().map(|runtime| version_line(runtime)));
        table.head(&run.machine, &contestants, flavour, cpu);
        for row in options.rows(flavour) {
            match measure(row, &contestants, options, &mut waits) {
                Ok(all) => {
                    let first = run.rows.len();
                    run.rows.extend(compare(row, flavour, &contestants, &all));
                    table.row(&run.rows[first..]);
                }
                Err(failure) => {
                    table.failed(row);
                    run.failures.push(failure);
                }
            }
        }
    }
    let (steal, total) = steal_and_total();
    run.noise = Noise {
        wait_share: waits.iter().fold(0.0, |sum, wait| sum + wait) / waits.len().max(1) as f64,
        steal_share: (steal - steal_before) as f64 / (total - total_before).max(1) as f64,
    };
    table.foot(&run);
    Ok(run)
}

/// Pins this process, and so its children, if the flavour has one thread; else takes that back.
fn settle(options: &Options, flavour: Flavour, allowed: &Allowed) -> Result<Option<usize>, String> {
    if !options.pin {
        return Ok(None);
    }
    if flavour == Flavour::Local {
        return Ok(pin(0));
    }
    if allowed.restore() { Ok(None) } else { Err("cannot take back the pinning".to_string()) }
}

fn measure(
    row: &Row,
    contestants: &[&Runtime],
    options: &Options,
    waits: &mut Vec<f64>,
) -> Result<Vec<Runs>, String> {
    let mut all: Vec<Runs> = contestants.iter().map(|_| Ok(Vec::new())).collect();
    for round in 0..options.reps {
        for turn in 0..contestants.len() {
            // A B C, then B C A: whoever comes later finds the machine warm, so they take turns.
            let who = (round + turn) % contestants.len();
            let Ok(reports) = &mut all[who] else { continue };
            match measure_once(row, contestants[who], options.size)? {
                Ok(report) => {
                    waits.push(report.wait_share);
                    reports.push(report);
                }
                Err(why) => all[who] = Err(why),
            }
        }
        if let [Err(_), ..] = all[..] {
            break; // without Rondel there is nothing to compare
        }
    }
    Ok(all)
}

fn measure_once(
    row: &Row,
    runtime: &Runtime,
    size: Size,
) -> Result<Result<Report, String>, String> {
    match row.kind {
        Kind::Body => child::run(runtime.name, row.name, size),
        Kind::Server(measure) | Kind::Count(measure) => measure(runtime, size),
    }
}

fn compare(
    row: &'static Row,
    flavour: Flavour,
    contestants: &[&Runtime],
    all: &[Runs],
) -> Vec<RunRow> {
    let mut rows = Vec::with_capacity(contestants.len() - 1);
    for (peer, theirs) in contestants.iter().zip(all).skip(1) {
        let outcome = match (&all[0], theirs) {
            (Ok(ours), Ok(theirs)) => Outcome::Measured {
                figures: pairs(ours, theirs, |report| report.figure),
                walls: pairs(ours, theirs, |report| report.wall_ns),
            },
            (Err(why), _) | (_, Err(why)) => Outcome::LeftOut(why.clone()),
        };
        rows.push(RunRow { row, flavour, peer: peer.peer, outcome });
    }
    rows
}

fn pairs(ours: &[Report], theirs: &[Report], of: impl Fn(&Report) -> f64) -> Pairs {
    let mut pairs = Pairs::default();
    for (ours, theirs) in ours.iter().zip(theirs) {
        pairs.push(of(ours), of(theirs));
    }
    pairs
}
