//! Judges a leaky bucket: its rate with work that takes time, and after a rest.

use super::answer::drip;
use rondel::sync::mpsc;
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};
use std::cell::RefCell;
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge.check("the rate holds, though the work takes time").schedules(async |log| {
        let starts = dripped(&log, &[(0, 50)], 15).await?;
        ensure!(starts.len() == 50, "50 jobs were given, and {} were done", starts.len());
        let took = starts[49] - starts[0];
        ensure!(
            took <= 49 * 20,
            "50 jobs, one every 20 ms, take 980 ms, and yours took {took}: the pause came on top \
             of the work"
        );
        ensure!(took == 49 * 20, "50 jobs went out within {took} ms, faster than every 20 ms");
        Ok(())
    });

    judge.check("after a rest there is no burst").schedules(async |log| {
        let starts = dripped(&log, &[(0, 3), (1_000, 10)], 1).await?;
        let closest = starts.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(0);
        ensure!(
            closest >= 19,
            "after a second without work two jobs began {closest} ms apart: the ticks of the rest \
             were made up for"
        );
        ensure!(starts.len() == 13, "13 jobs were given, and {} were done", starts.len());
        Ok(())
    });
}

/// Gives so many jobs at each of these milliseconds; when each was begun, in milliseconds.
async fn dripped(log: &Log, jobs: &[(u64, u32)], work: u64) -> Result<Vec<u64>, String> {
    let (tx, rx) = mpsc::channel(100);
    let starts = Rc::new(RefCell::new(Vec::new()));
    let (theirs, diary) = (starts.clone(), log.clone());
    let task = spawn_local(drip(rx, async move |job| {
        diary.note(format!("job {job}"));
        theirs.borrow_mut().push(diary.now().as_millis() as u64);
        sleep(Duration::from_millis(work)).await;
    }));
    for (when, count) in jobs {
        sleep(Duration::from_millis(*when).saturating_sub(log.now())).await;
        for job in 0..*count {
            tx.send(job).await.map_err(|_| "drip ended while there was work")?;
        }
    }
    drop(tx);
    task.await.map_err(|error| error.to_string())?;
    let starts = starts.borrow().clone();
    Ok(starts)
}
