//! A request of several steps under one time limit.

use rondel::time::{Duration, Instant, error::Elapsed, timeout_at};

/// Runs the steps one after the other; all of it may take `limit`.
pub async fn run_steps<F: Future<Output = ()>>(
    steps: Vec<F>,
    limit: Duration,
) -> Result<(), Elapsed> {
    // A point in time, and not a length: it does not begin anew with each step.
    let deadline = Instant::now() + limit;
    for step in steps {
        timeout_at(deadline, step).await?;
    }
    Ok(())
}
