//! Judges a pump by what lies between its ends, and by whether they overlap.

use super::answer::pump;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};
use std::cell::Cell;
use std::rc::Rc;

/// As many may be under way.
const ROOM_MAX: u32 = 20;

pub fn judge(judge: &mut Judge) {
    judge.check("what is read waits in a bounded space").schedules(async |log| {
        let (done, most) = pumped(&log, 1_000, 1, 10).await;
        ensure!(done == 1_000, "1000 items were there, and {done} were worked on");
        ensure!(
            most <= ROOM_MAX,
            "{most} items had been read and not worked on: with a source that does not end, this \
             is all of the memory"
        );
        Ok(())
    });

    judge.check("reading and working overlap").schedules(async |log| {
        let (done, _) = pumped(&log, 20, 10, 10).await;
        ensure!(done == 20, "20 items were there, and {done} were worked on");
        ensure!(
            log.now() <= Duration::from_millis(230),
            "20 items of 10 ms reading and 10 ms work took {} ms: they wait for each other, where \
             220 are enough",
            log.now().as_millis()
        );
        Ok(())
    });
}

/// How many were worked on, and how many lay in between at most.
async fn pumped(log: &Log, items: u32, reading: u64, working: u64) -> (u32, u32) {
    let (read, done, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let next = {
        let (read, done, most) = (read.clone(), done.clone(), most.clone());
        async move || {
            sleep(Duration::from_millis(reading)).await;
            if read.get() == items {
                return None;
            }
            read.set(read.get() + 1);
            most.set(most.get().max(read.get() - done.get()));
            Some(read.get())
        }
    };
    pump(next, async |_item| {
        sleep(Duration::from_millis(working)).await;
        done.set(done.get() + 1);
    })
    .await;
    log.note(format!("{} of {items} done, {} in between at most", done.get(), most.get()));
    (done.get(), most.get())
}
