//! Judges a signal: whoever comes first, it must arrive; and only then.

use super::answer::{Signal, Wait};
use rondel::task::Builder;
use rondel::testing::task;
use rondel_exercises::{Judge, Log, ensure};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Context;

pub fn judge(judge: &mut Judge) {
    judge
        .check("the signal arrives, whoever comes first")
        .stalls(
            "a wake-up was lost: the signal was given before anybody waited for it, and nobody had \
             written down that it was given",
        )
        .schedules(async |log| {
            let signal = Signal::default();
            let (theirs, diary) = (signal.clone(), log.clone());
            let waiter = Builder::new().name("waiter").spawn_local(async move {
                diary.note("the waiter begins to wait");
                theirs.wait().await;
                diary.note("the waiter goes on");
            });
            let diary = log.clone();
            let giver = Builder::new().name("giver").spawn_local(async move {
                diary.note("the signal is given");
                signal.give();
            });
            for task in [waiter, giver] {
                let task = task.map_err(|error| error.to_string())?;
                task.await.map_err(|error| error.to_string())?;
            }
            ensure!(
                log.has_in_order(&["the signal is given", "the waiter goes on"]),
                "the waiter went on before the signal was given"
            );
            Ok(())
        });

    judge.check("a poll that nobody asked for changes nothing").plain(polled_for_no_reason);

    judge.check("the waker of the last poll is the one that counts").plain(moved_to_another_task);
}

/// A `select!` polls all its branches when one of them was woken.
fn polled_for_no_reason(log: &Log) -> Result<(), String> {
    let signal = Signal::default();
    let mut waiting = task::spawn(signal.wait());
    for poll in 1..=2 {
        let outcome = waiting.poll();
        log.note(format!("poll {poll} returns {outcome:?}"));
        ensure!(
            outcome.is_pending(),
            "poll {poll} was Ready, though the signal was never given: to be polled again does not \
             mean to be woken by it"
        );
    }
    signal.give();
    log.note("the signal is given");
    ensure!(waiting.is_woken(), "the signal was given, and the task that waits was not woken");
    ensure!(waiting.poll().is_ready(), "the signal was given, and the poll after it was Pending");
    Ok(())
}

fn moved_to_another_task(log: &Log) -> Result<(), String> {
    let signal = Signal::default();
    let mut wait: Pin<Box<Wait>> = Box::pin(signal.wait());
    for name in ["first", "second"] {
        let poll = poll_fn(|cx: &mut Context<'_>| wait.as_mut().poll(cx));
        let mut owner = task::spawn(poll);
        let outcome = owner.poll();
        log.note(format!("polled by the {name} task: {outcome:?}"));
        if name == "first" {
            continue;
        }
        signal.give();
        log.note("the signal is given");
        ensure!(
            owner.is_woken(),
            "the future had moved to a second task, and `give` woke the first: keep the waker of \
             the last poll"
        );
    }
    Ok(())
}
