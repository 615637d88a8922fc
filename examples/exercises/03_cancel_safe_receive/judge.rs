//! Judges a receive loop: a heartbeat between the two halves of a pair must not cost a number.

use super::answer::serve;
use rondel::sync::mpsc;
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};
use std::cell::RefCell;
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge
        .check("pairs that come together arrive")
        .stalls("the sender is gone, and `serve` still waits: `recv` returns None then")
        .schedules(async |log| {
            let pairs = served(&log, &[(20, 1), (0, 2), (130, 3), (0, 4)]).await?;
            ensure!(pairs == [(1, 2), (3, 4)], "1 2 and 3 4 were sent, and you made {pairs:?}");
            ensure!(
                log.count("heartbeat") >= 2,
                "in 150 ms there was no second heartbeat: whoever waits for numbers must not stop \
                 the beat"
            );
            Ok(())
        });

    judge.check("a heartbeat between two halves costs no number").schedules(async |log| {
        let sent = [(50, 1), (100, 2), (100, 3), (100, 4), (20, 5), (0, 6)];
        let pairs = served(&log, &sent).await?;
        let arrived =
            |number: &u32| pairs.iter().any(|pair| pair.0 == *number || pair.1 == *number);
        let lost = (1..=6).find(|number| !arrived(number));
        if let Some(lost) = lost {
            return Err(format!(
                "number {lost} was lost: it was received, then the heartbeat won the `select!`, \
                 and the future that held the number was dropped"
            ));
        }
        ensure!(
            pairs == [(1, 2), (3, 4), (5, 6)],
            "1 2 3 4 5 6 were sent in this order, and you made {pairs:?}"
        );
        ensure!(
            log.count("heartbeat") >= 4,
            "there were {} heartbeats in 370 ms: one is due every 100 ms, also between two halves",
            log.count("heartbeat")
        );
        Ok(())
    });
}

/// Sends each number after so many milliseconds, and returns the pairs.
async fn served(log: &Log, numbers: &[(u64, u32)]) -> Result<Vec<(u32, u32)>, String> {
    let (tx, rx) = mpsc::channel(16);
    let pairs = Rc::new(RefCell::new(Vec::new()));
    let (theirs, diary, beats) = (pairs.clone(), log.clone(), log.clone());
    let server = spawn_local(serve(
        rx,
        move |first, second| {
            diary.note(format!("pair {first} {second}"));
            theirs.borrow_mut().push((first, second));
        },
        move || beats.note("heartbeat"),
    ));
    for (after, number) in numbers {
        if *after > 0 {
            sleep(Duration::from_millis(*after)).await;
        }
        log.note(format!("{number} is sent"));
        tx.send(*number)
            .await
            .map_err(|_| "`serve` ended before the sender was gone".to_owned())?;
    }
    drop(tx);
    server.await.map_err(|error| error.to_string())?;
    Ok(pairs.take())
}
