//! Lesson 28. How does a log line know which request it belongs to?
//!
//! Run it: `cargo run --example 28_context_vars_names`
//!
//! Covers: 31, 138.
//!
//! Python: a `ContextVar`, set by a middleware; each task copies the context of the one that made
//! it. Rust: a `task_local!`, which a future is given by `scope`; a task that is spawned begins
//! with nothing, so it must be handed on. Names are for humans: `create_task(name=...)`,
//! `Builder::name`.
//!
//! Predict. Two requests run at once and wait in between. Their logs take the request's id from a
//! global, from a thread-local, or from a task-local. Both run on one thread. Whose ids are right?
//!
//! a) The thread-local's and the task-local's: a global is shared, a thread-local is not.
//! b) All three: on one thread nothing runs at the same time.
//! c) Only the task-local's.

mod diary;

use diary::Diary;
use rondel::task::{Builder, JoinHandle};
use rondel::time::{Duration, sleep};
use std::cell::Cell;
use std::future::Future;

rondel::task_local! {
    /// The id of the request that is being served.
    static REQUEST: u32;
}

thread_local! {
    static LAST_SET: Cell<u32> = const { Cell::new(0) };
}

fn request() -> String {
    REQUEST.try_get().map_or_else(|_| "none".to_owned(), |id| id.to_string())
}

/// Deep inside, where nobody passes an id as an argument.
async fn load(diary: Diary) {
    sleep(Duration::from_millis(10 * u64::from(REQUEST.get()))).await;
    diary.note(format!("load: request {}, thread-local {}", request(), LAST_SET.get()));
}

/// The middleware: every request has an id, also while it waits. Returns the header of the answer.
async fn middleware(id: u32, handler: impl Future<Output = ()>) -> String {
    LAST_SET.set(id);
    let served = async {
        handler.await;
        format!("X-Request-ID: {}", REQUEST.get())
    };
    REQUEST.scope(id, served).await
}

/// As `spawn`, but the task inherits the id, as every task does in Python.
fn spawn_with_id<F>(name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let spawner = Builder::new().name(name);
    match REQUEST.try_get() {
        Ok(id) => spawner.spawn(REQUEST.scope(id, future)),
        Err(_) => spawner.spawn(future),
    }
    .expect("a loop runs here")
}

#[rondel::main(start_paused = true)]
async fn main() {
    // The panic below is meant: its message need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    let diary = Diary::new();

    let (one, two) = (middleware(1, load(diary.clone())), middleware(2, load(diary.clone())));
    let headers = rondel::join!(one, two);
    diary.note(format!("{}, {}", headers.0, headers.1));
    assert_eq!(headers, ("X-Request-ID: 1".to_owned(), "X-Request-ID: 2".to_owned()));
    assert_eq!(diary.count("load: request 1, thread-local 2"), 1, "the thread's is another one's");
    assert_eq!(diary.count("load: request 2, thread-local 2"), 1);
    assert_eq!(request(), "none", "outside it is gone");

    let theirs = diary.clone();
    let handler = async move {
        let bare = rondel::spawn(async { request() }).await.unwrap();
        let given = spawn_with_id("child", async { request() }).await.unwrap();
        theirs.note(format!("tasks: spawned {bare}, handed on {given}"));
        let bare = rondel::spawn_blocking(request).await.unwrap();
        let id = REQUEST.get();
        let given = rondel::spawn_blocking(move || REQUEST.sync_scope(id, request)).await.unwrap();
        theirs.note(format!("threads: called {bare}, handed on {given}"));
        let inner = REQUEST.scope(30, async { request() }).await;
        theirs.note(format!("scopes: inside {inner}, behind it {}", request()));
    };
    middleware(3, handler).await;
    assert_eq!(diary.count("tasks: spawned none, handed on 3"), 1);
    assert_eq!(diary.count("threads: called none, handed on 3"), 1);
    assert_eq!(diary.count("scopes: inside 30, behind it 3"), 1);

    let torn = Builder::new().name("page-7").spawn(async { panic!("page 7 is torn") }).unwrap();
    let info = torn.info();
    let line = info.spawned_at().line();
    let failed: Result<(), _> = torn.await;
    let report = info.to_string();
    diary.note(format!("failed: {:?}", info.name().unwrap()));
    assert!(failed.unwrap_err().is_panic());
    assert!(report.contains("`page-7` (spawned at") && report.contains(&format!(":{line}:")));
}

// Explain
//
// c) is right. Two requests take turns at every `.await`, on one thread. A global and a
// thread-local are both shared by everything that runs there, so whoever wrote last has written
// for all: request 1 logs id 2. It is wrong only under load, so a test with one request never
// sees it.
//
// A task-local belongs to a *future*. `scope` puts the value in place before each poll of it and
// takes it out afterwards; so it is there in everything that the future calls and awaits, and at no
// other time. Scopes nest.
//
// The guide keeps its id in `request.state`, which has to be passed down to whoever logs. A context
// variable spares that. In Python a new task, and `to_thread`, copy the context. Here they begin
// with nothing, as in tokio: a task may outlive the request, and to copy all values for each spawn
// would cost all who have none. Handing one on is one line, written once as `spawn_with_id`.
//
// A name is not an id: two tasks may share one. It says what a task is for, and stands in reports
// beside the number and the place where it was spawned, as in "task 9 `page-7` (spawned at ...)".
//
// What real runtimes do
//
// tokio: the same `task_local!`; most programs take the spans of `tracing`, which are entered and
// left around each poll in the same way. asyncio: the context travels with every callback, so it is
// switched at every step of a task. Java's virtual threads have scoped values.
//
// Where to read next
//
// The value changes places around each poll:
//
// ```rust,cite=runtime/task/task_local.rs
// let polled = this.key.swapped(this.slot, || {
//     let polled = this.future.as_mut().as_pin_mut()?.poll(cx);
//     if polled.is_ready() {
//         this.future.set(None); // its drop is to find the value as well
//     }
//     Some(polled)
// });
// ```
