//! Lesson 17. A commit must finish although its caller has left: what does a shield protect?
//!
//! Run it: `cargo run --example 17_shield`
//! Covers: 47, X13.
//!
//! Python: `await asyncio.shield(commit())` makes a task of the commit and waits for it. If the
//! waiter is cancelled, the wait ends with `CancelledError` and the commit goes on; keep a
//! reference, or the task may be collected. Rust: dropping a future drops what is in it, but a task
//! is not in it. So the shield is the border of a task: `shield(commit())` is `spawn`, and waiting.
//!
//! Predict. A commit takes 100 ms, and the request around it has 50 ms. Three times: bare, with a
//! shield, and with a shield in a program that ends at 60 ms. How many commits are whole?
//!
//! a) Two: what is shielded finishes.
//! b) One: a shield keeps off the caller's end, not the program's.
//! c) None: a timeout stops what it waits for.

mod diary;

use diary::Diary;
use rondel::combine::shield;
use rondel::task::TaskTracker;
use rondel::time::{Duration, sleep, timeout};

const PATIENCE: Duration = Duration::from_millis(50);

/// Two writes that belong together, and a look at what is left if somebody comes between them.
struct Commit(Diary, &'static str, u32);

impl Drop for Commit {
    fn drop(&mut self) {
        let state = if self.2 == 1 { "TORN" } else { "whole" };
        self.0.note(format!("{}: the account is {state}", self.1));
    }
}

async fn commit(diary: Diary, name: &'static str) -> &'static str {
    let mut commit = Commit(diary, name, 0);
    commit.2 += 1; // the money is taken from one account
    sleep(Duration::from_millis(100)).await;
    commit.2 += 1; // and given to the other
    "committed"
}

/// A program that ends as soon as its `main` does. Virtual time, so that the moments are exact.
fn program(main: impl AsyncFnOnce()) {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(main());
}

fn main() {
    program(async || {
        let diary = Diary::new();
        let bare = timeout(PATIENCE, commit(diary.clone(), "bare")).await;
        diary.note(format!("bare: the caller got {bare:?}"));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(diary.when("bare: the account is TORN"), 50);

        let shielded = shield(commit(diary.clone(), "shielded"));
        let answer = timeout(PATIENCE, shielded).await.map(Result::unwrap);
        diary.note(format!("shielded: the caller got {answer:?}"));
        sleep(Duration::from_millis(100)).await;
        assert!(answer.is_err(), "the wait is given up all the same");
        assert_eq!(diary.when("shielded: the account is whole"), 250, "50 ms after its caller");

        // The wait may be given up and taken up again: only the wait.
        let mut shielded = shield(commit(diary.clone(), "again"));
        assert!(timeout(PATIENCE, &mut shielded).await.is_err());
        let answer = shielded.await.unwrap();
        diary.note(format!("again: the caller came back and got {answer:?}"));

        // Limit 1: it protects from being dropped, not from who aborts the task by name.
        let shielded = shield(commit(diary.clone(), "aborted"));
        let task = shielded.abort_handle();
        assert!(timeout(PATIENCE, shielded).await.is_err());
        task.abort();
        sleep(Duration::from_millis(100)).await;
        diary.when("aborted: the account is TORN");
    });
    the_end_of_the_program();
}

/// Limit 2: a task lives no longer than its loop. What must be finished is waited for.
fn the_end_of_the_program() {
    let diary = std::sync::OnceLock::new();
    program(async || {
        let diary = diary.get_or_init(Diary::new);
        let _late = timeout(PATIENCE, shield(commit(diary.clone(), "at the end"))).await;
        sleep(Duration::from_millis(10)).await;
        diary.note("the program ends");
    });
    let diary = diary.into_inner().unwrap();
    assert!(diary.has_in_order(&["the program ends", "at the end: the account is TORN"]));

    program(async || {
        let diary = Diary::new();
        let commits = TaskTracker::new();
        let tracked = commits.track_future(commit(diary.clone(), "tracked"));
        let _late = timeout(PATIENCE, shield(tracked)).await;
        sleep(Duration::from_millis(10)).await;
        diary.note("the program would like to end");
        commits.close();
        commits.wait().await;
        diary.note("the program ends, with nothing under way");
        assert!(diary.has_in_order(&[
            "the program would like to end",
            "tracked: the account is whole",
            "the program ends, with nothing under way",
        ]));
    });
}

// Explain
//
// b) is right. A future lives in whoever awaits it; when `timeout` drops the bare commit, its two
// writes are torn apart. The shielded one lives in the loop's list of tasks, and what `timeout`
// drops is a handle. The shield is a border between two lives, and four things follow.
// 1. The caller is not protected. It gets `Elapsed`, and does not know how the commit ended.
// 2. Whoever has the task's handle can abort it: a shield keeps off the caller, and nobody else.
// 3. The end of the runtime ends it. Who uses shields needs a count of them, and waits for that
//    count before the end: `TaskTracker`, or `Shutdown` with its grace.
// 4. Nobody bounds it any more. A commit that hangs hangs for ever, unless it has a limit inside.
//
// And what must be whole should not depend on it. A power cut knows no shield: that is what the
// database's own transaction is for.
//
// What real runtimes do
//
// The guide calls it the "Shield pattern" and writes `asyncio.Shield`; the function is
// `asyncio.shield`, and Python 3.11 has no name with a big S. There, awaiting a task and being
// cancelled cancels the task, so a shield is a thing of its own; here a plain `JoinHandle` is one
// already, and `shield` is the word for it. tokio: `spawn`. trio's `CancelScope(shield=True)` is
// the other kind: it makes the caller stay until the work is done.
//
// Where to read next
//
// The whole of it is a task and its handle:
//
// ```rust,cite=runtime/combine/shield.rs
// //! 1. The task starts with the call, not with the first poll of the shield.
// //! 2. A shield never aborts. Who wants that says so, through its handle.
// …
//     Shield { handle: spawn(future.into_future()) }
// ```
