//! The verdict: under virtual time, a loop where nothing can ever run again says who waits for what.

use super::{ms, paused};
use rondel::sync::{Mutex, Notify, mpsc, oneshot};
use rondel::task::{self, JoinSet};
use rondel::time::sleep;
use rondel::{Builder, Handle, testing};
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

/// Two who take the same two locks in opposite order.
async fn embrace() {
    let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
    let take = |first: usize, second: usize| {
        let locks = locks.clone();
        async move {
            let _first = locks[first].lock().await;
            sleep(ms(1)).await;
            let _second = locks[second].lock().await;
        }
    };
    let left = task::Builder::new().name("left").spawn(take(0, 1)).unwrap();
    let right = task::Builder::new().name("right").spawn(take(1, 0)).unwrap();
    left.await.unwrap();
    right.await.unwrap();
}

#[test]
fn the_verdict_names_each_task_its_birthplace_and_what_it_waits_for() {
    let deadlock = paused().try_block_on(embrace()).unwrap_err();
    let tasks: Vec<_> = deadlock.tasks().collect();
    assert_eq!(tasks.len(), 2);
    for ((task, waits_for), name) in tasks.iter().zip(["`left`", "`right`"]) {
        assert!(task.contains(name) && task.contains("tests/determinism/deadlock.rs:"), "{task}");
        assert_eq!(*waits_for, ["Mutex::lock"]);
    }
    assert_eq!(deadlock.root(), [tasks[0].0], "the root waits for the first task");
    let text = deadlock.to_string();
    assert!(text.starts_with("deadlock: no task can run"), "{text}");
    assert!(text.contains("given to `block_on` waits for task"), "{text}");
    assert!(text.contains("waits for Mutex::lock"), "{text}");
}

#[test]
fn block_on_panics_with_the_verdict() {
    let runtime = paused();
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(embrace()))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("deadlock:") && text.contains("`left`"), "{text}");
}

#[test]
fn a_task_that_waits_for_several_things_names_them_all() {
    let deadlock = paused().try_block_on(async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        let (_keep, gone) = oneshot::channel::<()>();
        let change = Notify::new();
        let children = [change.notified(), change.notified()];
        rondel::select! {
            _ = rx.recv() => {}
            _ = gone => {}
            _ = rondel::combine::gather(children) => {}
        }
    });
    let mut waits = deadlock.unwrap_err().root().to_vec();
    waits.sort();
    let notified = "Notify::notified";
    assert_eq!(waits, [notified, notified, "mpsc::Receiver::recv", "oneshot::Receiver"]);
}

/// Goal: the report finds the future that forgot its waker. Method: one that is ready at its second
/// poll, and has nobody wake it.
#[test]
fn a_forgotten_task_is_told_apart_from_one_that_waits() {
    let deadlock = paused().try_block_on(async {
        let mut polls = 0;
        let careless = poll_fn(move |_| {
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        let task = task::Builder::new().name("careless").spawn(careless).unwrap();
        task.await.unwrap();
    });
    let deadlock = deadlock.unwrap_err();
    let forgotten: Vec<_> = deadlock.forgotten().collect();
    assert!(forgotten.len() == 1 && forgotten[0].contains("`careless`"), "{deadlock}");
    assert!(deadlock.to_string().contains("`careless` (spawned at"), "{deadlock}");
    assert!(deadlock.to_string().contains("was forgotten"), "{deadlock}");
}

#[test]
fn a_wait_that_rondel_does_not_know_is_told_as_such() {
    let deadlock = paused().try_block_on(pending::<()>()).unwrap_err();
    assert!(deadlock.root().is_empty());
    assert!(deadlock.to_string().contains("waits for something that Rondel does not know"));
}

/// Goal: the loop outlives the verdict. Method: another `block_on` gives the task what it lacked.
#[test]
fn the_runtime_can_be_used_after_the_verdict() {
    let runtime = paused();
    let (tx, rx) = oneshot::channel();
    let task = runtime.spawn(rx);
    assert!(runtime.try_block_on(pending::<()>()).is_err());
    runtime.block_on(async move {
        tx.send(42).unwrap();
        assert_eq!(task.await.unwrap(), Ok(42));
    });
}

#[test]
fn a_panic_while_the_roll_is_called_stays_in_its_task() {
    let runtime = paused();
    let task = runtime.spawn(async {
        let mut polls = 0;
        poll_fn(move |_| {
            polls += 1;
            assert!(polls < 2, "the second poll");
            Poll::<()>::Pending
        })
        .await;
    });
    let deadlock = runtime.try_block_on(pending::<()>()).unwrap_err();
    assert_eq!(deadlock.forgotten().count(), 1);
    assert!(runtime.block_on(task).unwrap_err().is_panic());
}

#[test]
fn a_join_set_and_its_tasks_are_named() {
    let deadlock = paused().try_block_on(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.join_next().await;
    });
    assert_eq!(deadlock.unwrap_err().root(), ["JoinSet::join_next"]);
}

/// Goal: the loop does not wait for its own thread. Method: the thread enters the handle, and then
/// the loop; a thread that is outside would be waited for.
#[test]
fn a_guard_of_the_handle_on_the_loops_own_thread_hides_no_deadlock() {
    let runtime = paused();
    let handle = runtime.handle().clone();
    let _guard = handle.enter();
    assert!(runtime.try_block_on(pending::<()>()).is_err());
    assert!(runtime.try_block_on(pending::<()>()).is_err());
}

/// Goal: sockets are named where they can be in a verdict: those that another loop looks after.
/// Method: a listener of a loop that does not run.
#[test]
fn a_socket_of_another_loop_is_named() {
    let elsewhere = rondel::Runtime::new().unwrap();
    let listener = elsewhere.block_on(rondel::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let accept = paused().try_block_on(async { listener.accept().await.map(drop) });
    assert_eq!(accept.unwrap_err().root(), ["a socket of another loop"]);
}

// ---- What is no deadlock ------------------------------------------------------------------------

#[test]
fn a_timer_is_no_deadlock() {
    paused().block_on(async { sleep(ms(1_000)).await });
}

#[test]
fn an_open_socket_is_no_deadlock() {
    paused().block_on(async {
        let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = thread::spawn(move || std::net::TcpStream::connect(addr).unwrap());
        listener.accept().await.unwrap();
        client.join().unwrap();
    });
}

/// Goal: whoever works outside is waited for. Method: each kind of thread sends the one message that
/// the root waits for; the loop has nothing else.
#[test]
fn threads_outside_are_waited_for() {
    for kind in 0..4 {
        paused().block_on(async move {
            let (tx, mut rx) = mpsc::channel(1);
            let handle = Handle::current();
            match kind {
                0 => drop(rondel::spawn_blocking(move || tx.blocking_send(0).unwrap())),
                1 => {
                    let outside = testing::outside_thread();
                    thread::spawn(move || {
                        let _outside = outside;
                        tx.try_send(1).unwrap();
                    });
                }
                2 => {
                    let (entered, is_in) = std::sync::mpsc::channel();
                    thread::spawn(move || {
                        let _entered = handle.enter();
                        entered.send(()).unwrap();
                        tx.try_send(2).unwrap();
                    });
                    is_in.recv().unwrap();
                }
                _ => {
                    let (started, is_in) = std::sync::mpsc::channel();
                    thread::spawn(move || {
                        let body = async {
                            started.send(()).unwrap();
                            tx.send(3).await.unwrap();
                        };
                        handle.block_on(body);
                    });
                    is_in.recv().unwrap();
                }
            }
            assert_eq!(rx.recv().await, Some(kind));
        });
    }
}

/// Goal: a thread that ends without a word does not hide a deadlock. Method: it drops its guard.
#[test]
fn the_verdict_comes_once_the_last_thread_outside_is_gone() {
    let deadlock = paused().try_block_on(async {
        let outside = testing::outside_thread();
        thread::spawn(move || drop(outside));
        pending::<()>().await;
    });
    assert!(deadlock.is_err());
}

/// Goal: in real time a program may wait for what Rondel cannot know of. Method: a plain thread
/// sends, and the loop has nothing else.
#[test]
fn in_real_time_there_is_no_verdict() {
    let runtime = Builder::new().build().unwrap();
    runtime.block_on(async {
        let (tx, rx) = oneshot::channel();
        thread::spawn(move || tx.send(()).unwrap());
        rx.await.unwrap();
    });
}

#[test]
fn a_root_that_is_ready_while_tasks_wait_for_each_other_is_no_deadlock() {
    let done = Cell::new(false);
    paused().block_on(async {
        let forever = rondel::spawn(pending::<()>());
        sleep(ms(1)).await;
        forever.abort();
        done.set(true);
    });
    assert!(done.get());
}
