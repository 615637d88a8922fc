//! Judges a stop button: it stops who watches, who watches later, and all of them.

use super::answer::{StopButton, stream};
use rondel::task::spawn_local;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("who watches is stopped").schedules(async |log| {
        let button = StopButton::default();
        let tasks: Vec<_> = ["one", "two"]
            .into_iter()
            .map(|name| {
                let (button, log) = (button.clone(), log.clone());
                spawn_local(stream(button, move |token| log.note(format!("{name} {token}"))))
            })
            .collect();
        sleep(Duration::from_millis(35)).await;
        log.note("Stop");
        button.press();
        for task in tasks {
            let ended = timeout(Duration::from_secs(1), task).await;
            ensure!(ended.is_ok(), "Stop was pressed, and a stream went on for a second");
        }
        ensure!(log.count("one") == 3, "35 ms make 3 tokens, and {} came", log.count("one"));
        Ok(())
    });

    judge.check("who comes later is stopped, too").schedules(async |log| {
        let button = StopButton::default();
        log.note("Stop");
        button.press();
        let diary = log.clone();
        let late = stream(button.clone(), move |token| diary.note(format!("token {token}")));
        let ended = timeout(Duration::from_millis(200), late).await;
        ensure!(
            ended.is_ok(),
            "Stop was pressed before the stream began to watch, and the press was lost: {} tokens \
             came after it",
            log.count("token")
        );
        ensure!(log.count("token") <= 1, "{} tokens after Stop", log.count("token"));
        timeout(Duration::from_millis(1), button.wait())
            .await
            .map_err(|_| "the button has been pressed, and `wait` waits")?;
        Ok(())
    });
}
