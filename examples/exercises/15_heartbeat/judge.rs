//! Judges a select loop: its heartbeat has to come on time, however many messages come.

use super::answer::serve;
use rondel::sync::mpsc;
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep};
use rondel_exercises::{Judge, Log, ensure};
use std::cell::Cell;
use std::rc::Rc;

pub fn judge(judge: &mut Judge) {
    judge.check("a heartbeat while it is quiet").schedules(async |log| {
        let (beats, messages) = served(&log, 1, 450).await?;
        ensure!(beats == 4, "in 450 quiet ms there were {beats} heartbeats, not 4");
        ensure!(messages == 1, "one message was sent, and {messages} were handled");
        Ok(())
    });

    judge.check("a heartbeat while messages come").schedules(async |log| {
        let (beats, messages) = served(&log, 20, 50).await?;
        ensure!(messages == 20, "20 messages were sent, and {messages} were handled");
        ensure!(
            beats != 0,
            "in a second with a message every 50 ms there was no heartbeat: each message dropped \
             the sleep, and a new one began"
        );
        ensure!((9..=10).contains(&beats), "in a second there were {beats} heartbeats, not 10");
        Ok(())
    });
}

/// Sends so many messages, one after every so many milliseconds; counts beats and messages.
async fn served(log: &Log, messages: u32, pause: u64) -> Result<(u32, u32), String> {
    let (tx, rx) = mpsc::channel(4);
    let (beats, handled) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (diary, seen, beaten) = (log.clone(), handled.clone(), beats.clone());
    let beat_diary = log.clone();
    let server = spawn_local(serve(
        rx,
        move |message| {
            diary.note(format!("message {message}"));
            seen.set(seen.get() + 1);
        },
        move || {
            beat_diary.note("heartbeat");
            beaten.set(beaten.get() + 1);
        },
    ));
    for message in 1..=messages {
        sleep(Duration::from_millis(pause)).await;
        tx.send(message).await.map_err(|_| "serve ended while the sender was there")?;
    }
    drop(tx);
    server.await.map_err(|error| error.to_string())?;
    Ok((beats.get(), handled.get()))
}
