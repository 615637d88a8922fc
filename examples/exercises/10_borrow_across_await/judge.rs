//! Judges a cache: two tasks may use it at the same time, and it must remember.

use super::answer::Cache;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("a page is fetched once").schedules(async |log| {
        let calls = Calls::new(&log, "fetch");
        let fetch = async |page: u32| {
            calls.call(Duration::from_millis(10)).await;
            format!("page {page}")
        };
        let cache = Cache::default();
        let first = cache.get(1, &fetch).await;
        let again = cache.get(1, &fetch).await;
        ensure!(first == "page 1" && again == "page 1", "you returned {first:?} and {again:?}");
        ensure!(calls.started() == 1, "one page, and {} calls of `fetch`", calls.started());
        Ok(())
    });

    judge
        .check("two tasks use the cache at the same time")
        .panics("the borrow was held across the await, and the other task came in between")
        .schedules(async |log| {
            let calls = Calls::new(&log, "fetch");
            let fetch = async |page: u32| {
                calls.call(Duration::from_millis(10)).await;
                format!("page {page}")
            };
            let cache = Cache::default();
            let (one, two) = rondel::join!(cache.get(1, &fetch), cache.get(2, &fetch));
            ensure!(one == "page 1" && two == "page 2", "you returned {one:?} and {two:?}");
            if let Some(misconception) = calls.one_after_another() {
                return Err(misconception);
            }
            cache.get(1, &fetch).await;
            cache.get(2, &fetch).await;
            ensure!(calls.started() == 2, "two pages, and {} calls", calls.started());
            Ok(())
        });
}
