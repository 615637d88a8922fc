//! Lesson 16. What does a timeout stop, and what can it not stop?
//!
//! Run it: `cargo run --example 16_timeouts_wait_for`
//! Covers: 44, 150, X13.
//!
//! Python: `await asyncio.wait_for(call(), 0.1)` and `async with asyncio.timeout(0.1)` raise
//! `CancelledError` in the call, wait until it has ended, and raise `TimeoutError`. Rust: `timeout`
//! polls the call and a timer in one future. When the timer is first, it drops the call and gives
//! `Err(Elapsed)`. A dropped future cannot refuse, and cannot take its time.
//!
//! Predict. A call takes 1 s and has 100 ms. Then one line with a limit of 10 ms blocks the thread
//! for 30 ms and has no `.await` in it. What do the two give?
//!
//! a) `Elapsed` after 1 s: the call must end first. `Elapsed` after 10 ms.
//! b) `Elapsed` after 100 ms, and the call goes on in the background. `Elapsed` after 30 ms.
//! c) `Elapsed` after 100 ms, and the call is gone. The value: nobody could look at the clock.

mod diary;

use diary::Diary;
use rondel::time::{Duration, Instant, current_deadline, fail_after, sleep, timeout, timeout_at};

const MS: Duration = Duration::from_millis(1);

/// Notes how a call ended: by itself, or by being dropped.
struct Call(Diary, &'static str, bool);

impl Drop for Call {
    fn drop(&mut self) {
        let end = if self.2 { "has ended" } else { "was dropped" };
        self.0.note(format!("{} {end}", self.1));
    }
}

async fn call(diary: &Diary, name: &'static str, millis: u32) -> u32 {
    let mut call = Call(diary.clone(), name, false);
    sleep(MS * millis).await;
    call.2 = true;
    millis
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let late = timeout(100 * MS, call(&diary, "the slow call", 1_000)).await;
    diary.note(format!("100 ms for 1 s: {late:?}"));
    let ready = timeout(Duration::ZERO, async { "a value" }).await;
    let not_ready = timeout(Duration::ZERO, call(&diary, "the hurried call", 1)).await;
    diary.note(format!("no time at all: {ready:?} if ready, {not_ready:?} if not"));
    let deaf = timeout(10 * MS, async { std::thread::sleep(30 * MS) }).await;
    diary.note(format!("10 ms for 30 ms on the thread: {deaf:?}"));

    // The smaller of two limits wins, wherever it stands. Which one it was, the place says.
    let inner = timeout(300 * MS, timeout(200 * MS, call(&diary, "the inner call", 1_000))).await;
    let outer = timeout(200 * MS, timeout(300 * MS, call(&diary, "the outer call", 1_000))).await;
    diary.note(format!("200 ms inside 300: {inner:?}; 300 ms inside 200: {outer:?}"));

    nested_calls_share_a_deadline(&diary).await;
    a_deadline_can_be_moved(&diary).await;

    assert!(late.is_err() && not_ready.is_err() && inner.unwrap().is_err() && outer.is_err());
    assert_eq!((ready, deaf), (Ok("a value"), Ok(())), "who is ready is never late");
    assert_eq!(diary.when("the slow call was dropped"), 100, "and not after its second");
    assert!(diary.has_in_order(&["the slow call was dropped", "100 ms for 1 s: Err(Elapsed(()))"]));
    assert_eq!(diary.count("the slow call has ended"), 0);
}

/// Three limits of 100 ms are no limit of 100 ms; one moment, handed down, is.
async fn nested_calls_share_a_deadline(diary: &Diary) {
    let start = Instant::now();
    for _ in 0..3 {
        timeout(100 * MS, call(diary, "a step", 80)).await.expect("80 ms are in time");
    }
    diary.note(format!("a limit for each step: {} ms in all", start.elapsed().as_millis()));
    assert_eq!(start.elapsed(), 240 * MS);

    let (start, deadline, mut done) = (Instant::now(), Instant::now() + 100 * MS, 0);
    while timeout_at(deadline, call(diary, "a step", 80)).await.is_ok() {
        done += 1;
    }
    diary.note(format!("a deadline for all: {done} step, {} ms", start.elapsed().as_millis()));
    assert_eq!((done, start.elapsed()), (1, 100 * MS));
}

/// A limit on silence and not on the whole: whoever hears something moves the deadline.
async fn a_deadline_can_be_moved(diary: &Diary) {
    let start = Instant::now();
    let heard = fail_after(100 * MS, async |deadline| {
        for pause in [80, 80, 80, 500] {
            sleep(MS * pause).await;
            assert_eq!(current_deadline(), deadline.when(), "code deep inside can ask for it");
            deadline.reschedule(Instant::now() + 100 * MS);
        }
    });
    let heard = heard.await;
    diary.note(format!("100 ms of silence: {heard:?} after {} ms", start.elapsed().as_millis()));
    assert!(heard.is_err());
    assert_eq!(start.elapsed(), 340 * MS);
}

// Explain
//
// c) is right. `timeout` polls the call first; only if the call is not ready it looks at its timer.
// When the timer has fired, the call is dropped where it waits, so its locks, sockets and timers go
// back at once; nothing runs on. (A call that is a *task* would: the handle is dropped, and that
// detaches. `AbortOnDropHandle` takes the task along.) Both looks happen in a poll, and a poll
// needs the thread. Code that blocks is not stopped, and is not even reported as late: when the
// limit is looked at, the value is there. Such code belongs to the blocking pool.
//
// A limit counts from where it stands. Give a request one deadline and hand it down; else each
// layer adds its own patience, and the caller has left long before. Zero is no special case: one
// poll, then the answer.
//
// What is lost: a dropped call did something or did not, and nobody says which. "Elapsed" after
// `commit` was sent does not mean "not committed". Lesson 17 is about that.
//
// What real runtimes do
//
// tokio: the same two functions. asyncio: the limit is an exception inside the call, which may
// catch it, clean up with `await`, and so end later than the limit, or swallow it and never end.
// The guide says `asyncio.Timeout` and `asyncio.Shield`; Python 3.11, asked with `hasattr`, has
// the function `asyncio.timeout`, whose result is an `asyncio.Timeout`, and `asyncio.shield`. A
// `Shield` it has not.
//
// Where to read next
//
// The call is asked before the clock is:
//
// ```rust,cite=runtime/time/timeout.rs
// if let Poll::Ready(output) = me.future.poll(cx) {
//     return Poll::Ready(Ok(output));
// }
// …
// Pin::new(sleep).poll(cx).map(|()| Err(Elapsed(())))
// ```
