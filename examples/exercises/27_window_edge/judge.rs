//! Judges a window by looking at *every* stretch of its length.

use super::answer::Window;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};

const SPAN: Duration = Duration::from_secs(60);

/// Asks so many times at each of these seconds; when they passed.
async fn passes(log: &Log, limit: usize, asks: &[(u64, usize)]) -> Vec<Duration> {
    let mut window = Window::new(limit, SPAN);
    let mut passed = Vec::new();
    for (second, times) in asks {
        sleep(Duration::from_secs(*second).saturating_sub(log.now())).await;
        let count = (0..*times).filter(|_| window.try_pass()).count();
        log.note(format!("{times} ask, {count} pass"));
        passed.extend(vec![log.now(); count]);
    }
    passed
}

/// The most that passed within one span.
fn busiest(passed: &[Duration]) -> usize {
    let within = |from: &Duration| {
        passed.iter().filter(|when| **when >= *from && **when - *from < SPAN).count()
    };
    passed.iter().map(within).max().unwrap_or(0)
}

pub fn judge(judge: &mut Judge) {
    judge.check("not more than the limit").schedules(async |log| {
        let passed = passes(&log, 10, &[(0, 30), (30, 30)]).await;
        ensure!(passed.len() == 10, "within a minute 10 may pass, and {} did", passed.len());
        Ok(())
    });

    judge.check("in any minute, and not only in those of the clock").schedules(async |log| {
        let passed = passes(&log, 10, &[(0, 1), (59, 30), (61, 30)]).await;
        let most = busiest(&passed);
        ensure!(
            most <= 10,
            "10 may pass in a minute, and {most} passed between second 59 and 61: the count began \
             anew in between"
        );
        ensure!(passed.len() == 11, "1, 9 and 1 may pass, and {} did", passed.len());
        Ok(())
    });

    judge.check("places become free one by one").schedules(async |log| {
        let passed = passes(&log, 3, &[(0, 1), (10, 1), (20, 5), (60, 5), (70, 5), (80, 5)]).await;
        ensure!(passed.len() == 6, "6 may pass in these 80 s, and {} did", passed.len());
        Ok(())
    });
}
