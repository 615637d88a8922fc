//! Lesson 08. Who gives a future its value, if no code of ours computes it?
//!
//! Run it: `cargo run --example 08_futures_promise`
//! Covers: 19, 29, 32, 33, 35.
//!
//! Python: an `asyncio.Future` is a box. Somebody calls `set_result`, and whoever awaits it goes
//! on: the bridge from callbacks to `await`. Rust: the word `Future` is taken. The *trait* `Future`
//! is Python's "awaitable", everything that can be polled. The *box* is `sync::oneshot`, and with
//! many readers and callbacks `callbacks::Promise`.
//!
//! Predict. An old library is to call back with the answer. It has a bug: for one question it drops
//! the callback uncalled. The callback would have filled a `oneshot`. What becomes of the task that
//! awaits it?
//!
//! a) It waits for ever, as in Python.
//! b) It gets an error, at once.
//! c) It does not compile: the compiler sees that the answer may not come.

mod diary;

use diary::Diary;
use rondel::callbacks::{Promise, create_task};
use rondel::sync::oneshot;
use rondel::time::{Duration, sleep, timeout};
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

// --- the old library: it returns at once, and calls back from a thread of its own ----------------

type Answer = Result<u32, String>;

fn ask(question: String, callback: impl FnOnce(Answer) + Send + 'static) {
    thread::spawn(move || match &question[..] {
        "number of Oslo" => callback(Ok(47)),
        "size of 47" => callback(Ok(700)),
        "size of nothing" => drop(callback), // its bug
        _ => callback(Err(format!("no {question}"))),
    });
}

// --- the box by hand: a place for the value, and one for the waker of who waits ------------------

struct Place<T> {
    value: Option<T>,
    waker: Option<Waker>,
    is_over: bool,
}

struct Keeper<T>(Arc<Mutex<Place<T>>>);
struct Kept<T>(Arc<Mutex<Place<T>>>);

fn boxed<T>() -> (Keeper<T>, Kept<T>) {
    let place = Arc::new(Mutex::new(Place { value: None, waker: None, is_over: false }));
    (Keeper(place.clone()), Kept(place))
}

impl<T> Keeper<T> {
    /// Takes the keeper: nobody can keep it twice. The drop does the rest.
    fn keep(self, value: T) {
        self.0.lock().unwrap().value = Some(value);
    }
}

/// Kept or forgotten: from now on nothing will come, and who waits has to know.
impl<T> Drop for Keeper<T> {
    fn drop(&mut self) {
        let mut place = self.0.lock().unwrap();
        place.is_over = true;
        let waker = place.waker.take();
        drop(place); // a waker is the user's code: never call it under a lock
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> Future for Kept<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut place = self.0.lock().unwrap();
        match place.value.take() {
            None if !place.is_over => {
                place.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            value => Poll::Ready(value),
        }
    }
}

// --- the same question twice: callbacks, and `await` over the box --------------------------------

fn size_with_callbacks(city: &str, done: impl FnOnce(Answer) + Send + 'static) {
    ask(format!("number of {city}"), |number| match number {
        Ok(number) => ask(format!("size of {number}"), done),
        Err(error) => done(Err(error)),
    });
}

/// The bridge: the callback keeps what we await.
async fn answer(question: String) -> Answer {
    let (keeper, kept) = boxed();
    ask(question, |answer| keeper.keep(answer));
    kept.await.unwrap_or_else(|| Err("the callback was lost".to_owned()))
}

async fn size(city: &str) -> Answer {
    let number = answer(format!("number of {city}")).await?;
    answer(format!("size of {number}")).await
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    // With virtual time a loop that hears nothing more says "deadlock". It cannot see the library's
    // threads, so we tell it of them.
    let _library = rondel::testing::outside_thread();
    for city in ["Oslo", "Atlantis"] {
        let (tx, rx) = oneshot::channel();
        size_with_callbacks(city, |size| drop(tx.send(size)));
        let with_callbacks = rx.await.unwrap();
        let with_await = size(city).await;
        diary.note(format!("{city}: {with_callbacks:?}, and with await {with_await:?}"));
        assert_eq!(with_callbacks, with_await);
    }

    // The prediction: by hand, and the engine's own.
    let by_hand = answer("size of nothing".to_owned()).await;
    let (tx, rx) = oneshot::channel();
    ask("size of nothing".to_owned(), |answer| drop(tx.send(answer)));
    let engine = rx.await;
    diary.note(format!("a lost callback: {by_hand:?}; oneshot: {engine:?}"));
    assert_eq!((by_hand, engine.is_err()), (Err("the callback was lost".to_owned()), true));

    // A promise is a box of which everybody has the same key: nobody can see that none will keep
    // it. So this waits as Python does, until a limit ends it.
    let forgotten = Promise::<u32>::new();
    let waited = timeout(Duration::from_secs(10), forgotten).await;
    diary.note(format!("a forgotten promise: {}", waited.unwrap_err()));

    in_its_states(&diary).await;
    who_is_called_when(&diary).await;
    one_trait_for_all(&diary).await;
}

/// `result()`, `exception()` and `set_result` of asyncio, before and after.
async fn in_its_states(diary: &Diary) {
    let promise = Promise::new();
    diary.note(format!("not yet kept: result() says: {}", promise.result().unwrap_err()));
    promise.set_result(1).unwrap();
    let twice = promise.set_result(2).unwrap_err();
    diary.note(format!("kept twice: {twice}; it still holds {}", promise.result().unwrap()));
    assert_eq!((promise.result().unwrap(), promise.error().unwrap().is_none()), (1, true));

    let broken = Promise::<u32>::new();
    broken.set_error("the line is cut").unwrap();
    let error = broken.error().unwrap().unwrap();
    diary.note(format!("broken: error() is `{error}`, and so says each await"));
    for _ in 0..2 {
        assert_eq!((&broken).await.unwrap_err().to_string(), error.to_string());
    }
}

/// `add_done_callback`: the loop calls, in the order of adding, before those who await go on.
async fn who_is_called_when(diary: &Diary) {
    let promise = Promise::new();
    for name in ["first", "second"] {
        let diary = diary.clone();
        promise.add_done_callback(move |it| {
            diary.note(format!("{name} callback: {}", it.result().unwrap()));
        });
    }
    let (theirs, awaited) = (diary.clone(), promise.clone());
    let waits =
        create_task(async move { theirs.note(format!("await: {}", awaited.await.unwrap())) });
    sleep(Duration::from_millis(1)).await; // the task waits by now
    promise.set_result("done").unwrap();
    diary.note("set_result has returned");
    waits.await.unwrap();

    let theirs = diary.clone();
    promise.add_done_callback(move |_| theirs.note("late callback"));
    diary.note("added after the end");
    rondel::task::yield_now().await;
    let callbacks = ["set_result has returned", "first callback: done", "second callback: done"];
    assert!(diary.has_in_order(&callbacks), "the loop calls, not the one who keeps");
    assert!(diary.has_in_order(&["second callback: done", "await: done", "late callback"]));
    assert!(diary.has_in_order(&["added after the end", "late callback"]));
}

/// Python needs a family (Awaitable, Future, Task); a function here asks for the trait.
async fn one_trait_for_all(diary: &Diary) {
    async fn value_of(awaitable: impl IntoFuture<Output: std::fmt::Debug>) -> String {
        format!("{:?}", awaitable.await)
    }
    let (tx, rx) = oneshot::channel();
    tx.send(3).unwrap();
    let promise = Promise::new();
    promise.set_result(4).unwrap();
    let values = [
        value_of(async { 1 }).await,
        value_of(rondel::spawn(async { 2 })).await,
        value_of(rx).await,
        value_of(&promise).await, // no future: it makes one
        value_of(create_task(async { 5 })).await,
    ];
    diary.note(format!("awaitable, all of them: {}", values.join(", ")));
    assert_eq!(values, ["1", "Ok(2)", "Ok(3)", "Ok(4)", "Ok(5)"]);
}

// Explain
//
// b) is right, and the type is the reason. The `Sender` is owned by the callback. Whoever drops the
// callback drops the sender, and that ends the wait with an error. `send` takes the sender, so a
// second value is no error at run time: it cannot be written. An asyncio Future has many owners and
// no such moment. We measured in Python 3.11: a Future that nobody sets is awaited until
// `wait_for` cancels it, and setting it twice raises `InvalidStateError`. `Promise` is that box,
// and has those habits.
//
// The box holds two things: the value, and the waker of whoever came too early. The order under the
// lock is all there is to it. Whoever polls looks for the value and leaves the waker in one step,
// whoever keeps puts the value in and takes the waker in one step. So one of the two sees the
// other.
//
// The guide sets its Future "from a callback", but does it from a task of the same loop. From a
// thread that is a bug: `set_result` of Python 3.11 did not wake the loop, and the task went on
// only when a timer of one second ended its sleep. (`call_soon_threadsafe` is the right way: 0.1
// s.) Here the library's threads keep the boxes, in each case above. A `Waker` may be called from
// everywhere, and rings the loop's doorbell.
//
// Callback style and `await` give the same answers. What differs is where the error goes: `?`
// against an `Err` arm in each callback, that somebody forgets. Python's `ensure_future` makes a
// Task of anything awaitable; here that is `create_task`, and `spawn` where no callbacks are
// needed.
//
// | Python                         | here                                                        |
// |--------------------------------|-------------------------------------------------------------|
// | `loop.create_future()`         | `oneshot::channel()`; `Promise::new()`                      |
// | `set_result`, `set_exception`  | `send`, of a `Result`; `set_result`, `set_error`            |
// | `result()`, `exception()`      | `try_recv()`; `result()`, `error()`                         |
// | `add_done_callback`            | a task that awaits; `add_done_callback`                     |
// | a Task's `exception()`         | `JoinError`, from awaiting the handle                       |
// | Awaitable, `__await__`         | `IntoFuture`, which `.await` calls                          |
// | Task is a Future is Awaitable  | no family: different types with one trait                   |
//
// What real runtimes do
//
// asyncio builds everything on this box: a Task is a Future, and its step is a done-callback of
// what it awaits. tokio and Rondel have no box below: a future keeps a waker, and the box is one of
// the things that can be built of it. Node's Promise calls its callbacks from the microtask queue,
// JavaScript's way of saying "the loop calls, not the one who keeps".
//
// Where to read next
//
// The engine's oneshot has the two places of the lesson without the lock. Its promise has the list
// of callbacks, and tells of the end in this order:
//
// ```rust,cite=runtime/callbacks/promise.rs
// let refused = self.shared.outcome.set(outcome);
// let list = mem::take(&mut callbacks.list); // rule 1; empty if it was settled before
// …
// for callback in list {
//     callback.schedule(self.clone());
// }
// self.shared.waiters.close();
// ```
