//! Lesson 04. How does a program without `async` start one that has it?
//!
//! Run it: `cargo run --example 04_block_on`
//! Covers: 9, 10, 16, 22.
//!
//! Python: `asyncio.run(main())` makes a loop, turns it until `main` is done, and takes it down.
//! Inside a running loop it raises. Rust: `block_on(future)` polls, sleeps until it is woken, and
//! polls again. For one future that needs no loop at all: the waker unparks the thread.
//!
//! Predict. Inside the loop, a task is spawned that sends a value. Then, still inside, a `block_on`
//! of 20 lines waits for that value. What happens?
//!
//! a) The value comes: `block_on` waits, and meanwhile the task runs.
//! b) The call is refused, by an error.
//! c) It waits for ever: the thread that sleeps here is the one the task needs. Rondel's own is
//!    refused with a panic that says so.

use rondel::Handle;
use rondel::sync::oneshot;
use rondel::testing::Diary;
use rondel::time::sleep;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// All of it. `limit` is here to show a stall and go on; the real one has none.
fn block_on<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let end = Instant::now() + limit;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        // Woken between the poll and here? Then there is a token, and this returns at once. It may
        // also return for no reason; so the way back leads to the poll, never to the value.
        thread::park_timeout(end.checked_duration_since(Instant::now())?);
    }
}

/// A note in the diary when it is dropped, as a `finally` would make.
struct Cleanup(Diary, &'static str);

impl Drop for Cleanup {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map_or("no text", |text| text)
}

/// A call that panics inside a loop; the message is the point, and stderr need not show it twice.
fn refused<R>(call: impl FnOnce() -> R) -> String {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(call));
    set_hook(hook);
    text(&*outcome.err().expect("the loop let itself be blocked")).to_owned()
}

fn main() {
    let diary = Diary::default();
    let long = Duration::from_secs(60);

    // 1. One future, no loop: another thread sends.
    let (sender, receiver) = oneshot::channel();
    let helper = thread::spawn(move || sender.send("from a thread"));
    let value = block_on(receiver, long).unwrap().unwrap();
    helper.join().unwrap().unwrap();
    diary.note(format!("without a loop: {value:?}"));
    assert!(Handle::try_current().is_err(), "no loop is running here");

    // 2. Inside a loop. 3. What is left at its end.
    let theirs = diary.clone();
    let answer = rondel::run(async move {
        assert!(Handle::try_current().is_ok());
        let (sender, mut receiver) = oneshot::channel();
        let task = rondel::spawn(async { sender.send("from a task") });
        let value = block_on(&mut receiver, Duration::from_millis(50));
        theirs.note(format!("ours, inside the loop: {value:?}; done: {}", task.is_finished()));
        theirs.note(format!("awaited: {:?}", receiver.await.unwrap()));

        let why = refused(|| rondel::run(async {}));
        theirs.note(format!("run in run: {}", why.split(": ").next().unwrap()));
        let why = refused(|| Handle::current().block_on(async {}));
        theirs.note(format!("Handle::block_on: {}", why.split(": ").next().unwrap()));

        // The way out: a thread that may sleep, with a handle that leads back to the loop.
        let handle = Handle::current();
        let job = move || handle.block_on(async { sleep(Duration::from_millis(1)).await });
        rondel::spawn_blocking(job).await.unwrap();
        theirs.note("from the pool: slept on this loop's timer");

        let cleanup = Cleanup(theirs.clone(), "the end: the task that was left is dropped");
        rondel::spawn(async move {
            let _cleanup = cleanup;
            std::future::pending::<()>().await;
        });
        rondel::task::yield_now().await; // it has begun, and waits
        theirs.note("the root future is done");
        42
    });
    diary.note(format!("run returns {answer}"));

    // 4. Loops are values: two of them, no global one, and each keeps its tasks between two calls.
    let (one, two) = (rondel::Runtime::new().unwrap(), rondel::Runtime::new().unwrap());
    let kept = one.spawn(async { "a task of loop one" });
    two.block_on(async { rondel::task::yield_now().await });
    assert!(!kept.is_finished(), "loop two has run a task of loop one");
    diary.note(format!("{}, run by it", one.block_on(kept).unwrap()));

    let pages = diary.pages();
    pages.iter().for_each(|page| println!("{page}"));
    assert_eq!(pages[1], "ours, inside the loop: None; done: false");
    assert_eq!(pages[3], "run in run: `rondel::run` was called inside `Runtime::block_on`");
    assert_eq!(
        pages[6..9],
        ["the root future is done", "the end: the task that was left is dropped", "run returns 42",]
    );
}

// Explain
//
// c) is right. `block_on` puts the *thread* to sleep. Outside that is what one wants. Inside the
// loop it is the one thread that could run the sender, so nobody will ever call the waker. Our
// `block_on` cannot know where it is called, and hangs. Rondel notes for each thread what it is
// inside of, and refuses; Python's `asyncio.run()` looks at the running loop and raises, for the
// same reason. Inside, the word is `.await`; a function that is not async goes to `spawn_blocking`,
// and comes back by a `Handle`.
//
// `asyncio.run` has eight steps in the guide. Here, in `rondel::run`:
//
//     1  make a loop                     Runtime::new()
//     2  make it this thread's loop      only while block_on lasts, and only for this thread
//     3  run main until it is done       block_on: the loop turns until the root future is Ready
//     4  cancel the tasks that are left  drop(runtime): each future is dropped where it waits
//     5  let them clean up               their `Drop`s run in step 4; no `await` in there
//     6  shut async generators down      nothing to do: a stream is a value, and dropped with 4
//     7  shut the executor down          closures of the pool that have begun are waited for
//     8  close the loop                  descriptors are closed; a waker that is left does nothing
//
// Step 5 is the difference. Python resumes each task with a `CancelledError`, and a `finally` may
// await; a task may also refuse to end. Rust drops, and cannot be refused, but nobody can say
// goodbye on a socket that way: that needs a token and a task that is waited for (lesson 15).
//
// `get_running_loop` is `Handle::try_current`: an error outside. `get_event_loop`, `set_event_loop`
// and the policies have no twin. They exist because a loop was once an ambient thing of a thread;
// here it is a value, and a program may have two.
//
// What real runtimes do
//
// tokio and smol: the same `block_on`; tokio also panics inside ("Cannot start a runtime from
// within a runtime"), `futures::executor::block_on` refuses only itself and hangs inside others.
// Python programs that must nest, in notebooks, patch the loop to turn inside a callback.
//
// Where to read next
//
// The engine's own is the same, but for one flag: the thread's token may be taken by somebody else.
//
// ```rust,cite=runtime/park.rs
// if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
//     return output;
// }
// …
// while !unpark.woken.swap(false, Ordering::Acquire) {
//     thread::park();
// }
// ```
