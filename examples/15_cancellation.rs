//! Lesson 15. Who stops a download, and who cleans up after it?
//!
//! Run it: `cargo run --example 15_cancellation`
//!
//! Python: `task.cancel()` raises `CancelledError` at the task's `await`; the task may catch it,
//! clean up (even with `await`), and should raise it again. Rust: `handle.abort()` drops the future
//! at its `.await`. Nothing of the body runs any more, but whatever it owned is dropped: that is
//! the clean-up, and it cannot wait. Whoever needs to wait takes a `CancellationToken`, which only
//! asks.
//!
//! Predict. A download is aborted after 250 ms, in the middle of its third chunk. What does it do?
//!
//! a) It finishes the chunk, then it ends.
//! b) It runs on; `abort` only makes the handle give an error.
//! c) It stops where it waits; its temporary file is removed; its last line is never reached.

mod diary;

use diary::Diary;
use rondel::sync::CancellationToken;
use rondel::time::{Duration, sleep};

/// Something that must not be left behind.
struct TemporaryFile(Diary);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        self.0.note("the temporary file is removed");
    }
}

async fn download(diary: Diary) {
    let _file = TemporaryFile(diary.clone());
    for chunk in 1..=5 {
        sleep(Duration::from_millis(100)).await;
        diary.note(format!("chunk {chunk}"));
    }
    diary.note("the download is complete");
}

async fn polite_download(diary: Diary, stop: CancellationToken) -> &'static str {
    let wanted = stop.run_until_cancelled(download(diary.clone())).await;
    if wanted.is_some() {
        return "complete";
    }
    // Asked to stop, not dropped: here one may still wait, for example to say goodbye to the
    // server.
    sleep(Duration::from_millis(30)).await;
    diary.note("the server knows that I stop");
    "stopped"
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let task = rondel::spawn(download(diary.clone()));
    sleep(Duration::from_millis(250)).await;
    task.abort();
    let error = task.await.unwrap_err();
    diary.note(format!("aborted: is_cancelled = {}", error.is_cancelled()));

    assert!(error.is_cancelled());
    assert_eq!(diary.count("chunk"), 2, "the third one was under way");
    assert_eq!(diary.count("the download is complete"), 0);
    assert_eq!(diary.when("the temporary file is removed"), 250, "at once");

    let polite = Diary::new();
    let stop = CancellationToken::new();
    let task = rondel::spawn(polite_download(polite.clone(), stop.child_token()));
    sleep(Duration::from_millis(250)).await;
    stop.cancel();
    let answer = task.await.unwrap();
    polite.note(format!("asked to stop: {answer}"));

    assert_eq!(answer, "stopped");
    assert_eq!(polite.when("the server knows that I stop"), 280, "it took its time");
}

// Explain
//
// c) is right. A future that waits is a value in memory, and a value can be dropped. Dropping it
// drops its local variables in reverse order, as if it had returned: locks are unlocked, permits go
// back, timers leave the wheel, files close. It is not an exception, so nothing can catch it, and
// it comes only at an `.await`, never in the middle of a line of your own.
//
// What it cannot do is wait. `Drop` has no `.await`, so a goodbye over the network needs the other
// form: a token, which the task looks at where it wants to. `run_until_cancelled` drops the inner
// future when the token is cancelled and gives the outer one the word. Tokens form a tree:
// cancelling a parent cancels its children, and never the other way round.
//
// What real runtimes do
//
// tokio: `abort` and tokio-util's `CancellationToken`, the same. asyncio: cancelling is an
// exception, so a task can swallow it by accident (`except Exception` did until Python 3.8) and
// then never ends. trio: cancel scopes, which are a tree as well.
//
// Where to read next
//
// A task that is aborted while it waits goes to the ready queue once more; when it is taken from
// there, the state says that it must not be polled:
//
// ```rust,cite=runtime/task/state.rs
// let start = if bits & ABORTED == 0 { Start::Poll } else { Start::Cancel };
// ((bits & !QUEUED) | RUNNING, start)
// ```
