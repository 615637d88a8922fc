//! The runtime from outside: entering, leaving, handles, strangers, the end.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rondel::task::yield_now;
use rondel::testing::Diary;
use rondel::{Builder, Handle, Reactor, Runtime};

/// Notes the thread it is dropped on.
struct DropWitness(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for DropWitness {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it must panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap()
}

// --- order ---------------------------------------------------------------------------------------

/// Goal: show that `yield_now` means "behind everybody who is ready now", not "at once again".
/// Method: two tasks note each step in one diary; the local flavour makes the order certain.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_task_that_yields_goes_behind_those_already_waiting() {
    let diary = Diary::default();
    let (first, second) = (diary.clone(), diary.clone());
    rondel::run(async move {
        rondel::task::spawn_local(async move {
            first.note("a: before the yield");
            yield_now().await;
            first.note("a: after the yield");
        });
        rondel::task::spawn_local(async move { second.note("b") });
        yield_now().await; // lets a and b start
        yield_now().await; // lets a finish
    });
    assert_eq!(diary.pages(), ["a: before the yield", "b", "a: after the yield"]);
}

/// Goal: show that a spawned task does not start before its spawner lets go (erratum X2).
/// Method: a diary around the spawn.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_spawned_task_starts_when_its_spawner_awaits() {
    let diary = Diary::default();
    let theirs = diary.clone();
    let ours = diary.clone();
    rondel::run(async move {
        let task = rondel::task::spawn_local(async move { theirs.note("task") });
        ours.note("after spawn");
        task.await.unwrap();
        ours.note("after await");
    });
    assert_eq!(diary.pages(), ["after spawn", "task", "after await"]);
}

/// Goal: show that a task that is always ready starves nobody.
/// Method: one task spins until another, spawned later, sets a flag.
#[test]
fn a_busy_task_lets_others_run() {
    rondel::run(async {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = flag.clone();
        let spinner = rondel::spawn(async move {
            while !seen.load(SeqCst) {
                yield_now().await;
            }
        });
        rondel::spawn(async move { flag.store(true, SeqCst) });
        spinner.await.unwrap();
    });
}

// --- entering ------------------------------------------------------------------------------------

#[test]
fn a_nested_run_is_refused_and_says_what_to_do() {
    let text = panic_text(|| rondel::run(async { rondel::run(async {}) }));
    assert!(text.contains("`rondel::run` was called inside `Runtime::block_on`"), "{text}");
    assert!(text.contains("Use `.await` here"), "{text}");
}

#[test]
fn a_block_on_inside_a_loop_is_refused() {
    let text = panic_text(|| rondel::run(async { rondel::block_on(async {}) }));
    assert!(text.contains("`rondel::block_on` was called inside"), "{text}");
    let text = panic_text(|| rondel::run(async { Handle::current().block_on(async {}) }));
    assert!(text.contains("`Handle::block_on` was called inside"), "{text}");
}

/// Goal: show that a refused nested run harms nothing. Method: catch it inside, and go on.
#[test]
fn after_a_refused_nested_run_the_loop_goes_on() {
    rondel::run(async {
        panic_text(|| rondel::run(async {}));
        assert_eq!(rondel::spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn spawn_outside_a_loop_says_how_to_enter_one() {
    let text = panic_text(|| drop(rondel::spawn(async {})));
    assert!(text.contains("no Rondel loop runs on this thread"), "{text}");
    assert!(text.contains("rondel::run"), "{text}");
    assert_eq!(Handle::try_current().unwrap_err().to_string(), text);
}

#[test]
fn a_runtime_runs_many_futures_one_after_another_and_keeps_its_tasks() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async {
        yield_now().await;
        7
    });
    runtime.block_on(async {});
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

#[test]
fn both_reactors_run() {
    for reactor in [Reactor::Mio, Reactor::Polling] {
        let runtime = Builder::new().reactor(reactor).build().unwrap();
        let task = runtime.spawn_blocking(|| 3);
        assert_eq!(runtime.block_on(task).unwrap(), 3, "{reactor:?}");
    }
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn an_entered_runtime_takes_spawns_outside_block_on() {
    let runtime = Runtime::new().unwrap();
    let (local, any) = {
        let _guard = runtime.enter();
        let here = Rc::new(5);
        (rondel::task::spawn_local(async move { *here }), rondel::spawn(async { 6 }))
    };
    assert_eq!(runtime.block_on(async { local.await.unwrap() + any.await.unwrap() }), 11);
}

#[test]
fn two_runtimes_on_one_thread_wake_each_other() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let on_b = b.spawn(async { 1 });
    let join_on_a = a.spawn(async move { on_b.await.unwrap() + 1 });
    a.block_on(yield_now()); // the task on a now waits for the one on b
    b.block_on(yield_now()); // which ends, and wakes it by a note
    assert_eq!(a.block_on(join_on_a).unwrap(), 2);
}

/// Goal: show that a wake of one loop's task is not lost while another handle is entered.
/// Method: enter a foreign handle inside a task and wake a neighbour there.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn an_entered_foreign_handle_does_not_divert_wakes() {
    let other = Runtime::new().unwrap();
    let handle = other.handle().clone();
    rondel::run(async move {
        let slot = Rc::new(RefCell::new(None::<Waker>));
        let theirs = slot.clone();
        let sleeper = rondel::task::spawn_local(async move {
            let mut first = true;
            poll_fn(|cx| {
                if std::mem::take(&mut first) {
                    *theirs.borrow_mut() = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
        });
        yield_now().await;
        {
            let _guard = handle.enter();
            slot.borrow_mut().take().unwrap().wake();
        }
        sleeper.await.unwrap();
    });
}

// --- strangers -----------------------------------------------------------------------------------

/// Goal: show that handles work from any thread. Method: four threads spawn and join through one.
#[test]
fn strangers_spawn_and_join_through_a_handle() {
    const EACH: usize = 500;
    let runtime = Runtime::new().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = runtime.handle().clone();
            thread::spawn(move || {
                let sum = |sum, n| {
                    let task = handle.spawn(async move {
                        yield_now().await;
                        n
                    });
                    sum + handle.block_on(task).unwrap()
                };
                (0..EACH).fold(0, sum)
            })
        })
        .collect();
    let sums = runtime.spawn_blocking(move || {
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(runtime.block_on(sums).unwrap(), 4 * EACH * (EACH - 1) / 2);
}

/// Goal: show that wakes from many threads are not lost while the loop falls asleep and wakes up.
/// Method: ping-pong between a task and a thread, some thousand times, without a timer to help.
#[test]
fn no_wake_from_a_stranger_is_lost() {
    const ROUNDS: usize = 5_000;
    let (ping, pong) = mpsc::channel::<Waker>();
    let echo = thread::spawn(move || {
        for waker in pong {
            waker.wake();
        }
    });
    rondel::run(async move {
        for _ in 0..ROUNDS {
            let mut sent = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut sent, true) {
                    return Poll::Ready(());
                }
                ping.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
        }
    });
    echo.join().unwrap();
}

/// Goal: show that a future that is not `Send` dies at home, though its last handle dies elsewhere.
/// Method: abort and drop the handle on another thread; the witness notes where it is dropped.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_local_future_is_sent_home_to_be_dropped() {
    let witness = Arc::new(Mutex::new(Vec::new()));
    let runtime = Runtime::new().unwrap();
    let home = thread::current().id();
    let guard = DropWitness(witness.clone());
    let handle = {
        let _inside = runtime.enter();
        rondel::task::spawn_local(async move {
            let _not_send = (Rc::new(()), guard);
            pending::<()>().await;
        })
    };
    runtime.block_on(yield_now());
    let abroad = thread::spawn(move || {
        handle.abort();
        drop(handle);
    });
    abroad.join().unwrap();
    runtime.block_on(yield_now()); // reads the notes, and takes the aborted task from the queue
    assert_eq!(*witness.lock().unwrap(), [home]);
}

#[cfg(not(on_workers = "order"))]
#[test]
fn an_aborted_task_is_finished_a_turn_later() {
    rondel::run(async {
        let task = rondel::spawn(pending::<()>());
        let abort = task.abort_handle();
        yield_now().await;
        abort.abort();
        assert!(!abort.is_finished(), "its future is dropped by the loop, not by the caller");
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && abort.is_finished());
        assert_eq!(error.to_string(), format!("task {} was cancelled", abort.id()));
    });
}

// --- panics --------------------------------------------------------------------------------------

#[test]
fn a_panic_reaches_the_handle_and_not_the_loop() {
    rondel::run(async {
        let number = std::hint::black_box(7);
        let task = rondel::spawn(async move { panic!("number {number}") });
        let error = task.await.unwrap_err();
        assert!(error.is_panic());
        assert!(error.to_string().ends_with("panicked with message \"number 7\""), "{error}");
        assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "number 7");
        assert_eq!(rondel::spawn(async { 1 }).await.unwrap(), 1);
    });
}

/// Goal: show that a future whose drop panics ends like one that panicked.
#[test]
fn a_panic_in_a_drop_reaches_the_handle() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    rondel::run(async {
        let (begun, has_begun) = rondel::sync::oneshot::channel();
        let task = rondel::spawn(async {
            let _bomb = Bomb;
            begun.send(()).unwrap();
            pending::<()>().await;
        });
        has_begun.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_panic());
        let outputs = rondel::spawn(async { Bomb });
        while !outputs.is_finished() {
            yield_now().await;
        }
        drop(outputs); // drops the output, whose panic is contained
        yield_now().await;
    });
}

#[test]
fn a_panic_of_the_root_future_comes_out_of_block_on_and_the_runtime_lives() {
    let runtime = Runtime::new().unwrap();
    assert_eq!(panic_text(|| runtime.block_on(async { panic!("root") })), "root");
    assert_eq!(runtime.block_on(async { 2 }), 2);
}

#[test]
fn a_panic_on_the_blocking_pool_reaches_the_handle() {
    rondel::run(async {
        let error = rondel::spawn_blocking(|| panic!("pool")).await.unwrap_err();
        assert!(error.is_panic(), "{error}");
        assert_eq!(rondel::spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

// --- the end -------------------------------------------------------------------------------------

/// Goal: show that leaving `run` drops what is left, on this thread, and everything once.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn leaving_run_drops_the_tasks_that_are_left() {
    let witness = Arc::new(Mutex::new(Vec::new()));
    rondel::run(async {
        for _ in 0..3 {
            let guard = DropWitness(witness.clone());
            rondel::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        let never_polled = DropWitness(witness.clone());
        yield_now().await;
        rondel::spawn(async move { drop(never_polled) });
    });
    assert_eq!(*witness.lock().unwrap(), [thread::current().id(); 4]);
}

/// Goal: show that a drop during the shutdown may spawn, and that the new task is cancelled too.
#[cfg(not(on_workers = "order"))]
#[test]
fn a_task_spawned_during_the_shutdown_is_cancelled() {
    struct Spawner(Arc<AtomicUsize>);
    impl Drop for Spawner {
        fn drop(&mut self) {
            let count = self.0.clone();
            let task = rondel::spawn(async move { count.fetch_add(100, SeqCst) });
            assert!(task.is_finished());
            self.0.fetch_add(1, SeqCst);
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let spawner = Spawner(count.clone());
    rondel::run(async {
        rondel::spawn(async move {
            let _spawner = spawner;
            pending::<()>().await;
        });
        yield_now().await;
    });
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn a_handle_that_outlives_its_runtime_gives_cancelled_tasks() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let waiting = runtime.spawn(pending::<()>());
    drop(runtime);
    assert!(rondel::block_on(waiting).unwrap_err().is_cancelled());
    assert!(rondel::block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
    assert!(rondel::block_on(handle.spawn_blocking(|| ())).unwrap_err().is_cancelled());
}

/// Goal: show that wakers may outlive the loop, on any thread. Method: keep clones of a task's
/// waker past the end, use and drop them here and on another thread.
#[test]
fn wakers_may_outlive_the_loop() {
    let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let (theirs, seen) = (kept.clone(), kept.clone());
    rondel::run(async move {
        rondel::spawn(poll_fn(move |cx| {
            theirs.lock().unwrap().extend([cx.waker().clone(), cx.waker().clone()]);
            Poll::<()>::Pending
        }));
        while seen.lock().unwrap().is_empty() {
            yield_now().await;
        }
    });
    let first = kept.lock().unwrap().pop().unwrap();
    let again = first.clone();
    thread::spawn(move || {
        first.wake_by_ref();
        drop(first.clone());
        first.wake();
    })
    .join()
    .unwrap();
    again.wake();
    kept.lock().unwrap().pop().unwrap().wake();
}

/// Goal: show that strangers may wake, join and let go while the loop ends around them.
/// Method: many short lives of a runtime under threads that hammer its tasks.
#[test]
fn the_end_races_strangers_safely() {
    for _ in 0..50 {
        let (send, receive) = mpsc::channel::<Waker>();
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(poll_fn(move |cx| {
            let _ = send.send(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let handle = runtime.handle().clone();
        let hammer = thread::spawn(move || {
            for waker in receive.iter().take(200) {
                waker.wake_by_ref();
                drop(handle.spawn(async {}));
            }
            drop(receive);
            task.abort();
            drop(task);
        });
        runtime.block_on(async {
            for _ in 0..20 {
                yield_now().await;
            }
        });
        drop(runtime);
        hammer.join().unwrap();
    }
}

#[test]
fn closures_on_the_pool_that_have_not_started_are_cancelled_at_the_end() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ = wait.recv();
    });
    let queued = runtime.spawn_blocking(|| ());
    has_started.recv().unwrap();
    runtime.shutdown_background();
    assert!(rondel::block_on(queued).unwrap_err().is_cancelled());
    release.send(()).unwrap();
    rondel::block_on(running).unwrap();
}

#[test]
fn shutdown_timeout_leaves_a_closure_behind_that_does_not_end() {
    let runtime = Runtime::new().unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || wait.recv().is_ok());
    // Lets the closure start: the pool takes no new ones afterwards.
    while !running.is_finished() && runtime.handle().clone().spawn_blocking(|| ()).is_finished() {}
    runtime.shutdown_timeout(Duration::from_millis(10));
    drop(release);
    drop(running);
}

#[test]
fn an_abort_on_the_pool_helps_only_before_the_start() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        wait.recv().unwrap();
        1
    });
    let queued = runtime.spawn_blocking(|| 2);
    has_started.recv().unwrap();
    running.abort();
    queued.abort();
    assert!(queued.is_finished() && !running.is_finished());
    release.send(()).unwrap();
    assert!(runtime.block_on(queued).unwrap_err().is_cancelled());
    assert_eq!(runtime.block_on(running).unwrap(), 1);
}

#[test]
fn a_closure_on_the_pool_knows_its_runtime() {
    rondel::run(async {
        let inner = rondel::spawn_blocking(|| {
            let handle = Handle::current();
            handle.block_on(handle.spawn(async { 9 })).unwrap()
        });
        assert_eq!(inner.await.unwrap(), 9);
    });
}

// --- names ---------------------------------------------------------------------------------------

#[test]
fn ids_are_unique_and_the_task_knows_its_own() {
    rondel::run(async {
        assert!(rondel::task::try_id().is_none(), "the root future is not a task");
        let tasks: Vec<_> =
            (0..3000).map(|_| rondel::spawn(async { rondel::task::id() })).collect();
        let mut ids = Vec::new();
        for task in tasks {
            let id = task.id();
            assert_eq!(task.await.unwrap(), id);
            ids.push(id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3000);
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_future_is_polled_only_when_woken() {
    let polls = Rc::new(Cell::new(0));
    let counted = polls.clone();
    rondel::run(async move {
        let mut inner = Box::pin(rondel::spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        }));
        rondel::task::spawn_local(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            inner.as_mut().poll(cx)
        }))
        .await
        .unwrap()
        .unwrap();
    });
    assert_eq!(polls.get(), 2, "once at the start, once for the wake of the join");
}

// --- the report of the end -----------------------------------------------------------------------

/// Goal: the end names whom it cancelled, and nobody else. Method: tasks that ended, that were
/// aborted in time, that wait, and that never ran.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn the_report_of_the_end_names_the_tasks_that_were_cancelled() {
    let runtime = Runtime::new().unwrap();
    let builder = || rondel::task::Builder::new();
    runtime.block_on(async {
        builder().name("ended").spawn(async {}).unwrap().await.unwrap();
        let aborted = builder().name("aborted").spawn(pending::<()>()).unwrap();
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        drop(builder().name("waits").spawn(pending::<()>()));
        yield_now().await;
    });
    runtime.spawn(async { unreachable!("nobody turns the loop any more") });
    let report = runtime.shutdown_report(Duration::ZERO);
    let names: Vec<_> = report.cancelled().iter().map(|task| task.name()).collect();
    assert_eq!(names, [Some("waits"), None]);
    assert!(report.cancelled()[1].spawned_at().file().ends_with("tests/runtime.rs"));
    assert_eq!(report.closures_running(), 0);
    let text = report.to_string();
    assert!(text.starts_with("2 tasks were cancelled\n  cancelled: task "), "{text}");
    assert!(text.contains("`waits` (spawned at tests/runtime.rs:"), "{text}");
}

#[test]
fn the_report_of_a_clean_end_says_so() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { rondel::spawn(async {}).await.unwrap() });
    let report = runtime.shutdown_report(Duration::from_secs(60));
    assert!(report.is_clean());
    assert_eq!(report.to_string(), "nothing was left");
}

#[test]
fn the_report_of_the_end_counts_closures_that_still_run() {
    let runtime = Runtime::new().unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (started, has_started) = std::sync::mpsc::channel();
    let closure = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    });
    has_started.recv().unwrap();
    let report = runtime.shutdown_report(Duration::ZERO);
    assert_eq!((report.cancelled().len(), report.closures_running()), (0, 1));
    assert!(!report.is_clean());
    assert!(report.to_string().contains("1 closure of `spawn_blocking` still runs"), "{report}");
    release.send(()).unwrap();
    rondel::block_on(closure).unwrap();
}
