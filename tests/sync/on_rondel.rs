//! The primitives between Rondel's own tasks, and where blocking is refused.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rondel::sync::mpsc::error::SendTimeoutError;
use rondel::sync::{
    Barrier, CapacityLimiter, Condition, Event, Mutex, Notify, Queue, RwLock, Semaphore, broadcast,
    mpsc, oneshot, watch,
};

/// Goal: show back-pressure in a pipeline of tasks: nothing lost, order kept.
/// Method: one producer, one stage, one sink, through channels of 2.
#[test]
fn a_pipeline_of_tasks_keeps_the_order() {
    let sum = rondel::run(async {
        let (raw, mut stage_in) = mpsc::channel(2);
        let (cooked, mut sink) = mpsc::channel(2);
        rondel::spawn(async move {
            for item in 0..1_000 {
                raw.send(item).await.unwrap();
            }
        });
        rondel::spawn(async move {
            while let Some(item) = stage_in.recv().await {
                cooked.send(item * 2).await.unwrap();
            }
        });
        let mut expected = 0;
        while let Some(item) = sink.recv().await {
            assert_eq!(item, expected);
            expected += 2;
        }
        expected
    });
    assert_eq!(sum, 2_000);
}

/// Goal: show that aborted tasks give back what they hold and what they were about to get.
/// Method: 50 tasks share 3 permits; half of them are aborted at different steps.
#[test]
fn aborted_tasks_give_their_permits_back() {
    rondel::run(async {
        let seats = Arc::new(Semaphore::new(3));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let seats = seats.clone();
                rondel::spawn(async move {
                    let _permit = seats.acquire().await.unwrap();
                    rondel::task::yield_now().await;
                })
            })
            .collect();
        for (index, task) in tasks.into_iter().enumerate() {
            if index % 2 == 0 {
                task.abort();
                rondel::task::yield_now().await;
            } else {
                task.await.unwrap();
            }
        }
        drop(seats.acquire_many(3).await.unwrap());
        assert_eq!(seats.available_permits(), 3);
    });
}

/// Goal: show that aborted readers and writers give back what they hold and what they were about to
/// get.
/// Method: 60 tasks read, write or downgrade; half of them are aborted at different steps.
#[test]
fn aborted_tasks_give_their_locks_back() {
    rondel::run(async {
        let lock = Arc::new(RwLock::new(0));
        let tasks: Vec<_> = (0..60)
            .map(|index| {
                let lock = lock.clone();
                rondel::spawn(async move {
                    if index % 3 == 0 {
                        drop(lock.read().await);
                        return;
                    }
                    let writer = lock.write().await;
                    rondel::task::yield_now().await;
                    let reader = writer.downgrade();
                    rondel::task::yield_now().await;
                    drop(reader);
                })
            })
            .collect();
        for (index, task) in tasks.into_iter().enumerate() {
            if index % 2 == 0 {
                task.abort();
                rondel::task::yield_now().await;
            } else {
                task.await.unwrap();
            }
        }
        *lock.write().await += 1;
        assert_eq!(*lock.try_write().unwrap(), 1);
    });
}

/// Goal: show that the trap of a read-write lock is reported for what it is: a task that reads
/// twice, with a writer in between.
/// Method: fall into it in virtual time, and look for the names of both waits in the report.
#[test]
fn reading_twice_with_a_writer_in_between_is_reported_as_a_deadlock() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        let lock = Arc::new(RwLock::new(()));
        let _first = lock.read().await;
        let other = lock.clone();
        rondel::spawn(async move { drop(other.write().await) });
        rondel::task::yield_now().await;
        drop(lock.read().await);
    });
    let text = deadlock.unwrap_err().to_string();
    assert!(text.contains("RwLock::read") && text.contains("RwLock::write"), "{text}");
}

/// Goal: show that tasks and foreign threads work on the same primitives.
/// Method: a thread and a task add to one count; the thread reports through a oneshot.
#[test]
fn tasks_and_threads_share_a_lock() {
    let count = Arc::new(Mutex::new(0));
    let (done, report) = oneshot::channel();
    let foreign = count.clone();
    let thread = thread::spawn(move || {
        (0..500).for_each(|_| *foreign.blocking_lock() += 1);
        done.send("done").unwrap();
    });
    rondel::run(async {
        for _ in 0..500 {
            *count.lock().await += 1;
            rondel::task::yield_now().await;
        }
        assert_eq!(report.await, Ok("done"));
        assert_eq!(*count.lock().await, 1_000);
    });
    thread.join().unwrap();
}

/// Goal: show that `notify_waiters` starts all tasks that wait at the gate.
/// Method: ten tasks wait; open the gate once they are there.
#[test]
fn a_gate_opens_for_all_tasks() {
    rondel::run(async {
        let gate = Arc::new(Notify::new());
        let tasks: Vec<_> = (0..10).map(|_| rondel::spawn(gate.clone().notified_owned())).collect();
        rondel::task::yield_now().await;
        gate.notify_waiters();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Goal: show the ends of a send with a time limit: sent, timed out, closed.
/// Method: a channel of 1 without anybody who receives, then closed.
#[test]
fn a_send_with_a_limit_gives_the_value_back() {
    rondel::run(async {
        let (tx, mut rx) = mpsc::channel(1);
        let limit = Duration::from_millis(3);
        assert_eq!(tx.send_timeout(1, limit).await, Ok(()));
        assert_eq!(tx.send_timeout(2, limit).await, Err(SendTimeoutError::Timeout(2)));
        assert_eq!(rx.recv().await, Some(1));
        assert_eq!(tx.capacity(), 1, "the timed-out wait has left no trace");
        drop(rx);
        assert_eq!(tx.send_timeout(3, limit).await, Err(SendTimeoutError::Closed(3)));
    });
}

/// Goal: show that a broadcast and a watch work between tasks, aborted ones included.
/// Method: listeners that count; a watch that tells when to stop; half of the listeners are aborted
/// in their wait.
#[cfg(not(on_workers = "order"))]
#[test]
fn tasks_listen_until_they_are_told_to_stop() {
    rondel::run(async {
        let (words, _) = broadcast::channel(4);
        let (stop, stopped) = watch::channel(false);
        let listen = |mut rx: broadcast::Receiver<usize>, mut stopped: watch::Receiver<bool>| {
            rondel::spawn(async move {
                let mut heard = vec![];
                loop {
                    rondel::select! {
                        biased;
                        word = rx.recv() => heard.push(word.unwrap()),
                        _ = stopped.wait_for(|&stop| stop) => break heard,
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..10).map(|_| listen(words.subscribe(), stopped.clone())).collect();
        for word in 0..20 {
            words.send(word).unwrap();
            rondel::task::yield_now().await;
            if word == 9 {
                tasks.iter().step_by(2).for_each(|task| task.abort());
            }
        }
        stop.send(true).unwrap();
        for (index, task) in tasks.into_iter().enumerate() {
            match task.await {
                Ok(heard) => assert!(index % 2 == 1 && heard.into_iter().eq(0..20)),
                Err(error) => assert!(index % 2 == 0 && error.is_cancelled()),
            }
        }
        assert_eq!((words.receiver_count(), words.len(), stop.receiver_count()), (0, 0, 1));
    });
}

/// Goal: show that no wait that is always ready keeps the others from running.
/// Method: a loop around each, beside something that needs one more turn.
#[test]
fn a_wait_that_is_always_ready_lets_others_run() {
    async fn beside_a_yield(endless: impl Future<Output = ()>) {
        rondel::select! {
            biased;
            () = endless => unreachable!("it never ends"),
            () = rondel::task::yield_now() => {}
        }
    }
    rondel::run(async {
        let (tx, mut rx) = broadcast::channel(1);
        beside_a_yield(async {
            loop {
                tx.send(()).unwrap();
                rx.recv().await.unwrap();
            }
        })
        .await;
        drop(rx);
        beside_a_yield(async {
            loop {
                tx.closed().await;
            }
        })
        .await;
        let (tx, mut rx) = watch::channel(());
        beside_a_yield(async {
            loop {
                tx.send(()).unwrap();
                rx.changed().await.unwrap();
            }
        })
        .await;
        beside_a_yield(async {
            loop {
                rx.wait_for(|()| true).await.unwrap();
            }
        })
        .await;
        drop(rx);
        beside_a_yield(async {
            loop {
                tx.closed().await;
            }
        })
        .await;
    });
}

/// Goal: show that each wait has one name, which the report of a deadlock gives.
/// Method: wait for everything at once under virtual time.
#[test]
fn waits_have_names() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        let (word, mut words) = broadcast::channel::<()>(1);
        let (value, mut values) = watch::channel(());
        let mut other = values.clone();
        let (sender, mut items) = mpsc::unbounded_channel::<()>();
        rondel::join!(
            word.closed(),
            async { drop(words.recv().await) },
            value.closed(),
            async { drop(values.changed().await) },
            async { drop(other.wait_for(|()| false).await) },
            sender.closed(),
            async { assert_eq!(items.recv().await, None) },
        );
    });
    let mut waits = deadlock.unwrap_err().root().to_vec();
    waits.sort();
    let expected = [
        "broadcast::Receiver::recv",
        "broadcast::Sender::closed",
        "mpsc::UnboundedReceiver::recv",
        "mpsc::UnboundedSender::closed",
        "watch::Receiver::changed",
        "watch::Receiver::wait_for",
        "watch::Sender::closed",
    ];
    assert_eq!(waits, expected);
}

/// Goal: show that a broadcast reaches a thread that blocks, and a thread's words a task.
/// Method: a thread echoes what it hears into another channel.
#[test]
fn a_thread_listens_and_answers() {
    let (words, mut heard) = broadcast::channel(4);
    let (echo, mut echoes) = broadcast::channel(4);
    let thread = thread::spawn(move || {
        while let Ok(word) = heard.blocking_recv() {
            echo.send(word * 2).unwrap();
        }
    });
    rondel::run(async {
        for word in 0..200 {
            words.send(word).unwrap();
            assert_eq!(echoes.recv().await, Ok(word * 2));
        }
    });
    drop(words);
    thread.join().unwrap();
}

#[test]
#[should_panic(expected = "`broadcast::Receiver::blocking_recv` was called inside")]
fn blocking_for_a_broadcast_inside_a_loop_is_refused() {
    let (_tx, mut rx) = broadcast::channel::<()>(1);
    rondel::run(async move { rx.blocking_recv() }).unwrap();
}

#[test]
#[should_panic(expected = "`oneshot::Receiver::blocking_recv` was called inside")]
fn blocking_for_a_oneshot_inside_a_loop_is_refused() {
    let (_tx, rx) = oneshot::channel::<()>();
    rondel::run(async move { rx.blocking_recv() }).unwrap();
}

/// Goal: show that blocking inside a running loop is refused, with the function's name.
/// Method: `blocking_recv` in a task's own thread.
#[test]
#[should_panic(expected = "`Receiver::blocking_recv` was called inside")]
fn blocking_inside_a_loop_is_refused() {
    let (_tx, mut rx) = mpsc::channel::<()>(1);
    rondel::run(async move { rx.blocking_recv() });
}

/// Goal: show that blocking on the blocking pool is welcome.
/// Method: a pool thread sends to the loop with `blocking_send`.
#[test]
fn blocking_on_the_pool_is_welcome() {
    rondel::run(async {
        let (tx, mut rx) = mpsc::channel(1);
        let work = rondel::task::spawn_blocking(move || {
            (0..100).for_each(|item| tx.blocking_send(item).unwrap());
        });
        for item in 0..100 {
            assert_eq!(rx.recv().await, Some(item));
        }
        work.await.unwrap();
    });
}

/// Goal: show that each wait says its name when nobody can ever go on.
/// Method: one future waits for everything at once, under virtual time.
#[test]
fn a_deadlock_names_each_wait() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        let (event, condition, mutex) = (Event::new(), Condition::new(), Mutex::new(()));
        let (barrier, limiter) = (Barrier::new(2), CapacityLimiter::for_borrowers(0));
        let (empty, full) = (Queue::<u32>::new(1), Queue::new(1));
        full.put_nowait(1).unwrap();
        let _ = rondel::join!(
            event.wait(),
            async { drop(condition.wait(mutex.lock().await).await) },
            barrier.wait(),
            async { drop(limiter.acquire_on_behalf_of("nobody").await) },
            empty.get(),
            async { drop(empty.get_guard().await) },
            full.put(2),
            full.join(),
        );
    });
    let mut waits = deadlock.unwrap_err().root().to_vec();
    waits.sort();
    let expected = [
        "Barrier::wait",
        "CapacityLimiter::acquire",
        "Condition::wait",
        "Event::wait",
        "Queue::get",
        "Queue::get_guard",
        "Queue::join",
        "Queue::put",
    ];
    assert_eq!(waits, expected);
}
