//! Judges a pool: a connection comes back after work, after a timeout, and after a panic.

use super::answer::Pool;
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Calls, Judge, ensure};
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge.check("work is done with as many connections as there are").schedules(async |log| {
        let (pool, calls) = (Pool::new(3), Calls::new(&log, "query"));
        let query = |number: u32| {
            let (pool, calls) = (&pool, &calls);
            async move {
                pool.with(async |connection| {
                    calls.call(Duration::from_millis(10)).await;
                    assert!(connection < 3);
                    number
                })
                .await
            }
        };
        let numbers = rondel::combine::gather((0..9).map(query)).await;
        ensure!(numbers == (0..9).collect::<Vec<_>>(), "the results were {numbers:?}");
        ensure!(calls.max_in_flight() == 3, "{} queries at a time", calls.max_in_flight());
        ensure!(pool.idle() == 3, "all is done, and {} of 3 connections are idle", pool.idle());
        Ok(())
    });

    judge
        .check("a query that takes too long gives its connection back")
        .stalls("the connections of those who gave up are gone, and nobody can work any more")
        .schedules(async |log| {
            let pool = Pool::new(2);
            for attempt in 1..=2 {
                let slow = pool.with(async |_| sleep(Duration::from_secs(60)).await);
                let result = timeout(Duration::from_millis(50), slow).await;
                ensure!(result.is_err(), "a query of 60 s ended within 50 ms");
                log.note(format!("query {attempt} is given up; idle: {}", pool.idle()));
            }
            ensure!(
                pool.idle() == 2,
                "two queries were given up, and {} of 2 connections are idle: the lines after an \
                 await do not run when the future is dropped there",
                pool.idle()
            );
            pool.with(async |_| ()).await;
            Ok(())
        });

    judge
        .check("a query that panics gives its connection back")
        .stalls("the connection of the one that panicked is gone")
        .schedules(async |log| {
            let pool = Rc::new(Pool::new(1));
            let theirs = pool.clone();
            let clumsy = spawn_local(async move {
                theirs.with(async |_| -> u32 { std::panic::resume_unwind(Box::new("oh")) }).await
            });
            ensure!(clumsy.await.is_err(), "the panic has to reach the caller");
            log.note(format!("a query has panicked; idle: {}", pool.idle()));
            pool.with(async |_| ()).await;
            ensure!(pool.idle() == 1, "{} of 1 connection is idle", pool.idle());
            Ok(())
        });
}
