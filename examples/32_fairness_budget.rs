//! Lesson 32. How long may one task run before the others have their turn?
//!
//! Run it: `cargo run --example 32_fairness_budget`
//!
//! Covers: 28.
//!
//! Python: until it waits for something that is not there yet. `await` alone gives nothing away,
//! and `asyncio.sleep(0)` is how one gives way. Rust: the same, `yield_now`; and each poll has a
//! budget, so that a task that finds everything ready must stand in line again after a while.
//!
//! Predict. A channel holds 1,000 numbers. A hog receives them all, `rx.recv().await` each, and a
//! neighbour wants to run beside it. After how many numbers does the neighbour have its first turn?
//!
//! a) 1: each `.await` gives the thread back to the loop.
//! b) 1,000: nothing has to wait, so no `.await` gives anything back.
//! c) 128: the budget of one poll.

use rondel::sync::mpsc;
use rondel::task::{coop, yield_now};
use rondel::time::{Duration, Instant, sleep};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

const WORK: u32 = 1_000;

/// Runs a hog beside a neighbour. Returns how far the hog was at each turn of the neighbour.
async fn beside<F>(hog: impl FnOnce(Rc<Cell<u32>>) -> F) -> Vec<u32>
where
    F: Future<Output = ()> + 'static,
{
    let (done, turns) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let hog = rondel::task::spawn_local(hog(done.clone()));
    let (seen, theirs) = (done, turns.clone());
    let neighbour = rondel::task::spawn_local(async move {
        while seen.get() < WORK {
            theirs.borrow_mut().push(seen.get());
            yield_now().await;
        }
    });
    hog.await.unwrap();
    neighbour.await.unwrap();
    turns.take()
}

/// Whether a timer of 1 ms fires while a hog runs: for 30 ms, or, if it yields, until it has fired.
async fn timer_beside_hog(polite: bool) -> bool {
    let fired = Rc::new(Cell::new(false));
    let theirs = fired.clone();
    let timer = rondel::task::spawn_local(async move {
        sleep(Duration::from_millis(1)).await;
        theirs.set(true);
    });
    yield_now().await; // the timer is set
    let limit = if polite { Duration::from_secs(20) } else { Duration::from_millis(30) };
    let start = Instant::now();
    while !fired.get() && start.elapsed() < limit {
        if polite {
            yield_now().await;
        }
    }
    timer.abort();
    fired.get()
}

/// The channel of the question, full.
fn full() -> mpsc::UnboundedReceiver<u32> {
    let (tx, rx) = mpsc::unbounded_channel();
    (0..WORK).for_each(|number| tx.send(number).expect("the receiver is here"));
    rx
}

async fn receive_all(done: Rc<Cell<u32>>) {
    let mut numbers = full();
    while numbers.recv().await.is_some() {
        done.set(done.get() + 1);
    }
}

async fn ready_at_once() {}

fn tell(what: &str, turns: &[u32]) {
    let first = &turns[..turns.len().min(3)];
    println!("{what:<26} the neighbour has {} turns, first at {first:?}", turns.len());
}

#[rondel::main]
async fn main() {
    let turns = beside(async |done: Rc<Cell<u32>>| {
        for _ in 0..WORK {
            ready_at_once().await; // an await, and nothing to wait for
            done.set(done.get() + 1);
        }
    })
    .await;
    tell("awaits what is ready:", &turns);
    assert!(turns.is_empty(), "it was starved");

    let turns = beside(receive_all).await;
    tell("receives:", &turns);
    assert_eq!(turns, (1..=7).map(|turn| turn * 128).collect::<Vec<_>>());

    let turns = beside(|done| coop::unconstrained(receive_all(done))).await;
    tell("receives, unconstrained:", &turns);
    assert!(turns.is_empty(), "asyncio's answer");

    let turns = beside(async |done: Rc<Cell<u32>>| {
        for _ in 0..WORK {
            coop::consume_budget().await;
            done.set(done.get() + 1);
        }
    })
    .await;
    tell("computes, pays its budget:", &turns);
    assert_eq!(turns[..3], [128, 256, 384]);

    let turns = beside(async |done: Rc<Cell<u32>>| {
        for number in 1..=WORK {
            done.set(number);
            if number.is_multiple_of(10) {
                yield_now().await;
            }
        }
    })
    .await;
    tell("yields each 10th step:", &turns);
    assert_eq!(turns[..3], [10, 20, 30]);

    let (rude, polite) = (timer_beside_hog(false).await, timer_beside_hog(true).await);
    println!("a timer of 1 ms beside a hog of 30 ms: fires = {rude}, if the hog yields = {polite}");
    assert_eq!((rude, polite), (false, true));
}

// Explain
//
// c) is right, and b) is asyncio's answer. `.await` polls, and gives the thread back only if the
// answer is `Pending`. A `recv` that finds a number is `Ready`: the hog goes straight on, in the
// same poll, and meanwhile nobody else runs, no timer fires, and no socket is looked at.
//
// So each poll of a task begins with a share of 128 steps. What could have waited takes one:
// `recv`, `lock`, `read`, `acquire`. With none left it pretends to have to wait, and wakes its own
// task, which goes to the back of the queue: 128, 256, 384. The hog loses about nothing by it.
//
// Your own loop is not seen by the budget. `ready_at_once().await` takes no step, and a computation
// awaits nothing. `coop::consume_budget().await` pays for a round of it and gives way each 128th
// time; `yield_now().await` gives way at once, behind everybody who is ready. `unconstrained` frees
// a future of its budget, for what is known to be short.
//
// A budget counts steps, not time: 128 steps of 1 ms each are 128 ms. A step that computes for long
// belongs on another thread (lesson 29).
//
// What real runtimes do
//
// tokio has the same 128 steps. asyncio has none: a queue that is never empty starves the loop, and
// the debug mode reports a callback that took 100 ms. Go interrupts a goroutine after 10 ms, and
// Erlang a process after 4,000 calls.
//
// Where to read next
//
// The whole mechanism is one byte for each thread:
//
// ```rust,cite=runtime/budget.rs
// let left = LEFT.get();
// if left == 0 {
//     cx.waker().wake_by_ref();
//     return Poll::Pending;
// }
// if left != UNLIMITED {
//     LEFT.set(left - 1);
// }
// Poll::Ready(Step { before: left })
// ```
