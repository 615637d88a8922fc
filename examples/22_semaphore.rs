//! Lesson 22. A hundred calls, and at most five at once: who waits, and who goes first?
//!
//! Run it: `cargo run --example 22_semaphore`
//! Covers: 58, 59, 62, 153, X15.
//!
//! Python: `async with semaphore:` around the call. Rust: `let _permit =
//! semaphore.acquire().await`, and the permit goes back when `_permit` is dropped, at the end of
//! the block, on an early return, on a panic, and when the task is cancelled.
//!
//! Predict. Each call takes 100 ms. While they wait in line somebody comes who will not queue, and
//! asks `try_acquire`; and somebody who queues, but gives up after 1 ms. How long do the hundred
//! take?
//!
//! a) 100 ms: they are all started at once.
//! b) A little more than 2,000 ms: one slips in, and one takes its permit away with it.
//! c) 2,000 ms: nobody slips in, and a permit that nobody picks up goes to the next.

mod diary;

use diary::Diary;
use rondel::sync::{CapacityLimiter, Semaphore};
use rondel::task::JoinSet;
use rondel::time::{Duration, sleep};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const CALLS: usize = 100;
const LIMIT: usize = 5;

#[derive(Default)]
struct Api {
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Api {
    async fn call(&self, millis: u64) {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Relaxed);
        sleep(Duration::from_millis(millis)).await;
        self.in_flight.fetch_sub(1, Relaxed);
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let (api, semaphore) = (Arc::new(Api::default()), Arc::new(Semaphore::new(LIMIT)));
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let (api, semaphore) = (api.clone(), semaphore.clone());
        calls.spawn(async move {
            let _permit = semaphore.acquire().await.expect("nobody closes it");
            api.call(100).await;
            number
        });
    }
    // One of those that wait is cancelled: its place in the queue must not cost a permit.
    sleep(Duration::from_millis(50)).await;
    let impatient = rondel::time::timeout(Duration::from_millis(1), semaphore.acquire()).await;
    diary.note(format!("the impatient one got a permit: {}", impatient.is_ok()));
    diary.note(format!("a permit for who does not queue: {}", semaphore.try_acquire().is_ok()));

    let mut order = Vec::new();
    while let Some(number) = calls.join_next().await {
        order.push(number.unwrap());
    }
    diary.note(format!("{} calls are done", order.len()));
    diary.note(format!("at most {} were in flight", api.most_in_flight.load(Relaxed)));
    diary.note(format!("permits that are back: {}", semaphore.available_permits()));

    assert_eq!(order, (0..CALLS).collect::<Vec<_>>(), "first come, first served");
    assert_eq!(api.most_in_flight.load(Relaxed), LIMIT);
    assert_eq!(diary.when("100 calls are done"), 2_000);
    assert_eq!(semaphore.available_permits(), LIMIT, "the impatient one took nothing with it");
    diary.when("the impatient one got a permit: false");
    diary.when("a permit for who does not queue: false");

    calls_of_many_lengths().await;
    a_limit_is_no_rate(&diary).await;
    one_token_for_each_borrower(&diary).await;
}

/// The guide's lab has calls of 100 to 500 ms, and says that they end "in batches of 5".
async fn calls_of_many_lengths() {
    let diary = Diary::new();
    let (api, semaphore) = (Api::default(), Semaphore::new(LIMIT));
    let mut rounds = Vec::new();
    let calls = (0..CALLS as u64).map(|number| {
        let (api, semaphore) = (&api, &semaphore);
        async move {
            let _permit = semaphore.acquire().await.expect("nobody closes it");
            api.call(100 + number * 37 % 401).await;
            rondel::time::Instant::now()
        }
    });
    let ends = rondel::combine::gather(calls).await;
    for end in ends {
        if !rounds.contains(&end) {
            rounds.push(end);
        }
    }
    let most = api.most_in_flight.load(Relaxed);
    diary.note(format!("at most {most} in flight, and ends at {} moments", rounds.len()));
    assert_eq!(most, LIMIT);
    assert!(rounds.len() > CALLS / LIMIT, "not in batches: who is done makes room for one");
}

/// Ten at once: how many in a second? That depends on how long each takes.
async fn a_limit_is_no_rate(diary: &Diary) {
    for (millis, expected) in [(100, 100), (10, 1_000)] {
        let (api, semaphore) = (Arc::new(Api::default()), Arc::new(Semaphore::new(10)));
        let (mut calls, done) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..2_000 {
            let (api, semaphore, done) = (api.clone(), semaphore.clone(), done.clone());
            calls.spawn(async move {
                let _permit = semaphore.acquire().await.expect("nobody closes it");
                api.call(millis).await;
                done.fetch_add(1, Relaxed);
            });
        }
        sleep(Duration::from_millis(1_005)).await; // after the ends at 1,000 ms
        let done = done.load(Relaxed);
        diary.note(format!("10 permits, calls of {millis} ms: {done} in a second"));
        assert_eq!(done, expected);
        calls.shutdown().await;
    }
}

/// anyio's limiter knows who has a token: a task cannot take a second one, and wait for itself.
async fn one_token_for_each_borrower(diary: &Diary) {
    let limiter = CapacityLimiter::for_borrowers(1);
    let _first = limiter.acquire_on_behalf_of("Anna").await.unwrap();
    let second = limiter.acquire_on_behalf_of("Anna").await;
    diary.note(format!("Anna takes a second token: {second:?}"));
    assert!(second.is_err(), "with a semaphore she would wait for ever");
}

// Explain
//
// c) is right: 100 calls, five at a time, 100 ms each, are twenty rounds. A permit is not announced
// ("there is one again, whoever is quick may have it") but handed to the waiter at the front, so a
// newcomer can not overtake, and nobody starves. And a waiter that goes away, because a timeout
// drops it, leaves the queue; one that was served and goes away before it could look hands its
// permit on. So no permit is ever lost, which is the usual mistake of a semaphore written by hand.
//
// The guide calls the semaphore a "critical tool for rate limiting". We measured: ten permits are
// 100 calls a second if a call takes 100 ms, and 1,000 if it takes 10 ms. A semaphore limits how
// much is under way, which protects what gets tired: connections, memory, a slow server. A contract
// of "100 calls a second" needs a clock: a token bucket (lesson 36). And the calls do not go in
// batches, unless all take the same time: whoever is done makes room for one.
//
// What real runtimes do
//
// tokio's semaphore has the same order. `asyncio.Semaphore` wakes the first waiter and lets it try
// again; several versions of Python had bugs in exactly the cases above.
//
// Where to read next
//
// How the waiters at the front are served, under one lock, each with as much as it needs:
//
// ```rust,cite=runtime/wait_list.rs
// while queue.front != NOWHERE && queue.waiters[queue.front].needs <= free {
//     let front = queue.front;
//     free -= queue.waiters[front].needs;
//     wakes.push(queue.finish(front, Stage::Served(End::Front)));
// }
// ```
