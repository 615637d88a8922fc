//! Judges a countdown that is polled by hand, and two that share a loop.

use super::answer::Countdown;
use rondel::testing::task;
use rondel_exercises::{Judge, Log, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("a future does nothing until it is polled").plain(|log| {
        let numbers = log.clone();
        drop(Countdown::new(3, move |number| numbers.note(number.to_string())));
        ensure!(
            log.steps().is_empty(),
            "it counted before anybody polled it: a future is lazy, so `new` only notes what is to \
             be done"
        );
        Ok(())
    });

    judge.check("each poll says one number").plain(one_number_a_poll);

    judge
        .check("two countdowns share a loop")
        .stalls(
            "it returned Pending and nobody wakes it: the loop polls a task only after its waker \
             was called",
        )
        .hangs("poll must return after each number, and not wait in a loop of its own")
        .schedules(async |log| {
            let tasks = [4, 2].map(|from| {
                let numbers = log.clone();
                let countdown = Countdown::new(from, move |number| {
                    numbers.note(format!("countdown from {from}: {number}"));
                });
                rondel::task::spawn_local(countdown)
            });
            for task in tasks {
                let end = task.await.map_err(|error| error.to_string())?;
                ensure!(end == "lift-off", "it ended with {end:?} and not with \"lift-off\"");
            }
            for from in [4, 2] {
                let wanted = (1..=from).rev().map(|n| format!("countdown from {from}: {n}"));
                let wanted: Vec<String> = wanted.collect();
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                ensure!(
                    log.has_in_order(&wanted)
                        && log.count(&format!("countdown from {from}")) == from,
                    "the countdown from {from} did not say each number once, from high to low"
                );
            }
            Ok(())
        });
}

fn one_number_a_poll(log: &Log) -> Result<(), String> {
    let numbers = log.clone();
    let mut countdown = task::spawn(Countdown::new(3, move |n| numbers.note(format!("says {n}"))));
    for poll in 1..=3 {
        let outcome = countdown.poll();
        log.note(format!("poll {poll} returns {outcome:?}"));
        ensure!(
            outcome.is_pending(),
            "the countdown from 3 was ready at poll {poll}: it said {} numbers at one go, and \
             meanwhile nobody else on this thread could run",
            log.count("says")
        );
        let said = log.count("says");
        ensure!(said == poll, "after poll {poll} it had said {said} numbers, and not {poll}");
        ensure!(
            countdown.is_woken(),
            "poll {poll} returned Pending, but asked nobody to be polled again: Pending without a \
             wake is a promise that nobody keeps"
        );
    }
    let outcome = countdown.poll();
    log.note(format!("poll 4 returns {outcome:?}"));
    ensure!(outcome.is_ready(), "all numbers were said, and poll 4 was still Pending");
    let wakes = countdown.wakes();
    ensure!(
        wakes == 3,
        "it woke itself {wakes} times for 3 numbers: whoever is ready, or was woken already, need \
         not be woken again"
    );
    Ok(())
}
