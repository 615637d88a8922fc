//! Lesson 35. A test passes nine times of ten: how does it become one that cannot lie?
//!
//! Run it: `cargo run --example 35_testing_async`
//! Covers: 136, 226, X16.
//!
//! Python: `@pytest.mark.asyncio` gives each test a loop of its own, on the real clock, with real
//! threads; "give it 5 ms" stands in many tests. Rust: `#[rondel::test]` gives each test a runtime
//! of its own; `start_paused` a clock that moves only when nobody can run, `seeds = 0..200` two
//! hundred orders of its tasks, and `testing::explore` all of them. Here we build the same by hand,
//! in a `main`, to look at it.
//!
//! Predict. Two tasks share one connection, which the first to need it opens. The second task comes
//! a little later, so in turn it finds the connection open. In how many of 200 orders are two
//! connections opened?
//!
//! a) In none: one thread, one loop, so the order is always the same.
//! b) In one or two.
//! c) In many; but no ordinary run will ever show it.

use rondel::sync::OnceCell;
use rondel::task::{self, JoinHandle, JoinSet, yield_now};
use rondel::testing::{explore, wait_until_idle};
use rondel::time::{Duration, Instant, sleep};
use rondel::{Builder, spawn_blocking};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const RUNS: u64 = 40;
const NAP: Duration = Duration::from_millis(5);

/// What is tested: a thread that takes its time, and then has done its work.
fn work() -> (JoinHandle<()>, Arc<AtomicBool>) {
    let done = Arc::new(AtomicBool::new(false));
    let theirs = done.clone();
    let thread = spawn_blocking(move || {
        thread::sleep(NAP);
        theirs.store(true, Relaxed);
    });
    (thread, done)
}

/// 1. The test that hopes: "give it a little more than 5 ms, then it is done".
async fn hopes() -> bool {
    let (_thread, done) = work();
    sleep(NAP + NAP / 10).await;
    done.load(Relaxed)
}

/// The same without hope, where the test has something to wait for.
async fn waits() -> bool {
    let (thread, done) = work();
    thread.await.unwrap();
    done.load(Relaxed)
}

/// And where it has not: it goes on when nobody else can.
async fn waits_for_all() -> bool {
    let (_thread, done) = work();
    wait_until_idle().await;
    done.load(Relaxed)
}

/// 2. What takes 15 s: four pauses of a retry.
async fn retries() -> Duration {
    let start = Instant::now();
    for seconds in [1, 2, 4, 8] {
        sleep(Duration::from_secs(seconds)).await;
    }
    start.elapsed()
}

/// 3. In which order four threads are done. The one loop that hears of them does not decide it.
async fn order_of_threads() -> Vec<u32> {
    let mut set = JoinSet::new();
    for number in 0..4 {
        set.spawn_blocking(move || number);
    }
    set.join_all().await
}

/// The same with tasks: who comes first is drawn by lot, and the seed decides the lots.
async fn order_of_tasks() -> Vec<u32> {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut set = JoinSet::new();
    for number in 0..4 {
        let order = order.clone();
        set.spawn_local(async move { order.borrow_mut().push(number) });
    }
    set.join_all().await;
    order.take()
}

/// 4. Somebody looks whether the connection is open, and opens it; between the two is an await.
#[derive(Default)]
struct Pool {
    open: Cell<bool>,
    opened: Cell<usize>,
}

impl Pool {
    async fn connect(&self) {
        yield_now().await; // the handshake
        self.opened.set(self.opened.get() + 1);
    }

    async fn get(&self) {
        if !self.open.get() {
            self.connect().await;
            self.open.set(true);
        }
    }
}

#[track_caller]
fn named(name: &str, visit: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    task::Builder::new().name(name).spawn_local(visit).unwrap()
}

async fn two_visitors<F: Future<Output = ()> + 'static>(get: impl Fn() -> F) {
    let (early, late) = (get(), get());
    let early = named("early", early);
    let late = named("late", async {
        yield_now().await;
        late.await;
    });
    early.await.unwrap();
    late.await.unwrap();
}

/// The test. It fails by an error, so that 200 failures do not print 200 panics.
async fn opens_one() -> Result<(), String> {
    let pool = Rc::new(Pool::default());
    let theirs = pool.clone();
    two_visitors(move || {
        let pool = theirs.clone();
        async move { pool.get().await }
    })
    .await;
    if pool.opened.get() == 1 { Ok(()) } else { Err(format!("{} opened", pool.opened.get())) }
}

/// The mend: whoever comes while it is being opened waits for that.
async fn opens_one_for_sure() -> Result<(), String> {
    let (pool, cell) = (Rc::new(Pool::default()), Rc::new(OnceCell::new()));
    let theirs = pool.clone();
    two_visitors(move || {
        let (pool, cell) = (theirs.clone(), cell.clone());
        async move {
            cell.get_or_init(|| pool.connect()).await;
        }
    })
    .await;
    if pool.opened.get() == 1 { Ok(()) } else { Err(format!("{} opened", pool.opened.get())) }
}

/// Runs a test on a fresh runtime, as `#[rondel::test]` does.
fn on<T>(builder: Builder, test: impl AsyncFnOnce() -> T) -> T {
    builder.build().unwrap().block_on(test())
}

/// A runtime that draws lots.
fn lots(seed: u64) -> Builder {
    Builder::new().seed(seed).shuffle(true)
}

fn main() {
    let real = Builder::new;
    let paused = || Builder::new().start_paused(true);

    let luck = (0..RUNS).filter(|_| on(real(), hopes)).count();
    println!("the test that hopes: ~{luck} of {RUNS} runs pass");
    let handle = (0..RUNS).filter(|_| on(real(), waits)).count();
    println!("the test that waits: {handle} of {RUNS}");
    let hopes = (0..RUNS).filter(|_| on(paused(), hopes)).count();
    let idle = (0..RUNS).filter(|_| on(paused(), waits_for_all)).count();
    println!(
        "on a paused clock:   {hopes} of {RUNS} that hope, {idle} of {RUNS} that wait for all"
    );
    assert!([handle, hopes, idle].iter().all(|passed| *passed as u64 == RUNS));

    let (start, took) = (std::time::Instant::now(), on(paused(), retries));
    println!("retries for {took:?}, in ~{} ms", start.elapsed().as_millis());
    assert!(took == Duration::from_secs(15) && start.elapsed() < took);

    let orders = (0..RUNS).map(|_| on(real(), order_of_threads)).collect::<HashSet<_>>();
    println!("four threads: ~{} orders in {RUNS} runs", orders.len());
    let orders = (0..RUNS).map(|_| on(lots(7), order_of_tasks)).collect::<HashSet<_>>();
    println!("four tasks:   {} order in {RUNS} runs with one seed", orders.len());
    assert_eq!(orders.len(), 1);
    let orders = (0..RUNS).map(|seed| on(lots(seed), order_of_tasks)).collect::<HashSet<_>>();
    println!("              {} orders with {RUNS} seeds", orders.len());
    assert!(orders.len() > 10);

    let in_turn = (0..200).filter(|_| on(paused(), opens_one).is_err()).count();
    let by_lot = (0..200).filter(|seed| on(lots(*seed), opens_one).is_err()).count();
    println!("two connections: in {in_turn} of 200 runs in turn, in {by_lot} of 200 seeds");
    assert!(in_turn == 0 && by_lot > 0);
    let failure = explore(2, opens_one).unwrap_err();
    println!("\n{failure}\n");
    assert_eq!(failure.overtakings(), 1);

    let by_lot = (0..200).filter(|seed| on(lots(*seed), opens_one_for_sure).is_err()).count();
    let explored = explore(3, opens_one_for_sure).unwrap();
    println!("mended: {by_lot} of 200 seeds, and none of {} schedules", explored.schedules());
    assert!(by_lot == 0 && explored.is_complete());
}

// Explain
//
// c) is right. asyncio and Rondel run what is ready in turn, so a test on an idle machine sees one
// order, day after day; in production a slow handshake or a full batch makes another one. The seeds
// draw the order by lot and find the race at once, and a failure names its seed, which draws the
// same lots again. The explorer tries all orders, the simplest first, and tells the story.
//
// The guide calls debugging asyncio "easy (deterministic)". We measured: the loop is one thread,
// but what it hears of, threads, sockets, timers that race, comes in one order today and in another
// tomorrow. Only a loop whose time and whose lots are its own runs the same way twice.
//
// So, from flaky to solid: a pause that hopes becomes a wait for the thing itself, a handle, a
// channel or `wait_until_idle`; real time becomes virtual time, and 15 s take none; a real network
// becomes `testing::net`; and the order becomes a seed. What remains is a test that fails only if
// the program is wrong. As attributes:
//
//     #[rondel::test(start_paused = true, seeds = 0..200)]
//     async fn one_connection_is_opened() { .. }
//
// "How do you test code that needs an event loop, with pytest?" is an interview question. Answer: a
// fresh loop for each test, by pytest-asyncio or anyio's plug-in; no sleeps, but events; fakes at
// the edges; a time limit around each await that might hang.
//
// What real runtimes do
//
// tokio has `start_paused` as well; its order of tasks is fixed, and `loom`, `shuttle` and
// `turmoil` explore from outside. trio has `MockClock` and a shuffled order. asyncio has none; one
// replaces `loop.time` and the selector by hand. FoundationDB is tested in such a simulator from
// end to end.
//
// Where to read next
//
// A run for each seed, and a failure that names it:
//
// ```rust,cite=runtime/testing/seeds.rs
// let run = || {
//     let runtime = builder().seed(seed).shuffle(true).build();
//     test(&runtime.expect("the runtime could not be built"))
// };
// ```
