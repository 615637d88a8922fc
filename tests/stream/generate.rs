//! Async generators: who runs when, and what is dropped when.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use rondel::combine::gather;
use rondel::stream::{StreamExt, generate, try_generate};
use rondel::testing::Diary;
use rondel::time::{sleep, timeout};

use super::ms;

/// Goal: the body runs only while somebody waits in `next`, and stands still at its `emit`
/// meanwhile. Method: both sides write into one diary.
#[rondel::test(start_paused = true)]
async fn the_body_goes_on_when_the_next_value_is_asked_for() {
    let diary = Diary::new();
    let theirs = diary.clone();
    let mut numbers = pin!(generate(|y| async move {
        theirs.note("begins");
        y.emit(1).await;
        theirs.note("between");
        y.emit(2).await;
        theirs.note("ends");
    }));
    diary.note("made");
    assert_eq!(numbers.next().await, Some(1));
    diary.note("has 1");
    sleep(ms(10)).await;
    diary.note("has slept");
    assert_eq!(numbers.next().await, Some(2));
    diary.note("has 2");
    assert_eq!(numbers.next().await, None);
    diary.note("is over");
    let expected = ["made", "begins", "has 1", "has slept", "between", "has 2", "ends", "is over"];
    assert_eq!(diary.pages(), expected);
    assert_eq!(numbers.next().await, None, "over is over");
}

/// Goal: dropping the stream is the clean-up, at the await where the body is, inner things first.
/// Method: drop it at an `emit`, at a sleep, and before it began.
#[rondel::test(start_paused = true)]
async fn a_dropped_stream_drops_its_body_where_it_stands() {
    let diary = Diary::new();
    let make = |diary: &Diary| {
        let diary = diary.clone();
        Box::pin(generate(|y| async move {
            let _outer = diary.on_drop("outer gone");
            {
                let _inner = diary.on_drop("inner gone");
                y.emit(1).await;
                diary.note("never here when dropped at the emit");
            }
            pending::<()>().await;
        }))
    };
    let mut at_emit = make(&diary);
    assert_eq!(at_emit.next().await, Some(1));
    drop(at_emit);
    assert_eq!(diary.pages(), ["inner gone", "outer gone"]);

    let diary = Diary::new();
    let mut at_pending = make(&diary);
    assert_eq!(at_pending.next().await, Some(1));
    assert!(timeout(ms(1), at_pending.next()).await.is_err());
    diary.note("given up");
    drop(at_pending);
    let expected = ["never here when dropped at the emit", "inner gone", "given up", "outer gone"];
    assert_eq!(diary.pages(), expected);

    let diary = Diary::new();
    drop(make(&diary));
    assert!(diary.pages().is_empty(), "it never began");
}

/// Goal: what the body holds is gone when the end is reported, not when the stream goes. Method: a
/// diary.
#[rondel::test(start_paused = true)]
async fn at_its_end_the_body_is_dropped_before_the_stream() {
    let diary = Diary::new();
    let held = diary.on_drop("gone");
    let mut none = pin!(generate::<u8, _, _>(|_y| async move {
        let _held = held;
    }));
    assert_eq!(none.next().await, None);
    diary.note("None");
    assert_eq!(diary.pages(), ["gone", "None"]);
}

/// Goal: an error is the last item, and ends the body. Method: `?` in the middle.
#[rondel::test(start_paused = true)]
async fn an_error_is_the_last_item() {
    let diary = Diary::new();
    let held = diary.on_drop("gone");
    let mut numbers = pin!(try_generate(|y| async move {
        let _held = held;
        for word in ["1", "x", "3"] {
            y.emit(word.parse::<u8>()?).await;
        }
        Ok::<_, std::num::ParseIntError>(())
    }));
    assert_eq!(numbers.next().await, Some(Ok(1)));
    assert!(numbers.next().await.unwrap().is_err());
    assert_eq!(diary.pages(), ["gone"]);
    assert_eq!(numbers.next().await, None);
    let mut fine = pin!(try_generate(|y| async move {
        y.emit(1).await;
        Ok::<_, String>(())
    }));
    assert_eq!(fine.try_next().await, Ok(Some(1)));
    assert_eq!(fine.try_next().await, Ok(None));
}

/// Goal: several that emit at once come one after the other, none is lost. Method: children with
/// wakers of their own, which are polled only if those are woken.
#[rondel::test(start_paused = true)]
async fn children_of_a_combinator_can_emit() {
    let numbers = generate(|y| async move {
        let y = &y;
        gather((0..5).map(|n| async move {
            y.emit(n).await;
            sleep(ms(1)).await;
            y.emit(n + 10).await;
        }))
        .await;
    });
    let mut numbers: Vec<_> = timeout(ms(1_000), numbers.collect()).await.unwrap();
    numbers.sort();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

/// Goal: an `emit` that loses a `select!` has emitted nothing. Method: the other branch is ready in
/// the same poll.
#[rondel::test(start_paused = true)]
async fn an_emit_that_is_dropped_before_it_was_taken_has_emitted_nothing() {
    let letters = generate(|y| async move {
        rondel::select! {
            biased;
            () = y.emit('a') => {}
            () = async {} => {}
        }
        y.emit('b').await;
    });
    assert_eq!(letters.collect::<String>().await, "b");
}

/// Goal: no lone value that nobody fetches. Method: an emitter in another task.
#[rondel::test(start_paused = true)]
async fn an_emit_in_another_task_says_that_it_cannot_work() {
    let mut numbers = pin!(generate(|y| async move {
        let task = rondel::spawn(async move { y.emit(1).await });
        let panic = task.await.unwrap_err().into_panic();
        assert!(panic.downcast_ref::<&str>().unwrap().contains("its own generator"));
    }));
    assert_eq!(numbers.next().await, None);
}

/// Goal: a generator that is never pending lets others run. Method: another task has to stop it.
#[test]
fn an_endless_generator_gives_way() {
    rondel::run(async {
        let other = rondel::spawn(async {});
        let mut ones = pin!(generate(|y| async move {
            loop {
                y.emit(1).await;
            }
        }));
        while !other.is_finished() {
            ones.next().await;
        }
    });
}

/// Goal: a generator may go to other threads if what it holds may. Method: the compiler.
#[test]
fn a_generator_is_send_if_its_body_is() {
    fn is_send<T: Send>(_: &T) {}
    let numbers = generate(|y| async move { y.emit(String::new()).await });
    is_send(&numbers);
}

/// Goal: a panic of the body goes to whoever waits. Method: catch it there.
#[test]
fn a_panic_of_the_body_reaches_next() {
    let run = || {
        rondel::run(async {
            let mut numbers = pin!(generate(|y| async move {
                y.emit(1).await;
                panic!("no more numbers");
            }));
            while numbers.next().await.is_some() {}
        });
    };
    let panic = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no more numbers"));
}
