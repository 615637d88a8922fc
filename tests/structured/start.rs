//! `TaskGroup::start`: the situations of trio's tests of `nursery.start`.

use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use rondel::sync::oneshot;
use rondel::task::{ErrorGroup, StartError, Started, TaskGroup, yield_now};
use rondel::testing::wait_until_idle;
use rondel::time::{Instant, sleep, timeout};

use super::{Diary, forever_with, ms, paused};

type Group = TaskGroup<String>;
type Outcome<T> = Result<T, ErrorGroup<String>>;

/// Starts after `milliseconds`, and ends as long after that.
async fn slow(milliseconds: u64, started: Started<u64>) -> Result<(), String> {
    sleep(ms(milliseconds)).await;
    started.send(milliseconds);
    sleep(ms(milliseconds)).await;
    Ok(())
}

#[test]
fn start_returns_the_value_when_it_is_sent_and_the_child_lives_on_in_the_group() {
    paused().block_on(async {
        let start = Instant::now();
        Group::run(async |group| {
            let value = group.start(|started| slow(20, started)).await;
            assert_eq!(value.unwrap(), 20);
            assert_eq!(start.elapsed(), ms(20));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), ms(40));
    });
}

/// Goal: what fails before it has started is the business of whoever starts it; the group goes on.
#[test]
fn a_failure_before_the_start_goes_to_the_start_and_not_to_the_group() {
    rondel::run(async {
        Group::run(async |group| {
            let failed = group.start(|_: Started<()>| async { Err("no port".to_owned()) }).await;
            let error = failed.unwrap_err();
            assert_eq!(error.to_string(), "the task failed before it started: no port");
            assert!(matches!(error, StartError::Failed(text) if text == "no port"));

            let panicked = group.start(|_: Started<()>| async { panic!("boom") }).await;
            let error = panicked.unwrap_err();
            let text = "the task panicked with message \"boom\" before it started";
            assert_eq!(error.to_string(), text);
            assert!(matches!(error, StartError::Panicked(_)));

            let ended = group.start(|_: Started<()>| async { Ok(()) }).await.unwrap_err();
            assert_eq!(ended.to_string(), "the task ended without calling `Started::send`");
            assert!(matches!(ended, StartError::Ended));
            assert!(!group.is_cancelled());
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Goal: nothing is told twice, and nothing not at all. Method: a child that sends and fails in one
/// and the same poll: the value goes to the start, the error to the group.
#[test]
fn a_failure_right_after_the_start_goes_to_the_group() {
    paused().block_on(async {
        let group = Group::builder().grace(ms(1)); // so that the body gets to see its value
        let outcome: Outcome<()> = group
            .run(async |group| {
                let value = group.start(|started| async {
                    started.send(7);
                    Err("after the start".to_owned())
                });
                assert_eq!(value.await.unwrap(), 7);
                Ok(())
            })
            .await;
        let error = outcome.unwrap_err();
        assert_eq!(error.errors().collect::<Vec<_>>(), ["after the start"]);

        let outcome: Outcome<()> = Group::run(async |group| {
            let started = group.start(|started| async {
                started.send(());
                yield_now().await;
                if true { panic!("later") } else { Ok(()) }
            });
            started.await.unwrap();
            pending().await
        })
        .await;
        assert_eq!(outcome.unwrap_err().len(), 1);
    });
}

#[test]
fn dropping_a_start_aborts_a_child_that_has_not_started() {
    let diary = Diary::default();
    paused().block_on(async {
        Group::run(async |group| {
            let kept = diary.at_drop("the child is dropped");
            let starting = group.start(|started: Started<()>| async {
                let _started = started;
                forever_with(kept).await
            });
            assert!(timeout(ms(5), starting).await.is_err());
            wait_until_idle().await;
            diary.note("the body goes on");
            Ok(())
        })
        .await
        .unwrap();
    });
    assert_eq!(diary.pages(), ["the child is dropped", "the body goes on"]);
}

/// Goal: an error that nobody waits for any more is one of the group. Method: the child itself drops
/// its start, in the poll in which it fails, so that the abort comes too late.
#[cfg(not(on_workers = "order"))]
#[test]
fn an_error_after_the_start_was_dropped_goes_to_the_group() {
    rondel::run(async {
        for panics in [false, true] {
            let outcome: Outcome<()> = Group::run(async |group| {
                let slot = Arc::new(Mutex::new(None));
                let theirs = slot.clone();
                let starting = group.start(move |_: Started<()>| async move {
                    drop(theirs.lock().unwrap().take());
                    if panics { panic!("nobody hears") } else { Err("nobody hears".to_owned()) }
                });
                *slot.lock().unwrap() = Some(starting);
                Ok(())
            })
            .await;
            assert_eq!(outcome.unwrap_err().len(), 1);
        }
    });
}

#[test]
fn a_child_that_starts_for_nobody_is_aborted() {
    let diary = Diary::default();
    rondel::run(async {
        let (send, sent) = oneshot::channel::<Started<&str>>();
        Group::run(async |group| {
            let kept = diary.at_drop("the child is dropped");
            let starting = group.start(|started| async {
                send.send(started).unwrap();
                forever_with(kept).await
            });
            let started = sent.await.unwrap();
            drop(starting);
            started.send("to nobody");
            Ok(())
        })
        .await
        .unwrap();
    });
    assert_eq!(diary.pages(), ["the child is dropped"]);
}

#[test]
fn a_group_that_takes_no_more_refuses_a_start() {
    rondel::run(async {
        let group = Group::run(async |group| Ok(group)).await.unwrap();
        let refused = group.start(|started| slow(1, started)).await.unwrap_err();
        assert!(matches!(refused, StartError::Refused(_)));
        assert_eq!(refused.to_string(), "the task group takes no more tasks: it is over");
    });
}

#[test]
fn a_start_in_another_group_learns_that_the_group_was_cancelled() {
    paused().block_on(async {
        Group::run(async |outer| {
            let (send, sent) = oneshot::channel();
            outer.spawn_group(async |inner| {
                send.send(inner).unwrap_or_else(|_| unreachable!("it is awaited"));
                pending::<Result<(), _>>().await
            });
            let inner: Group = sent.await.unwrap();
            let starting = inner.start(|started| slow(20, started));
            let canceller = inner.clone();
            outer.spawn(async move {
                sleep(ms(10)).await;
                canceller.cancel("meanwhile");
                Ok(())
            });
            assert!(matches!(starting.await, Err(StartError::Cancelled)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_group_stays_open_for_children_that_are_starting() {
    paused().block_on(async {
        let start = Instant::now();
        Group::run(async |outer| {
            let (send, sent) = oneshot::channel();
            let inner = outer.spawn_group(async |inner| {
                let starting = [20, 30].map(|time| inner.start(move |started| slow(time, started)));
                let _ = send.send(starting);
                Ok(()) // the body is over; only the starting children keep the group open
            });
            let [first, second] = sent.await.unwrap();
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (20, 30));
            assert_eq!(start.elapsed(), ms(30));
            assert!(!inner.is_finished());
            inner.await.unwrap();
            assert_eq!(start.elapsed(), ms(60));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Goal: dropping `Started` says nothing: the end of the child does. Method: a child that drops it,
/// and another one that gives it to somebody who outlives the child.
#[test]
fn a_started_that_is_dropped_or_outlives_its_child_is_no_start() {
    rondel::run(async {
        Group::run(async |group| {
            let dropped = group.start(|started: Started<()>| async {
                drop(started);
                yield_now().await;
                Err("later".to_owned())
            });
            assert!(matches!(dropped.await, Err(StartError::Failed(_))));

            let (send, sent) = oneshot::channel::<Started<i32>>();
            let ended = group.start(|started| async {
                send.send(started).unwrap();
                Ok(())
            });
            assert!(matches!(ended.await, Err(StartError::Ended)));
            sent.await.unwrap().send(5); // too late, and harmless
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Goal: an error is told to somebody, whoever says "started" for a child that has failed already.
/// Method: the helper that has the `Started` sends after the child's end and before the start looks.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn an_error_is_not_lost_to_a_start_that_is_sent_too_late() {
    rondel::run(async {
        Group::run(async |group| {
            let (send, sent) = oneshot::channel::<Started<i32>>();
            let failed = group.start(|started| async {
                send.send(started).unwrap();
                Err("no port".to_owned())
            });
            wait_until_idle().await;
            sent.await.unwrap().send(5);
            assert!(matches!(failed.await, Err(StartError::Failed(text)) if text == "no port"));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_child_may_stay_on_the_thread_or_be_started_by_a_helper() {
    rondel::run(async {
        Group::run(async |group| {
            let local = Rc::new(3);
            let theirs = local.clone();
            let started = group.start_local(|started| async move {
                started.send(theirs);
                Ok(())
            });
            assert_eq!(*started.await.unwrap(), 3);

            // The start is signalled by a closure on the pool.
            let started = group.start(|started| async {
                rondel::spawn_blocking(move || started.send(4)).await.unwrap();
                Ok(())
            });
            assert_eq!(started.await.unwrap(), 4);
            Ok(())
        })
        .await
        .unwrap();
    });
}
