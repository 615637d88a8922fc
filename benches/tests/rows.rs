//! Every row runs on every runtime.

use benches::meter::{Meter, Size};
use benches::rows::{self, Kind, Row};
use benches::runtimes::{self, Runtime};

fn run(row: &Row, runtime: &Runtime) {
    let mut meter = Meter::new(Size::Smoke);
    if let Err(why) = runtime.run(row.name, &mut meter) {
        assert!(!["rondel", "tokio"].contains(&runtime.peer), "{}: {why}", row.name);
        return;
    }
    assert!(meter.figure() >= 0.0, "{} on {}: {}", row.name, runtime.name, meter.figure());
    let timed = row.unit.starts_with("cpu");
    assert!(!timed || meter.figure() > 0.0, "{} on {} took no time", row.name, runtime.name);
}

/// Goal: show that no row of the table is missing or stuck on any runtime.
/// Method: run each with the smallest size and look for a figure above zero.
#[test]
fn every_row_gives_a_figure_on_every_runtime() {
    for row in rows::all().filter(|row| matches!(row.kind, Kind::Body)) {
        for runtime in runtimes::all().filter(|runtime| row.is_in(runtime.flavour)) {
            run(row, runtime);
        }
    }
}
