//! Judges a counter that tasks share: no visit may be lost, and visitors must not wait in a line.

use super::answer::Counter;
use rondel::task::Builder;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, ensure};
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge.check("two visitors, one after the other").schedules(async |_log| {
        let counter = Counter::default();
        counter.visit().await;
        counter.visit().await;
        ensure!(counter.visits() == 2, "after two visits the counter says {}", counter.visits());
        Ok(())
    });

    judge.check("two visitors at the same time").every_order(2, async |log| {
        let counter = Rc::new(Counter::default());
        let mut tasks = Vec::new();
        for name in ["early", "late"] {
            let (counter, log) = (counter.clone(), log.clone());
            let visit = async move {
                log.note(format!("{name} comes, and the counter says {}", counter.visits()));
                counter.visit().await;
                log.note(format!("{name} has been counted: {}", counter.visits()));
            };
            tasks.push(Builder::new().name(name).spawn_local(visit).unwrap());
        }
        for task in tasks {
            task.await.map_err(|error| error.to_string())?;
        }
        ensure!(
            counter.visits() == 2,
            "two visits, and the counter says {}: both read it before either wrote it",
            counter.visits()
        );
        Ok(())
    });

    judge.check("a hundred visitors do not wait for each other").schedules(async |log| {
        let counter = Rc::new(Counter::default());
        let visit = |number: u64| {
            let counter = counter.clone();
            async move {
                sleep(Duration::from_micros(number * 10)).await;
                counter.visit().await;
            }
        };
        rondel::combine::gather((0..100).map(visit)).await;
        ensure!(counter.visits() == 100, "100 visits, and the counter says {}", counter.visits());
        ensure!(
            log.now() < Duration::from_millis(20),
            "100 visits that come within 1 ms took {} ms: they wait for each other, though no lock \
             is needed",
            log.now().as_millis()
        );
        Ok(())
    });
}
