//! Lesson 07. When do two things run at the same time?
//!
//! Run it: `cargo run --example 07_tasks`
//! Covers: 30, 31, 34, 36, X2.
//!
//! Python: `await a(); await b()` is one after the other; `create_task` starts something that runs
//! beside you, and you must keep the reference, or it may be collected half way. Rust: `.await`
//! twice is one after the other, too; `spawn` starts a task. The loop owns it, so the `JoinHandle`
//! may be dropped.
//!
//! Predict. Fetching a page takes 100 ms. Three are awaited in a row, then three are spawned and
//! awaited, then one is spawned and its handle dropped. Last, one panics. What happens?
//!
//! a) Three in a row take 100 ms: it is async. The dropped one stops. The panic ends the program.
//! b) 300 ms, then 100 ms. The dropped one stops. The panic ends the program.
//! c) 300 ms, then 100 ms. The dropped one goes on. The panic is a value that its handle gives.

mod diary;

use diary::Diary;
use rondel::time::{Duration, Instant, sleep};

async fn fetch(page: u32) -> u32 {
    sleep(Duration::from_millis(100)).await;
    page
}

#[rondel::main(start_paused = true)]
async fn main() {
    // The panic below is meant: its message need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    let diary = Diary::new();

    let start = Instant::now();
    let sum = fetch(1).await + fetch(2).await + fetch(3).await;
    let in_a_row = start.elapsed();
    diary.note(format!("in a row: {sum} after {} ms", in_a_row.as_millis()));

    // The guide says that a new task "starts running now".
    let theirs = diary.clone();
    let task = rondel::spawn(async move { theirs.note("new task: I begin") });
    diary.note("main: I have spawned a task, and go on");
    task.await.unwrap();

    let start = Instant::now();
    let tasks = [1, 2, 3].map(|page| rondel::spawn(fetch(page)));
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    let side_by_side = start.elapsed();
    diary.note(format!("as tasks: {sum} after {} ms", side_by_side.as_millis()));

    let theirs = diary.clone();
    drop(rondel::spawn(async move {
        fetch(4).await;
        theirs.note("detached: I have page 4");
    }));
    diary.note("main: I dropped its handle");
    sleep(Duration::from_millis(150)).await;

    let clumsy = rondel::task::Builder::new().name("clumsy").spawn(async {
        fetch(5).await;
        panic!("page 5 is torn");
    });
    let clumsy = clumsy.unwrap();
    let name = clumsy.info().name().unwrap().to_owned();
    let error = clumsy.await.unwrap_err();
    let panic = error.into_panic();
    let message = *panic.downcast_ref::<&str>().unwrap();
    diary.note(format!("{name} panicked: {message}"));

    assert_eq!((in_a_row.as_millis(), side_by_side.as_millis()), (300, 100));
    assert!(
        diary.has_in_order(&["main: I have spawned a task, and go on", "new task: I begin"]),
        "a task begins when whoever spawned it waits, and not now"
    );
    assert!(diary.has_in_order(&["main: I dropped its handle", "detached: I have page 4"]));
    diary.when("clumsy panicked: page 5 is torn");
}

// Explain
//
// c) is right. A future runs when somebody polls it, and `.await` polls one future until it is
// ready. So two awaits in a row never overlap, async or not. `spawn` hands the future to the loop,
// which polls it beside all others; awaiting the handle only waits for the output. Dropping a
// *future* cancels it; dropping the *handle* of a task detaches it. A panic is caught where the
// task is polled: the loop and the other tasks go on, and the handle gives a `JoinError`. If the
// handle was dropped, a line on stderr says which task panicked, by its name and by the place where
// it was spawned.
//
// A task may outlive the function that spawned it, so what it uses it must own (`'static`), and
// with many workers that must be allowed to move to another thread (`Send`). Python's tasks just
// capture, and keep alive what they captured.
//
// When the root future is done, the tasks that are left are cancelled: `main` has to wait for what
// it wants to have finished.
//
// The guide says that `create_task` "starts running now". We measured, here and in Python 3.11: the
// new task is put into the ready queue, and begins when whoever made it waits. (Python 3.12
// can make eager tasks, which do begin at once; it has to be asked for.)
//
// | Python    | what it is                          | Rust                       | runs         |
// |-----------|-------------------------------------|----------------------------|--------------|
// | coroutine | a body and the place in it          | `impl Future`              | when awaited |
// | Task      | a coroutine that the loop drives    | `JoinHandle` of a `spawn`  | by itself    |
// | Future    | a place for a value that will come  | `oneshot::Receiver`        | never        |
//
// The names are a trap: Rust's *trait* `Future` is Python's awaitable, and all three rows have it.
//
// What real runtimes do
//
// tokio: the same words and the same answers. asyncio: a task whose reference is dropped may
// vanish, because the loop keeps only weak ones; its exception is printed when the task is
// collected.
//
// Where to read next
//
// A task is one heap block. The poll catches the panic, and the output takes the future's place:
//
// ```rust,cite=runtime/task/mod.rs
// //! | RUNNING | finish | DONE | the turn | wake the joiner; without JOINED, drop the output |
// //! | not DONE | detach | without JOINED | the handle | nothing |
// //! | DONE | detach | without JOINED | the handle | drop the output |
// ```
