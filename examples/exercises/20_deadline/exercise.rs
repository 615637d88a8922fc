//! A request of several steps under one time limit.

use rondel::time::{Duration, error::Elapsed, timeout};

/// Runs the steps one after the other; all of it may take `limit`.
pub async fn run_steps<F: Future<Output = ()>>(
    steps: Vec<F>,
    limit: Duration,
) -> Result<(), Elapsed> {
    for step in steps {
        timeout(limit, step).await?;
    }
    Ok(())
}
