//! Lesson 01. What happens at an `.await`?
//!
//! Run it: `cargo run --example 01_hello_await`
//! Covers: 2, 25, 28, 147-151.
//!
//! Python and Rust agree on the words. `async def` and `async fn` make a function whose body does
//! not run when it is called: the call returns a thing that can be run, a *coroutine* there, a
//! *future* here. `await` says: I need this result, run it, and let others work if it has to wait.
//! Both need a loop at the bottom: `asyncio.run(main())` there, `rondel::run(main())` here.
//!
//! Predict. `main` calls `hello()`, then starts a clock as a second task, then awaits `hello`.
//! `hello` awaits `world`, and `world` sleeps for one second. What does the clock show meanwhile?
//!
//! a) Nothing: `hello` was called first, so it runs to its end first.
//! b) Nothing: there is one thread, and it sleeps.
//! c) Its ticks, between "I wait" and "I go on".

mod diary;

use diary::Diary;
use rondel::combine::gather;
use rondel::time::{Duration, sleep, timeout};

async fn hello(diary: &Diary) -> String {
    diary.note("hello: I need world");
    let name = world(diary).await;
    diary.note("hello: I have it");
    format!("hello, {name}")
}

async fn world(diary: &Diary) -> &'static str {
    diary.note("world: I wait");
    sleep(Duration::from_secs(1)).await;
    diary.note("world: I go on");
    "world"
}

async fn clock(diary: Diary) {
    for tick in 1..=3 {
        sleep(Duration::from_millis(300)).await;
        diary.note(format!("clock: tick {tick}"));
    }
}

fn main() {
    // Virtual time: a second passes as soon as nobody has anything to do.
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let diary = Diary::new();

        let greeting = hello(&diary);
        diary.note("main: I called hello, and nothing happened");

        let clock = rondel::spawn(clock(diary.clone()));
        diary.note("main: I started the clock, and it has not begun");

        let greeting = greeting.await;
        diary.note(format!("main: {greeting}"));
        clock.await.unwrap();

        check(&diary);
        labs().await;
    });
}

/// The first five labs of the guide, each in a few lines, and each with its proof.
async fn labs() {
    let second = Duration::from_secs(1);

    let diary = Diary::new();
    diary.note("lab 1: hello");
    sleep(second).await;
    diary.note("lab 1: world");
    assert_eq!(diary.when("lab 1: world"), 1_000);

    let diary = Diary::new();
    let b = async || diary.note("lab 2: b begins");
    let a = async || {
        sleep(second).await;
        diary.note("lab 2: a has slept, and calls b");
        b().await;
        diary.note("lab 2: a ends, after b");
    };
    a().await;
    assert!(diary.has_in_order(&["lab 2: a has slept, and calls b", "lab 2: b begins"]));
    assert_eq!(diary.when("lab 2: a ends, after b"), 1_000);

    // Three requests of 200 ms: 600 ms in a row, 200 ms side by side.
    let diary = Diary::new();
    let request = async |number: u32| {
        diary.note(format!("lab 3: start {number}"));
        sleep(Duration::from_millis(200)).await;
        diary.note(format!("lab 3: end {number}"));
    };
    for number in [1, 2, 3] {
        request(number).await;
    }
    gather([4, 5, 6].map(request)).await;
    assert!(diary.has_in_order(&["lab 3: end 1", "lab 3: start 2", "lab 3: end 2"]));
    assert!(diary.has_in_order(&["lab 3: start 4", "lab 3: start 6", "lab 3: end 4"]), "overlap");
    assert_eq!((diary.when("lab 3: end 3"), diary.when("lab 3: end 6")), (600, 800));

    let diary = Diary::new();
    let guarded = timeout(Duration::from_millis(100), sleep(second)).await;
    diary.note(format!("lab 4: {guarded:?}"));
    assert_eq!(diary.when("lab 4: Err(Elapsed(()))"), 100);

    let diary = Diary::new();
    let task = rondel::spawn(async move {
        sleep(second).await;
        6 * 7
    });
    diary.note(format!("lab 5: 1 + 1 = {}, while the task runs", 1 + 1));
    diary.note(format!("lab 5: the task says {}", task.await.unwrap()));
    assert_eq!(diary.when("lab 5: the task says 42"), 1_000);
}

fn check(diary: &Diary) {
    // A future does nothing until it is awaited; a task begins when whoever spawned it waits.
    assert!(diary.has_in_order(&[
        "main: I called hello, and nothing happened",
        "main: I started the clock, and it has not begun",
        "hello: I need world",
        "world: I wait",
        "clock: tick 1",
    ]));
    // c) is right: the clock went on while `hello`, `world` and `main` waited, all three at one
    // sleep.
    assert!(diary.has_in_order(&["world: I wait", "clock: tick 3", "world: I go on"]));
    assert_eq!(diary.when("clock: tick 3"), 900);
    assert_eq!(diary.when("main: hello, world"), 1000);
}

// Explain
//
// `.await` is a loop that the compiler writes: poll the inner future; if it is ready, take its
// value and go on; if it is `Pending`, return `Pending` too. So when `sleep` has to wait, `world`
// returns, `hello` returns and `main` returns, and the thread is back in the loop. They keep their
// place in their own memory, not on the stack. Before it returned, `sleep` left a *waker* on the
// timer wheel: the promise to put the task into the ready queue again. The thread never sleeps
// while somebody is ready. It polls the clock, whose first sleep leaves a second waker. Only then,
// with nobody ready, the loop asks the wheel for the next deadline and waits for that.
//
// After a second the wheel wakes the task of `main`, and the loop polls it from the top: `main`
// polls `hello`, `hello` polls `world`, `world` polls `sleep`, which is ready now. One wake, one
// poll, and the chain goes on where it stood.
//
// The labs measure that. Awaiting in a row adds the waits up: three requests of 200 ms take 600 ms.
// Side by side they take 200 ms, with the same one thread, because it waits for all three at once.
// That is why async: not to compute faster, but to wait for much at the same time.
//
// What real runtimes do
//
// tokio does the same; `spawn` there may also hand the task to another thread. In asyncio `await`
// on a coroutine is the same chain of calls, and `create_task` is `spawn`. JavaScript differs: an
// `async` function there begins to run when it is called.
//
// Where to read next
//
// The turn of the loop, which polled all of this:
//
// ```rust,cite=runtime/turn.rs
// for _ in 0..BATCH {
//     match ready.pop() {
//         Some(Job::Task(task)) => lp.run(task, ready),
//         Some(Job::Root) if root() => return Ok(Turned::RootDone),
//         Some(Job::Root) => {}
//         None => break,
//     }
// }
// ```
//
// and docs/00-map.md, which leads on.
