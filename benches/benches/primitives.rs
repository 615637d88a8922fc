//! Criterion over some rows of the duel: the same bodies, for following one change over time.
//!
//! `cargo bench -p benches` times the wall clock in one process; the duel is for comparing.

use std::time::Duration;

use benches::meter::{Meter, Size};
use benches::{rows, runtimes};
use criterion::{BenchmarkId, Criterion};

const ROWS: [&str; 8] = [
    "spawn_join_1k",
    "spawn_await_each",
    "yield_1k",
    "ping_pong_mpsc",
    "mpsc_100",
    "semaphore",
    "sleep_churn",
    "timeout_ready",
];

fn main() {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for name in ROWS {
        let row = rows::find(name).expect("a row of the table");
        let mut group = criterion.benchmark_group(name);
        for runtime in runtimes::RUNTIMES.iter().filter(|runtime| row.is_in(runtime.flavour)) {
            group.bench_function(BenchmarkId::from_parameter(runtime.name), |bencher| {
                // One iteration is one batch of the body.
                bencher.iter_custom(|batches| {
                    let mut meter = Meter::exactly(Size::Quick, batches as usize);
                    runtime.run(row.name, &mut meter).expect("a row of both");
                    meter.total()
                });
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
