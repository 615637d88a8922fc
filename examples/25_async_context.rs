//! Lesson 25. Who says goodbye when a block is left half way?
//!
//! Run it: `cargo run --example 25_async_context`
//!
//! Covers: 70, 71.
//!
//! Python: `async with` awaits `__aexit__` on every way out: the end, a `return`, an exception, a
//! cancel. Rust: a local variable is dropped on every way out, also on a cancel. But `Drop` cannot
//! await. So a program says goodbye with `close().await`, and `Drop` is what catches the rest.
//!
//! Predict. A connection is used in a block that opens it, works, and closes it with a goodbye that
//! takes 30 ms. The work ends well, then with an error, then it is cancelled half way, then it
//! panics. When does the server hear a goodbye?
//!
//! a) Always: `Drop` runs on every way out, and it calls `close`.
//! b) After the end and after the error. On a cancel and on a panic only if somebody else says it.
//! c) Only after the good end: an error leaves the block before the goodbye.

mod diary;

use diary::Diary;
use rondel::Handle;
use rondel::sync::{OwnedSemaphorePermit, Semaphore};
use rondel::time::{Duration, sleep, timeout};
use std::num::ParseIntError;
use std::sync::Arc;

/// A connection, and its place in the pool. Closed when the place is gone.
struct Connection {
    diary: Diary,
    who: &'static str,
    place: Option<OwnedSemaphorePermit>,
}

async fn goodbye(place: OwnedSemaphorePermit) {
    sleep(Duration::from_millis(30)).await;
    drop(place); // the next one may have it
}

impl Connection {
    async fn open(diary: &Diary, pool: &Arc<Semaphore>, who: &'static str) -> Self {
        let place = pool.clone().acquire_owned().await.expect("nobody closes the pool");
        sleep(Duration::from_millis(20)).await;
        diary.note(format!("{who}: open"));
        Self { diary: diary.clone(), who, place: Some(place) }
    }

    async fn query(&self, text: &str) -> Result<u32, ParseIntError> {
        sleep(Duration::from_millis(50)).await;
        text.parse()
    }

    async fn close(mut self) {
        // Cancelled in here, the goodbye is not said to its end, but the place is given back.
        if let Some(place) = self.place.take() {
            goodbye(place).await;
        }
        self.diary.note(format!("{}: closed", self.who));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        self.diary.note(format!("{}: dropped while open", self.who));
        // `Drop` cannot wait, but it can start a task that does. Outside a loop there is none.
        let Ok(handle) = Handle::try_current() else { return };
        let (diary, who) = (self.diary.clone(), self.who);
        drop(handle.spawn(async move {
            goodbye(place).await;
            diary.note(format!("{who}: closed by a task"));
        }));
    }
}

/// What `@asynccontextmanager` makes: open, the caller's block, close.
async fn with_connection<R>(
    diary: &Diary,
    pool: &Arc<Semaphore>,
    who: &'static str,
    block: impl AsyncFnOnce(&Connection) -> R,
) -> R {
    let connection = Connection::open(diary, pool, who).await;
    let result = block(&connection).await;
    connection.close().await;
    result
}

#[rondel::main(start_paused = true)]
async fn main() {
    // The panic below is meant: its message need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    let diary = Diary::new();
    let pool = Arc::new(Semaphore::new(1));

    let good = with_connection(&diary, &pool, "good", async |it| it.query("8").await).await;
    let bad = with_connection(&diary, &pool, "bad", async |it| it.query("eight").await).await;
    assert_eq!((good, bad.is_err()), (Ok(8), true));
    assert_eq!((diary.when("good: closed"), diary.when("bad: closed")), (100, 200));
    assert_eq!(diary.count("good: dropped") + diary.count("bad: dropped"), 0);

    let slow = with_connection(&diary, &pool, "cancelled", async |it| it.query("9").await);
    let late = timeout(Duration::from_millis(40), slow).await;
    diary.note(format!("cancelled: {} free places", pool.available_permits()));
    assert!(late.is_err());
    assert_eq!(diary.count("cancelled: closed"), 0, "nothing behind the await was run");

    let (theirs, places) = (diary.clone(), pool.clone());
    let clumsy = rondel::task::spawn_local(async move {
        // It has to wait for its place until the task has said goodbye for the one before.
        with_connection(&theirs, &places, "clumsy", async |_| panic!("the pen is broken")).await
    });
    assert!(clumsy.await.is_err());

    sleep(Duration::from_millis(50)).await;
    diary.note(format!("at the end: {} free place", pool.available_permits()));
    assert_eq!(pool.available_permits(), 1, "no way out lost a place");
    assert!(diary.has_in_order(&[
        "cancelled: dropped while open",
        "cancelled: 0 free places",
        "cancelled: closed by a task",
        "clumsy: open",
        "clumsy: dropped while open",
        "clumsy: closed by a task",
    ]));
}

// Explain
//
// b) is right. `with_connection` has its `close` behind the block, and a `Result` is a value: an
// error comes out of the block as the good end does, and the goodbye is said. (A `?` inside the
// block leaves the block, not `with_connection`.) A panic and a cancel do not come back: what is
// behind the await is never run. Only `Drop` is, on all ways; what must not be missed belongs
// there.
//
// `Drop` is a plain function: it can note, unlock, and give back, but not wait. Three answers:
//
// - let `Drop` do what needs no waiting: permits, locks, memory, the descriptor of a socket;
// - say the rest in `close().await`, and let `Drop` be the backstop;
// - let the backstop start a task, as here. It is not waited for: a runtime that ends cancels it.
//   Its place in the pool goes with it, so the next one does not come before the goodbye is said.
//
// Nested blocks are left from the inside out in both languages: locals are dropped in reverse.
//
// What real runtimes do
//
// None has an async drop; the language would have to bring it. asyncio delivers a cancel as an
// exception, so `__aexit__` runs and may await, and may be cancelled a second time while it does;
// `shield` is the usual answer. tokio's users write what stands here; pools like deadpool give back
// the connection in `Drop` and look at its health when the next one takes it.
//
// Where to read next
//
// A permit goes back in `Drop`, and the first who waits is served there and then:
//
// ```rust,cite=runtime/wait_list.rs
// pub(crate) fn release(&self, n: usize) {
//     if !self.release_free(n) {
//         self.release_to_waiters(n).wake();
//     }
// }
// ```
