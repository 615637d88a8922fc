//! Judges a fallback over three sources: by who answers, when, and what becomes of the losers.

use super::answer::ask;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

/// A source that answers after so many milliseconds, or fails.
async fn source(calls: &Calls, name: &'static str, ms: u64, works: bool) -> Result<String, String> {
    calls.call_named(name, Duration::from_millis(ms)).await;
    if works { Ok(name.to_owned()) } else { Err(format!("{name} is down")) }
}

pub fn judge(judge: &mut Judge) {
    judge.check("a quick primary answers alone").schedules(async |log| {
        let calls = Calls::new(&log, "ask");
        let others = vec![source(&calls, "b", 100, true)];
        let answer = ask(source(&calls, "a", 1_500, true), others).await;
        ensure!(answer.as_deref() == Ok("a"), "a answers in time, and you returned {answer:?}");
        ensure!(calls.started() == 1, "{} sources were asked, not 1", calls.started());
        Ok(())
    });

    judge.check("behind a slow primary, the quickest secondary").schedules(async |log| {
        let calls = Calls::new(&log, "ask");
        let others = vec![source(&calls, "b", 900, true), source(&calls, "c", 100, true)];
        let answer = ask(source(&calls, "a", 10_000, true), others).await;
        ensure!(
            answer.as_deref() != Ok("b"),
            "the secondaries were asked one after the other: c would have answered after 100 ms, \
             and you waited 900 ms for b"
        );
        ensure!(answer.as_deref() == Ok("c"), "c is the quickest, you returned {answer:?}");
        ensure!(
            log.now() == Duration::from_millis(2_100),
            "2 s for the primary and 100 ms for c, and it took {} ms",
            log.now().as_millis()
        );
        ensure!(calls.dropped() == 2, "a and b are to be dropped, and {} were", calls.dropped());
        Ok(())
    });

    judge.check("a failure is not an answer").schedules(async |log| {
        let calls = Calls::new(&log, "ask");
        let others = vec![source(&calls, "b", 50, false), source(&calls, "c", 300, true)];
        let answer = ask(source(&calls, "a", 10, false), others).await;
        ensure!(
            answer.as_deref() == Ok("c"),
            "a and b are down, c answers, and you returned {answer:?}"
        );
        ensure!(
            log.now() == Duration::from_millis(310),
            "a failed after 10 ms, and c takes 300; yours took {} ms",
            log.now().as_millis()
        );
        let calls = Calls::new(&log, "ask");
        let others = vec![source(&calls, "b", 50, false)];
        let answer = ask(source(&calls, "a", 10, false), others).await;
        ensure!(answer.is_err(), "all are down, and you returned {answer:?}");
        Ok(())
    });
}
