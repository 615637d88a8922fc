//! Lesson 21. Three calls for one page, and one fails: what becomes of the other two?
//!
//! Run it: `cargo run --example 21_task_group`
//! Covers: 41, 45, 46, 48, 237, X3.
//!
//! Python: `asyncio.gather` makes a task of each call; `async with asyncio.TaskGroup() as group`
//! makes a block that its tasks cannot outlive (trio and anyio call it a nursery). Rust:
//! `TaskGroup::run(async |group| { ... })`. Children are started with `group.spawn`, and `run`
//! returns when all have ended.
//!
//! Predict. A call fails after 100 ms; its siblings take 200 and 300 ms. `gather`, over tasks and
//! without `return_exceptions`, gives the error. What do the siblings do then? (The guide says:
//! gather "cancels other tasks".)
//!
//! a) They are cancelled, as the guide says. A task group does the same, with another syntax.
//! b) They run on, and nobody looks at them. A task group cancels them and waits for their ends.
//! c) They run on in both; `gather` gives one error, and a task group gives all.

mod diary;

use diary::Diary;
use rondel::combine::try_gather;
use rondel::task::{ErrorGroup, TaskGroup};
use rondel::time::{Duration, sleep};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const MS: Duration = Duration::from_millis(1);

/// Notes when a call ends, in whichever way.
struct Call(Diary, &'static str, &'static str);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.note(format!("{} {}", self.1, self.2));
    }
}

async fn call(diary: Diary, name: &'static str, millis: u32) -> Result<u32, String> {
    let mut call = Call(diary, name, "was cancelled");
    sleep(MS * millis).await;
    call.2 = if name == "ads" { "failed" } else { "ended" };
    if name == "ads" { Err(format!("503 from {name}")) } else { Ok(millis) }
}

const CALLS: [(&str, u32); 3] = [("user", 200), ("ads", 100), ("orders", 300)];

#[rondel::main(start_paused = true)]
async fn main() {
    // asyncio's gather: a task for each, and the first error ends the waiting, and no more.
    let diary = Diary::new();
    let tasks = CALLS.map(|(name, millis)| rondel::spawn(call(diary.clone(), name, millis)));
    let page = try_gather(tasks.map(|task| async { task.await.unwrap() })).await;
    diary.note(format!("gather over tasks: {page:?}"));
    sleep(Duration::from_secs(1)).await;
    assert!(diary.has_in_order(&[
        "ads failed",
        "gather over tasks: Err(\"503 from ads\")",
        "user ended",
        "orders ended",
    ]));

    // The group: the siblings have ended before the error is there.
    let diary = Diary::new();
    let page: Result<u32, ErrorGroup<String>> = TaskGroup::run(async |group| {
        let calls = CALLS.map(|(name, ms)| group.named(name).spawn(call(diary.clone(), name, ms)));
        let mut sum = 0;
        for call in calls {
            sum += call.await.unwrap_or(0); // a failed child's error belongs to the group
        }
        Ok(sum)
    })
    .await;
    let error = page.unwrap_err();
    let failed = error.members()[0].task().unwrap().name().unwrap().to_owned();
    diary.note(format!("task group: {failed} failed, with {:?}", error.errors().next()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(diary.count("user was cancelled") + diary.count("orders was cancelled"), 2);
    assert_eq!(diary.when("user was cancelled"), 100, "not after its 200 ms");
    assert!(diary.has_in_order(&[
        "ads failed",
        "orders was cancelled",
        "task group: ads failed, with Some(\"503 from ads\")",
    ]));

    all_failures_come_together(&diary).await;
    children_may_have_children(&diary).await;
    a_server_says_when_it_is_ready(&diary).await;
}

/// Python's `except* Timeout`, twice: each part of the group has a handler of its own.
async fn all_failures_come_together(diary: &Diary) {
    let group = TaskGroup::builder().name("import").grace(50 * MS);
    let outcome: Result<(), _> = group
        .run(async |group| {
            for (row, fate) in [(1, "timeout"), (2, "timeout"), (3, "disk full")] {
                group.spawn::<(), _>(async move {
                    sleep(10 * MS).await; // all three end in the same turn of the loop
                    Err(format!("row {row}: {fate}"))
                });
            }
            let (stop, theirs) = (group.token(), diary.clone());
            group.spawn(async move {
                stop.cancelled().await; // within the grace a child may clean up with `await`
                sleep(20 * MS).await;
                theirs.note("the transaction is rolled back");
                Ok(())
            });
            std::future::pending().await
        })
        .await;
    let (timeouts, rest) = outcome.unwrap_err().split(|error| error.ends_with("timeout"));
    let (timeouts, rest) = (timeouts.unwrap(), rest.unwrap());
    let (again, fatal) = (timeouts.len(), rest.errors().next().unwrap());
    diary.note(format!("in `{}`: {again} to try again, and {fatal}", rest.name().unwrap()));
    assert_eq!(timeouts.errors().collect::<Vec<_>>(), ["row 1: timeout", "row 2: timeout"]);
    assert_eq!(rest.errors().collect::<Vec<_>>(), ["row 3: disk full"]);
    diary.when("the transaction is rolled back");
}

/// A crawl does not know beforehand how many pages there are. (anyio: `group.start_soon`.)
async fn children_may_have_children(diary: &Diary) {
    fn visit(group: &TaskGroup<String>, depth: u32, seen: Arc<AtomicU32>) {
        let ours = group.clone();
        group.spawn(async move {
            sleep(10 * MS).await;
            seen.fetch_add(1, Relaxed);
            for _link in 0..if depth < 3 { 2 } else { 0 } {
                visit(&ours, depth + 1, seen.clone());
            }
            Ok(())
        });
    }
    let seen = Arc::new(AtomicU32::new(0));
    let crawl = TaskGroup::run(async |group| {
        visit(&group, 1, seen.clone());
        Ok(())
    });
    crawl.await.unwrap();
    diary.note(format!("when the group ends, {} pages are seen", seen.load(Relaxed)));
    assert_eq!(seen.load(Relaxed), 1 + 2 + 4);
}

/// anyio's `start`: the next line runs when the child is ready, not when it was spawned.
async fn a_server_says_when_it_is_ready(diary: &Diary) {
    let server = async |group: &TaskGroup<String>, port: u16| {
        let start = group.start(move |started| async move {
            sleep(30 * MS).await; // binds, reads its certificates
            if port < 1024 {
                return Err(format!("port {port} needs root"));
            }
            started.send(port);
            std::future::pending().await // serves
        });
        start.await
    };
    let outcome = TaskGroup::<String>::run(async |group| {
        let refused = server(&group, 80).await.unwrap_err().to_string();
        diary.note(format!("not started: {refused}"));
        let port = server(&group, 8080).await.unwrap();
        diary.note(format!("ready on port {port}"));
        group.cancel("the program ends"); // a server would serve for ever
        Ok(())
    });
    let ended = outcome.await;
    diary.note(format!("the group: {ended:?}"));
    assert_eq!(diary.count("not started: "), 1, "a failed start is no failure of the group");
    diary.when("ready on port 8080");
}

// Explain
//
// b) is right. The guide says that `gather` without `return_exceptions` cancels the other tasks. We
// measured, in Python 3.11 and here, over tasks as asyncio has them: after the error the siblings
// run to their ends, and their results and errors are lost. In Python a `TaskGroup` cancels them.
// (`try_gather` over *futures* drops them: they lived in it.)
//
// |                  | gather over tasks      | TaskGroup                                |
// |------------------|------------------------|------------------------------------------|
// | first failure    | is given at once       | cancels the others, waits, then is given |
// | further failures | lost                   | in the `ErrorGroup`                      |
// | siblings         | run on                 | have ended                               |
// | values           | a list in order        | from each child's handle                 |
// | more children    | no                     | at any time, also from children          |
//
// A group is a block: when it is left, whichever way, nothing that was started in it runs. So a
// function that uses one may be called without asking what it leaves behind. Many can fail at once,
// so its error is a list, and a tree if groups are nested. `split` divides it by kind, as `except*`
// does. With a grace, children get the word before they are aborted, and may clean up with `await`.
//
// Children are tasks, so what they use must be owned (`'static`); the body may borrow. `scope` has
// children that borrow, at the price of running inside the caller's task.
//
// What real runtimes do
//
// asyncio has `TaskGroup` since 3.11, and no `start`; trio and anyio have both. tokio's `JoinSet`
// aborts its tasks when it is dropped, and does not wait for them. Go's `errgroup` keeps the first
// error, and cannot stop a goroutine.
//
// Where to read next
//
// What the end of a child does. Its failure is in the list before the others are told, and both
// before the group may end:
//
// ```rust,cite=runtime/task/group/task_group.rs
// failed.members.push(Member { who, failure });
// if !self.token.is_cancelled() {
//     failed.causes.push(cause.clone());
// }
// drop(failed);
// self.token.cancel_with(cause);
// ```
