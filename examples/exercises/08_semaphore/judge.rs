//! Judges calls under a limit: never more at a time, never fewer than possible, also after errors.

use super::answer::call_all;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("five at a time").schedules(async |log| {
        let calls = Calls::new(&log, "call");
        let call = async |number: u32| {
            calls.call(Duration::from_millis(100)).await;
            Ok(number * 2)
        };
        let numbers: Vec<u32> = (0..20).collect();
        let results = call_all(&numbers, 5, call).await;
        ensure!(
            calls.max_in_flight() < 20,
            "all 20 calls ran at the same time: each permit was given back as soon as it was there"
        );
        ensure!(
            calls.max_in_flight() == 5,
            "{} calls ran at the same time, and 5 are allowed",
            calls.max_in_flight()
        );
        ensure!(
            log.now() == Duration::from_millis(400),
            "20 calls of 100 ms, five at a time, took {} ms; they can be done in 400",
            log.now().as_millis()
        );
        let wanted: Vec<Result<u32, String>> = numbers.iter().map(|n| Ok(n * 2)).collect();
        ensure!(results == wanted, "the results came in another order: {results:?}");
        Ok(())
    });

    judge
        .check("a place is free again, however the call ended")
        .stalls("a call failed, and its permit never came back")
        .schedules(async |log| {
            let calls = Calls::new(&log, "call");
            let call = async |number: u32| {
                calls.call(Duration::from_millis(10)).await;
                if number % 2 == 0 { Err(format!("{number} failed")) } else { Ok(number) }
            };
            let numbers: Vec<u32> = (0..12).collect();
            let results = call_all(&numbers, 3, call).await;
            let failed = results.iter().filter(|result| result.is_err()).count();
            ensure!(failed == 6 && results.len() == 12, "6 of 12 fail, and you have {results:?}");
            ensure!(calls.max_in_flight() == 3, "{} calls at a time", calls.max_in_flight());
            Ok(())
        });

    judge.check("a slow call holds up its own place only").schedules(async |log| {
        let calls = Calls::new(&log, "call");
        let call = async |ms: u32| {
            calls.call(Duration::from_millis(u64::from(ms))).await;
            Ok(ms)
        };
        call_all(&[500, 100, 100, 100, 100, 100], 2, call).await.len();
        ensure!(
            log.now() == Duration::from_millis(500),
            "one call of 500 ms and five of 100 ms, two at a time, took {} ms; whoever waits for a \
             whole group to end loses time",
            log.now().as_millis()
        );
        Ok(())
    });
}
