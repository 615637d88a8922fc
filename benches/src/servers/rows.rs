//! The server rows of the duel: the same plans as those of the program `servers`, with their goals.

use super::{Effort, Kind, Plan, measure};
use crate::duel::Report;
use crate::machine::unpinned;
use crate::meter::Size;
use crate::rows::{self, Goal, Row};
use crate::runtimes::Runtime;

/// A server row; the closure is a plain function, since it captures nothing.
macro_rules! row {
    ($name:literal, $kind:ident $conns:literal, $unit:literal, $local:expr, $many:expr,
     $what:expr) => {
        Row {
            name: $name,
            unit: $unit,
            what: $what,
            kind: rows::Kind::Server(|runtime, size| {
                run(Plan { kind: Kind::$kind, conns: $conns }, runtime, size)
            }),
            local: $local,
            stealing: $many,
        }
    };
}

const ABSENT: Goal = Goal::Absent;

const fn most(ratio: f64) -> Goal {
    Goal::Ratio(ratio)
}

/// The rows of servers, in the order of the table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row!("echo_1", Echo 1, "cpu us/req", most(1.00), most(1.00), "64 B echoed, one connection"),
    row!("echo_1_spin", Spin 1, "us, p50", most(0.80), ABSENT,
        "time of such an echo, by a loop that spins up to 50 us"),
    row!("echo_64", Echo 64, "cpu us/req", most(0.99), most(1.00), "64 B echoed, 64 connections"),
    row!("echo_1000", Echo 1_000, "cpu us/req", most(0.96), most(1.00),
        "64 B echoed, 1,000 connections"),
    row!("echo_10000", Echo 10_000, "cpu us/req", most(0.94), ABSENT,
        "64 B echoed, 10,000 connections"),
    row!("echo16k_64", Echo16k 64, "cpu us/req", most(1.00), ABSENT,
        "16 KiB echoed, 64 connections"),
    row!("echo_64_rate", Rate 64, "us, p99", most(1.00), ABSENT,
        "time of an echo, 50,000 a second over 64 connections"),
    row!("churn_16", Churn 16, "cpu us/conn", most(1.00), most(1.00),
        "connect, one echo, close; 16 visitors at once"),
    row!("json_64", Json 64, "cpu us/req", most(0.97), most(1.00),
        "hyper, a small JSON body, 64 connections"),
    row!("json_1000", Json 1_000, "cpu us/req", most(0.97), ABSENT,
        "hyper, a small JSON body, 1,000 connections"),
    row!("idle_8000", Idle 8_000, "bytes/conn", Goal::Figure(1_000.0), ABSENT,
        "server memory of an idle connection, its 512 B included"),
    row!("scrape_50", Scrape 50, "cpu us/page", most(1.00), ABSENT,
        "the scraper's client fetches a page of 1 KiB, 50 tasks"),
];

/// What a quick duel has no time for.
const FULL_ONLY: [&str; 5] = ["echo_10000", "echo16k_64", "echo_64_rate", "json_1000", "scrape_50"];

/// Whether a quick duel has no time for the row.
pub fn is_for_the_full_duel(row: &Row) -> bool {
    FULL_ONLY.contains(&row.name)
}

/// Runs the plan on that runtime; `Ok(Err(why))` if it has no such server or client.
fn run(plan: Plan, runtime: &Runtime, size: Size) -> Result<Result<Report, String>, String> {
    if let Err(why) = plan.kind.is_had_by(runtime.name) {
        return Ok(Err(why));
    }
    let name = match (plan.kind, runtime.name) {
        (Kind::Spin, "rondel") => "rondel_spin",
        (_, name) => name,
    };
    // The children pin themselves, each to another CPU: they must not inherit a single one.
    let figures = unpinned(|| measure(plan, name, Effort::new(size != Size::Full)));
    let figures = figures.map_err(|error| format!("{} on {name} failed: {error}", plan.name()))?;
    let super::Figures { figure, wall_ns, wait_share, .. } = figures;
    Ok(Ok(Report { figure, wall_ns, wait_share }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that a row's name says all about it. Method: find each by name and name it.
    #[test]
    fn every_row_is_found_by_its_name() {
        for row in ROWS {
            let plan = Plan::find(row.name).unwrap_or_else(|| panic!("{} is no plan", row.name));
            assert_eq!(plan.name(), row.name);
            assert_eq!(plan.kind.unit(), row.unit);
        }
        assert!(FULL_ONLY.iter().all(|name| ROWS.iter().any(|row| row.name == *name)));
        assert!(Plan::find("echo").is_none() && Plan::find("tea_64").is_none());
    }
}
