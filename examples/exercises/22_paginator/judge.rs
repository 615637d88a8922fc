//! Judges a paginator: it ends where the server says so, and nowhere else.

use super::answer::{Page, read_all};
use rondel::time::Duration;
use rondel_exercises::{Calls, Judge, ensure};

pub fn judge(judge: &mut Judge) {
    judge.check("a page may be empty in the middle").schedules(async |log| {
        let calls = Calls::new(&log, "page");
        let items = read_all(async |start| {
            calls.call_named(&format!("from {start}"), Duration::from_millis(10)).await;
            match start {
                0 => Page { items: vec![1, 2], next: Some(10) },
                10 => Page { items: vec![], next: Some(20) }, // all of it was deleted
                20 => Page { items: vec![3], next: None },
                _ => Page { items: vec![], next: None },
            }
        })
        .await;
        ensure!(
            items != [1, 2],
            "you stopped at an empty page, and the one behind it was lost: empty is not the end"
        );
        ensure!(items == [1, 2, 3], "the list is 1 2 3, and you have {items:?}");
        ensure!(
            calls.started() == 3,
            "there are 3 pages, and you asked for {}: the last one says that it is the last",
            calls.started()
        );
        Ok(())
    });

    judge.check("an empty list is one page").schedules(async |log| {
        let calls = Calls::new(&log, "page");
        let items = read_all(async |_| {
            calls.call(Duration::from_millis(10)).await;
            Page { items: vec![], next: None }
        })
        .await;
        ensure!(items.is_empty() && calls.started() == 1, "{} calls", calls.started());
        Ok(())
    });
}
