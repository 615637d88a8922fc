//! Judges a token bucket: its rate, its burst, the order of who waits, and a waiter who leaves.

use super::answer::TokenBucket;
use rondel::combine::gather;
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Judge, ensure};
use std::cell::RefCell;
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge.check("a burst, and then the rate").schedules(async |log| {
        let bucket = TokenBucket::new(Duration::from_millis(10), 5);
        gather((0..25).map(|_| bucket.take())).await;
        ensure!(
            log.now() == Duration::from_millis(200),
            "5 pass at once and 20 more every 10 ms: that is 200 ms, and it took {}",
            log.now().as_millis()
        );
        Ok(())
    });

    judge.check("first come, first served").schedules(async |log| {
        let bucket = Rc::new(TokenBucket::new(Duration::from_millis(10), 1));
        bucket.take().await;
        let served = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..10 {
            let (bucket, served, log) = (bucket.clone(), served.clone(), log.clone());
            tasks.push(spawn_local(async move {
                bucket.take().await;
                log.note(format!("{number} has a token"));
                served.borrow_mut().push(number);
            }));
            sleep(Duration::from_micros(100)).await;
        }
        for task in tasks {
            task.await.map_err(|error| error.to_string())?;
        }
        let served = served.borrow();
        ensure!(
            served.is_sorted(),
            "they came in the order 0 to 9, and were served in the order {served:?}: whoever looks \
             first when a token falls has it"
        );
        Ok(())
    });

    judge
        .check("one of those who wait leaves")
        .stalls("the one who left has taken the place in front with him")
        .schedules(async |log| {
            let bucket = TokenBucket::new(Duration::from_millis(10), 1);
            bucket.take().await;
            let leaves = timeout(Duration::from_millis(5), bucket.take());
            let (left, ()) = rondel::join!(leaves, bucket.take());
            ensure!(left.is_err(), "there was no token within 5 ms");
            ensure!(log.now() == Duration::from_millis(10), "the other one waited too long");
            Ok(())
        });

    judge.check("a long rest fills the bucket, and no more").schedules(async |log| {
        let bucket = TokenBucket::new(Duration::from_millis(10), 3);
        sleep(Duration::from_secs(60)).await;
        let begun = log.now();
        gather((0..6).map(|_| bucket.take())).await;
        let took = (log.now() - begun).as_millis();
        ensure!(took == 30, "3 at once and 3 more every 10 ms: 30 ms, and it took {took}");
        Ok(())
    });
}
