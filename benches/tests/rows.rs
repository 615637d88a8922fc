//! Every row runs on every runtime.

use benches::meter::{Meter, Size};
use benches::{rows, runtimes};

/// Goal: show that no row of the table is missing or stuck on any runtime.
/// Method: run each with the smallest size and look for a figure above zero.
#[test]
fn every_row_gives_a_figure_on_every_runtime() {
    for row in rows::ROWS {
        let of_many = rows::OF_MANY_THREADS.iter().any(|(name, _)| *name == row.name);
        let many = if of_many { &runtimes::NAMES_OF_MANY[..] } else { &[] };
        for runtime in runtimes::NAMES.iter().chain(many) {
            let mut meter = Meter::new(Size::Smoke);
            runtimes::run_row(runtime, row, &mut meter);
            assert!(meter.figure() >= 0.0, "{} on {runtime}: {}", row.name, meter.figure());
            let timed = row.unit.starts_with("cpu");
            assert!(!timed || meter.figure() > 0.0, "{} on {runtime} took no time", row.name);
        }
    }
}
