//! Judges a commit of two steps: the caller may give up in between, the books must agree.

use super::answer::{Books, order};
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};

/// Books that write into the judge's log.
struct Logged {
    log: Log,
    step: Duration,
}

impl Books for Logged {
    async fn take_from_stock(&self) {
        sleep(self.step).await;
        self.log.note("taken from stock");
    }

    async fn write_bill(&self) {
        sleep(self.step).await;
        self.log.note("bill written");
    }
}

pub fn judge(judge: &mut Judge) {
    judge.check("a quick commit is waited for").schedules(async |log| {
        let books = Logged { log: log.clone(), step: Duration::from_millis(10) };
        let result = order(books).await;
        ensure!(result.is_ok(), "both writes take 20 ms, and the limit of 100 ms was over");
        ensure!(log.count("bill written") == 1, "the order returned before the bill was written");
        Ok(())
    });

    judge.check("a slow one is given up, and yet done whole").schedules(async |log| {
        let books = Logged { log: log.clone(), step: Duration::from_millis(70) };
        let result = order(books).await;
        log.note("the caller has given up");
        ensure!(result.is_err(), "the writes take 140 ms, and the caller waits 100 at most");
        ensure!(
            log.now() == Duration::from_millis(100),
            "the caller waited {} ms, and wanted to wait 100 at most",
            log.now().as_millis()
        );
        sleep(Duration::from_secs(1)).await;
        ensure!(
            log.count("taken from stock") == 1 && log.count("bill written") == 1,
            "the caller gave up after 100 ms, and the order was torn: taken from the stock, and \
             never billed"
        );
        Ok(())
    });
}
