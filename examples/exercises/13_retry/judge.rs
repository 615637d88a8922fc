//! Judges retries by their count, their times and their kind.

use super::answer::{Error, retry};
use rondel::time::Duration;
use rondel_exercises::{Judge, Log, ensure};
use std::cell::Cell;

/// Calls that fail so many times, and when each was made, in seconds.
struct Flaky<'a> {
    log: &'a Log,
    failures: u32,
    error: Error,
    made: Cell<u32>,
    seconds: std::cell::RefCell<Vec<u64>>,
}

impl<'a> Flaky<'a> {
    fn new(log: &'a Log, failures: u32, error: Error) -> Self {
        Self { log, failures, error, made: Cell::new(0), seconds: Default::default() }
    }

    async fn call(&self) -> Result<u32, Error> {
        self.made.set(self.made.get() + 1);
        self.seconds.borrow_mut().push(self.log.now().as_secs());
        let fails = self.made.get() <= self.failures;
        let how = if fails { "fails" } else { "works" };
        self.log.note(format!("call {} {how}", self.made.get()));
        if fails { Err(self.error.clone()) } else { Ok(self.made.get()) }
    }
}

pub fn judge(judge: &mut Judge) {
    judge.check("at most three attempts").schedules(async |log| {
        let flaky = Flaky::new(&log, 100, Error::Transient);
        let result = retry(3, async || flaky.call().await).await;
        ensure!(
            flaky.made.get() == 3,
            "3 attempts were allowed, and {} were made: the first call is an attempt, too",
            flaky.made.get()
        );
        ensure!(result == Err(Error::Transient), "all failed, and you returned {result:?}");
        ensure!(
            log.now() == Duration::from_secs(3),
            "3 attempts with 1 s and 2 s between them take 3 s, and yours took {} s: nobody has to \
             wait after the last one",
            log.now().as_secs()
        );
        Ok(())
    });

    judge.check("the waits double, and stand between the attempts").schedules(async |log| {
        let flaky = Flaky::new(&log, 3, Error::Transient);
        let result = retry(10, async || flaky.call().await).await;
        ensure!(result == Ok(4), "the fourth call works, and you returned {result:?}");
        let seconds = flaky.seconds.borrow();
        ensure!(*seconds == [0, 1, 3, 7], "calls were made at {seconds:?} s, not at 0, 1, 3, 7");
        ensure!(log.now() == Duration::from_secs(7), "a success is returned at once");
        Ok(())
    });

    judge.check("what will never work is tried once").schedules(async |log| {
        let flaky = Flaky::new(&log, 100, Error::Permanent);
        let result = retry(5, async || flaky.call().await).await;
        ensure!(result == Err(Error::Permanent), "it fails for good, you returned {result:?}");
        ensure!(
            flaky.made.get() == 1 && log.now().is_zero(),
            "a permanent error was tried {} times: a page that is not there does not appear",
            flaky.made.get()
        );
        Ok(())
    });
}
