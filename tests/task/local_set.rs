//! `LocalSet`: tasks on one thread, polled by whoever polls the set.

use super::{panic_text, text_of};
use rondel::sync::{mpsc, oneshot};
use rondel::task::{self, LocalSet, coop, yield_now};
use rondel::testing::Diary;
use rondel::testing::task::spawn;
use rondel::time::{Duration, Instant, sleep};
use rondel::{Builder, Runtime};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// Polls the set once, for nobody.
fn turn(set: &mut LocalSet) -> Poll<()> {
    Pin::new(set).poll(&mut Context::from_waker(Waker::noop()))
}

// --- where and when tasks run --------------------------------------------------------------------

#[test]
fn tasks_that_are_not_send_run_beside_the_future() {
    rondel::run(async {
        let set = LocalSet::new();
        let word = Rc::new("hello");
        let theirs = word.clone();
        let answer = set.run_until(async move {
            let outer = task::spawn_local(async move {
                let inner = task::spawn_local(async move { theirs.len() });
                inner.await.unwrap() + 1
            });
            outer.await.unwrap()
        });
        assert_eq!(answer.await, 6);
        assert_eq!(Rc::strong_count(&word), 1);
    });
}

#[test]
fn tasks_run_only_while_the_set_is_polled() {
    let diary = Diary::new();
    let ours = diary.clone();
    let set = LocalSet::new(); // before there is a runtime
    let (tx, rx) = oneshot::channel();
    set.spawn_local(async move {
        ours.note("first step");
        rx.await.unwrap();
        ours.note("second step");
    });
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        for _ in 0..5 {
            yield_now().await;
        }
    });
    assert!(diary.pages().is_empty());
    set.block_on(&runtime, yield_now());
    tx.send(()).unwrap();
    runtime.block_on(yield_now());
    assert_eq!(diary.pages(), ["first step"]);
    runtime.block_on(set);
    assert_eq!(diary.pages(), ["first step", "second step"]);
}

#[test]
fn a_set_is_done_when_all_its_tasks_have_ended() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let diary = Diary::new();
    let (first, second, third) = (diary.clone(), diary.clone(), diary.clone());
    let set = LocalSet::new();
    set.spawn_local(async move {
        task::spawn_local(async move {
            sleep(Duration::from_secs(3)).await;
            third.note("the child");
        });
        sleep(Duration::from_secs(2)).await;
        first.note("the parent");
    });
    set.spawn_local(async move { second.note("the other one") });
    runtime.block_on(async {
        let start = Instant::now();
        set.await;
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        LocalSet::new().await; // without tasks at once
    });
    assert_eq!(diary.pages(), ["the other one", "the parent", "the child"]);
}

#[test]
fn tasks_run_in_the_order_in_which_they_became_ready() {
    let diary = Diary::new();
    let mut set = LocalSet::new();
    for name in ["a", "b", "c"] {
        let diary = diary.clone();
        set.spawn_local(async move {
            for step in 1..=2 {
                diary.note(format!("{name}{step}"));
                yield_now().await;
            }
        });
    }
    assert!(turn(&mut set).is_ready());
    assert_eq!(diary.pages(), ["a1", "b1", "c1", "a2", "b2", "c2"]);
}

#[test]
fn a_set_is_polled_by_any_executor() {
    let set = LocalSet::new();
    let (tx, rx) = oneshot::channel();
    let (echo, mut heard) = mpsc::channel(1);
    set.spawn_local(async move { echo.send(rx.await.unwrap()).await.unwrap() });
    let stranger = thread::spawn(move || tx.send(7).unwrap()); // wakes the set from outside
    assert_eq!(rondel::block_on(set.run_until(async { heard.recv().await })), Some(7));
    stranger.join().unwrap();
    rondel::block_on(set);
}

#[test]
fn thousands_of_tasks_are_run_though_a_poll_takes_only_a_batch() {
    rondel::run(async {
        let set = LocalSet::new();
        let sum = Rc::new(Cell::new(0));
        for number in 0..5_000 {
            let sum = sum.clone();
            set.spawn_local(async move {
                yield_now().await;
                sum.set(sum.get() + number);
            });
        }
        set.await;
        assert_eq!(sum.get(), 5_000 * 4_999 / 2);
    });
}

/// Goal: a set is one task to its loop, however busy its own tasks are. Method: one that yields for
/// ever and one that is always ready for a step; a task of the loop must get its turns.
#[cfg(not(on_workers = "order"))]
#[test]
fn busy_tasks_of_a_set_starve_nobody() {
    rondel::run(async {
        let set = LocalSet::new();
        let (yields, steps) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
        let (ours, theirs) = (yields.clone(), steps.clone());
        set.spawn_local(async move {
            loop {
                ours.set(ours.get() + 1);
                yield_now().await;
            }
        });
        set.spawn_local(async move {
            loop {
                theirs.set(theirs.get() + 1);
                coop::consume_budget().await;
            }
        });
        let other = rondel::spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
        // Its own future takes all the steps it gets, too, and looks at the other task now and then.
        let root = async {
            while !other.is_finished() {
                coop::consume_budget().await;
            }
        };
        set.run_until(root).await;
        let (yields, steps) = (yields.get(), steps.get());
        assert!((10..2_000).contains(&yields), "{yields} rounds of the one that yields");
        assert!((10..2_000).contains(&steps), "{steps} steps of the one that is always ready");
    });
}

#[test]
fn a_poll_of_the_set_costs_its_task_no_steps() {
    rondel::run(async {
        for _ in 0..100 {
            coop::consume_budget().await;
        }
        let mut set = None;
        let mut steps_inside = 0;
        poll_fn(|_| {
            let inside = Rc::new(Cell::new(0));
            let count = inside.clone();
            let local = set.insert(LocalSet::new());
            local.spawn_local(async move {
                while coop::has_budget_remaining() {
                    count.set(count.get() + 1);
                    coop::consume_budget().await;
                }
            });
            assert!(turn(local).is_ready());
            steps_inside = inside.get();
            Poll::Ready(())
        })
        .await;
        assert_eq!(steps_inside, 128, "a share of its own");
        let mut left = 0;
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
            left += 1;
        }
        assert_eq!(left, 28, "and the outer one is as it was");
    });
}

// --- waking ---------------------------------------------------------------------------------------

#[test]
fn whoever_polls_the_set_is_woken_by_new_tasks_and_by_wakes() {
    let mut set = spawn(LocalSet::new());
    let (tx, rx) = oneshot::channel();
    set.spawn_local(rx);
    assert!(set.poll().is_pending());
    assert_eq!(set.wakes(), 0);
    set.spawn_local(async {});
    assert_eq!(set.wakes(), 1, "a new task");
    assert!(set.poll().is_pending());
    thread::spawn(move || tx.send(()).unwrap()).join().unwrap();
    assert_eq!(set.wakes(), 2, "a task was woken on another thread");
    assert!(set.poll().is_ready());
}

/// Goal: a set that is gone keeps nobody. Method: count who holds the waker of whoever polled it,
/// while a waker of its task is still about.
#[test]
fn a_set_that_is_gone_keeps_no_waker() {
    let set = RefCell::new(Some(LocalSet::new()));
    let kept = Rc::new(RefCell::new(None));
    let slot = kept.clone();
    set.borrow().as_ref().unwrap().spawn_local(poll_fn(move |cx| {
        *slot.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    let mut polls = spawn(poll_fn(|cx| Pin::new(set.borrow_mut().as_mut().unwrap()).poll(cx)));
    assert!(polls.poll().is_pending());
    assert_eq!(polls.waker_ref_count(), 2);
    set.take();
    assert_eq!(polls.waker_ref_count(), 1);
    drop(kept);
}

/// Goal: a thousand wakes of a task are one poll of it. Method: count the polls.
#[test]
fn a_task_is_polled_once_for_many_wakes() {
    let mut set = spawn(LocalSet::new());
    let polls = Rc::new(Cell::new(0));
    let kept = Rc::new(RefCell::new(None));
    let (count, slot) = (polls.clone(), kept.clone());
    set.spawn_local(poll_fn(move |cx| {
        count.set(count.get() + 1);
        *slot.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    assert!(set.poll().is_pending());
    let waker: Waker = kept.borrow().clone().unwrap();
    for _ in 0..1_000 {
        waker.wake_by_ref();
    }
    let elsewhere = waker.clone();
    thread::spawn(move || elsewhere.wake()).join().unwrap();
    assert!(set.poll().is_pending());
    assert_eq!((polls.get(), set.wakes()), (2, 1));
    drop(set);
    waker.wake(); // too late, and harmless
}

/// Goal: tasks go on after the future beside them is given up. Method: drop `run_until` half-way.
#[test]
fn a_dropped_run_until_leaves_the_tasks_where_they_are() {
    let set = LocalSet::new();
    let (tx, rx) = oneshot::channel();
    let task = set.spawn_local(async { rx.await.unwrap() });
    assert!(spawn(set.run_until(pending::<()>())).poll().is_pending());
    tx.send(5).unwrap();
    assert_eq!(rondel::block_on(set.run_until(task)).unwrap(), 5);
}

// --- the handle -----------------------------------------------------------------------------------

#[test]
fn a_handle_gives_the_output_and_knows_the_task() {
    let mut set = LocalSet::new();
    let task = set.spawn_local(async {
        assert!(task::try_id().is_some());
        (task::id(), Rc::new(5))
    });
    let (id, abort) = (task.id(), task.abort_handle());
    assert!(!task.is_finished() && !abort.is_finished());
    assert!(turn(&mut set).is_ready());
    assert!(task.is_finished() && abort.is_finished());
    assert_eq!(abort.id(), id);
    assert_eq!(rondel::block_on(task).unwrap(), (id, Rc::new(5)));
    assert!(task::try_id().is_none());
}

#[test]
fn a_handle_may_be_awaited_on_another_thread() {
    let runtime = Runtime::new().unwrap();
    let set = LocalSet::new();
    let home = thread::current().id();
    let task = set.spawn_local(async move {
        let _not_send = Rc::new(());
        yield_now().await;
        thread::current().id()
    });
    let joiner = thread::spawn(move || rondel::block_on(task).unwrap());
    runtime.block_on(set);
    assert_eq!(joiner.join().unwrap(), home);
}

#[test]
fn awaiting_a_handle_again_after_its_output_panics() {
    let mut set = LocalSet::new();
    let mut task = set.spawn_local(async {});
    assert!(turn(&mut set).is_ready());
    assert!(rondel::block_on(&mut task).is_ok());
    let text = panic_text(|| drop(rondel::block_on(&mut task)));
    assert_eq!(text, "a `JoinHandle` was awaited again after it gave its output");
}

/// Goal: the output of a task has one owner at any time. Method: detach it before and after its
/// end, and see when the output is dropped.
#[test]
fn an_output_that_nobody_wants_is_dropped() {
    let diary = Diary::new();
    let mut set = LocalSet::new();
    let output = diary.on_drop("detached before");
    drop(set.spawn_local(async move { output }));
    assert!(turn(&mut set).is_ready());
    assert_eq!(diary.pages(), ["detached before"]);
    let output = diary.on_drop("detached after");
    let task = set.spawn_local(async move { output });
    assert!(turn(&mut set).is_ready());
    assert_eq!(diary.pages().len(), 1);
    drop(task);
    assert_eq!(diary.pages(), ["detached before", "detached after"]);
}

// --- abort ----------------------------------------------------------------------------------------

#[test]
fn a_task_that_is_aborted_before_its_first_poll_never_runs() {
    let diary = Diary::new();
    let mut set = LocalSet::new();
    let guard = diary.on_drop("dropped");
    let task = set.spawn_local(async move {
        let _guard = guard;
        unreachable!("it was aborted");
    });
    task.abort();
    assert!(!task.is_finished(), "the set drops it, not the caller");
    assert!(turn(&mut set).is_ready());
    assert!(task.is_finished());
    assert_eq!(diary.pages(), ["dropped"]);
    let error = rondel::block_on(task).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), format!("task {} was cancelled", error.id()));
}

#[test]
fn a_task_is_aborted_from_another_thread_and_dropped_at_home() {
    let runtime = Runtime::new().unwrap();
    let dropped_on = Arc::new(Mutex::new(None::<ThreadId>));
    struct Witness(Arc<Mutex<Option<ThreadId>>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(thread::current().id());
        }
    }
    let set = LocalSet::new();
    let (witness, not_send) = (Witness(dropped_on.clone()), Rc::new(()));
    let task = set.spawn_local(async move {
        let _kept = (witness, not_send);
        pending::<()>().await;
    });
    let abort = task.abort_handle();
    let (started, start) = std::sync::mpsc::channel();
    let stranger = thread::spawn(move || {
        start.recv().unwrap();
        abort.abort();
        abort.clone().abort(); // twice is once
    });
    set.block_on(&runtime, async {
        yield_now().await; // it waits now
        started.send(()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled()); // woken by the stranger
    });
    stranger.join().unwrap();
    assert_eq!(*dropped_on.lock().unwrap(), Some(thread::current().id()));
}

#[test]
fn a_task_that_aborts_itself_ends_at_its_next_await() {
    let diary = Diary::new();
    let mut set = LocalSet::new();
    let own = Rc::new(RefCell::new(None::<task::AbortHandle>));
    let (ours, theirs) = (diary.clone(), own.clone());
    let task = set.spawn_local(async move {
        theirs.borrow().as_ref().unwrap().abort();
        ours.note("still here");
        yield_now().await;
        unreachable!("it was aborted");
    });
    *own.borrow_mut() = Some(task.abort_handle());
    assert!(turn(&mut set).is_ready(), "at once: it is not polled again");
    assert!(rondel::block_on(task).unwrap_err().is_cancelled());
    assert_eq!(diary.pages(), ["still here"]);
}

#[test]
fn an_abort_after_the_end_or_with_the_last_step_comes_too_late() {
    let mut set = LocalSet::new();
    let done = set.spawn_local(async { 1 });
    assert!(turn(&mut set).is_ready());
    done.abort();
    assert_eq!(rondel::block_on(done).unwrap(), 1);
    let own = Rc::new(RefCell::new(None::<task::AbortHandle>));
    let theirs = own.clone();
    let last_step = set.spawn_local(async move {
        theirs.borrow().as_ref().unwrap().abort();
        2
    });
    *own.borrow_mut() = Some(last_step.abort_handle());
    assert!(turn(&mut set).is_ready());
    assert_eq!(rondel::block_on(last_step).unwrap(), 2);
}

// --- panics ---------------------------------------------------------------------------------------

#[test]
fn a_panic_reaches_the_handle_and_not_the_set() {
    rondel::run(async {
        let set = LocalSet::new();
        let bad = set.spawn_local(async { panic!("boom") });
        let good = set.spawn_local(async { 1 });
        set.await;
        let error = bad.await.unwrap_err();
        assert!(error.to_string().ends_with("panicked with message \"boom\""), "{error}");
        assert_eq!(text_of(error.into_panic()), "boom");
        assert_eq!(good.await.unwrap(), 1);
    });
}

#[test]
fn a_panic_in_the_drop_of_a_future_reaches_the_handle() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let mut set = LocalSet::new();
    let aborted = set.spawn_local(async {
        let _bomb = Bomb;
        pending::<()>().await;
    });
    assert!(turn(&mut set).is_pending());
    aborted.abort();
    assert!(turn(&mut set).is_ready());
    assert_eq!(text_of(rondel::block_on(aborted).unwrap_err().into_panic()), "in drop");
    drop(set.spawn_local(async { Bomb })); // an output that nobody wants
    assert!(turn(&mut set).is_ready());
    let left = set.spawn_local(async {
        let _bomb = Bomb;
        pending::<()>().await;
    });
    assert!(turn(&mut set).is_pending());
    drop(set);
    assert!(rondel::block_on(left).unwrap_err().is_panic());
}

/// Goal: a panic that no handle is left to tell of stands on stderr, once.
/// Method: run this test in a process of its own and read what it writes.
#[test]
fn a_panic_of_a_detached_task_is_reported_once() {
    const INSIDE: &str = "RONDEL_TEST_LOCAL_SET_PANIC";
    if std::env::var_os(INSIDE).is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        let mut set = LocalSet::new();
        drop(set.spawn_local(async { panic!("nobody hears") }));
        let kept = set.spawn_local(async { panic!("somebody hears") });
        assert!(turn(&mut set).is_ready());
        assert!(rondel::block_on(kept).is_err());
        return;
    }
    let name = concat!(module_path!(), "::a_panic_of_a_detached_task_is_reported_once");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(child.status.success());
    let stderr = String::from_utf8(child.stderr).unwrap();
    let reports = stderr.matches("panicked, and no JoinHandle is left to tell").count();
    assert_eq!(reports, 1, "{stderr}");
    assert!(stderr.contains(concat!(file!(), ":")), "{stderr}");
}

// --- the end of the set ---------------------------------------------------------------------------

#[test]
fn dropping_the_set_drops_its_tasks_and_tells_their_handles() {
    let diary = Diary::new();
    let mut set = LocalSet::new();
    let (polled, unpolled) = (diary.on_drop("polled"), diary.on_drop("unpolled"));
    let waits = set.spawn_local(async move {
        let _kept = polled;
        pending::<()>().await;
    });
    assert!(turn(&mut set).is_pending());
    let fresh = set.spawn_local(async move { drop(unpolled) });
    let mut waits = spawn(waits);
    assert!(waits.poll().is_pending());
    drop(set);
    assert_eq!(diary.pages(), ["polled", "unpolled"]);
    assert_eq!(waits.wakes(), 1, "whoever waits is woken");
    assert!(rondel::block_on(waits).unwrap_err().is_cancelled());
    assert!(rondel::block_on(fresh).unwrap_err().is_cancelled());
}

/// Goal: drops are programs: they may spawn, and talk to tasks that are dropped as well.
/// Method: a drop that spawns into the set, and one that sends to another task of it.
#[test]
fn what_is_spawned_while_the_set_is_dropped_is_cancelled() {
    struct Spawns(Rc<Cell<u32>>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let task = task::spawn_local(async { unreachable!("the set is gone") });
            assert!(task.is_finished());
            assert!(rondel::block_on(task).unwrap_err().is_cancelled());
            self.0.set(self.0.get() + 1);
        }
    }
    let mut set = LocalSet::new();
    let drops = Rc::new(Cell::new(0));
    let (tx, rx) = oneshot::channel::<()>();
    let spawns = Spawns(drops.clone());
    set.spawn_local(async move {
        let _sends_at_drop = tx;
        let _spawns = spawns;
        pending::<()>().await;
    });
    set.spawn_local(rx);
    assert!(turn(&mut set).is_pending());
    drop(set);
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_set_may_lie_in_a_thread_local_with_its_runtime() {
    struct Both {
        set: LocalSet,
        runtime: Runtime,
    }
    thread_local! {
        static BOTH: Both = Both { set: LocalSet::new(), runtime: Runtime::new().unwrap() };
    }
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            DROPS.fetch_add(1, SeqCst);
        }
    }
    let thread = thread::spawn(|| {
        BOTH.with(|both| {
            both.set.block_on(&both.runtime, async {
                task::spawn_local(async {
                    let _kept = OnDrop;
                    pending::<()>().await;
                });
                yield_now().await;
            });
        });
    });
    thread.join().unwrap();
    assert_eq!(DROPS.load(SeqCst), 1);
}

// --- which set is meant ---------------------------------------------------------------------------

#[test]
fn an_entered_set_takes_local_spawns() {
    let set = LocalSet::new();
    let entered = set.enter();
    let task = task::spawn_local(async { 1 });
    let named = task::Builder::new().name("named").spawn_local(async { 2 }).unwrap();
    let runtime = Runtime::new().unwrap();
    let sum = set.block_on(&runtime, async { task.await.unwrap() + named.await.unwrap() });
    assert_eq!(sum, 3);
    drop(entered);
    assert!(panic_text(|| drop(task::spawn_local(async {}))).contains("no Rondel loop runs"));
}

/// Goal: a task of an entered set that goes to sleep is woken. Method: sleep, with the guard held.
#[test]
fn an_entered_set_is_woken_like_any_other() {
    rondel::run(async {
        let set = LocalSet::new();
        let _entered = set.enter();
        let (tx, rx) = oneshot::channel();
        let work = async {
            task::spawn_local(async move {
                sleep(Duration::from_millis(1)).await;
                tx.send(()).unwrap();
            });
            rx.await.unwrap();
        };
        set.run_until(work).await;
    });
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let (mut first, mut second) = (LocalSet::new(), LocalSet::new());
    let (in_first, in_second) = (first.enter(), second.enter());
    task::spawn_local(async {});
    drop(in_first);
    task::spawn_local(async {});
    drop(in_second);
    assert!(panic_text(|| drop(task::spawn_local(async {}))).contains("no Rondel loop runs"));
    assert_eq!(
        format!("{first:?} {second:?}"),
        "LocalSet { tasks: 0, .. } LocalSet { tasks: 2, .. }"
    );
    assert!(turn(&mut first).is_ready() && turn(&mut second).is_ready());
}

#[test]
fn a_guard_that_outlives_its_set_gives_cancelled_tasks() {
    let set = LocalSet::new();
    let _entered = set.enter();
    drop(set);
    let task = task::spawn_local(async { unreachable!("there is no set to run it") });
    assert!(rondel::block_on(task).unwrap_err().is_cancelled());
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_set_inside_a_task_of_another_set_takes_its_own_spawns() {
    rondel::run(async {
        let outer = LocalSet::new();
        let diary = Diary::new();
        let ours = diary.clone();
        let work = async move {
            let inner = LocalSet::new();
            let note = ours.clone();
            let in_inner = inner.run_until(async {
                task::spawn_local(async move { note.note("the inner set's") }).await.unwrap();
            });
            in_inner.await;
            let note = ours.clone();
            let in_outer = task::spawn_local(async move { note.note("the outer set's") });
            assert_eq!(format!("{inner:?}"), "LocalSet { tasks: 0, .. }");
            in_outer.await.unwrap();
        };
        outer.run_until(async { task::spawn_local(work).await.unwrap() }).await;
        assert_eq!(diary.pages(), ["the inner set's", "the outer set's"]);
        // Outside the sets the loop is meant.
        assert_eq!(task::spawn_local(async { 3 }).await.unwrap(), 3);
    });
}

/// Goal: a task may poll the set that it is in; its own wakes meanwhile are not lost.
/// Method: run a future on the set from within, which wakes the outer task while it is away.
#[test]
fn a_task_may_poll_its_own_set() {
    let set = Rc::new(LocalSet::new());
    let inside = set.clone();
    let (tx, rx) = oneshot::channel();
    let other = set.spawn_local(async move { tx.send(4).unwrap() });
    let task = set.spawn_local(async move {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let nested = inside.run_until(async move {
            waker.wake(); // the task that is polling us
            yield_now().await;
            rx.await.unwrap()
        });
        nested.await
    });
    assert_eq!(rondel::block_on(set.run_until(task)).unwrap(), 4);
    assert!(other.is_finished());
}

/// Goal: a deadlock inside a set is told with what its tasks wait for. Method: virtual time.
#[test]
fn the_roll_call_reaches_the_tasks_of_a_set() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let set = LocalSet::new();
    let (_keep, rx) = oneshot::channel::<()>();
    set.spawn_local(rx);
    let task = set.spawn_local(async {
        rondel::sync::Notify::new().notified().await;
    });
    let deadlock = runtime.try_block_on(set.run_until(task)).unwrap_err();
    let waits = deadlock.root();
    assert_eq!(waits.len(), 3, "{deadlock}");
    assert!(waits[0].contains(concat!(file!(), ":")), "{deadlock}");
    assert_eq!(waits[1..], ["oneshot::Receiver", "Notify::notified"]);
}
