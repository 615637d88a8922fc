//! Judges a cache under a crowd: one query for all who miss at the same time.

use super::answer::Cache;
use rondel::combine::gather;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("a crowd makes one query").schedules(async |log| {
        let (cache, calls) = (Cache::new(Duration::from_secs(60)), Calls::new(&log, "query"));
        let query = async || {
            calls.call(Duration::from_millis(100)).await;
            7
        };
        let answers = gather((0..100).map(|_| cache.get(&query))).await;
        ensure!(answers == [7; 100], "the answer is 7, and not all got it");
        ensure!(
            calls.started() != 100,
            "100 came at the same time, nobody found an answer, and 100 queries were made: that is \
             a stampede"
        );
        ensure!(calls.started() == 1, "{} queries for one answer", calls.started());
        ensure!(
            log.now() == Duration::from_millis(100),
            "one query takes 100 ms, and the crowd waited {} ms",
            log.now().as_millis()
        );
        Ok(())
    });

    judge.check("what is too old is asked for again, once").schedules(async |log| {
        let (cache, calls) = (Cache::new(Duration::from_secs(60)), Calls::new(&log, "query"));
        let query = async || {
            calls.call(Duration::from_millis(100)).await;
            7
        };
        cache.get(&query).await;
        sleep(Duration::from_secs(59)).await;
        gather((0..10).map(|_| cache.get(&query))).await;
        ensure!(calls.started() == 1, "after 59 s the answer is still good for a second");
        sleep(Duration::from_secs(2)).await;
        gather((0..10).map(|_| cache.get(&query))).await;
        ensure!(calls.started() == 2, "after 61 s one more, and there were {}", calls.started());
        Ok(())
    });

    judge
        .check("whoever gives up does not hold up the others")
        .stalls("the one who asked has given up, and the others wait for an answer of his")
        .schedules(async |log| {
            let (cache, calls) = (Cache::new(Duration::from_secs(60)), Calls::new(&log, "query"));
            let query = async || {
                calls.call(Duration::from_millis(100)).await;
                7
            };
            let impatient = timeout(Duration::from_millis(50), cache.get(&query));
            let (left, answer) = rondel::join!(impatient, cache.get(&query));
            ensure!(left.is_err(), "a query of 100 ms was there within 50");
            ensure!(answer == 7, "the one who waited got {answer}");
            Ok(())
        });
}
