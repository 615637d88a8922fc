//! Judges a queue's end: every job is worked on once, side by side, and everybody goes home.

use super::answer::run;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Calls, Judge, ensure};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    for (jobs, workers) in [(50_u32, 5_usize), (3, 5), (0, 2)] {
        judge
            .check(&format!("{jobs} jobs for {workers} workers"))
            .stalls(
                "the workers went home when the queue was empty for a moment, and nobody takes \
                 what comes later; or nobody told them that nothing comes any more",
            )
            .schedules(async move |log| {
                let calls = Calls::new(&log, "job");
                let done = Rc::new(RefCell::new(Vec::new()));
                let (counted, theirs) = (calls.clone(), done.clone());
                let work = async move |job: u32| {
                    counted.call(Duration::from_millis(10)).await;
                    theirs.borrow_mut().push(job);
                };
                let made = Cell::new(0);
                let next_job = async || {
                    sleep(Duration::from_millis(1)).await;
                    let job = made.replace(made.get() + 1);
                    (job < jobs).then_some(job)
                };
                run(next_job, workers, work).await;
                let mut done = done.borrow().clone();
                done.sort_unstable();
                let all: Vec<u32> = (0..jobs).collect();
                ensure!(done == all, "{jobs} jobs were given, and these were done: {done:?}");
                let together = workers.min(jobs as usize);
                ensure!(
                    calls.max_in_flight() == together,
                    "{} jobs ran at the same time, and {workers} workers can do {together}",
                    calls.max_in_flight()
                );
                Ok(())
            });
    }
}
