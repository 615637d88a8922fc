//! Lesson 02. What is a future, and who makes it run?
//!
//! Run it: `cargo run --example 02_first_future`
//! Covers: 25, 26, 28, 29, X4.
//!
//! Python: calling an `async def` gives a coroutine object, and its body has not begun. `await`
//! takes anything with `__await__`. Rust: calling an `async fn` gives a future, and its body has
//! not begun. `.await` takes anything with `IntoFuture`. A future is one method, `poll`, which says
//! `Ready(output)` or `Pending`; beside that there is nothing.
//!
//! Predict. `launch("Ariane");` stands on a line of its own. A future that counts down from 3 is
//! awaited. A third one sleeps for 100 ms. Whose body runs, and how often is each polled?
//!
//! a) All three begin at the call, and `.await` fetches the result, as in JavaScript.
//! b) Ariane never begins. The countdown needs one poll. The sleep is polled until its time comes.
//! c) Ariane never begins, and the compiler says so. The countdown: 4 polls. The sleep: 2.

mod diary;

use diary::Diary;
use rondel::time::{Duration, sleep};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

async fn launch(rocket: &str, diary: &Diary) -> usize {
    diary.note(format!("{rocket} has left"));
    rocket.len()
}

/// A future by hand: the whole trait is here.
struct Countdown {
    left: u32,
    diary: Diary,
}

impl Future for Countdown {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'static str> {
        if self.left == 0 {
            return Poll::Ready("lift-off");
        }
        self.diary.note(format!("countdown: {}", self.left));
        self.left -= 1;
        // Pending is a promise to call the waker once it is worth asking again. That is now.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Awaits `future`, and counts how often it is asked.
async fn counted<F: Future>(future: F) -> (F::Output, u32) {
    let (mut future, mut polls) = (pin!(future), 0);
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    (output.await, polls)
}

/// No future, but it can be awaited: what Python does by `__await__`.
struct Connect {
    host: String,
    patience: Duration,
}

impl Connect {
    fn to(host: &str) -> Self {
        Self { host: host.to_owned(), patience: Duration::from_millis(500) }
    }

    fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl IntoFuture for Connect {
    type Output = String;
    type IntoFuture = Pin<Box<dyn Future<Output = String>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            sleep(self.patience / 2).await; // it answers in half the time we would wait
            format!("connected to {}", self.host)
        })
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();

    // Forgotten on purpose. Were the compiler silent here, `expect` would be a warning itself.
    #[expect(unused_must_use)]
    launch("Ariane", &diary);
    sleep(Duration::from_millis(50)).await; // time enough for whatever might run
    diary.note(format!("rockets gone: {}", diary.count("Ariane")));
    assert_eq!(diary.count("Ariane"), 0, "a body ran that nobody polled");

    let later = launch("Vega", &diary);
    diary.note("Vega is made, and stands there");
    let letters = later.await;
    assert_eq!(letters, 4);
    assert!(diary.has_in_order(&["Vega is made, and stands there", "Vega has left"]));

    let (output, polls) = counted(Countdown { left: 3, diary: diary.clone() }).await;
    diary.note(format!("{output} after {polls} polls"));
    assert_eq!((output, polls), ("lift-off", 4));

    let ((), polls) = counted(sleep(Duration::from_millis(100))).await;
    diary.note(format!("100 ms of sleep: {polls} polls"));
    assert_eq!(polls, 2, "once to begin, once because it was woken");

    let host = Connect::to("db.example").patience(Duration::from_millis(40)).await;
    diary.note(host);
    assert_eq!(diary.when("connected to db.example"), 170);

    // `.await` asks first. Only `Pending` lets others run.
    let theirs = diary.clone();
    let other = rondel::spawn(async move { theirs.note("the other task runs") });
    let seven = async { 7 }.await;
    diary.note(format!("{seven} was ready: no pause"));
    Countdown { left: 1, diary: diary.clone() }.await;
    other.await.unwrap();
    assert!(diary.has_in_order(&["7 was ready: no pause", "the other task runs"]));
}

// Explain
//
// c) is right. A future is a value with a method. Nobody calls the method of Ariane, so she stays
// on the ground; dropping a future that has not begun runs nothing. `.await` is what calls:
//
//     loop {
//         match future.poll(cx) {
//             Poll::Ready(output) => break output,
//             Poll::Pending => hand `Pending` to whoever polled me, and go on here next time,
//         }
//     }
//
// So each `.await` passes the poll down, and each `Pending` comes up the same way, through all the
// async functions, to the loop. That is why `.await` stands only in `async`: a plain function could
// not go on later. It is also why an `.await` need not pause. What is ready at the first poll costs
// a call, and nobody else gets a turn; a loop over such awaits starves the others (lesson 32).
//
// And the loop does not ask again and again. It asks once, keeps still, and asks a second time when
// the waker was called: two polls for a sleep of 100 ms, or of an hour. The countdown calls it in
// `poll` itself, so it is polled at once, but behind everybody who was ready before.
//
// The guide says that Python 3.12 and newer warn of a missing `await`. We measured: 3.11 warns,
// too ("coroutine 'f' was never awaited"). But it does so when the object is collected, while the
// program runs, and perhaps in production. Rust's `#[must_use]` speaks when the program is
// compiled. Both are silent about a future that is kept in a variable and dropped unused.
//
// What real runtimes do
//
// A future of Rust runs on all of them, as it knows of none: tokio, smol, embassy. A promise of
// JavaScript and a task of C# begin at the call; they are what `spawn` gives. Python's coroutine is
// the lazy kind, and it drives itself by `send`, which lesson 05 takes apart.
//
// `IntoFuture` is for builders, such as a request that is complete only when all options were
// given: `.await` calls `into_future` once, and polls what that returns.
//
// Where to read next
//
// The engine's smallest future, the twin of `asyncio.sleep(0)`:
//
// ```rust,cite=runtime/task/yield_now.rs
// if std::mem::replace(&mut self.yielded, true) {
//     return Poll::Ready(());
// }
// cx.waker().wake_by_ref();
// Poll::Pending
// ```
