//! Judges a computation by its neighbour: that one has to come to its turn, and not too often.

use super::answer::sum_of_squares;
use rondel::task::{spawn_local, yield_now};
use rondel_exercises::{Judge, ensure};
use std::cell::Cell;
use std::rc::Rc;

/// So many steps may be done at a stretch.
const STRETCH_MAX: usize = 1_000;

pub fn judge(judge: &mut Judge) {
    // In the order in which a loop runs them: by lot, a neighbour may be unlucky for long.
    judge.check("the neighbour has its turns").every_order(0, async |log| {
        let (since, longest) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let ended = Rc::new(Cell::new(false));
        let turns = Rc::new(Cell::new(0));
        let neighbour = spawn_local({
            let (since, ended, turns) = (since.clone(), ended.clone(), turns.clone());
            async move {
                while !ended.get() {
                    since.set(0);
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            }
        });
        yield_now().await;
        let numbers: Vec<u64> = (1..=10_000).collect();
        let sum = sum_of_squares(&numbers, || {
            since.set(since.get() + 1);
            longest.set(longest.get().max(since.get()));
        })
        .await;
        ended.set(true);
        neighbour.await.map_err(|error| error.to_string())?;
        log.note(format!("the neighbour had {} turns meanwhile", turns.get()));
        ensure!(sum == 333_383_335_000, "the sum is 333383335000, and you computed {sum}");
        ensure!(
            longest.get() <= STRETCH_MAX,
            "10000 steps were done without a break for anybody else: the loop has one thread, and \
             only an await gives it back"
        );
        Ok(())
    });

    judge.check("not after each step").plain(|log| {
        let numbers: Vec<u64> = (1..=10_000).collect();
        let mut work = rondel::testing::task::spawn(sum_of_squares(&numbers, || {}));
        let mut polls = 1;
        while work.poll().is_pending() {
            polls += 1;
        }
        log.note(format!("{polls} polls for 10000 steps"));
        ensure!(
            polls <= 2_000,
            "10000 small steps took {polls} polls: each costs more than the step itself"
        );
        Ok(())
    });
}
