//! Lesson 10. Ten tasks sleep for 50 ms each: is that 50 ms or 500?
//!
//! Run it: `cargo run --example 10_sleep_race`
//! Covers: 20, 21, 152.
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
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
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

/// The guide's numbers, 10 x 1 s, in virtual time: one after the other, and all at once.
async fn ten_seconds_or_one() {
    let second = Duration::from_secs(1);
    let start = Instant::now();
    for _ in 0..TASKS {
        sleep(second).await;
    }
    let in_a_row = start.elapsed();
    let start = Instant::now();
    rondel::combine::gather((0..TASKS).map(|_| sleep(second))).await;
    let together = start.elapsed();
    println!("10 x 1 s: {} s in a row, {} s together", in_a_row.as_secs(), together.as_secs());
    assert_eq!((in_a_row, together), (10 * second, second));
}

/// Times each poll of a future, as asyncio's debug mode times each callback, and gives the longest
/// beside the output.
async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let (mut future, mut longest) = (pin!(future), Duration::ZERO);
    poll_fn(|cx| {
        let start = std::time::Instant::now();
        let poll = future.as_mut().poll(cx);
        longest = longest.max(start.elapsed());
        poll.map(|output| (output, longest))
    })
    .await
}

/// The longest time between two beats of a heart that should beat every 5 ms.
async fn worst_gap(beside: impl Future<Output = ()>) -> Duration {
    let worst = Cell::new(Duration::ZERO);
    let heart = async {
        let mut last = Instant::now();
        loop {
            sleep(NAP / 10).await;
            worst.set(worst.get().max(last.elapsed()));
            last = Instant::now();
        }
    };
    let beside = async {
        beside.await;
        sleep(NAP).await; // time for the late beat
    };
    rondel::select! {
        biased; // the heart begins to beat before the other begins
        () = heart => unreachable!("it beats for ever"),
        () = beside => worst.get(),
    }
}

/// Somebody blocks. A heart sees that; a clock around each poll sees who it is.
async fn find_the_blocker() {
    let gap = worst_gap(async { nap_on_the_thread() }).await;
    println!("heartbeat: the worst gap is ~{} ms", gap.as_millis());
    assert!(gap >= NAP, "the heart stood still");

    let away = async { rondel::spawn_blocking(nap_on_the_thread).await.unwrap() };
    let polite = rondel::spawn(timed(nap_politely()));
    let rude = rondel::spawn(timed(async { nap_on_the_thread() }));
    let away = rondel::spawn(timed(away));
    for (name, task) in [("polite", polite), ("rude", rude), ("away", away)] {
        let ((), longest) = task.await.unwrap();
        println!("longest poll of `{name}`: ~{} ms", longest.as_millis());
        assert!(longest >= NAP || name != "rude", "found");
    }
}

fn main() {
    let virtual_time = rondel::Builder::new().start_paused(true).build().unwrap();
    virtual_time.block_on(ten_seconds_or_one());
    // Real time, for once: virtual time cannot help a thread that sleeps.
    rondel::run(race_for_real());
    rondel::run(find_the_blocker());
}

async fn race_for_real() {
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
    println!("... in spawn_blocking:  ~{most} at the same time, ~{} ms", away.as_millis());
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
// | blocks the loop                       | instead                                           |
// |---------------------------------------|---------------------------------------------------|
// | `thread::sleep`, `time.sleep`         | `rondel::time::sleep`, `asyncio.sleep`            |
// | a blocking HTTP client, `requests`    | an async client, httpx, aiohttp                   |
// | a blocking database driver, psycopg2  | tokio-postgres, asyncpg                           |
// | `std::fs`, `open()`                   | `rondel::fs`, aiofiles: a pool inside             |
// | `std::process` and its `wait`         | `rondel::process`, `create_subprocess_exec`       |
// | `std::net`, a name's look-up          | `rondel::net`, `lookup_host`                      |
// | `std::sync::mpsc::Receiver::recv`     | `rondel::sync::mpsc`                              |
// | a long computation, `fib(30)`         | `spawn_blocking`; in Python a process (the GIL)   |
//
// How to find such a call in a program of your own: a task that should beat every 5 ms sees a gap,
// but not who made it. A wrapper that times each poll can say who. It can say so only afterwards:
// nobody can interrupt the poll.
//
// What real runtimes do
//
// All the same. asyncio's debug mode reports each callback over 100 ms. Node's own library does not
// block, so one has to try to; Python's and Rust's libraries block, and nothing warns. tokio's many
// threads hide the mistake until as many tasks block as there are threads. Go moves the other
// goroutines to another thread when a system call blocks, at the price of threads.
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
