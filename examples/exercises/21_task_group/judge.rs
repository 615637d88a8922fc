//! Judges tasks that belong together: an error is told at once, and nobody goes on alone.

use super::answer::load;
use rondel::time::{Duration, sleep, timeout};
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("all parts, in their order").schedules(async |log| {
        let calls = Calls::new(&log, "part");
        let parts = [30_u64, 10, 20].map(|ms| {
            let calls = calls.clone();
            async move {
                calls.call(Duration::from_millis(ms)).await;
                Ok(format!("part {ms}"))
            }
        });
        let texts = load(parts.into()).await;
        let wanted = ["part 30", "part 10", "part 20"].map(String::from).to_vec();
        ensure!(texts == Ok(wanted), "you returned {texts:?}");
        ensure!(log.now() == Duration::from_millis(30), "they have to run side by side");
        Ok(())
    });

    judge.check("one fails, and all end").schedules(async |log| {
        let calls = Calls::new(&log, "part");
        let parts = [(500_u64, true), (20, false), (900, true)].map(|(ms, works)| {
            let calls = calls.clone();
            async move {
                calls.call(Duration::from_millis(ms)).await;
                if works { Ok(String::new()) } else { Err("part 2 is gone".to_owned()) }
            }
        });
        let result = load(parts.into()).await;
        let took = log.now().as_millis();
        ensure!(result == Err("part 2 is gone".to_owned()), "you returned {result:?}");
        ensure!(
            took == 20,
            "part 2 failed after 20 ms, and you told it after {took} ms: you were waiting for \
             part 1"
        );
        sleep(Duration::from_secs(2)).await;
        ensure!(
            calls.ended() == 1,
            "the error was returned, and {} other parts went on to their end, for nobody",
            calls.ended() - 1
        );
        Ok(())
    });

    judge.check("the caller leaves, and all end").schedules(async |log| {
        let calls = Calls::new(&log, "part");
        let parts = [500_u64, 900].map(|ms| {
            let calls = calls.clone();
            async move {
                calls.call(Duration::from_millis(ms)).await;
                Ok(String::new())
            }
        });
        let left = timeout(Duration::from_millis(50), load(parts.into())).await;
        ensure!(left.is_err(), "500 ms of work were done within 50");
        sleep(Duration::from_secs(2)).await;
        ensure!(
            calls.ended() == 0,
            "the caller left after 50 ms, and {} tasks worked on to the end: a handle that is \
             dropped only detaches its task",
            calls.ended()
        );
        Ok(())
    });
}
