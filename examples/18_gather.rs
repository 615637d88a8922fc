//! Lesson 18. `gather`: in which order do the results come, and what if one fails?
//!
//! Run it: `cargo run --example 18_gather`
//!
//! Python: `await asyncio.gather(a(), b(), c())` returns the results in the order of the arguments.
//! With `return_exceptions=True` an error is a result like any other; without it the first error is
//! raised, and the others *run on*, unobserved. Rust: `gather` is the former, `try_gather` stops at
//! the first error and drops the others.
//!
//! Predict. Three calls take 300, 100 and 200 ms; the one that takes 200 fails. What do you get?
//!
//! a) gather: the order of ends (100, 200, 300). try_gather: the error, after 300 ms.
//! b) gather: the order of the list, after 300 ms. try_gather: the error, after 200 ms.
//! c) gather: the order of the list, after 600 ms. try_gather: the error, and the rest runs on.

mod diary;

use diary::Diary;
use rondel::combine::{gather, try_gather};
use rondel::time::{Duration, sleep};

async fn call(millis: u64, diary: &Diary) -> Result<u64, String> {
    sleep(Duration::from_millis(millis)).await;
    if millis == 200 {
        diary.note("the call of 200 ms fails");
        return Err("500 Internal Server Error".to_owned());
    }
    diary.note(format!("the call of {millis} ms ends"));
    Ok(millis)
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let results = gather([300, 100, 200].map(|millis| call(millis, &diary))).await;
    let told: Vec<String> = results.iter().map(|result| format!("{result:?}")).collect();
    diary.note(format!("gather: {}", told.join(", ")));

    assert_eq!(results[0], Ok(300), "in the order of the list, not of the ends");
    assert_eq!(results[1], Ok(100));
    assert!(results[2].is_err());
    assert!(diary.has_in_order(&["the call of 100 ms ends", "the call of 300 ms ends"]));
    assert_eq!(diary.when("the call of 300 ms ends"), 300, "side by side");

    let diary = Diary::new();
    let result = try_gather([300, 100, 200].map(|millis| call(millis, &diary))).await;
    diary.note(format!("try_gather: {result:?}"));
    sleep(Duration::from_secs(1)).await; // time enough for whoever might run on

    assert!(result.is_err());
    assert_eq!(diary.when("the call of 200 ms fails"), 200);
    assert_eq!(diary.count("the call of 300 ms ends"), 0, "it was dropped when another failed");

    // No tasks, no boxes: the children may borrow from whoever waits, as `call` borrows `diary`
    // here.
    let diary = Diary::new();
    let many = gather((0..1_000).map(|number| async move {
        sleep(Duration::from_millis(number % 10)).await;
        number
    }))
    .await;
    diary.note(format!("{} children, and the last is {}", many.len(), many[999]));
    assert!(many.iter().copied().eq(0..1_000));
}

// Explain
//
// b) is right. `gather` makes no tasks. The children live in one block inside the task that waits,
// and run while it runs. That is why they may borrow its variables, why they need not be `Send`,
// and why dropping the combinator drops them all. It is concurrency without parallelism: on a
// flavour with many threads, `gather` would still use one.
//
// A list that is polled whole at each wake would poll 1,000 children 1,000 times. Here each child
// has a waker of its own that notes who rang, and only those are polled.
//
// What real runtimes do
//
// asyncio makes a task of each child, and without `return_exceptions` leaves the siblings running
// when one fails; `TaskGroup` (3.11) cancels them. futures-rs has `join_all` and `try_join_all`.
//
// Where to read next
//
// What the waker of a child does: it sets the child's bit, and only if it was the first of its
// group of 64, and that group the first of all, it wakes the task that waits:
//
// ```rust,cite=runtime/combine/children.rs
// if set_bit(bells, index) != 0 || set_bit_above(bells, index) != 0 {
//     return;
// }
// let parent = lock(&bells[0].parent).take();
// ```
