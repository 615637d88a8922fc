//! Lesson 29. Where does a long computation go, so that the loop's heart goes on beating?
//!
//! Run it: `cargo run --example 29_blocking_pool`
//!
//! Covers: 21, 76, 80, 85, 154, 178, 204, X14.
//!
//! Python: `await asyncio.to_thread(f)` or `run_in_executor`; FastAPI does it by itself for a
//! handler that is a plain `def`. Rust: `spawn_blocking(f).await`; nobody does it by itself, and a
//! handler that blocks compiles.
//!
//! Predict. A heart beats each 5 ms. `fib(33)` takes much longer. It runs inside an `async fn`,
//! then in `spawn_blocking`. How many beats fall into each? And what does `abort` do to one that
//! runs?
//!
//! a) Beats in both: the function is async. `abort` stops it.
//! b) None in the first. Some in the second, but few: two threads compute in turn. `abort` stops
//!    it.
//! c) None in the first, and in the second as many as if nothing ran. `abort` does not stop it.

use rondel::sync::mpsc;
use rondel::time::{Duration, Instant, sleep};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

fn fib(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fib(n - 1) + fib(n - 2) }
}

/// Counts its beats, and keeps the longest gap between two of them.
#[derive(Clone, Default)]
struct Heart {
    beats: Arc<AtomicU32>,
    worst: Arc<Mutex<Duration>>,
}

impl Heart {
    async fn beat(self) {
        let mut last = Instant::now();
        loop {
            sleep(Duration::from_millis(5)).await;
            self.beats.fetch_add(1, Ordering::SeqCst);
            let now = Instant::now();
            let mut worst = self.worst.lock().unwrap();
            *worst = (*worst).max(now - last);
            last = now;
        }
    }

    fn beats(&self) -> u32 {
        self.beats.load(Ordering::SeqCst)
    }
}

/// Computes until the heart has beaten five times, at least once. `None`: it had stopped.
fn compute_for_five_beats(heart: &Heart) -> Option<u64> {
    let (first, start) = (heart.beats(), Instant::now());
    loop {
        let number = fib(24);
        if heart.beats() >= first + 5 {
            return Some(number);
        }
        if start.elapsed() > Duration::from_secs(20) {
            return None;
        }
    }
}

#[rondel::main]
async fn main() {
    let heart = Heart::default();
    let beating = rondel::spawn(heart.clone().beat());
    sleep(Duration::from_millis(20)).await;

    let before = heart.beats();
    let number = fib(33); // inside an `async fn`: this thread is the loop's
    let during = heart.beats() - before;
    sleep(Duration::from_millis(10)).await; // the beat that is late is counted
    let gap = std::mem::take(&mut *heart.worst.lock().unwrap()).as_millis();
    println!("inline: fib(33) = {number}, {during} beats meanwhile, worst gap ~{gap} ms");
    assert_eq!((number, during), (3_524_578, 0), "the loop cannot run");

    let theirs = heart.clone();
    let number = rondel::spawn_blocking(move || compute_for_five_beats(&theirs)).await.unwrap();
    let gap = heart.worst.lock().unwrap().as_millis();
    println!("in the pool: fib(24) = {number:?}, 5 beats meanwhile, worst gap ~{gap} ms");
    assert_eq!(number, Some(46_368), "the heart has beaten beside it");
    beating.abort();

    // Eight calls that block are inside at once: each waits there for all the others.
    let meeting = Arc::new(Barrier::new(8));
    let calls = [(); 8].map(|()| {
        let meeting = meeting.clone();
        rondel::spawn_blocking(move || meeting.wait().is_leader())
    });
    let mut leaders = 0;
    for call in calls {
        leaders += u32::from(call.await.unwrap());
    }
    println!("8 calls met in the pool, and {leaders} of them came last");
    assert_eq!(leaders, 1);

    a_running_call_cannot_be_aborted().await;
    back_to_the_loop().await;
}

async fn a_running_call_cannot_be_aborted() {
    let (started, has_started) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel();
    let done = Arc::new(AtomicBool::new(false));
    let theirs = done.clone();
    let running = rondel::spawn_blocking(move || {
        started.send(()).unwrap();
        may_go.recv().unwrap();
        theirs.store(true, Ordering::SeqCst);
    });
    has_started.recv().unwrap(); // blocks the loop for a moment: nothing else is to run now
    running.abort();
    go.send(()).unwrap();
    let ended = running.await;
    println!("aborted while it ran: done all the same = {}", done.load(Ordering::SeqCst));
    assert!(done.load(Ordering::SeqCst) && ended.is_ok());
}

/// A thread of the pool sends progress to the loop, and has the loop do something for it.
async fn back_to_the_loop() {
    let (progress, mut steps) = mpsc::channel(1);
    let handle = rondel::Handle::current();
    let the_loops = thread::current().id();
    let call = rondel::spawn_blocking(move || {
        for step in 1..=3 {
            progress.blocking_send(step).expect("somebody listens");
        }
        let task = handle.spawn(async { thread::current().id() });
        handle.block_on(task).unwrap()
    });
    let mut seen = 0;
    while let Some(step) = steps.recv().await {
        seen += step;
    }
    let ran_on = call.await.unwrap();
    println!("from the pool: steps that add up to {seen}, and a task that ran on the loop");
    assert_eq!((seen, ran_on), (6, the_loops));
}

// Explain
//
// c) is right. An `.await` is the only place where the loop gets its thread back. `fib` has none,
// so inline there are no beats, whatever `async` stands around it; `std::thread::sleep`,
// `std::fs` and a blocking HTTP client are the same mistake, and no compiler warns. In the pool
// the computation has a thread of its own. We prove it without a stop-watch: it computes *until*
// five beats were seen, which inline would never come to its end.
//
// The guide says that with `run_in_executor(None, ...)` the heartbeat goes on. We measured its code
// in CPython 3.11: it goes on with gaps up to 16 ms, because the thread that computes hands over
// the GIL only every 5 ms or so, and 9 ms with a pool of processes. In Rust a thread is enough: the
// gap above is that of an idle loop, plus what your machine is busy with otherwise.
//
// A closure that runs cannot be cancelled: there is no `.await` in it at which to stop. `abort`
// helps only while it is queued. Look at a flag inside if it is long.
//
// The pool is for waiting: it has up to 512 threads. For computing bound yourself to the number of
// processors, by a semaphore around the calls.
//
// What real runtimes do
//
// asyncio's default executor has min(32, processors + 4) threads: the ninth of nine calls on a
// machine with 4 processors waits. tokio's pool is as ours. FastAPI sends a plain `def` handler to
// a pool of 40 threads; axum has no such rule and will block. The way back is
// `run_coroutine_threadsafe` in asyncio, `Handle::block_on` and `blocking_send` in tokio and here.
//
// Where to read next
//
// When a closure needs a thread of its own, and when one that idles will do:
//
// ```rust,cite=runtime/blocking.rs
// state.queue.push_back(job);
// if state.queue.len() <= state.idle || state.threads == self.shared.threads_max {
//     drop(state);
//     self.shared.work.notify_one();
//     return Ok(());
// }
// ```
