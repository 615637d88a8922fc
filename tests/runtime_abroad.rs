//! A runtime that is sent and shared between threads: who may run it, and where its tasks end.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rondel::task::{block_in_place, spawn_local, yield_now};
use rondel::time::sleep;
use rondel::{Builder, Runtime};

/// Longer than anything takes; so that a test that would hang fails.
const LONG: Duration = Duration::from_secs(60);

fn flavours() -> [Runtime; 2] {
    [Builder::new(), Builder::new().workers(2)].map(|builder| builder.build().unwrap())
}

/// Notes the thread it is dropped on.
struct DropWitness(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for DropWitness {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

/// Runs `runtime` with a task that is not `Send` and never ends.
fn leave_a_local_task(runtime: &Runtime) -> Arc<Mutex<Vec<ThreadId>>> {
    let witness = Arc::default();
    let guard = DropWitness(Arc::clone(&witness));
    runtime.block_on(async move {
        spawn_local(async move {
            let _not_send = (Rc::new(()), guard);
            pending::<()>().await;
        });
        yield_now().await;
    });
    witness
}

#[test]
fn a_runtime_may_be_built_here_and_run_there() {
    for runtime in flavours() {
        let task = runtime.spawn(async {
            sleep(Duration::from_millis(1)).await;
            6
        });
        let there = thread::spawn(move || {
            let answer = runtime.block_on(async { task.await.unwrap() + 1 });
            (runtime, answer)
        });
        let (runtime, answer) = there.join().unwrap();
        assert_eq!(answer, 7);
        drop(runtime);
    }
}

#[test]
fn a_stealing_runtime_may_be_run_by_many_threads() {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new().workers(2).build().unwrap());
    let threads = [1, 2, 3].map(|number| {
        thread::spawn(move || {
            runtime.block_on(async move {
                sleep(Duration::from_millis(1)).await;
                rondel::spawn(async move { number }).await.unwrap()
            })
        })
    });
    assert_eq!(threads.map(|thread| thread.join().unwrap()), [1, 2, 3]);
}

/// Goal: a local loop has one thread, and who comes from another learns so; its handle works there.
#[test]
fn a_local_runtime_is_run_by_the_thread_that_ran_it_first() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {});
    thread::scope(|scope| {
        let there = scope.spawn(|| {
            let tried = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {})));
            let _entered = runtime.enter(); // as a stranger
            let task = rondel::spawn(async { 3 });
            (tried.unwrap_err(), task)
        });
        let (panic, task) = there.join().unwrap();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("its loop belongs to that one"), "{text}");
        assert!(text.contains("`Handle`") && text.contains("`workers`"), "{text}");
        assert_eq!(runtime.block_on(task).unwrap(), 3);
    });
}

#[test]
fn entering_a_local_runtime_takes_its_loop() {
    let runtime = Runtime::new().unwrap();
    drop(runtime.enter());
    thread::scope(|scope| {
        let there = scope.spawn(|| catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {}))));
        assert!(there.join().unwrap().is_err());
    });
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

/// Goal: a future that is not `Send` is dropped at home, though its runtime is dropped elsewhere.
/// Method: the home thread goes on, first, and runs another runtime; second, it ends.
#[test]
fn a_runtime_that_is_dropped_elsewhere_ends_at_home() {
    let runtime = Runtime::new().unwrap();
    let witness = leave_a_local_task(&runtime);
    thread::spawn(move || drop(runtime)).join().unwrap();
    assert!(witness.lock().unwrap().is_empty(), "not there");
    rondel::run(async {});
    assert_eq!(*witness.lock().unwrap(), [thread::current().id()]);

    let home = thread::spawn(|| {
        let runtime = Runtime::new().unwrap();
        let witness = leave_a_local_task(&runtime);
        thread::spawn(move || drop(runtime)).join().unwrap();
        assert!(witness.lock().unwrap().is_empty());
        (witness, thread::current().id())
    });
    let (witness, home) = home.join().unwrap();
    assert_eq!(*witness.lock().unwrap(), [home]);
}

/// Goal: a loop whose thread has ended is over, for all who still know it. Method: a thread runs it
/// and sends it away; then spawn, wait and drop.
#[test]
fn a_loop_ends_with_its_thread() {
    let there = thread::spawn(|| {
        let runtime = Runtime::new().unwrap();
        let witness = leave_a_local_task(&runtime);
        (runtime, witness, thread::current().id())
    });
    let (runtime, witness, home) = there.join().unwrap();
    assert_eq!(*witness.lock().unwrap(), [home]);
    let task = runtime.spawn(async { 1 });
    assert!(rondel::block_on(task).unwrap_err().is_cancelled());
    assert!(catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {}))).is_err());
}

/// Goal: what nobody ran may end anywhere. Method: spawn, and drop on another thread.
#[test]
fn a_runtime_that_nobody_ran_ends_wherever_it_is_dropped() {
    let runtime = Runtime::new().unwrap();
    let (tx, rx) = mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        let _tx = tx;
        pending::<()>().await;
    });
    let report = thread::spawn(move || runtime.shutdown_report(LONG)).join().unwrap();
    assert_eq!(report.cancelled().len(), 1);
    assert!(rx.recv_timeout(LONG).is_err());
    assert!(rondel::block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_report_can_be_had_at_home_only() {
    let runtime = Runtime::new().unwrap();
    let witness = leave_a_local_task(&runtime);
    let report = thread::spawn(move || {
        let report = catch_unwind(AssertUnwindSafe(|| runtime.shutdown_report(LONG)));
        report.unwrap_err().downcast_ref::<String>().unwrap().clone()
    });
    let text = report.join().unwrap();
    assert!(text.contains("`shutdown_report` was called on the wrong thread"), "{text}");
    rondel::run(async {});
    assert_eq!(*witness.lock().unwrap(), [thread::current().id()]);
}

/// Goal: a runtime that ends inside one of its own tasks does not wait for itself. Method: drop the
/// last reference where a task blocks in place.
#[test]
fn a_runtime_may_be_dropped_by_one_of_its_own_workers() {
    let runtime = Arc::new(Builder::new().workers(2).build().unwrap());
    let (tx, rx) = mpsc::channel();
    let (theirs, go) = (runtime.clone(), mpsc::channel::<()>());
    runtime.spawn(async move {
        block_in_place(|| {
            assert!(go.1.recv_timeout(LONG).is_err());
            let last = Arc::into_inner(theirs).expect("the others are gone");
            last.shutdown_timeout(Duration::from_secs(3_600));
            tx.send(()).unwrap();
        });
    });
    drop(runtime);
    drop(go.0);
    rx.recv_timeout(LONG).expect("it waits for nobody");
}
