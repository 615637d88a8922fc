//! `task::Builder`: tasks of every kind with a name.

use rondel::task::{Builder, LocalSet, id};
use rondel::{Handle, Runtime, block_on};
use std::future::pending;
use std::rc::Rc;

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn it_starts_tasks_of_every_kind() {
    let set = LocalSet::new();
    rondel::run(async {
        let handle = Handle::current();
        let builder = Builder::new().name("worker");
        let here = Rc::new(4);
        let there = Rc::new(8);
        let tasks = [
            builder.spawn(async { 1 }).unwrap(),
            builder.spawn_on(async { 2 }, &handle).unwrap(),
            builder.spawn_local(async move { *here }).unwrap(),
            builder.spawn_local_on(async move { *there }, &set).unwrap(),
            builder.spawn_blocking(|| 16).unwrap(),
            builder.spawn_blocking_on(|| 32, &handle).unwrap(),
            Builder::new().spawn(async { 64 }).unwrap(),
        ];
        let sum = set.run_until(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum.await, 127);
    });
}

#[test]
fn spawn_on_reaches_a_runtime_on_another_thread() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let caller = std::thread::spawn(move || {
        let task = Builder::new().name("sent").spawn_on(async { id() }, &handle).unwrap();
        let expected = task.id();
        assert_eq!(block_on(task).unwrap(), expected);
    });
    runtime.block_on(async {
        while !caller.is_finished() {
            rondel::task::yield_now().await;
        }
    });
    caller.join().unwrap();
}

/// Goal: the name and the birthplace stand in reports, whichever way the task was started.
/// Method: a deadlock under virtual time, whose report names every task.
#[test]
fn reports_name_the_task_and_where_it_was_spawned() {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime.try_block_on(async {
        let handle = Handle::current();
        let first = Builder::new().name("first").spawn(pending::<()>()).unwrap();
        let second = Builder::new().name("second").spawn_on(pending::<()>(), &handle).unwrap();
        let third = Builder::new().name("third").spawn_local(pending::<()>()).unwrap();
        let _ = rondel::join!(first, second, third);
    });
    let deadlock = deadlock.unwrap_err();
    let tasks: Vec<&str> = deadlock.tasks().map(|(task, _)| task).collect();
    assert_eq!(tasks.len(), 3);
    for (task, name) in tasks.iter().zip(["`first`", "`second`", "`third`"]) {
        assert!(task.contains(name) && task.contains(concat!(file!(), ":")), "{task}");
    }
}
