//! Body: how much of a second CPU does a second worker win?

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::rt;
use crate::Meter;

/// Runs the row if it is this one; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    match row {
        "scaling" => scaling(meter),
        _ => return false,
    }
    true
}

/// Nothing but arithmetic, about a tenth of a millisecond of it.
fn burn() -> u64 {
    (0..50_000_u64).fold(1, |sum, step| black_box(sum.wrapping_mul(31) ^ step))
}

fn wall(workers: usize, tasks: usize) -> Duration {
    rt::run_on(workers, async move {
        let all = rt::spawn(async move {
            let started = Instant::now();
            let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(async { burn() })).collect();
            for handle in handles {
                black_box(handle.await.unwrap());
            }
            started.elapsed()
        });
        all.await.unwrap()
    })
}

/// The figure is the wall time of two workers over that of one; half is the best there is.
fn scaling(meter: &mut Meter) {
    let tasks = meter.size().pick(1_000, 500);
    wall(2, tasks / 10); // warms up
    let mut shares: Vec<f64> = (0..5)
        .map(|_| {
            let one = wall(1, tasks);
            wall(2, tasks).as_secs_f64() / one.as_secs_f64()
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    meter.set_figure(shares[shares.len() / 2]);
}
