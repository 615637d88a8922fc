//! Lesson 18. `gather`: in which order do the results come, and what if one fails?
//!
//! Run it: `cargo run --example 18_gather`
//! Covers: 39, 40, 149.
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
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

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

    by_hand(&diary).await;
}

/// `gather` in a dozen lines: a room for each child, and all are polled until all rooms are full.
async fn gather_by_hand<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut children: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut rooms: Vec<Option<F::Output>> = children.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (child, room) in children.iter_mut().zip(&mut rooms) {
            if room.is_some() {
                continue; // a future that was ready must not be polled again
            }
            if let Poll::Ready(output) = child.as_mut().poll(cx) {
                *room = Some(output);
            }
        }
        if rooms.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    rooms.into_iter().flatten().collect()
}

/// The same answers, at another price: how often are a hundred children polled?
async fn by_hand(diary: &Diary) {
    let polls = Cell::new(0);
    let child = |millis: u64| {
        let mut sleep = Box::pin(sleep(Duration::from_millis(millis)));
        let polls = &polls;
        poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            sleep.as_mut().poll(cx).map(|()| millis)
        })
    };
    let ours = gather_by_hand((1..=100).rev().map(child)).await;
    let by_hand = polls.replace(0);
    let theirs = gather((1..=100).rev().map(child)).await;
    let by_the_engine = polls.get();
    diary.note(format!("polls of 100 children: {by_hand} by hand, {by_the_engine} by gather"));
    assert_eq!(ours, theirs);
    assert!(ours.iter().copied().eq((1..=100).rev()), "in the order of the list");
    assert_eq!(by_the_engine, 200, "each at the start, and each when it was woken");
    assert_eq!(by_hand, 100 + 100 * 101 / 2, "at each wake all that have not ended");
}

// Explain
//
// b) is right. `gather` makes no tasks. The children live in one block inside the task that waits,
// and run while it runs. That is why they may borrow its variables, why they need not be `Send`,
// and why dropping the combinator drops them all. It is concurrency without parallelism: on a
// flavour with many threads, `gather` would still use one.
//
// `gather_by_hand` is the whole idea: poll each child, keep its output in its room, and be ready
// when all rooms are full. It hands its own waker to all of them, so a wake does not say who rang,
// and it asks everybody: 100 children are polled 5,000 times. In the engine each child has a waker
// of its own that notes who rang, and only those are polled.
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
