//! Judges a deadline over several steps, by virtual time.

use super::answer::run_steps;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

/// A step that takes so many milliseconds.
async fn step(calls: &Calls, ms: u64) {
    calls.call(Duration::from_millis(ms)).await;
}

pub fn judge(judge: &mut Judge) {
    judge.check("what fits is done").schedules(async |log| {
        let calls = Calls::new(&log, "step");
        let steps = vec![step(&calls, 30), step(&calls, 30)];
        let result = run_steps(steps, Duration::from_millis(100)).await;
        ensure!(result.is_ok() && calls.ended() == 2, "60 ms fit into 100, and it was given up");
        Ok(())
    });

    judge.check("the limit is for all steps together").schedules(async |log| {
        let calls = Calls::new(&log, "step");
        let steps: Vec<_> = (0..5).map(|_| step(&calls, 60)).collect();
        let result = run_steps(steps, Duration::from_millis(100)).await;
        ensure!(
            result.is_err(),
            "five steps of 60 ms passed a limit of 100 ms: each step was given the whole limit anew"
        );
        ensure!(
            log.now() == Duration::from_millis(100),
            "it was given up after {} ms, and the limit is 100",
            log.now().as_millis()
        );
        ensure!(calls.started() == 2, "{} steps were begun, not 2", calls.started());
        Ok(())
    });
}
