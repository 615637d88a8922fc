//! Groups, scopes, trackers, deadlines and the shutdown: what is dropped with the wait, what goes on
//! without it, and that nobody is left running for nobody.

use std::future::pending;
use std::sync::Arc;

use rondel::sync::{Notify, oneshot};
use rondel::task::{Shutdown, ShutdownOutcome, TaskGroup, TaskTracker, TaskTrackerToken, scope};
use rondel::testing::{cancel, wait_until_idle};
use rondel::time::{Duration, fail_after};

use super::now;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn tracker() {
    let awaits = cancel::at_every_await(
        || {
            let tracker = TaskTracker::new();
            tracker.close();
            let token = tracker.token();
            (tracker, Some(token))
        },
        async |tracker| tracker.wait().await,
        |token: &mut Option<TaskTrackerToken>, _| drop(token.take()),
        |tracker, token, cut| {
            assert_eq!((tracker.len(), cut.wakers_kept), (1 - cut.given, 0));
            drop(token.take());
            now(tracker.wait());
        },
    );
    assert_eq!(awaits, 1);
}

/// **The children are aborted**, as the documents say, and none of them outlives a turn.
#[rondel::test(start_paused = true)]
async fn a_group() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            ([first.clone(), second.clone()], [first, second])
        },
        async |[first, second]| {
            let (theirs, inner) = (first.clone(), second.clone());
            let group = TaskGroup::<String>::run(async |group| {
                group.spawn(async move {
                    theirs.notified().await;
                    Ok(())
                });
                group.spawn_group(async move |group| {
                    group.spawn(async move {
                        inner.notified().await;
                        Ok(())
                    });
                    Ok(())
                });
                first.notified().await;
                Ok(())
            });
            group.await.unwrap();
        },
        async |notifies, nth| {
            // First the body, which stands in front, then the children.
            notifies[0].notify_one();
            if nth > 1 {
                notifies[1].notify_one();
            }
        },
        async |_, notifies, _| {
            wait_until_idle().await;
            assert!(notifies.iter().all(|notify| Arc::strong_count(notify) == 2), "nobody is left");
        },
    )
    .await;
    assert!(awaits >= 2, "{awaits}");
}

/// A value that was not fetched waits in its handle; the child itself belongs to the group.
#[rondel::test(start_paused = true)]
async fn a_child_by_reference() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (send, sent) = oneshot::channel();
            let (tell, told) = oneshot::channel::<u32>();
            rondel::spawn(TaskGroup::<String>::run(async |group| {
                let _ = send.send(group.spawn(async { told.await.map_err(|e| e.to_string()) }));
                Ok(())
            }));
            (sent.await.unwrap(), Some(tell))
        },
        async |child| assert_eq!(child.await.unwrap(), 7),
        async |tell, _| tell.take().unwrap().send(7).unwrap(),
        async |child, tell, cut| {
            assert_eq!(child.is_finished(), cut.woken);
            if let Some(tell) = tell.take() {
                tell.send(7).unwrap();
            }
            assert_eq!(child.await.unwrap(), 7);
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// A child that has not started goes with its start; one that has goes on, and **the answer is lost**.
#[rondel::test(start_paused = true)]
async fn a_start() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let (send, sent) = oneshot::channel();
            let run = rondel::spawn(TaskGroup::<String>::run(async |group| {
                let _ = send.send(group);
                pending::<Result<(), _>>().await
            }));
            let group: TaskGroup<String> = sent.await.unwrap();
            let go = Arc::new(Notify::new());
            ((group, go.clone()), (run, go))
        },
        async |(group, go)| {
            let go = go.clone();
            let start = group.start(|started| async move {
                go.notified().await;
                started.send(());
                pending().await
            });
            start.await.unwrap();
        },
        async |(_, go), _| go.notify_one(),
        async |(group, go), _, cut| {
            wait_until_idle().await;
            // Its own, that of the others, and that of the child if it lives.
            assert_eq!(Arc::strong_count(go), 2 + usize::from(cut.woken));
            group.cancel("the end of this world");
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

#[rondel::test(start_paused = true)]
async fn a_scope() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let notify = Arc::new(Notify::new());
            (notify.clone(), notify)
        },
        async |notify| {
            scope(async |s| {
                s.spawn(notify.notified());
                s.spawn(notify.notified());
            })
            .await;
        },
        async |notify, _| notify.notify_one(),
        async |notify, _, cut| {
            assert_eq!(cut.wakers_kept, 0);
            notify.notify_one();
            now(notify.notified()); // what had been given to a child is still there
        },
    )
    .await;
    assert!(awaits >= 2, "{awaits}");
}

#[rondel::test(start_paused = true)]
async fn a_deadline() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let notify = Arc::new(Notify::new());
            (notify.clone(), notify)
        },
        async |notify| fail_after(HOUR, async |_| notify.notified().await).await.unwrap(),
        async |notify, _| notify.notify_one(),
        async |notify, _, cut| {
            assert_eq!(cut.wakers_kept, 0, "neither in the list nor on the wheel");
            notify.notify_one();
            now(notify.notified());
        },
    )
    .await;
    assert_eq!(awaits, 1);
}

/// The shutdown goes on, and whoever takes it up gets the report.
#[rondel::test(start_paused = true)]
async fn a_shutdown() {
    let awaits = cancel::in_loop::at_every_await(
        async || {
            let shutdown = Shutdown::new();
            shutdown.spawn(|token| async move { token.cancelled().await });
            shutdown.spawn(|_| pending::<()>());
            (shutdown, ())
        },
        async |shutdown| {
            let report = shutdown.run("first", HOUR).await;
            assert_eq!(report.count(ShutdownOutcome::Dropped), 1);
        },
        async |(), _| {},
        async |shutdown, (), _| {
            assert!(shutdown.has_begun());
            let report = shutdown.run("second", HOUR).await;
            assert_eq!(report.reason(), Some("first"));
            let [ended, dropped] = [ShutdownOutcome::Ended, ShutdownOutcome::Dropped];
            assert_eq!((report.count(ended), report.count(dropped)), (1, 1));
        },
    )
    .await;
    assert!(awaits >= 2, "{awaits}");
}
