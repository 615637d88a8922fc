//! `try_join!`: all values or the first error.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;

use rondel::try_join;

use super::tools::*;

#[test]
fn try_join_returns_all_values_or_the_first_error() {
    block_on(async {
        assert_eq!(try_join!(ready(Ok::<_, ()>(1)), ready(Ok("two"))), Ok((1, "two")));
        assert_eq!(try_join!(biased; ready(Ok::<_, ()>(1))), Ok((1,)));
        let nothing: Result<(), ()> = try_join!();
        assert_eq!(nothing, Ok(()));
        let failed = try_join!(
            async {
                yield_once().await;
                Err::<(), _>("late")
            },
            async { Ok(1) },
            async { Err::<(), _>("early") },
        );
        assert_eq!(failed, Err("early"));
    });
}

/// Goal: show that the siblings are gone when the caller sees the error (asyncio's gather would
/// let them run on).
#[test]
fn try_join_drops_the_siblings_of_a_failed_child() {
    let diary = Diary::default();
    let sibling = {
        let kept = diary.on_drop("sibling dropped");
        async move {
            let _kept = kept;
            pending::<Result<(), &str>>().await
        }
    };
    block_on(async {
        let failed = try_join!(sibling, async {
            yield_once().await;
            Err::<(), _>("no")
        });
        diary.note("error seen");
        assert_eq!(failed, Err("no"));
    });
    assert_eq!(diary.pages(), ["sibling dropped", "error seen"]);
}

#[test]
fn try_join_works_with_errors_that_cannot_happen_and_with_the_question_mark() {
    async fn sum() -> Result<u32, Infallible> {
        let (a, b) = try_join!(async { Ok::<_, Infallible>(1) }, async { Ok(2) })?;
        Ok(a + b)
    }
    assert_eq!(block_on(sum()), Ok(3));
}

#[test]
#[deny(unreachable_code)]
fn try_join_of_a_child_that_never_ends_is_no_unreachable_code() {
    let wakes = Arc::default();
    let never = pending::<Result<Infallible, ()>>;
    let mut first = pin!(async { try_join!(never(), ready(Ok(1))) });
    assert!(poll_once(first.as_mut(), &wakes).is_pending());
    let mut last = pin!(async { try_join!(biased; ready(Ok(1)), never()) });
    assert!(poll_once(last.as_mut(), &wakes).is_pending());
    let mut no_error = pin!(async { try_join!(pending::<Result<u32, Infallible>>()) });
    assert!(poll_once(no_error.as_mut(), &wakes).is_pending());
}

#[test]
fn try_join_keeps_the_names_of_the_user() {
    const COUNT: usize = 7;
    const CHILDREN: &str = "seven";
    let (child, outcome) = (1, 2);
    let outputs = block_on(async {
        try_join!(async { Ok::<_, ()>((COUNT, CHILDREN)) }, async { Ok(child + outcome) })
    });
    assert_eq!(outputs, Ok(((7, "seven"), 3)));
}

/// Goal: show that a value that was there before the error is dropped with the siblings, and that
/// an early error keeps later children from being polled.
#[test]
fn try_join_drops_values_and_does_not_poll_behind_an_error() {
    let diary = Diary::default();
    let value = diary.on_drop("value dropped");
    let failed = block_on(async {
        try_join!(
            biased;
            async { Ok(value) },
            async { Err::<(), _>("no") },
            async {
                diary.note("polled all the same");
                Ok(())
            },
        )
    });
    diary.note("error seen");
    assert_eq!(failed.err(), Some("no"));
    assert_eq!(diary.pages(), ["value dropped", "error seen"]);
}

/// Goal: show tokio's pattern for tasks, and that it is not asyncio's `TaskGroup`: handles that are
/// dropped detach their tasks.
#[test]
fn try_join_of_handles_detaches_the_siblings_of_a_failed_task() {
    virtually(async {
        let log = Log::new();
        let spawn = |name, delay, output: Result<u32, &'static str>| {
            let log = log.clone();
            let task = rondel::spawn(async move { log.work(name, delay, output).await });
            async move { task.await.unwrap() }
        };
        let failed = try_join!(spawn("good", 20, Ok(1)), spawn("bad", 10, Err("no")));
        assert_eq!((failed, log.now()), (Err("no"), 10));
        rondel::time::sleep(millis(90)).await;
        assert_eq!(log.lines(), ["0 good starts", "0 bad starts", "10 bad ends", "20 good ends"]);
    });
}
