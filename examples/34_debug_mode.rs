//! Lesson 34. Five bugs in one small program: which tool finds which?
//!
//! Run it: `cargo run --example 34_debug_mode`
//! Covers: 21, 24, 26, 31, 135, 213, X4.
//!
//! Python: `asyncio.run(main(), debug=True)` reports coroutines that were never awaited and steps
//! that took longer than 100 ms; whoever wants the tasks asks `all_tasks()`. Rust: the compiler
//! warns of a future that nobody awaits; a future that times the polls of another one is twenty
//! lines; and the runtime tells who was left at its end, and who waits for whom in a deadlock.
//!
//! Predict. A program (1) forgets an `await`, (2) has a task whose one poll takes 300 ms, (3)
//! leaves a task behind, (4) takes two locks in opposite orders, (5) blocks its loop in a task that
//! nobody thinks of. No message says so; at most it hangs. Which of the five can be found from
//! inside the loop?
//!
//! a) All of them.
//! b) None.
//! c) All but the fifth while it lasts: who sits in the loop stands still with it.

use rondel::sync::{Mutex, oneshot};
use rondel::task::Builder as Task;
use rondel::time::sleep;
use rondel::{Builder, Handle, spawn_blocking};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

/// A poll that takes longer is reported.
const SLOW: Duration = Duration::from_millis(200);
/// And so is a loop that does not answer for so long.
const PATIENCE: Duration = Duration::from_millis(300);
/// What bug 2 does instead of a long computation.
const COMPUTATION: Duration = Duration::from_millis(300);

/// What the tools share: who is being polled, and what was found.
#[derive(Clone, Default)]
struct Debug {
    polled_now: Arc<StdMutex<Option<&'static str>>>,
    found: Arc<StdMutex<Vec<String>>>,
}

impl Debug {
    fn report(&self, finding: String) {
        println!("  {finding}");
        self.found.lock().unwrap().push(finding);
    }
}

/// The debug mode: a future around another one that watches how it is polled.
struct Watched<F> {
    future: Pin<Box<F>>,
    name: &'static str,
    polls: usize,
    longest: Duration,
    debug: Debug,
}

fn watch<F: Future>(debug: &Debug, name: &'static str, future: F) -> Watched<F> {
    let (future, debug) = (Box::pin(future), debug.clone());
    Watched { future, name, polls: 0, longest: Duration::ZERO, debug }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let around = self.debug.polled_now.lock().unwrap().replace(self.name);
        let start = Instant::now();
        let polled = self.future.as_mut().poll(cx);
        self.longest = self.longest.max(start.elapsed());
        self.polls += 1;
        *self.debug.polled_now.lock().unwrap() = around;
        polled
    }
}

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        let (name, ms) = (self.name, self.longest.as_millis());
        if self.polls == 0 {
            self.debug.report(format!("`{name}` was never awaited"));
        } else if self.longest > SLOW {
            self.debug.report(format!("`{name}` was slow: one poll took ~{ms} ms"));
        }
    }
}

/// A thread that asks the loop for a sign of life, again and again. When it gets none, it says who
/// is being polled, and calls `rescue`.
fn watchdog(handle: Handle, debug: Debug, rescue: impl Fn() + Send + 'static) {
    thread::spawn(move || {
        loop {
            let (sign, life) = mpsc::channel();
            drop(handle.spawn(async move { sign.send(()) }));
            match life.recv_timeout(PATIENCE) {
                Ok(()) => thread::sleep(Duration::from_millis(5)),
                Err(mpsc::RecvTimeoutError::Disconnected) => return, // the loop has ended
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    // Nobody: then the machine is busy, not the loop.
                    let polled_now = *debug.polled_now.lock().unwrap();
                    let Some(name) = polled_now else { continue };
                    debug.report(format!("the loop stands still, inside of `{name}`"));
                    return rescue();
                }
            }
        }
    });
}

async fn save(_what: &str) {
    sleep(Duration::from_millis(1)).await;
}

/// Bug 1: an `await` is missing. (Written as `save("the order");`, the compiler itself warns:
/// "futures do nothing unless you `.await` or poll them".)
async fn checkout(debug: &Debug, is_mended: bool) {
    let saved = watch(debug, "save", save("the order"));
    if is_mended {
        saved.await;
    }
}

/// Bug 2: what stands between two awaits is one poll.
async fn statistics(is_mended: bool) {
    let compute = || thread::sleep(COMPUTATION);
    if is_mended {
        spawn_blocking(compute).await.unwrap();
    } else {
        compute();
    }
}

/// Bug 3: a task that waits for ever, and nobody who ends it.
async fn start_poller(is_mended: bool) {
    let poller = Task::new().name("poller").spawn(std::future::pending::<()>()).unwrap();
    if is_mended {
        poller.abort();
        assert!(poller.await.unwrap_err().is_cancelled());
    }
}

/// Bug 4: two locks, in the order in which the caller names them.
async fn transfer(from: Arc<Mutex<i32>>, to: Arc<Mutex<i32>>, is_mended: bool) {
    // The mend: always the one that lies first in memory, whoever gives and whoever takes.
    let swap = is_mended && Arc::as_ptr(&from) > Arc::as_ptr(&to);
    let (first, second) = if swap { (&to, &from) } else { (&from, &to) };
    let _first = first.lock().await;
    save("half of it").await;
    let _second = second.lock().await;
}

/// Bug 5: it waits on the thread, for a task of the same loop.
async fn invoice(is_mended: bool, number: mpsc::Receiver<u32>, mended: oneshot::Receiver<u32>) {
    let number = if is_mended { mended.await.ok() } else { number.recv().ok() };
    assert_eq!(number, Some(7));
}

fn first_three(debug: &Debug, is_mended: bool) {
    let runtime = Builder::new().build().unwrap();
    runtime.block_on(async {
        checkout(debug, is_mended).await;
        watch(debug, "statistics", statistics(is_mended)).await;
        start_poller(is_mended).await;
    });
    for task in runtime.shutdown_report(Duration::ZERO).cancelled() {
        debug.report(format!("`{}` was still there at the end", task.name().unwrap()));
    }
}

/// Time is virtual here: only then can a loop be sure that nothing will come any more.
fn the_fourth(debug: &Debug, is_mended: bool) {
    let outcome = Builder::new().start_paused(true).build().unwrap().try_block_on(async {
        let accounts = [100, 100].map(|money| Arc::new(Mutex::new(money)));
        let [mine, yours] = &accounts;
        let there = transfer(mine.clone(), yours.clone(), is_mended);
        let there = Task::new().name("there").spawn(there).unwrap();
        let back = transfer(yours.clone(), mine.clone(), is_mended);
        let back = Task::new().name("back").spawn(back).unwrap();
        there.await.unwrap();
        back.await.unwrap();
    });
    let Err(deadlock) = outcome else { return };
    for (task, waits_for) in deadlock.tasks() {
        let name = task.split('`').nth(1).unwrap();
        debug.report(format!("`{name}` waits for ever, for {}", waits_for.join(", ")));
    }
}

fn the_fifth(debug: &Debug, is_mended: bool) {
    let (rescue, number) = mpsc::channel();
    let (tx, mended) = oneshot::channel();
    Builder::new().build().unwrap().block_on(async {
        let sender = rescue.clone();
        watchdog(Handle::current(), debug.clone(), move || rescue.send(7).unwrap());
        let invoice = watch(debug, "invoice", invoice(is_mended, number, mended));
        rondel::spawn(async move { sender.send(7).is_ok() | tx.send(7).is_ok() });
        invoice.await;
    });
}

fn main() {
    let find = |is_mended| {
        let debug = Debug::default();
        first_three(&debug, is_mended);
        the_fourth(&debug, is_mended);
        the_fifth(&debug, is_mended);
        std::mem::take(&mut *debug.found.lock().unwrap())
    };
    println!("five bugs:");
    let found = find(false);
    println!("mended:");
    let left = find(true);
    println!("  {} findings", left.len());
    assert!(left.is_empty(), "{left:?}");
    // In this order, and of the fifth twice: by the watchdog while it lasts, by its poll later.
    let culprits = ["save", "statistics", "poller", "there", "back", "invoice", "invoice"];
    assert_eq!(found.len(), culprits.len());
    for (finding, culprit) in found.iter().zip(culprits) {
        assert!(finding.contains(&format!("`{culprit}`")), "{culprit} is not in {finding}");
    }
    assert!(found[5].starts_with("the loop stands still"));
}

// Explain
//
// c) is right, and each bug has its tool.
//
// 1. *Never awaited.* A future that is dropped unpolled has done nothing, and says nothing. The
//    compiler warns where one is made and not used. Clippy's `let_underscore_future` warns of
//    `let _ =`. What both miss, as one that lies in a list, a `Drop` finds that looks whether it
//    was ever polled. (Python tells when it collects the object. The guide says from 3.12 on; we
//    measured: 3.6 and 3.11 do, too.)
// 2. *A slow poll.* Two looks at the clock around each poll, which is what Python's
//    `slow_callback_duration` is. The mend is the blocking pool, or an await in between.
// 3. *A leak.* `shutdown_report` lists the tasks that the end had to cancel, with their names and
//    birthplaces. `asyncio.run` cancels them without a word.
// 4. *A deadlock.* With virtual time the loop knows that nothing will come, and asks each task what
//    it waits for. So run the tests in virtual time. The mend is one order for all locks.
// 5. *A blocked loop.* Whatever runs inside a loop cannot report that the loop does not run. A
//    thread can: it asks for a sign of life, and looks who is being polled. (Our fifth bug would
//    last for ever: it waits for a task that needs the same thread. The watchdog ends it.)
//
// The number of polls, the longest one, the time until a sign of life: these are the metrics of a
// loop. Rondel collects none by itself, since two looks at the clock cost nearly as much as a turn;
// lesson 33 measures that.
//
// What real runtimes do
//
// asyncio's debug mode does 1 and 2, checks that the right thread calls, and warns of transports
// that nobody closed; it does not find 3 to 5. tokio counts polls and times in `RuntimeMetrics`,
// and tokio-console shows each task; the names need `tokio_unstable`. Go finds 4 by itself if all
// goroutines sleep, and from 5 it takes the processor away.
//
// Where to read next
//
// The verdict falls last, when nothing is left that could change anything:
//
// ```rust,cite=runtime/turn.rs
// } else if self.clock.is_frozen() && self.services.is_deserted(self.home.inbox()) {
//     return Ok(Turned::Deadlock);
// ```
//
// And then each task is polled once more, and says what it waits for:
//
// ```rust,cite=runtime/deadlock.rs
// let (ran, waits_for) = roll_call::call(|| queued.run());
// let forgotten = !matches!(ran, Ran::Waiting);
// ```
