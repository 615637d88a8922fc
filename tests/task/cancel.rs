//! The end of a task by abort: when it comes, whom it reaches, and who hears of it.
//!
//! The situations are those of CPython's tests of `Task.cancel` and of async-task's tests of
//! `cancel`, as far as they make sense where dropping is cancelling.

use super::panic_text;
use rondel::sync::{Notify, mpsc, oneshot};
use rondel::task::{self, AbortHandle, yield_now};
use rondel::testing::Diary;
use rondel::testing::task::spawn;
use rondel::time::{Duration, Instant, sleep, timeout};
use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_task_that_is_aborted_before_its_first_poll_runs_none_of_its_code_but_drops() {
    let diary = Diary::new();
    let (ours, guard) = (diary.clone(), diary.on_drop("dropped"));
    rondel::run(async {
        let task = task::spawn_local(async move {
            let _guard = guard;
            ours.note("started");
        });
        task.abort();
        assert!(!task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(diary.pages(), ["dropped"]);
}

#[test]
fn a_task_is_aborted_at_the_inner_future_it_waits_for_and_drops_from_the_inside_out() {
    let diary = Diary::new();
    let [outer, middle, inner] = ["outer", "middle", "inner"].map(|name| diary.on_drop(name));
    rondel::run(async {
        let (begun, has_begun) = oneshot::channel();
        let task = rondel::spawn(async move {
            let _outer = outer;
            async move {
                let _middle = middle;
                async move {
                    let _inner = inner;
                    begun.send(()).unwrap();
                    pending::<()>().await;
                }
                .await;
            }
            .await;
        });
        has_begun.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(diary.pages(), ["inner", "middle", "outer"]);
}

#[test]
fn a_task_that_is_aborted_at_its_end_has_ended() {
    rondel::run(async {
        let task = rondel::spawn(async { 7 });
        while !task.is_finished() {
            yield_now().await;
        }
        task.abort();
        task.abort_handle().abort();
        assert_eq!(task.await.unwrap(), 7);
    });
}

/// Goal: an abort that comes in the same turn as the last wake wins, as the task has not run yet.
/// Method: wake a task by sending what it waits for, and abort it before its turn.
#[cfg(not(on_workers = "order"))]
#[test]
fn an_abort_between_the_wake_and_the_poll_wins() {
    rondel::run(async {
        let (tx, rx) = oneshot::channel();
        let task = rondel::spawn(async { rx.await.unwrap() });
        yield_now().await;
        tx.send(1).unwrap(); // it is in line now, and its value is there
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_that_awaits_an_aborted_task_hears_of_it_and_goes_on() {
    rondel::run(async {
        let inner = rondel::spawn(pending::<()>());
        let abort = inner.abort_handle();
        let outer = rondel::spawn(async move { inner.await.unwrap_err().is_cancelled() });
        yield_now().await;
        abort.abort();
        assert!(outer.await.unwrap());
    });
}

#[test]
fn aborting_the_one_who_waits_leaves_the_one_waited_for_alone() {
    rondel::run(async {
        let (tx, rx) = oneshot::channel();
        let inner = Arc::new(rondel::sync::Mutex::new(rondel::spawn(async { rx.await.unwrap() })));
        let theirs = inner.clone();
        let outer = rondel::spawn(async move { (&mut *theirs.lock().await).await });
        yield_now().await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        tx.send(5).unwrap();
        assert_eq!((&mut *inner.lock().await).await.unwrap(), 5);
    });
}

#[test]
fn many_who_wait_for_the_end_of_one_task_all_hear_of_its_abort() {
    rondel::run(async {
        let ended = Arc::new(Notify::new());
        struct Tells(Arc<Notify>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.notify_waiters();
            }
        }
        let tells = Tells(ended.clone());
        let task = rondel::spawn(async move {
            let _tells = tells;
            pending::<()>().await;
        });
        let waiters: Vec<_> =
            (0..3).map(|_| rondel::spawn(ended.clone().notified_owned())).collect();
        yield_now().await;
        task.abort();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_that_aborts_itself_runs_on_to_its_next_await() {
    let diary = Diary::new();
    let (ours, guard) = (diary.clone(), diary.on_drop("dropped"));
    rondel::run(async {
        let (own, theirs) = oneshot::channel::<AbortHandle>();
        let task = rondel::spawn(async move {
            let _guard = guard;
            theirs.await.unwrap().abort();
            ours.note("after the abort");
            yield_now().await;
            unreachable!("it was aborted");
        });
        own.send(task.abort_handle()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(diary.pages(), ["after the abort", "dropped"]);
}

#[test]
fn a_task_that_aborts_itself_and_never_awaits_again_has_ended() {
    rondel::run(async {
        let (own, theirs) = oneshot::channel::<AbortHandle>();
        let task = rondel::spawn(async move {
            theirs.await.unwrap().abort();
            9
        });
        own.send(task.abort_handle()).unwrap();
        assert_eq!(task.await.unwrap(), 9);
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn two_tasks_may_abort_each_other() {
    rondel::run(async {
        let handles = Rc::new(RefCell::new(Vec::<AbortHandle>::new()));
        let tasks = [1, 0].map(|other| {
            let handles = handles.clone();
            task::spawn_local(async move {
                yield_now().await;
                handles.borrow()[other].abort();
                yield_now().await;
                other
            })
        });
        *handles.borrow_mut() = tasks.iter().map(|task| task.abort_handle()).collect();
        let [first, second] = tasks;
        // The first one runs on until it is its turn again, and finds the second one's answer: none,
        // for that was aborted before it could give one.
        assert_eq!(first.await.unwrap(), 1);
        assert!(second.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_sleeping_task_is_aborted_at_once_and_leaves_no_timer() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let task = rondel::spawn(sleep(Duration::from_secs(3_600)));
        sleep(Duration::from_secs(1)).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    });
}

/// Goal: a task that stands in a queue leaves it. Method: abort the first of two receivers of one
/// lock; the second gets its turn.
// On workers the abort may come in the middle of the poll that gets the permit: too late.
#[cfg(not(on_workers = "order"))]
#[test]
fn an_aborted_task_leaves_the_queues_it_stands_in() {
    rondel::run(async {
        let seats = Arc::new(rondel::sync::Semaphore::new(1));
        let held = seats.clone().acquire_owned().await.unwrap();
        let first = rondel::spawn(seats.clone().acquire_owned());
        let second = rondel::spawn(seats.clone().acquire_owned());
        yield_now().await;
        first.abort();
        yield_now().await;
        drop(held);
        assert!(second.await.unwrap().is_ok());
        assert!(first.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn cleaning_up_after_an_abort_may_go_on_in_another_task() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let cleaned = runtime.block_on(async {
        let (tx, mut rx) = mpsc::channel(1);
        struct CleansUp(Option<mpsc::Sender<&'static str>>);
        impl Drop for CleansUp {
            fn drop(&mut self) {
                let tx = self.0.take().unwrap();
                rondel::spawn(async move {
                    sleep(Duration::from_secs(1)).await; // a drop itself cannot await
                    tx.send("cleaned up").await.unwrap();
                });
            }
        }
        let cleans_up = CleansUp(Some(tx));
        let task = rondel::spawn(async move {
            let _cleans_up = cleans_up;
            pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        rx.recv().await
    });
    assert_eq!(cleaned, Some("cleaned up"));
}

#[test]
fn a_task_that_is_aborted_many_times_is_cancelled_once() {
    let drops = Arc::<AtomicUsize>::default();
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    rondel::run(async {
        let counts = Counts(drops.clone());
        let task = rondel::spawn(async move {
            let _counts = counts;
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        yield_now().await;
        for _ in 0..10 {
            abort.abort();
            task.abort();
        }
        assert!(task.await.unwrap_err().is_cancelled());
        abort.abort();
    });
    assert_eq!(drops.load(SeqCst), 1);
}

/// Goal: whoever polled the handle last is woken by the abort, and nobody else. Method: two
/// wakers, one after the other.
#[cfg(not(on_workers = "order"))]
#[test]
fn the_one_who_waits_for_a_task_is_woken_when_it_is_aborted() {
    rondel::run(async {
        let mut task = rondel::spawn(pending::<()>());
        yield_now().await;
        let mut first = spawn(&mut task);
        assert!(first.poll().is_pending());
        let former = first.enter(|cx, _| cx.waker().clone());
        assert_eq!(first.waker_ref_count(), 3, "the task has one, and we");
        drop(first);
        let mut last = spawn(&mut task);
        assert!(last.poll().is_pending());
        last.abort();
        assert!(!last.is_woken(), "the loop has not come to it");
        yield_now().await;
        assert_eq!(last.wakes(), 1);
        drop(former);
    });
}

#[test]
fn a_timeout_around_a_handle_lets_the_task_run_on() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut task = rondel::spawn(async {
            sleep(Duration::from_secs(10)).await;
            "done"
        });
        assert!(timeout(Duration::from_secs(1), &mut task).await.is_err());
        assert_eq!(task.await.unwrap(), "done");
    });
}

/// Goal: a task whose future never wakes is polled once. Method: abort one that was never woken.
#[test]
fn a_task_that_nobody_wakes_is_polled_once_and_can_be_aborted() {
    rondel::run(async {
        let polls = Arc::<AtomicUsize>::default();
        let count = polls.clone();
        let task = rondel::spawn(poll_fn(move |_| {
            count.fetch_add(1, SeqCst);
            Poll::<()>::Pending
        }));
        while polls.load(SeqCst) == 0 {
            yield_now().await;
        }
        for _ in 0..5 {
            yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polls.load(SeqCst), 1);
    });
}

#[test]
fn the_error_tells_what_happened_to_which_task() {
    rondel::run(async {
        let task = rondel::spawn(pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        assert_eq!(format!("{error:?}"), format!("JoinError::Cancelled({:?})", error.id()));
        assert_eq!(std::io::Error::from(error).to_string(), "task was cancelled");
        let task = rondel::spawn(pending::<()>());
        task.abort();
        let error = task.await.unwrap_err().try_into_panic().unwrap_err();
        let text = panic_text(|| drop(error.into_panic()));
        assert!(text.starts_with("`JoinError` reason is not a panic."), "{text}");
    });
}

/// Goal: a panic in the drop of an aborted task that nobody joins is told of, as any other.
/// Method: run this test in a process of its own and read what it writes.
#[test]
fn a_panic_in_the_drop_of_an_aborted_and_detached_task_is_reported_once() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    const INSIDE: &str = "RONDEL_TEST_CANCEL_PANIC";
    if std::env::var_os(INSIDE).is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        rondel::run(async {
            let (begun, mut has_begun) = mpsc::channel(2);
            let bombs = [Bomb, Bomb].map(|bomb| {
                let begun = begun.clone();
                rondel::spawn(async move {
                    begun.send(()).await.unwrap();
                    pending::<()>().await;
                    drop(bomb);
                })
            });
            has_begun.recv().await.unwrap();
            has_begun.recv().await.unwrap();
            let aborts = [bombs[0].abort_handle(), bombs[1].abort_handle()];
            let [detached, kept] = bombs;
            drop(detached);
            aborts.iter().for_each(AbortHandle::abort);
            assert!(kept.await.unwrap_err().is_panic());
        });
        return;
    }
    let name = concat!(
        module_path!(),
        "::a_panic_in_the_drop_of_an_aborted_and_detached_task_is_reported_once"
    );
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
