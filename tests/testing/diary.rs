//! `testing::Diary`: order, times, and the same text twice.

use std::time::Duration;

use rondel::task::{JoinSet, yield_now};
use rondel::testing::Diary;
use rondel::time::sleep;
use rondel::{Builder, Runtime};

use crate::panic_text;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// Goal: show that clones write into one diary, in the order in which things happen.
#[test]
fn clones_write_into_the_same_diary() {
    let diary = Diary::new();
    let clone = diary.clone();
    diary.note("a");
    clone.note(String::from("b"));
    diary.note("a");
    assert_eq!(diary.pages(), ["a", "b", "a"]);
    assert_eq!(clone.pages(), diary.pages());
    assert_eq!(format!("{diary:?}"), r#"Diary(["a", "b", "a"])"#);
}

/// Goal: show that a guard writes at the end of its block, and when its future is cancelled.
/// Method: a block; a task that is aborted while it waits.
#[test]
fn a_guard_writes_when_it_is_dropped() {
    let diary = Diary::new();
    {
        let _guard = diary.on_drop("end of the block");
        diary.note("in the block");
    }
    rondel::run(async {
        let guard = diary.on_drop("the task is gone");
        let task = rondel::spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(diary.pages(), ["in the block", "end of the block", "the task is gone"]);
}

/// Goal: show the questions that can be asked.
#[test]
fn a_diary_is_asked_for_order_number_and_time() {
    let diary = Diary::new();
    paused().block_on(async {
        diary.note("one: start");
        sleep(ms(20)).await;
        diary.note("two: start");
        diary.note("two: start");
        sleep(ms(30)).await;
        diary.note("one: end");
    });
    assert!(diary.has_in_order(&["one: start", "two: start", "two: start", "one: end"]));
    assert!(diary.has_in_order(&["one: start", "one: end"]));
    assert!(diary.has_in_order(&[]));
    assert!(!diary.has_in_order(&["two: start", "one: start"]));
    assert!(!diary.has_in_order(&["one: start", "one: start"]), "it was written once");
    assert!(!diary.has_in_order(&["three: start"]));
    assert_eq!((diary.count("two: "), diary.count(""), diary.count("three")), (2, 4, 0));
    assert_eq!((diary.when("two: start"), diary.when("one: end")), (ms(20), ms(50)));
    let text = panic_text(|| diary.when("three"));
    assert!(text.starts_with("nobody wrote \"three\"; the diary says:\n     0 ms  one: start\n"));
}

/// Goal: show when the time of a diary begins: at its making inside a runtime, with the first page
/// outside; and that parts of a millisecond are shown if there are any.
#[test]
fn the_time_begins_with_the_diary_or_its_first_page() {
    let outside = Diary::default();
    let runtime = paused();
    let inside = runtime.block_on(async {
        let inside = Diary::new();
        sleep(ms(5)).await;
        inside.note("late");
        outside.note("first");
        sleep(ms(1_000_000)).await;
        outside.note("second");
        inside
    });
    assert_eq!(inside.to_string(), "     5 ms  late\n");
    assert_eq!(outside.to_string(), "     0 ms  first\n1000000 ms  second\n");

    let real = Diary::new();
    real.note("a");
    std::thread::sleep(Duration::from_micros(1_100));
    real.note("b");
    let text = real.to_string();
    let (time, _) = text.lines().last().unwrap().split_once(" ms").unwrap();
    let (ms, part) = time.trim().split_once('.').unwrap_or((time.trim(), "0"));
    let nanos = ms.parse::<u128>().unwrap() * 1_000_000 + part.parse::<u128>().unwrap();
    assert_eq!(nanos, real.when("b").as_nanos());
}

/// Goal: show that two runs in virtual time are equal to the byte.
/// Method: tasks that sleep and yield, run twice; the diary is made outside.
#[test]
fn two_runs_give_the_same_text() {
    let run = || {
        let diary = Diary::new();
        paused().block_on(async {
            let mut tasks = JoinSet::new();
            for number in 0..10 {
                let diary = diary.clone();
                tasks.spawn(async move {
                    let _guard = diary.on_drop(format!("{number} ends"));
                    sleep(ms(number * number % 7)).await;
                    diary.note(format!("{number} wakes"));
                    yield_now().await;
                });
            }
            tasks.join_all().await;
        });
        diary.to_string()
    };
    let first = run();
    assert_eq!(first.lines().count(), 20);
    assert_eq!(first, run());
}
