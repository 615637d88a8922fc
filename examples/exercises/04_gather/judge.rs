//! Judges calls that should run side by side: by their overlap, and by the order of the results.

use super::answer::fetch_all;
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("three calls run side by side").schedules(async |log| {
        let calls = Calls::new(&log, "call");
        let fetch = async |page: u32| {
            calls.call(Duration::from_millis(100)).await;
            format!("page {page}")
        };
        let texts = fetch_all(&[7, 8, 9], fetch).await;
        ensure!(
            calls.started() == 3 && texts.len() == 3,
            "for 3 pages you made {} calls and returned {} texts",
            calls.started(),
            texts.len()
        );
        if let Some(misconception) = calls.one_after_another() {
            return Err(misconception);
        }
        ensure!(
            calls.max_in_flight() == 3,
            "only {} of your 3 calls ran at the same time",
            calls.max_in_flight()
        );
        Ok(())
    });

    judge.check("the results come in the order of the list").schedules(async |log| {
        let calls = Calls::new(&log, "call");
        let fetch = async |page: u32| {
            let takes = Duration::from_millis(u64::from(page));
            calls.call_named(&format!("(page {page})"), takes).await;
            format!("page {page}")
        };
        let texts = fetch_all(&[300, 100, 200], fetch).await;
        ensure!(
            texts != ["page 100", "page 200", "page 300"],
            "the results came in the order in which the calls ended, and not in that of the list"
        );
        ensure!(
            texts == ["page 300", "page 100", "page 200"],
            "pages 300, 100, 200 were wanted, and you returned {texts:?}"
        );
        Ok(())
    });

    judge.check("fifty pages take as long as one, and none is fine").schedules(async |log| {
        let calls = Calls::new(&log, "call");
        let fetch = async |_page: u32| {
            calls.call(Duration::from_millis(100)).await;
            String::new()
        };
        let pages: Vec<u32> = (0..50).collect();
        fetch_all(&pages, &fetch).await;
        let took = log.now().as_millis();
        ensure!(took == 100, "50 calls of 100 ms each took {took} ms; side by side they take 100");
        ensure!(fetch_all(&[], &fetch).await.is_empty(), "no pages, and yet there was a text");
        Ok(())
    });
}
