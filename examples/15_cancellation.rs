//! Lesson 15. Who stops a download, and who cleans up after it?
//!
//! Run it: `cargo run --example 15_cancellation`
//! Covers: 51-53, 55, 180.
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
use rondel::combine::{ReturnWhen, wait};
use rondel::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use rondel::sync::CancellationToken;
use rondel::time::{Duration, sleep, timeout};

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

/// What a task that was asked to stop gives back: Python's raising again, as a value.
#[derive(Debug, PartialEq)]
struct Stopped;

async fn polite_download(diary: Diary, stop: CancellationToken) -> Result<(), Stopped> {
    let wanted = stop.run_until_cancelled(download(diary.clone())).await;
    if wanted.is_some() {
        return Ok(());
    }
    // Asked to stop, not dropped: here one may still wait, for example to say goodbye to the
    // server.
    sleep(Duration::from_millis(30)).await;
    diary.note("the server knows that I stop");
    Err(Stopped)
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
    polite.note(format!("asked to stop: {answer:?}"));

    assert_eq!(answer, Err(Stopped), "nobody takes it for complete");
    assert_eq!(polite.when("the server knows that I stop"), 280, "it took its time");
    assert!(
        polite.has_in_order(&["the temporary file is removed", "the server knows that I stop"])
    );

    ask_first_then_abort().await;
    the_client_has_gone().await;
    what_is_late_after_30_s().await;
}

/// A task may be deaf to its token, as one in Python may swallow `CancelledError`. It cannot refuse
/// `abort`.
async fn ask_first_then_abort() {
    let diary = Diary::new();
    let stop = CancellationToken::new();
    let mut deaf = rondel::spawn(download(diary.clone())); // nobody gave it the token
    sleep(Duration::from_millis(150)).await;
    stop.cancel();
    if timeout(Duration::from_millis(100), &mut deaf).await.is_err() {
        diary.note("it does not listen: abort");
        deaf.abort();
    }
    assert!(deaf.await.unwrap_err().is_cancelled());
    assert!(diary.has_in_order(&["it does not listen: abort", "the temporary file is removed"]));
    assert_eq!(diary.count("chunk"), 2);
}

/// A server streams an answer. When the client leaves, nobody pays for the rest of it.
async fn the_client_has_gone() {
    async fn serve(client: DuplexStream, diary: Diary) {
        let (mut from, mut to) = rondel::io::split(client);
        let answer = async {
            let _model = TemporaryFile(diary.clone());
            for token in 1.. {
                sleep(Duration::from_millis(100)).await;
                diary.note(format!("token {token}"));
                to.write_all(b"token ").await?;
            }
            std::io::Result::Ok(())
        };
        let mut byte = [0; 1];
        rondel::select! {
            _ = answer => {}
            gone = from.read(&mut byte) => diary.note(format!("the client has gone: {gone:?}")),
        }
    }
    let diary = Diary::new();
    let (client, server) = duplex(1024);
    let serving = rondel::spawn(serve(server, diary.clone()));
    sleep(Duration::from_millis(250)).await;
    drop(client);
    serving.await.unwrap();
    assert_eq!(diary.count("token"), 2, "the third was being made");
    assert_eq!(diary.when("the client has gone: Ok(0)"), 250, "not at the next write");
    diary.when("the temporary file is removed");
}

/// The guide's hard deadline: who has not ended after 30 s is cancelled.
async fn what_is_late_after_30_s() {
    let diary = Diary::new();
    let start = |seconds| rondel::spawn(sleep(Duration::from_secs(seconds)));
    let tasks = [10, 20, 40, 3_600].map(start);
    let waited = wait(tasks, ReturnWhen::AllCompleted).timeout(Duration::from_secs(30)).await;
    let (done, mut cancelled) = (waited.done.len(), 0);
    for late in waited.pending {
        late.abort(); // `wait` cancels nobody
        cancelled += u32::from(late.await.unwrap_err().is_cancelled());
    }
    diary.note(format!("{done} are done, {cancelled} were cancelled"));
    assert_eq!(diary.when("2 are done, 2 were cancelled"), 30_000);
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
// |                  | `abort`                      | `CancellationToken`                   |
// |------------------|------------------------------|---------------------------------------|
// | what it is       | an order                     | a request                             |
// | the task may     | nothing: it is dropped       | go on, clean up with `await`, or both |
// | the handle gives | `JoinError`, `is_cancelled`  | what the task returns: say "stopped"  |
// | for              | what is safe to drop         | what has a goodbye to say             |
//
// So ask first and abort later, with a grace between. A server does the same when its client has
// gone: it reads beside the work, and reading 0 drops the work. A framework that drops the
// handler's future does this without a word, so each `.await` in a handler is a place where it may
// end.
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
