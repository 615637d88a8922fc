//! Lesson 10. Ten tasks sleep for 50 ms each: is that 50 ms or 500?
//!
//! Run it: `cargo run --example 10_sleep_race`
//!
//! In Python the two sleeps are `asyncio.sleep` and `time.sleep`; in Rust they are
//! `rondel::time::sleep` and `std::thread::sleep`. Both wait. The first returns to the loop and has
//! a waker left behind; the second keeps the thread, and the thread is the loop.
//!
//! Predict. Ten tasks sleep with `rondel::time::sleep`, then ten with `std::thread::sleep`, then
//! ten with `std::thread::sleep` inside `spawn_blocking`. How many sleep at the same time?
//!
//! a) Ten each time: they are ten tasks.
//! b) Ten, one, ten.
//! c) Ten, one, one: there is one thread.

use rondel::task::JoinSet;
use rondel::time::{Duration, Instant, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const TASKS: usize = 10;
const NAP: Duration = Duration::from_millis(50);

/// How many nap now, and how many did at most.
static NAPPING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn lie_down() {
    MOST.fetch_max(NAPPING.fetch_add(1, Relaxed) + 1, Relaxed);
}

fn get_up() {
    NAPPING.fetch_sub(1, Relaxed);
}

async fn nap_politely() {
    lie_down();
    sleep(NAP).await;
    get_up();
}

fn nap_on_the_thread() {
    lie_down();
    std::thread::sleep(NAP);
    get_up();
}

/// Runs ten tasks, and says how many napped at the same time and how long all ten took.
async fn race<F: Future<Output = ()> + Send + 'static>(nap: impl Fn() -> F) -> (usize, Duration) {
    MOST.store(0, Relaxed);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(nap());
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    (MOST.load(Relaxed), start.elapsed())
}

#[rondel::main]
async fn main() {
    // Real time, for once: virtual time cannot help a thread that sleeps.
    let (most, polite) = race(nap_politely).await;
    println!("rondel::time::sleep:    {most:>2} at the same time, ~{} ms", polite.as_millis());
    assert_eq!(most, TASKS);

    let (most, rude) = race(|| async { nap_on_the_thread() }).await;
    println!("std::thread::sleep:     {most:>2} at the same time, ~{} ms", rude.as_millis());
    assert_eq!(most, 1);
    assert!(rude >= NAP * TASKS as u32, "one after the other");

    let (most, away) = race(|| async {
        rondel::spawn_blocking(nap_on_the_thread).await.unwrap();
    })
    .await;
    println!("... in spawn_blocking:  {most:>2} at the same time, ~{} ms", away.as_millis());
    assert!(most > 1, "each on a thread of its own, as far as the machine lets them");
}

// Explain
//
// b) is right. A task cannot be interrupted: from one `.await` to the next it has the thread for
// itself. `std::thread::sleep` has no `.await` inside, so the loop stands still, and with it every
// other task, timer and socket. The same is true of any long computation and of every call that
// blocks: a file, a DNS look-up, a database driver that is not async. Such work belongs to the
// blocking pool, where it may wait as it likes; its `JoinHandle` is awaited like any other. Python
// says `asyncio.to_thread`.
//
// How to find such a call in a program of your own: a task that notes the time every 10 ms sees a
// gap.
//
// What real runtimes do
//
// All the same. tokio's many threads hide the mistake until as many tasks block as there are
// threads. Go moves the other goroutines to another thread when a system call blocks, at the price
// of threads.
//
// Where to read next
//
// The pool starts a thread only if nobody is idle, up to a limit:
//
// ```rust,cite=runtime/blocking.rs
// if state.queue.len() <= state.idle || state.threads == self.shared.threads_max {
//     drop(state);
//     self.shared.work.notify_one();
//     return Ok(());
// }
// ```
