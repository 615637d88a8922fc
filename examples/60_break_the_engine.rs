//! Lesson 60. How do you find a bug that shows up once in a thousand runs?
//!
//! Run it: `cargo run --example 60_break_the_engine`
//! Covers: 136, X16.
//!
//! Python: run the test again and hope. Rust: make the order of events an input. Then all orders
//! can be tried up to a bound, or many drawn by seeds; what fails, fails again with the same input.
//!
//! Predict. Three parts of an engine carry one planted bug each: an event that can be told too
//! early, a timer wheel of eight slots, a ready queue. A test of each, in the usual order, passes.
//! How many runs does it take to find all three?
//!
//! a) Thousands: such bugs need threads and bad luck.
//! b) Some runs each: they are bugs of order, and the order is ours.
//! c) They cannot be found: a test that passes proves the part.

use rondel::task::{spawn_local, yield_now};
use rondel::testing::explore;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Bug 1 lives here: who waits looks at the flag, lets others run, and then leaves its waker.
#[derive(Default)]
struct Event {
    is_set: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Event {
    fn set(&self) {
        self.is_set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn wait(&self, mended: bool) {
        if self.is_set.get() {
            return;
        }
        yield_now().await;
        let mut left_a_waker = false;
        poll_fn(|cx| {
            // Mended: look once more, in the same poll that leaves the waker.
            if self.is_set.get() && (mended || left_a_waker) {
                return Poll::Ready(());
            }
            left_a_waker = true;
            self.waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// One waits, and one sets after two pauses. In turn, the waker is there in time.
async fn wait_and_set(mended: bool) {
    let event = Rc::new(Event::default());
    let theirs = event.clone();
    let waiter = spawn_local(async move { theirs.wait(mended).await });
    let setter = spawn_local(async move {
        yield_now().await;
        yield_now().await;
        event.set();
    });
    waiter.await.unwrap();
    setter.await.unwrap();
}

/// Luck that repeats, from a seed: splitmix64.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % limit
    }
}

/// Bug 2 lives here: a slot holds all deadlines with the same remainder, whatever the round.
#[derive(Default)]
struct Wheel {
    slots: [Vec<u64>; 8],
}

impl Wheel {
    /// The deadlines that fire at `now`.
    fn turn_to(&mut self, now: u64, mended: bool) -> Vec<u64> {
        let slot = &mut self.slots[now as usize % 8];
        // Mended: who is not due stays for another round.
        let due = |deadline: &mut u64| !mended || *deadline <= now;
        slot.extract_if(.., due).collect()
    }
}

/// Three timers within `reach`: each must fire once, and at its time.
fn timers_keep_time(seed: u64, reach: u64, mended: bool) -> Result<(), String> {
    let (mut luck, mut wheel, mut fired) = (Luck(seed), Wheel::default(), 0);
    for _ in 0..3 {
        let deadline = 1 + luck.below(reach);
        wheel.slots[deadline as usize % 8].push(deadline);
    }
    for now in 1..=reach {
        for deadline in wheel.turn_to(now, mended) {
            fired += 1;
            if deadline != now {
                return Err(format!("the timer of {deadline} fired at {now}"));
            }
        }
    }
    if fired == 3 { Ok(()) } else { Err(format!("{fired} of 3 fired")) }
}

/// Bug 3 lives here: each wake queues the task, also one that stands in line already.
fn everybody_stands_in_line_once(seed: u64, wakes: u64, mended: bool) -> Result<(), String> {
    let (mut luck, mut line, mut is_queued) = (Luck(seed), VecDeque::new(), [false; 20]);
    for _ in 0..wakes {
        let task = luck.below(20) as usize;
        if !(mended && is_queued[task]) {
            is_queued[task] = true;
            line.push_back(task);
        }
        if luck.below(3) == 0 {
            is_queued[line.pop_front().expect("one was just woken, or is in line")] = false;
        }
        let twice = line.iter().find(|task| line.iter().filter(|other| other == task).count() > 1);
        if let Some(task) = twice {
            return Err(format!("task {task} stands in line twice"));
        }
    }
    Ok(())
}

/// The first seed that fails, and how.
fn hunt(test: impl Fn(u64) -> Result<(), String>) -> Option<(u64, String)> {
    (0..200).find_map(|seed| test(seed).err().map(|reason| (seed, reason)))
}

// Exploring starts loops of its own, and a loop cannot run inside a loop: so no `rondel::main`.
fn main() {
    let usual = explore(0, || wait_and_set(false));
    let found = explore(2, || wait_and_set(false)).unwrap_err();
    println!(
        "event: in turn {}; schedule {} hangs, {} overtakings",
        if usual.is_ok() { "passes" } else { "fails" },
        found.schedules(),
        found.overtakings()
    );
    let steps = found.steps().iter().filter(|step| step.overtakes().is_some()).count();
    let mended = explore(2, || wait_and_set(true)).expect("the mended event survives");
    println!("event, mended: survives {} schedules", mended.schedules());

    let near = hunt(|seed| timers_keep_time(seed, 7, false));
    let (seed, reason) = hunt(|seed| timers_keep_time(seed, 40, false)).expect("a bug is in there");
    println!("wheel: near timers {}; seed {seed}: {reason}", near.map_or("pass", |_| "fail"));
    let again = timers_keep_time(seed, 40, false);
    let wheel = hunt(|seed| timers_keep_time(seed, 40, true));
    println!("wheel, mended: {}", if wheel.is_none() { "survives 200 seeds" } else { "fails" });

    let short = everybody_stands_in_line_once(0, 3, false);
    let (task_seed, twice) =
        hunt(|seed| everybody_stands_in_line_once(seed, 8, false)).expect("a bug is in there");
    println!("queue: three wakes {short:?}; seed {task_seed}: {twice}");
    let queue = hunt(|seed| everybody_stands_in_line_once(seed, 200, true));
    println!("queue, mended: {}", if queue.is_none() { "survives 200 seeds" } else { "fails" });

    assert!(usual.is_ok() && found.deadlock().is_some(), "only another order loses the wake-up");
    assert_eq!((found.overtakings(), steps), (2, 2), "the shortest way is the one told");
    assert!(mended.is_complete(), "no schedule of the bound was left out");
    assert_eq!(again, Err(reason), "a seed brings its failure back");
    assert!(wheel.is_none() && short.is_ok() && queue.is_none());
}

// Explain
//
// b) is right. Each bug needs an order that the usual test never makes.
//
// The event: between the look at the flag and the leaving of the waker stands an await. If the
// setter comes in between, it finds no waker, and nobody ever comes again. `explore` runs all
// orders with up to two overtakings, shortest first, so the failure it shows is the easiest to
// read. Mended, the last look and the leaving of the waker are one poll, which nobody interrupts.
//
// The wheel: a test with deadlines below eight never sees a second round. Seeds draw the far ones,
// and the property ("each fires once, at its time") judges them without knowing the answers.
//
// The queue: a task woken twice before its poll stands in line twice, and is polled for nothing;
// with many workers, by two threads at once. The mended one remembers with one flag.
//
// A seed or a schedule is part of the bug report: it fails each time, so you see when it is mended.
//
// What real runtimes do
//
// tokio explores its own atomics with loom; its users simulate networks with turmoil. asyncio has
// neither: the guide calls it easy to debug because it is deterministic, but its sockets and timers
// bring another order on another day. Only a loop with a seed and simulated time is (X16).
//
// Where to read next
//
// The remedy of the queue, in the engine: only the wake of an idle task queues it.
//
// ```rust,cite=runtime/task/mod.rs
// //! | IDLE | wake | QUEUED | home* | put it into the ready queue |
// //! | QUEUED, DONE | wake | same | home* | nothing |
// //! | RUNNING | wake | RUNNING + QUEUED | home* | nothing: its runner requeues it |
// ```
