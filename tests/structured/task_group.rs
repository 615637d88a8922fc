//! `TaskGroup`: the situations of CPython's tests of `asyncio.TaskGroup`, and what a group has
//! beside: values, a reason, a token with a grace, a limit, groups below groups.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};

use rondel::sync::{CancellationToken, Mutex, oneshot};
use rondel::task::{BoxError, ChildHandle, ErrorGroup, Failure, LocalSet, TaskGroup, yield_now};
use rondel::testing::wait_until_idle;
use rondel::time::{Instant, sleep};

use super::{Bomb, Diary, HOUR, forever_with, ms, paused};

type Group = TaskGroup<String>;
type Outcome<T> = Result<T, ErrorGroup<String>>;
type Boxed = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

async fn fail_after(milliseconds: u64) -> Result<(), String> {
    sleep(ms(milliseconds)).await;
    Err(format!("failed after {milliseconds}"))
}

async fn value_after<T>(milliseconds: u64, value: T) -> Result<T, String> {
    sleep(ms(milliseconds)).await;
    Ok(value)
}

fn texts(error: &ErrorGroup<String>) -> Vec<&str> {
    error.errors().map(String::as_str).collect()
}

/// The texts of all panics among the leaves.
fn panics<E>(error: &ErrorGroup<E>) -> Vec<String> {
    let payload = |failure: &Failure<E>| match failure {
        Failure::Panic(payload) => payload.message(),
        _ => None,
    };
    error.iter().filter_map(|leaf| payload(leaf.failure())).collect()
}

// ---- all goes well ------------------------------------------------------------------------------

#[test]
fn a_group_ends_when_its_last_child_has_ended() {
    paused().block_on(async {
        let start = Instant::now();
        let (first, second) = Group::run(async |group| {
            Ok((group.spawn(value_after(100, 42)), group.spawn(value_after(200, 11))))
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), ms(200));
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (42, 11));
    });
}

#[test]
fn children_may_be_spawned_while_others_run_or_have_ended() {
    paused().block_on(async {
        let start = Instant::now();
        let sum = Group::run(async |group| {
            let first = group.spawn(value_after(100, 40));
            sleep(ms(150)).await;
            let second = group.spawn(value_after(200, 2));
            Ok(first.await.unwrap() + second.await.unwrap())
        });
        assert_eq!(sum.await.unwrap(), 42);
        assert_eq!(start.elapsed(), ms(350));
    });
}

#[test]
fn a_group_without_children_is_its_body() {
    rondel::run(async {
        assert_eq!(Group::run(async |_| Ok(7)).await.unwrap(), 7);
        assert_eq!(Group::run(|_| async { Ok(8) }).await.unwrap(), 8); // a plain closure, too
    });
}

/// Goal: a child may start others when the body is long over; the group waits for those as well.
#[test]
fn children_spawn_children_after_the_body_has_ended() {
    paused().block_on(async {
        let start = Instant::now();
        Group::run(async |group| {
            group.clone().spawn(async move {
                sleep(ms(100)).await;
                group.spawn(value_after(100, ()));
                group.spawn(value_after(200, ()));
                Ok(())
            });
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), ms(300));
    });
}

#[test]
fn the_body_may_borrow_from_its_caller() {
    rondel::run(async {
        let mut words = vec!["a"];
        Group::run(async |group| {
            words.push(group.spawn(async { Ok("b") }).await.unwrap());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(words, ["a", "b"]);
    });
}

/// Goal: a group for a year of tasks holds only those that run. Method: each child keeps a count of
/// one `Arc` up; look at it while the group lives.
#[test]
fn a_child_that_has_ended_leaves_nothing_behind() {
    paused().block_on(async {
        let alive = Arc::new(());
        Group::run(async |group| {
            for _ in 0..10 {
                let alive = alive.clone();
                group.spawn(async move {
                    sleep(ms(30)).await;
                    drop(alive);
                    Ok(())
                });
                sleep(ms(10)).await;
            }
            assert_eq!(Arc::strong_count(&alive), 1 + 2, "those of the last 20 ms");
            sleep(ms(30)).await;
            assert_eq!(Arc::strong_count(&alive), 1);
            assert!(format!("{group:?}").contains("tasks: 1"), "the body alone: {group:?}");
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Goal: one program for both kinds of children. Method: a group whose future is itself spawned,
/// and one whose error, values and children cannot leave the thread.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn children_may_be_send_or_stay_on_the_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    rondel::run(async {
        let task = rondel::spawn(is_send(Group::run(async |group| {
            let child = group.spawn(async { Ok(1) });
            Ok(child.await.unwrap())
        })));
        assert_eq!(task.await.unwrap().unwrap(), 1);

        let task = rondel::spawn(is_send(async {
            let words = ["borrowed".to_owned()];
            let length = Group::run(async |group| {
                let word = words[0].clone();
                let child = group.spawn(async move { Ok(word.len()) });
                yield_now().await;
                Ok(child.await.unwrap() + words.len())
            });
            length.await.unwrap()
        }));
        assert_eq!(task.await.unwrap(), 9);

        let shared = Rc::new(2);
        let local: Result<_, ErrorGroup<Rc<str>>> = TaskGroup::run(async |group| {
            let theirs = shared.clone();
            let child = group.spawn_local(async move { Ok(theirs) });
            Ok(*child.await.unwrap())
        })
        .await;
        assert_eq!(local.unwrap(), 2);
    });
}

/// Goal: in a `LocalSet`, whatever polls it, local children are tasks of the set. Method: a group in
/// a set that is polled by an executor without a loop.
#[test]
fn local_children_run_in_a_local_set() {
    let set = LocalSet::new();
    let outcome: Outcome<i32> = rondel::block_on(set.run_until(Group::run(async |group| {
        let child = group.spawn_local(async { Ok(1) });
        let one = child.await.unwrap();
        group.spawn_local(async { Err::<(), _>("local".to_owned()) });
        pending::<()>().await;
        Ok(one)
    })));
    assert_eq!(texts(&outcome.unwrap_err()), ["local"]);
}

// ---- failures -----------------------------------------------------------------------------------

/// Goal: the first failure ends the whole, and the caller hears of it only when all is quiet.
/// Method: notes at the drops of a sibling and of the body, and after the group.
#[test]
fn a_failure_cancels_the_siblings_and_the_body_and_waits_for_them() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(fail_after(100));
            let sibling = diary.at_drop("the sibling is dropped");
            group.spawn(forever_with::<_, Result<(), _>>(sibling));
            forever_with(diary.at_drop("the body is dropped")).await
        })
        .await;
        diary.note("the group returns");
        assert_eq!(texts(&outcome.unwrap_err()), ["failed after 100"]);
        assert_eq!(start.elapsed(), ms(100));
    });
    let pages = ["the body is dropped", "the sibling is dropped", "the group returns"];
    assert_eq!(diary.pages(), pages);
}

#[test]
fn failures_at_the_same_moment_are_all_reported_in_their_order() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            for number in 0..3 {
                group.spawn(async move {
                    sleep(ms(100)).await;
                    Err::<(), _>(format!("number {number}"))
                });
            }
            let sibling = group.spawn(value_after(5_000, ()));
            let cancelled = sibling.info().id();
            sleep(HOUR).await;
            unreachable!("the body is cut before {cancelled} ends");
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["number 0", "number 1", "number 2"]);
    });
}

#[test]
fn an_error_of_the_body_cancels_the_children_whether_or_not_they_have_begun() {
    paused().block_on(async {
        for have_begun in [true, false] {
            let mut children: Vec<ChildHandle<i32>> = Vec::new();
            let outcome: Outcome<()> = Group::run(async |group| {
                children.push(group.spawn(value_after(1_000, 42)));
                children.push(group.spawn(value_after(2_000, 11)));
                if have_begun {
                    sleep(ms(100)).await;
                }
                Err("the body's own".to_owned())
            })
            .await;
            let error = outcome.unwrap_err();
            assert_eq!(texts(&error), ["the body's own"]);
            assert!(error.members()[0].task().is_none());
            for child in children {
                assert!(child.await.unwrap_err().is_cancelled());
            }
        }
    });
}

#[test]
fn panics_are_failures_like_errors() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn::<(), _>(async {
                sleep(ms(10)).await;
                panic!("child")
            });
            group.spawn(fail_after(10));
            sleep(HOUR).await;
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(
            (panics(&error), texts(&error)),
            (vec!["child".to_owned()], vec!["failed after 10"])
        );

        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(value_after(5_000, ()));
            yield_now().await;
            panic!("body")
        })
        .await;
        assert_eq!(panics(&outcome.unwrap_err()), ["body"]);

        // Also before there is a future of the body.
        let outcome: Outcome<()> =
            Group::run(|_| -> std::future::Ready<_> { panic!("no future") }).await;
        assert_eq!(panics(&outcome.unwrap_err()), ["no future"]);
    });
}

/// Goal: what the cancelling itself breaks is reported too, in the body as in a child.
#[test]
fn a_panic_in_a_drop_of_somebody_who_is_cancelled_is_reported_beside_its_cause() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(fail_after(100));
            group.spawn(forever_with::<_, Result<(), _>>(Bomb("in the sibling")));
            forever_with(Bomb("in the body")).await
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(texts(&error), ["failed after 100"]);
        assert_eq!(panics(&error), ["in the body", "in the sibling"]);
    });
}

/// Goal: an error is not lost because a drop panics after it. Method: a future that keeps a bomb
/// beside its code, so that it goes off when the future is dropped, after it returned.
#[test]
fn an_error_and_a_panic_in_the_drop_after_it_are_both_reported() {
    struct Armed<F>(F, #[allow(dead_code)] Bomb);
    impl<F: Future + Unpin> Future for Armed<F> {
        type Output = F::Output;
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
            Pin::new(&mut self.0).poll(cx)
        }
    }
    rondel::run(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            let failed = std::future::ready(Err::<(), _>("the error".to_owned()));
            group.spawn(Armed(failed, Bomb("the drop")));
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!((texts(&error), panics(&error)), (vec!["the error"], vec!["the drop".into()]));

        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(Armed(std::future::ready(Ok(5)), Bomb("the drop alone")));
            Ok(())
        })
        .await;
        assert_eq!(panics(&outcome.unwrap_err()), ["the drop alone"]);
    });
}

/// Goal: the members say which task they come from.
#[test]
fn a_failure_names_its_task() {
    paused().block_on(async {
        let group = Group::builder().name("download");
        let outcome: Outcome<()> = group
            .run(async |group| {
                group.named("left").spawn(fail_after(10));
                group.named("right").spawn(fail_after(10));
                Ok(())
            })
            .await;
        let error = outcome.unwrap_err();
        let names: Vec<_> =
            error.members().iter().map(|member| member.task().unwrap().name().unwrap()).collect();
        assert_eq!((error.name(), names), (Some("download"), vec!["left", "right"]));
        let place = error.members()[0].task().unwrap().spawned_at();
        assert!(place.file().ends_with("task_group.rs"), "{place}");
    });
}

/// Goal: a failure is seen once. Method: the body waits for the very child that fails; it must be cut
/// and not get to make an error of its own of what the handle says.
#[test]
fn a_body_that_awaits_a_failing_child_is_cut_there() {
    rondel::run(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            let child = group.spawn(async { Err::<(), _>("once".to_owned()) });
            let told = child.await;
            unreachable!("the handle told the body: {told:?}");
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["once"]);
    });
}

#[test]
fn with_a_grace_a_sibling_may_learn_that_a_child_has_failed() {
    paused().block_on(async {
        let group = Group::builder().grace(ms(10));
        let outcome: Outcome<()> = group
            .run(async |group| {
                let child = group.named("child").spawn(async { Err::<(), _>("x".to_owned()) });
                let error = child.await.unwrap_err();
                assert!(error.is_failed() && !error.is_cancelled());
                assert_eq!(error.info().name(), Some("child"));
                assert!(error.to_string().ends_with("failed: its error is in that of its group"));
                Ok(())
            })
            .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["x"]);
    });
}

/// Goal: the failure of a group is over when it was returned: nothing of it sticks to the task.
#[test]
fn a_task_goes_on_as_usual_after_a_group_has_failed() {
    paused().block_on(async {
        for round in 0..3 {
            let outcome: Outcome<()> =
                Group::run(async |group| group.spawn(fail_after(1)).await.map_err(|_| "".into()))
                    .await;
            assert_eq!(outcome.unwrap_err().len(), 1, "round {round}");
            yield_now().await;
            sleep(ms(1)).await;
        }
    });
}

/// Goal: a child that is spawned by a child, and fails before anybody looks, ends the whole.
#[test]
fn a_grandchild_that_fails_at_once_ends_the_group() {
    let diary = Diary::default();
    rondel::run(async {
        let theirs = diary.clone();
        let outcome: Outcome<()> = Group::run(async |group| {
            group.clone().spawn(async move {
                let _kept = theirs.at_drop("the child is dropped");
                group.spawn(async { Err::<(), _>("third".to_owned()) });
                pending::<Result<(), _>>().await
            });
            Ok(())
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["third"]);
    });
    assert_eq!(diary.pages(), ["the child is dropped"]);
}

/// Goal: a group that grows without end is ended by one failure all the same.
#[test]
fn a_hydra_is_ended_by_a_failure() {
    fn hydra(group: Group, heads: Arc<AtomicUsize>) -> Boxed {
        Box::pin(async move {
            heads.fetch_add(1, SeqCst);
            sleep(ms(10)).await;
            group.spawn(hydra(group.clone(), heads.clone()));
            group.spawn(hydra(group.clone(), heads));
            Ok(())
        })
    }
    let heads = Arc::new(AtomicUsize::new(0));
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(hydra(group.clone(), heads.clone()));
            group.spawn(fail_after(55));
            Ok(())
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["failed after 55"]);
        let now = heads.load(SeqCst);
        assert_eq!(now, 63, "1 + 2 + 4 + 8 + 16 + 32 heads in 55 ms");
        sleep(HOUR).await;
        assert_eq!(heads.load(SeqCst), now, "no head has outlived the group");
    });
}

// ---- ending one child, ending from outside ------------------------------------------------------

#[test]
fn aborting_one_child_is_no_failure() {
    paused().block_on(async {
        let start = Instant::now();
        let (first, second) = Group::run(async |group| {
            let first = group.spawn(value_after(1_000, 42));
            sleep(ms(150)).await;
            first.abort();
            Ok((first, group.spawn(value_after(200, 11))))
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), ms(350));
        let error = first.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_failed());
        assert!(error.to_string().ends_with("was cancelled"), "{error}");
        assert_eq!(second.await.unwrap(), 11);
    });
}

/// Goal: nobody is left when the task that runs the group is aborted: not the body, not the
/// children, not the groups within. Method: notes at the drops.
#[test]
fn aborting_the_task_of_a_group_ends_body_and_children_and_inner_groups() {
    let diary = Diary::default();
    paused().block_on(async {
        let theirs = diary.clone();
        let task = rondel::spawn(Group::run(async move |outer| {
            outer.spawn(forever_with::<_, Result<(), _>>(theirs.at_drop("outer child")));
            let inner: Outcome<()> = Group::run(async |inner| {
                for number in 0..3 {
                    let kept = theirs.at_drop(&format!("inner child {number}"));
                    inner.spawn(forever_with::<_, Result<(), _>>(kept));
                }
                forever_with(theirs.at_drop("inner body")).await
            })
            .await;
            inner.map_err(|_| unreachable!("it is dropped, and told nothing"))
        }));
        wait_until_idle().await;
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        wait_until_idle().await;
    });
    let mut pages = diary.pages();
    assert_eq!(pages[0], "inner body", "what is polled in the task goes with the task");
    pages.sort();
    let all = ["inner body", "inner child 0", "inner child 1", "inner child 2", "outer child"];
    assert_eq!(pages, all);
}

/// Goal: the abort of a group that is already ending (it waits for the clean-up after a failure)
/// comes through.
#[test]
fn a_group_that_is_cleaning_up_can_be_aborted() {
    let diary = Diary::default();
    paused().block_on(async {
        let kept = diary.at_drop("the clean-up is dropped");
        let group = Group::builder().grace(HOUR);
        let task = rondel::spawn(group.run(async move |group| -> Result<(), String> {
            let token = group.token();
            group.spawn(async move {
                token.cancelled().await;
                forever_with::<_, Result<(), _>>(kept).await
            });
            group.spawn(fail_after(10));
            Ok(())
        }));
        sleep(ms(100)).await;
        assert!(!task.is_finished(), "it has failed, and gives its grace");
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        wait_until_idle().await;
    });
    assert_eq!(diary.pages(), ["the clean-up is dropped"]);
}

#[test]
fn the_future_of_a_group_may_be_dropped_unpolled() {
    rondel::run(async {
        let diary = Diary::default();
        let kept = diary.at_drop("the body is dropped");
        drop(Group::run(async move |_| forever_with::<_, Result<(), _>>(kept).await));
        assert_eq!(diary.pages(), ["the body is dropped"]);
    });
}

// ---- no more children ---------------------------------------------------------------------------

/// Goal: a group that has failed takes nobody in, not even from the drop of a child that is being
/// cancelled. Method: such a drop; the refused future notes its own drop.
#[test]
fn a_group_that_has_failed_refuses_children() {
    struct Spawner(Group, Diary);
    impl Drop for Spawner {
        fn drop(&mut self) {
            let kept = self.1.at_drop("the refused future is dropped");
            let refused = self.0.spawn(forever_with::<_, Result<(), _>>(kept));
            assert!(refused.is_finished());
            let closed = self.0.try_spawn(async { Ok(()) }).unwrap_err();
            self.1.note(closed.to_string());
        }
    }
    let diary = Diary::default();
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            let spawner = Spawner(group.clone(), diary.clone());
            group.spawn(forever_with::<_, Result<(), _>>(spawner));
            group.named("culprit").spawn(fail_after(1));
            Ok(())
        })
        .await;
        assert_eq!(outcome.unwrap_err().len(), 1);
    });
    let pages = diary.pages();
    assert_eq!(pages[0], "the refused future is dropped");
    assert!(pages[1].starts_with("the task group takes no more tasks: it was cancelled: task "));
    assert!(pages[1].ends_with(" failed") && pages[1].contains("`culprit`"), "{}", pages[1]);
}

/// Goal: the same while a grace lasts: whoever cleans up does so alone.
#[test]
fn a_group_that_gives_its_grace_refuses_children() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::builder()
            .grace(HOUR)
            .run(async |group| {
                group.cancel("last orders");
                let closed = group.try_spawn(async { Ok(()) }).unwrap_err();
                assert_eq!(closed.reason(), Some("last orders"));
                let refused = group.spawn(async { if true { panic!("polled") } else { Ok(()) } });
                assert!(refused.await.unwrap_err().is_cancelled());
                Err("seen to".to_owned())
            })
            .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["seen to"]);
    });
}

#[test]
fn a_group_that_is_over_refuses_children() {
    let diary = Diary::default();
    rondel::run(async {
        let group = Group::run(async |group| Ok(group)).await.unwrap();
        let closed = group.try_spawn(async { Ok(()) }).unwrap_err();
        assert_eq!(closed.to_string(), "the task group takes no more tasks: it is over");
        assert_eq!(closed.reason(), None);
        assert!(group.try_spawn_local(async { Ok(()) }).is_err());

        let kept = diary.at_drop("dropped");
        let refused = group.named("late").spawn(forever_with::<_, Result<(), _>>(kept));
        assert_eq!(diary.pages(), ["dropped"]);
        assert_eq!(refused.info().name(), Some("late"));
        assert!(refused.await.unwrap_err().is_cancelled());
        assert!(group.spawn_blocking(|| Ok(())).await.unwrap_err().is_cancelled());
        assert!(group.spawn_group(async |_| Ok(())).await.unwrap_err().is_cancelled());
        assert!(group.spawn_local(async { Ok(()) }).await.unwrap_err().is_cancelled());
    });
}

#[test]
#[should_panic(expected = "no Rondel loop runs on this thread")]
fn spawning_outside_a_loop_panics() {
    let group = rondel::run(Group::run(async |group| Ok(group))).unwrap();
    // Over, so it refuses without a loop; one that is open wants one.
    assert!(group.try_spawn(async { Ok(()) }).is_err());
    let _ = rondel::block_on(Group::run(async |group| {
        group.spawn(async { Ok(()) });
        Ok(())
    }))
    .map_err(ErrorGroup::resume_panic);
}

// ---- cancelling with a reason -------------------------------------------------------------------

#[test]
fn cancel_ends_the_group_without_members() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(forever_with::<_, Result<(), _>>(diary.at_drop("child")));
            group.clone().spawn(async move {
                sleep(ms(10)).await;
                assert!(!group.is_cancelled());
                group.cancel("found it");
                group.cancel("found it again");
                assert!(group.is_cancelled());
                Ok(())
            });
            forever_with(diary.at_drop("body")).await
        })
        .await;
        let error = outcome.unwrap_err();
        assert!(error.is_cancelled() && error.is_empty());
        assert_eq!((error.reason(), error.len()), (Some("found it"), 0));
        assert_eq!(error.to_string(), "a task group was cancelled: found it");
        assert_eq!(start.elapsed(), ms(10));
    });
    assert_eq!(diary.pages(), ["body", "child"]);
}

#[test]
fn a_body_that_has_ended_keeps_its_value_when_the_group_is_cancelled() {
    paused().block_on(async {
        let value = Group::run(async |group| {
            group.spawn(value_after(5_000, ()));
            group.clone().spawn(async move {
                sleep(ms(10)).await;
                group.cancel("enough");
                Ok(())
            });
            Ok("the value")
        });
        assert_eq!(value.await.unwrap(), "the value");

        let at_once = Group::run(async |group| {
            group.spawn(value_after(5_000, ()));
            group.cancel("enough");
            Ok("the other value")
        });
        assert_eq!(at_once.await.unwrap(), "the other value");
    });
}

#[test]
fn failures_after_a_cancel_are_members_beside_the_reason() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(forever_with::<_, Result<(), _>>(Bomb("too late")));
            yield_now().await;
            group.cancel("stop");
            pending().await
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!((panics(&error), error.reason()), (vec!["too late".into()], Some("stop")));
        assert!(!error.is_cancelled());
        assert!(error.to_string().starts_with("1 failure in a task group (cancelled: stop)\n"));
    });
}

#[test]
fn a_failure_is_no_reason_of_the_group_but_one_for_the_siblings() {
    paused().block_on(async {
        let diary = Diary::default();
        let group = Group::builder().grace(ms(1));
        let outcome: Outcome<()> = group
            .run(async |group| {
                let (token, theirs) = (group.token(), diary.clone());
                group.spawn(async move {
                    token.cancelled().await;
                    theirs.note(token.reason().unwrap());
                    Ok(())
                });
                yield_now().await; // lets it begin
                Err("mine".to_owned())
            })
            .await;
        assert_eq!(outcome.unwrap_err().reason(), None);
        assert_eq!(diary.pages(), ["the body of the group failed"]);
    });
}

#[test]
fn a_group_below_a_token_ends_with_it() {
    paused().block_on(async {
        let shutdown = CancellationToken::new();
        let group = Group::builder().below(&shutdown);
        let outcome: Outcome<()> = group
            .run(async |_| {
                shutdown.cancel_with("shutdown");
                pending().await
            })
            .await;
        let error = outcome.unwrap_err();
        assert_eq!((error.reason(), error.is_cancelled()), (Some("shutdown"), true));

        for grace in [ms(0), HOUR] {
            let late = Group::builder().below(&shutdown).grace(grace);
            let late: Outcome<()> = late.run(async |_| panic!("polled")).await;
            assert!(late.unwrap_err().is_cancelled(), "its body is not even begun");
        }
    });
}

#[test]
fn the_group_does_not_cancel_the_token_above_it_nor_heed_those_below() {
    rondel::run(async {
        let above = CancellationToken::new();
        let group = Group::builder().below(&above);
        let value = group.run(async |group| {
            group.token().cancel();
            assert!(!group.is_cancelled());
            group.cancel("the group alone");
            Ok(())
        });
        value.await.unwrap();
        assert!(!above.is_cancelled());
    });
}

// ---- grace --------------------------------------------------------------------------------------

/// Goal: with a grace, whoever listens to the token ends in his own time, and nobody is waited for
/// any longer than the grace. Method: exact moments in virtual time.
#[test]
fn a_grace_lets_children_and_body_clean_up_and_then_drops_who_is_left() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let group = Group::builder().grace(ms(100));
        let outcome: Outcome<()> = group
            .run(async |group| {
                let (token, theirs) = (group.token(), diary.clone());
                group.spawn(async move {
                    token.cancelled().await;
                    sleep(ms(30)).await; // a clean-up that awaits
                    theirs.note(format!("cleaned up after {:?}", start.elapsed()));
                    Ok(())
                });
                let (deaf, theirs) = (diary.at_drop("the deaf one is dropped"), diary.clone());
                group.spawn(async move {
                    let _deaf = deaf;
                    sleep(ms(60)).await;
                    theirs.note("the deaf one runs on");
                    pending::<Result<(), _>>().await
                });
                sleep(ms(10)).await;
                group.cancel("please");
                sleep(ms(50)).await;
                diary.note("the body runs on");
                pending().await
            })
            .await;
        assert!(outcome.unwrap_err().is_cancelled());
        assert_eq!(start.elapsed(), ms(110));
    });
    let pages = [
        "cleaned up after 40ms",
        "the deaf one runs on",
        "the body runs on",
        "the deaf one is dropped",
    ];
    assert_eq!(diary.pages(), pages);
}

/// Goal: the grace is for those who have something to clean up: who has not begun does not begin,
/// neither a child in line, nor one that waits for its permit, nor a closure in the queue.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn children_that_have_not_begun_do_not_begin_in_the_grace() {
    let diary = Diary::default();
    let runtime = rondel::Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let group = Group::builder().grace(HOUR).limit(1);
        let outcome: Outcome<()> = group
            .run(async |group| {
                let (token, theirs) = (group.token(), diary.clone());
                let (free, busy) = mpsc::channel::<()>();
                group.spawn(async move {
                    token.cancelled().await;
                    theirs.note("the first cleans up");
                    drop(free);
                    Ok(())
                });
                group.spawn_blocking(move || {
                    let _ = busy.recv();
                    Ok(())
                });
                let begun = || async { panic!("it has begun") };
                let waits = group.spawn::<(), _>(begun());
                let queued = group.spawn_blocking::<(), _>(|| panic!("it has begun"));
                wait_until_idle().await;
                let in_line = group.spawn::<(), _>(begun());
                group.cancel("closing time");
                for child in [waits, in_line, queued] {
                    assert!(child.await.unwrap_err().is_cancelled());
                }
                Err("the body's".to_owned())
            })
            .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["the body's"]);
    });
    assert_eq!(diary.pages(), ["the first cleans up"]);
}

#[test]
fn a_grace_ends_early_when_all_have_ended() {
    paused().block_on(async {
        let start = Instant::now();
        let group = Group::builder().grace(HOUR);
        let outcome: Outcome<i32> = group
            .run(async |group| {
                let token = group.token();
                group.spawn(fail_after(10));
                token.cancelled().await;
                sleep(ms(5)).await;
                Ok(1)
            })
            .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["failed after 10"]);
        assert_eq!(start.elapsed(), ms(15));
    });
}

/// Goal: in Python a coroutine can catch `CancelledError` and go on. Here nobody can: who has no
/// grace is not asked, and who has one and goes on is dropped at its end.
/// Method: a body and a child that restart their wait whatever happens, as a swallowing one would.
#[test]
fn nobody_can_swallow_a_cancel() {
    paused().block_on(async {
        for (grace, end) in [(ms(0), ms(10)), (ms(70), ms(80))] {
            let start = Instant::now();
            let group = Group::builder().grace(grace);
            let outcome: Outcome<()> = group
                .run(async |group| {
                    let token = group.token();
                    group.spawn::<(), _>(async move {
                        loop {
                            token.cancelled().await;
                            sleep(ms(20)).await; // "not now"
                        }
                    });
                    group.spawn(fail_after(10));
                    loop {
                        sleep(ms(20)).await;
                    }
                })
                .await;
            assert_eq!(outcome.unwrap_err().len(), 1);
            assert_eq!(start.elapsed(), end);
        }
    });
}

// ---- limit --------------------------------------------------------------------------------------

#[test]
fn a_limit_bounds_how_many_children_are_polled_and_serves_them_in_turn() {
    let diary = Diary::default();
    paused().block_on(async {
        let start = Instant::now();
        let running = Arc::new(AtomicUsize::new(0));
        let group = Group::builder().limit(2);
        let group = group.run(async |group| {
            for number in 0..6 {
                let (running, diary) = (running.clone(), diary.clone());
                group.spawn(async move {
                    assert!(running.fetch_add(1, SeqCst) < 2);
                    diary.note(format!("{number} begins after {:?}", start.elapsed()));
                    sleep(ms(10)).await;
                    running.fetch_sub(1, SeqCst);
                    Ok(())
                });
            }
            Ok(())
        });
        group.await.unwrap();
        assert_eq!(start.elapsed(), ms(30));
    });
    let when = ["0ns", "0ns", "10ms", "10ms", "20ms", "20ms"];
    let pages = (0..6).map(|number| format!("{number} begins after {}", when[number]));
    assert_eq!(diary.pages(), pages.collect::<Vec<_>>());
}

/// Goal: who waits for a permit is a child like any other: aborted alone or with the group, without
/// a poll of its future.
#[cfg(not(on_workers = "order"))]
#[test]
fn a_child_that_waits_for_its_permit_can_be_cancelled() {
    rondel::run(async {
        let group = Group::builder().limit(1);
        let outcome: Outcome<()> = group
            .run(async |group| {
                let first = group.spawn(pending::<Result<(), _>>());
                let second = group.spawn(async { if true { panic!("polled") } else { Ok(()) } });
                let third = group.spawn(async { Ok(3) });
                yield_now().await;
                second.abort();
                first.abort();
                assert_eq!(third.await.unwrap(), 3, "the permit goes on to it");
                group.spawn(pending::<Result<(), _>>());
                group.spawn(async { if true { panic!("polled, too") } else { Ok(()) } });
                yield_now().await;
                Err("over".to_owned())
            })
            .await;
        let error = outcome.unwrap_err();
        assert_eq!((texts(&error), error.len()), (vec!["over"], 1));
    });
}

/// Goal: when a child fails, the next one in line is given its permit and the news of the failure
/// before it is polled. The news counts: it does not begin, not even in a grace.
#[cfg(not(on_workers = "order"))]
#[test]
fn a_child_that_waits_for_the_permit_of_one_that_fails_does_not_begin() {
    for grace in [ms(0), HOUR] {
        rondel::run(async {
            let group = Group::builder().limit(1).grace(grace);
            let outcome: Outcome<()> = group
                .run(async |group| {
                    group.spawn(async {
                        yield_now().await;
                        Err::<(), _>("the first".to_owned())
                    });
                    group.spawn(async { if true { panic!("it has begun") } else { Ok(()) } });
                    group.token().cancelled().await;
                    Ok(())
                })
                .await;
            let error = outcome.unwrap_err();
            assert_eq!((texts(&error), error.len()), (vec!["the first"], 1));
        });
    }
}

#[test]
#[should_panic(expected = "a task group with a limit of 0 could never run anything")]
fn a_limit_of_zero_is_refused() {
    let _ = Group::builder().limit(0);
}

// ---- closures on the blocking pool --------------------------------------------------------------

/// Goal: a closure that runs cannot be stopped, so a group that fails waits for it; the token tells
/// it. Method: the closure reports that it runs, and ends only when it sees the token.
#[test]
fn a_failing_group_waits_for_a_closure_that_runs() {
    let diary = Diary::default();
    rondel::run(async {
        let theirs = diary.clone();
        let outcome: Outcome<()> = Group::run(async |group| {
            let (token, (runs, running)) = (group.token(), oneshot::channel());
            group.spawn_blocking(move || {
                runs.send(()).unwrap();
                while !token.is_cancelled() {
                    std::thread::yield_now();
                }
                theirs.note("the closure has ended");
                Err::<(), _>("the closure's".to_owned())
            });
            running.await.unwrap();
            Err("the body's".to_owned())
        })
        .await;
        diary.note("the group returns");
        assert_eq!(texts(&outcome.unwrap_err()), ["the body's", "the closure's"]);
    });
    assert_eq!(diary.pages(), ["the closure has ended", "the group returns"]);
}

/// Goal: a group that ends by its own failures has no other reason, also when two of them happen on
/// two threads at the same moment. Method: closures that start together, many times.
#[test]
fn failures_on_two_threads_are_no_reason() {
    rondel::run(async {
        for _ in 0..2_000 {
            let together = Arc::new(Barrier::new(2));
            let outcome: Outcome<()> = Group::run(async |group| {
                for _ in 0..2 {
                    let together = together.clone();
                    group.spawn_blocking(move || {
                        together.wait();
                        Err::<(), _>("failed".to_owned())
                    });
                }
                Ok(())
            })
            .await;
            let error = outcome.unwrap_err();
            assert_eq!((error.reason(), error.len()), (None, 2));
        }
    });
}

#[test]
fn closures_have_values_and_panics() {
    rondel::run(async {
        let value = Group::run(async |group| Ok(group.spawn_blocking(|| Ok(42)).await.unwrap()));
        assert_eq!(value.await.unwrap(), 42);
        let outcome: Outcome<()> = Group::run(async |group| {
            let named = group.named("hash");
            named.spawn_blocking(|| if true { panic!("in the closure") } else { Ok(()) });
            pending().await
        })
        .await;
        let error = outcome.unwrap_err();
        assert_eq!(panics(&error), ["in the closure"]);
        assert_eq!(error.members()[0].task().unwrap().name(), Some("hash"));
    });
}

/// Goal: a closure that is queued is dropped with the group, and the group waits for that drop.
#[test]
fn a_closure_that_has_not_started_is_dropped_with_the_group() {
    let diary = Diary::default();
    let pool = rondel::Builder::new().max_blocking_threads(1).build().unwrap();
    pool.block_on(async {
        let (go_on, wait) = mpsc::channel::<()>();
        let busy = rondel::spawn_blocking(move || wait.recv());
        let kept = diary.at_drop("the closure is dropped");
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn_blocking(move || {
                drop(kept);
                Ok(())
            });
            Err("over".to_owned())
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["over"]);
        assert_eq!(diary.pages(), ["the closure is dropped"]);
        go_on.send(()).unwrap();
        busy.await.unwrap().unwrap();
    });
}

// ---- groups below groups ------------------------------------------------------------------------

#[test]
fn a_failure_of_the_outer_group_is_not_one_of_the_inner() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |outer| {
            outer.spawn(fail_after(100));
            let inner: Outcome<()> = Group::run(async |inner| {
                inner.spawn(fail_after(10_000));
                Ok(())
            })
            .await;
            unreachable!("the inner group is dropped, it does not return {inner:?}");
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["failed after 100"]);
    });
}

#[test]
fn a_failure_of_an_inner_group_is_a_group_in_the_outer() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |outer| {
            outer.spawn(fail_after(10_000));
            outer.named("inner").spawn_group(async |inner| {
                inner.spawn(fail_after(100));
                inner.spawn(fail_after(100));
                Ok(())
            });
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        let [member] = error.members() else { panic!("{error}") };
        assert_eq!(member.task().unwrap().name(), Some("inner"));
        assert!(matches!(member.failure(), Failure::Group(inner) if inner.members().len() == 2));
    });
}

/// Goal: with boxed errors nothing needs to be said: `?` on a group in the body or in a child of
/// another one gives a tree.
#[test]
fn a_boxed_group_becomes_a_group_in_the_outer() {
    async fn fails() -> Result<(), BoxError> {
        Err("deep inside".into())
    }
    rondel::run(async {
        let outcome: Result<(), ErrorGroup> = TaskGroup::run(async |outer| {
            outer.spawn(async {
                TaskGroup::run(async |inner| {
                    inner.spawn(fails());
                    Ok(())
                })
                .await?;
                Ok(())
            });
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert!(matches!(error.members()[0].failure(), Failure::Group(inner) if inner.len() == 1));
        assert_eq!(error.errors().map(ToString::to_string).collect::<Vec<_>>(), ["deep inside"]);
    });
}

#[test]
fn both_groups_may_fail_at_once() {
    paused().block_on(async {
        let outcome: Outcome<()> = Group::run(async |outer| {
            let inner: Outcome<()> = Group::run(async |inner| {
                inner.spawn(async { Err::<(), _>("inner".to_owned()) });
                outer.spawn(async { Err::<(), _>("outer".to_owned()) });
                pending().await
            })
            .await;
            unreachable!("the outer group is cut first, {inner:?} or not");
        })
        .await;
        // The inner error was told to a group that was dropped before it could return it.
        assert_eq!(texts(&outcome.unwrap_err()), ["outer"]);
    });
}

/// Goal: a group of `spawn_group` that is cancelled is no failure of the outer, and hears of the
/// outer's end, with its reason, within its grace.
#[test]
fn an_inner_group_is_asked_with_the_outer_one() {
    let diary = Diary::default();
    paused().block_on(async {
        let group = Group::builder().grace(ms(50));
        let outcome: Outcome<()> = group
            .run(async |outer| {
                let theirs = diary.clone();
                outer.spawn_group(async move |inner| {
                    let token = inner.token();
                    inner.spawn(async move {
                        token.cancelled().await;
                        sleep(ms(10)).await;
                        theirs.note(format!("cleaned up: {}", token.reason().unwrap()));
                        Ok(())
                    });
                    Ok(())
                });
                let other = outer.spawn_group(async |inner| {
                    inner.cancel("on its own");
                    pending::<Result<(), _>>().await
                });
                assert!(other.await.unwrap_err().is_cancelled());
                sleep(ms(10)).await;
                outer.cancel("the end");
                Ok(())
            })
            .await;
        outcome.unwrap();
    });
    assert_eq!(diary.pages(), ["cleaned up: the end"]);
}

/// Goal: a body that ends because a group in it was cancelled has no value, so nobody waits for its
/// children: they are cancelled. That is no failure, as with asyncio's `CancelledError`.
#[test]
fn a_body_that_was_cancelled_within_cancels_the_children() {
    paused().block_on(async {
        let outcome: Result<(), ErrorGroup<BoxError>> = TaskGroup::run(async |outer| {
            outer.spawn(pending::<Result<(), _>>());
            TaskGroup::<BoxError>::run(async |inner| {
                inner.cancel("enough");
                pending::<Result<(), _>>().await
            })
            .await?;
            Ok(())
        })
        .await;
        let error = outcome.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.reason(), Some("the body of the group was cancelled"));
    });
}

/// Goal: nothing outlives a group, not even what is deep below a child that was aborted: such a
/// child drops its own group, which cannot wait in a drop.
/// Method: three levels, made by `run`, one of them in a body; the diary is read the moment the
/// outermost group returns.
#[cfg(not(on_workers = "one_loop"))]
#[test]
fn a_group_waits_for_what_is_below_its_aborted_children() {
    fn nest(levels: u32, diary: Diary) -> Boxed {
        Box::pin(async move {
            let group = Group::run(async |group| {
                let kept = diary.at_drop(&format!("level {levels}"));
                group.spawn(forever_with::<_, Result<(), _>>(kept));
                match levels {
                    0 => Ok(()),
                    odd if odd % 2 == 1 => nest(levels - 1, diary.clone()).await,
                    _ => {
                        group.spawn(nest(levels - 1, diary.clone()));
                        Ok(())
                    }
                }
            });
            group.await.map_err(|error| error.to_string())
        })
    }
    let diary = Diary::default();
    rondel::run(async {
        let outcome: Outcome<()> = Group::run(async |group| {
            group.spawn(nest(5, diary.clone()));
            group.spawn(async {
                wait_until_idle().await;
                Err::<(), _>("the end".to_owned())
            });
            nest(4, diary.clone()).await
        })
        .await;
        assert_eq!(texts(&outcome.unwrap_err()), ["the end"]);
        assert_eq!(diary.pages().len(), 6 + 5, "{:?}", diary.pages());
    });
}

/// Goal: a handle of a group that is over holds nobody up. Method: a child runs a group, and leaves
/// its handle with the outer body, which keeps it.
#[test]
fn a_handle_of_an_inner_group_does_not_hold_the_outer_one_open() {
    rondel::run(async {
        for is_aborted in [false, true] {
            let outer: Outcome<Group> = Group::run(async |outer| {
                let (send, sent) = oneshot::channel();
                let child = outer.spawn(async move {
                    let inner = Group::run(async |inner| {
                        let _ = send.send(inner);
                        if is_aborted { pending().await } else { Ok(()) }
                    });
                    inner.await.map_err(|error| error.to_string())
                });
                let inner = sent.await.unwrap();
                child.abort();
                Ok(inner)
            })
            .await;
            assert!(outer.unwrap().try_spawn(async { Ok(()) }).is_err());
        }
    });
}

/// Goal: a deadlock report says what the tasks wait for, and not how groups are made.
#[test]
fn a_deadlock_names_the_waits_of_body_and_children() {
    let deadlock = paused()
        .try_block_on(async {
            let lock = Arc::new(Mutex::new(()));
            let _held = lock.clone().lock_owned().await;
            let theirs = lock.clone();
            rondel::spawn(Group::run(async |group| {
                group.named("child").spawn(async move {
                    drop(theirs.lock().await);
                    Ok(())
                });
                Ok(())
            }));
            let _: Outcome<()> = Group::run(async |_| {
                drop(lock.lock().await);
                Ok(())
            })
            .await;
        })
        .unwrap_err();
    assert_eq!(deadlock.root(), ["Mutex::lock"]);
    let mut waits: Vec<_> = deadlock.tasks().map(|(_, waits)| waits.join(" ")).collect();
    waits.sort();
    assert_eq!(waits, ["Mutex::lock", "TaskGroup::run"]);
}

// ---- other threads, other orders ----------------------------------------------------------------

/// Goal: children that are spawned by other threads, and may end before their spawner knows their
/// handle, are neither lost nor missed. Method: closures on the pool that spawn while the loop runs;
/// each child counts itself.
#[test]
fn children_may_be_spawned_from_other_threads() {
    rondel::run(async {
        for round in 0..20 {
            let ended = Arc::new(AtomicUsize::new(0));
            let group = Group::run(async |group| {
                for _ in 0..2 {
                    let (group, ended) = (group.clone(), ended.clone());
                    group.clone().spawn_blocking(move || {
                        for _ in 0..50 {
                            let ended = ended.clone();
                            group.spawn(async move {
                                ended.fetch_add(1, SeqCst);
                                Ok(())
                            });
                        }
                        Ok(())
                    });
                }
                Ok(())
            });
            group.await.unwrap();
            assert_eq!(ended.load(SeqCst), 100, "round {round}");
        }
    });
}

/// Goal: the same while the group fails: each error that was returned is in the result, with its
/// task, and what was refused or aborted is dropped. Method: count what is made, returned, dropped.
#[test]
fn failures_of_children_from_other_threads_are_all_reported() {
    #[derive(Clone, Default)]
    struct Counts(Arc<[AtomicUsize; 3]>);
    struct Kept(Counts);
    impl Drop for Kept {
        fn drop(&mut self) {
            self.0.0[2].fetch_add(1, SeqCst);
        }
    }
    rondel::run(async {
        for round in 0..20 {
            let counts = Counts::default();
            let theirs = counts.clone();
            let outcome: Outcome<()> = Group::run(async |group| {
                let spawner = group.clone();
                group.spawn_blocking(move || {
                    for number in 0..200 {
                        theirs.0[0].fetch_add(1, SeqCst);
                        let kept = Kept(theirs.clone());
                        spawner.spawn(async move {
                            if number % 20 != 19 {
                                return Ok(());
                            }
                            kept.0.0[1].fetch_add(1, SeqCst);
                            Err(format!("number {number}"))
                        });
                    }
                    Ok(())
                });
                Ok(())
            })
            .await;
            let error = outcome.unwrap_err();
            let [made, failed, dropped] = [0, 1, 2].map(|index| counts.0[index].load(SeqCst));
            assert_eq!((error.len(), made, dropped), (failed, 200, 200), "round {round}");
            assert!(error.members().iter().all(|member| member.task().is_some()));
        }
    });
}

/// Goal: whatever the order of the tasks, all failures are told, and the group is the last to end.
#[test]
fn no_order_of_tasks_loses_a_failure() {
    for seed in 0..200 {
        let runtime =
            rondel::Builder::new().start_paused(true).seed(seed).shuffle(true).build().unwrap();
        runtime.block_on(async {
            let (failed, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
            let outcome: Result<(), ErrorGroup<usize>> = TaskGroup::run(async |group| {
                for number in 0..8 {
                    let (failed, alive) = (failed.clone(), alive.clone());
                    group.spawn(async move {
                        let _alive = alive;
                        for _ in 0..number % 3 {
                            yield_now().await;
                        }
                        failed.fetch_add(1, SeqCst);
                        Err::<Infallible, _>(number)
                    });
                }
                pending().await
            })
            .await;
            assert_eq!(outcome.unwrap_err().len(), failed.load(SeqCst), "seed {seed}");
            assert_eq!(Arc::strong_count(&alive), 1, "seed {seed}");
        });
    }
}
