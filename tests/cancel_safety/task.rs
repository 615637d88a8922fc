//! Waiting for tasks: one whose join is dropped runs on, and can be joined later.

use std::sync::Arc;

use rondel::sync::Notify;
use rondel::task::{AbortOnDropHandle, JoinHandle, JoinSet, LocalSet, coop, yield_now};
use rondel::testing::cancel;

/// A task that ends with 7 when it is notified.
fn task() -> (JoinHandle<u32>, Arc<Notify>) {
    let notify = Arc::new(Notify::new());
    let theirs = notify.clone();
    let task = rondel::spawn(async move {
        theirs.notified().await;
        7
    });
    (task, notify)
}

#[rondel::test(start_paused = true)]
async fn join_handle_by_reference() {
    let awaits = cancel::in_loop::at_every_await(
        async || task(),
        async |task| assert_eq!(task.await.unwrap(), 7),
        async |notify, _| notify.notify_one(),
        async |task, notify, cut| {
            assert_eq!(task.is_finished(), cut.woken);
            notify.notify_one();
            assert_eq!(task.await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// A dropped handle detaches its task.
#[rondel::test(start_paused = true)]
async fn join_handle_by_value() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (task, notify) = task();
            ((Some(task.abort_handle()), Some(task)), notify)
        },
        async |(_, task)| assert_eq!(task.take().unwrap().await.unwrap(), 7),
        async |notify, _| notify.notify_one(),
        async |(abort, _), notify, cut| {
            let abort = abort.take().unwrap();
            assert_eq!(abort.is_finished(), cut.woken, "it was not aborted");
            notify.notify_one();
            while !abort.is_finished() {
                yield_now().await;
            }
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

#[rondel::test]
async fn join_handle_of_a_closure() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (tx, rx) = std::sync::mpsc::channel();
            (rondel::spawn_blocking(move || rx.recv().unwrap()), tx)
        },
        async |task| assert_eq!(task.await.unwrap(), 7),
        async |tx, _| tx.send(7).unwrap(),
        async |task, tx, _| {
            let _ = tx.send(7); // it may have ended already
            assert_eq!(task.await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// A set of two tasks, and what lets each end.
fn set() -> (JoinSet<usize>, [Arc<Notify>; 2]) {
    let mut set = JoinSet::new();
    let notifies = [1, 2].map(|number| {
        let notify = Arc::new(Notify::new());
        let theirs = notify.clone();
        set.spawn(async move {
            theirs.notified().await;
            number
        });
        notify
    });
    (set, notifies)
}

#[rondel::test(start_paused = true)]
async fn join_next() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (set, notifies) = set();
            ((set, Vec::new()), notifies)
        },
        async |(set, joined)| {
            while let Some(number) = set.join_next().await {
                joined.push(number.unwrap());
            }
        },
        async |notifies, nth| notifies[nth - 1].notify_one(),
        async |(set, joined), notifies, cut| {
            assert_eq!((joined.len() + set.len(), cut.wakers_kept), (2, usize::from(!cut.woken)));
            notifies.iter().for_each(|notify| notify.notify_one());
            while let Some(number) = set.join_next().await {
                joined.push(number.unwrap());
            }
            assert_eq!(*joined, [1, 2]);
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

/// The tasks stay aborted, and those that were not joined stay in the set.
#[rondel::test(start_paused = true)]
async fn shutdown() {
    let awaits = cancel::in_loop::at_every_await(
        async || set(),
        async |set| set.shutdown().await,
        async |_, _| {},
        async |set, _, _| {
            while let Some(ended) = set.join_next().await {
                assert!(ended.unwrap_err().is_cancelled());
            }
        },
    )
    .await;
    assert!(awaits >= 1);
}

/// **The outputs are lost and the tasks aborted**, as the documents say.
#[rondel::test(start_paused = true)]
async fn join_all() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (set, notifies) = set();
            (Some(set), notifies)
        },
        async |set| assert_eq!(set.take().unwrap().join_all().await, [1, 2]),
        async |notifies, nth| notifies[nth - 1].notify_one(),
        async |_, notifies, _| {
            yield_now().await;
            let left = notifies.iter().map(Arc::strong_count).sum::<usize>();
            assert_eq!(left, 2, "no task holds one any more");
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

/// A task that is dropped while it yields has lost its turn and nothing else.
#[test]
fn yields() {
    let awaits = cancel::at_every_await(
        || (0, ()),
        async |steps| {
            for _ in 0..3 {
                yield_now().await;
                *steps += 1;
            }
        },
        |(), _| unreachable!("it wakes itself"),
        |steps, (), cut| assert_eq!((*steps, cut.wakers_kept), (cut.nth - 1, 0)),
    );
    assert_eq!(awaits, 3);
}

/// The tasks of a set stay where they are when what ran beside them goes.
#[test]
fn run_until() {
    let awaits = cancel::at_every_await(
        || {
            let set = LocalSet::new();
            let notify = Arc::new(Notify::new());
            let theirs = notify.clone();
            let task = set.spawn_local(async move {
                theirs.notified().await;
                7
            });
            ((set, Some(task)), notify)
        },
        async |(set, task)| {
            assert_eq!(set.run_until(task.as_mut().unwrap()).await.unwrap(), 7);
        },
        |notify, _| notify.notify_one(),
        |(set, task), notify, _| {
            notify.notify_one(); // once more, or for the first time
            let task = task.take().unwrap();
            assert_eq!(rondel::block_on(set.run_until(task)).unwrap(), 7);
        },
    );
    assert_eq!(awaits, 2, "for the task, and for the set's own wake of it");
}

#[rondel::test(start_paused = true)]
async fn join_next_with_id() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (set, notifies) = set();
            ((set, Vec::new()), notifies)
        },
        async |(set, joined)| {
            while let Some(ended) = set.join_next_with_id().await {
                joined.push(ended.unwrap().1);
            }
        },
        async |notifies, nth| notifies[nth - 1].notify_one(),
        async |(set, joined), notifies, cut| {
            assert_eq!((joined.len() + set.len(), cut.wakers_kept), (2, usize::from(!cut.woken)));
            notifies.iter().for_each(|notify| notify.notify_one());
            while let Some(ended) = set.join_next_with_id().await {
                joined.push(ended.unwrap().1);
            }
            assert_eq!(*joined, [1, 2]);
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

/// By reference it is as the handle in it.
#[rondel::test(start_paused = true)]
async fn abort_on_drop_handle_by_reference() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (task, notify) = task();
            (AbortOnDropHandle::new(task), notify)
        },
        async |task| assert_eq!(task.await.unwrap(), 7),
        async |notify, _| notify.notify_one(),
        async |task, notify, cut| {
            assert_eq!(task.is_finished(), cut.woken);
            notify.notify_one();
            assert_eq!(task.await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// **The task ends with whoever waits for it**, as the documents say; it loses nothing if it had
/// ended.
#[rondel::test(start_paused = true)]
async fn abort_on_drop_handle_by_value() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (task, notify) = task();
            ((Some(task.abort_handle()), Some(AbortOnDropHandle::new(task))), notify)
        },
        async |(_, task)| assert_eq!(task.take().unwrap().await.unwrap(), 7),
        async |notify, _| notify.notify_one(),
        async |(abort, _), _, cut| {
            let abort = abort.take().unwrap();
            yield_now().await; // the loop drops it
            assert_eq!((abort.is_finished(), cut.wakers_kept), (true, 0));
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// The tasks of a set stay in it when nobody polls it any more, and go on when somebody does.
#[test]
fn local_set() {
    let awaits = cancel::at_every_await(
        || {
            let set = LocalSet::new();
            let notify = Arc::new(Notify::new());
            let theirs = notify.clone();
            let task = set.spawn_local(async move {
                theirs.notified().await;
                7
            });
            ((set, Some(task)), notify)
        },
        async |(set, _)| set.await,
        |notify, _| notify.notify_one(),
        |(set, task), notify, _| {
            notify.notify_one(); // once more, or for the first time
            rondel::block_on(set);
            assert_eq!(rondel::block_on(task.take().unwrap()).unwrap(), 7);
        },
    );
    assert_eq!(awaits, 1);
}

/// What gives way when its budget is spent has taken each step once.
#[rondel::test(start_paused = true)]
async fn steps_of_the_budget() {
    let awaits = cancel::in_loop::at_every_await(
        async || (0, ()),
        async |steps| {
            for _ in 0..300 {
                coop::consume_budget().await;
                *steps += 1;
            }
        },
        async |(), _| unreachable!("it wakes itself"),
        async |steps, (), cut| {
            assert_eq!((*steps < 300, cut.wakers_kept), (true, 0));
            assert!(*steps >= 127 * cut.nth, "{steps} steps before await {}", cut.nth);
        },
    )
    .await;
    assert_eq!(awaits, 2);
}

rondel::task_local! {
    static NUMBER: u32;
}

/// What wraps a future takes nothing from it: a value that was put aside comes back.
#[rondel::test(start_paused = true)]
async fn wrapped_in_a_scope_and_freed_of_the_budget() {
    let awaits = cancel::in_loop::at_every_await(
        async || task(),
        async |task| {
            let wait = NUMBER.scope(1, async {
                assert_eq!(NUMBER.get(), 1);
                coop::unconstrained(coop::cooperative(task)).await
            });
            assert_eq!(wait.await.unwrap(), 7);
        },
        async |notify, _| notify.notify_one(),
        async |task, notify, cut| {
            assert!(NUMBER.try_get().is_err());
            assert_eq!(task.is_finished(), cut.woken);
            notify.notify_one();
            assert_eq!(task.await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}
