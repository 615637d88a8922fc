//! What the questions share: criterion over rows of the duel, for following one change over time.
//!
//! Criterion times the wall clock in one process. To compare runtimes there is the duel.

use std::time::Duration;

use benches::meter::{Meter, Size};
use benches::{rows, runtimes};
use criterion::{BenchmarkId, Criterion};

/// Runs the rows on Rondel and on tokio, in each flavour that the row is for.
///
/// Panics if a row is not in the table.
pub fn ask(names: &[&str]) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for name in names {
        let row = rows::find(name).expect("a row of the table");
        let mut group = criterion.benchmark_group(*name);
        let here = runtimes::all().filter(|runtime| row.is_in(runtime.flavour));
        for runtime in here.filter(|runtime| ["rondel", "tokio"].contains(&runtime.peer)) {
            group.bench_function(BenchmarkId::from_parameter(runtime.name), |bencher| {
                // One iteration is one batch of the body.
                bencher.iter_custom(|batches| {
                    let mut meter = Meter::exactly(Size::Quick, batches as usize);
                    runtime.run(row.name, &mut meter).expect("both have every row");
                    meter.total()
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
