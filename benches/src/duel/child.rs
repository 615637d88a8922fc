//! A run: a child process measures one row on one runtime and prints what it found in one line.

use std::process::Command;

use crate::machine::{cpu_time, run_queue_wait};
use crate::meter::{Meter, Size};
use crate::{rows, runtimes};

/// The first word of a child's command line.
pub const FLAG: &str = "--child";

/// What one run found.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// In the unit of the row.
    pub figure: f64,
    /// Wall nanoseconds per operation.
    pub wall_ns: f64,
    /// How long it waited for a CPU although it could have run, as a share of its CPU time.
    pub wait_share: f64,
}

/// In the child: measures and prints.
pub fn measure(runtime: &str, row: &str, size: &str) -> Result<(), String> {
    let row = rows::find(row).ok_or(format!("no row is called {row}"))?;
    let runtime = runtimes::find(runtime).ok_or(format!("no runtime is called {runtime}"))?;
    let mut meter = Meter::new(Size::parse(size).ok_or(format!("no size is called {size}"))?);
    match runtime.run(row.name, &mut meter) {
        Ok(()) => {
            let wait_share = run_queue_wait().as_secs_f64() / cpu_time().as_secs_f64();
            println!("{} {} {wait_share}", meter.figure(), meter.wall_ns());
        }
        Err(why) => println!("none: {why}"),
    }
    Ok(())
}

/// In the parent: starts a child and hears it out.
///
/// `Ok(Err(why))` if the runtime cannot do the row. Fails if the child does.
pub fn run(runtime: &str, row: &str, size: Size) -> Result<Result<Report, String>, String> {
    let exe = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let output = Command::new(exe)
        .args([FLAG, runtime, row, size.name()])
        .output()
        .map_err(|error| format!("cannot start a child: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(why) = text.strip_prefix("none: ") {
        return Ok(Err(why.trim().to_string()));
    }
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [figure, wall_ns, wait_share] if output.status.success() => {
            Ok(Ok(Report { figure, wall_ns, wait_share }))
        }
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let first: Vec<&str> =
                complaint.lines().filter(|line| !line.is_empty()).take(3).collect();
            Err(format!("{row} on {runtime} failed ({}): {}", output.status, first.join(" ")))
        }
    }
}
