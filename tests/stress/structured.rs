//! Tasks and futures that end with somebody: groups, scopes, trackers, shutdowns, local sets.
//!
//! ```text
//!   a step ── opens a house ──▶ child  child  child     each is a `Crew` member and is counted
//!        ◀──── the house is closed: by its end, an error, a limit, or because the step is dropped
//!        └──▶ from now on nobody of the crew may be alive
//! ```
//!
//! What a house says about its children is held against what the children did themselves.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rondel::task::{
    AbortOnDropHandle, ErrorGroup, Failure, LocalSet, Shutdown, ShutdownOutcome, StartError,
    TaskGroup, TaskTracker, scope, spawn_local, try_scope,
};
use rondel::time::{Instant, current_deadline, fail_at, move_on_at};

use super::combos::Crew;
use super::luck::Luck;
use super::world::Me;

/// Children of a group, some of which fail, under a limit, some with a handshake.
pub async fn group(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, true);
    let (n, limit) = (luck.between(1, 5), luck.between(1, 3));
    let (active, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let children: Vec<_> = (crew.all_risky(n).into_iter())
        .map(|child| {
            let (active, failed) = (active.clone(), failed.clone());
            async move {
                let most = active.fetch_add(1, SeqCst) + 1;
                assert!(most <= limit, "{most} children at a time, of at most {limit}");
                let _leaving = Leaving(active);
                let said = child.await;
                failed.lock().unwrap().extend(said.err());
                said
            }
        })
        .collect();
    let (grace, mut hers) = (me.millis(luck.below(10)), luck.split());
    let body = async |group: TaskGroup<usize>| {
        let mut handles = Vec::new();
        for child in children {
            // Another thread may cancel it at this very moment.
            let (token, exact) = (group.token(), me.world.exact);
            let child = async move {
                assert!(!exact || !token.is_cancelled(), "it begins when all are to end");
                child.await
            };
            if hers.one_in(4) {
                let start = group.start(|started| async move {
                    started.send(());
                    child.await.map(drop)
                });
                let said = start.await;
                let stopped = matches!(said, Err(StartError::Cancelled | StartError::Refused(_)));
                let may_stop = group.is_cancelled() || me.may_lose_the_loop();
                assert!(said.is_ok() || stopped && may_stop, "it starts at once, but: {said:?}");
                continue;
            }
            let child = group.spawn(child);
            if hers.one_in(5) {
                child.abort();
            } else if hers.one_in(2) {
                handles.push(child);
            }
        }
        if hers.one_in(6) {
            group.cancel("enough");
        }
        for handle in handles {
            drop(handle.await);
        }
        Ok(())
    };
    let builder = TaskGroup::builder().grace(grace);
    let builder = if limit < n { builder.limit(limit) } else { builder };
    let ran = builder.run(body);
    let Some(ran) = me.perhaps(&mut luck, "TaskGroup::run", ran).await else { return };
    crew.is_gone();
    let (mut told, mut panics) = (Vec::new(), Vec::new());
    for member in ran.as_ref().err().map_or(&[][..], ErrorGroup::members) {
        match member.failure() {
            Failure::Error(number) => told.push(*number),
            other => panics.push(format!("{other:?}")),
        }
    }
    assert!(panics.is_empty(), "{}: {panics:?}", me.name);
    let mut failed = failed.lock().unwrap().clone();
    if !me.world.exact {
        // Those that fail at the same time on two workers may be told in either order.
        told.sort_unstable();
        failed.sort_unstable();
    }
    assert_eq!(told, failed, "{}: failures told (left), as they came", me.name);
    me.note(format_args!("has run a group, in which {told:?} failed"));
}

/// Counts one down, however it goes.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Children that borrow from their parent.
pub async fn scoped(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let (n, ended) = (luck.between(1, 5), AtomicUsize::new(0));
    if luck.one_in(2) {
        let children = crew.all(n);
        let all = scope(async |s| {
            let handles: Vec<_> = (children.into_iter())
                .map(|child| {
                    s.spawn(async {
                        let number = child.await;
                        ended.fetch_add(1, SeqCst);
                        number
                    })
                })
                .collect();
            let mut told = Vec::new();
            for handle in handles.into_iter().step_by(2) {
                told.push(handle.await);
            }
            told
        });
        if let Some(told) = me.perhaps(&mut luck, "scope", all).await {
            assert!(told.into_iter().eq((0..n).step_by(2)), "the outputs of other children");
            assert_eq!(ended.load(SeqCst), n, "{}: it ended before its children", me.name);
        }
    } else {
        let children = crew.all_risky(n);
        let all = try_scope(async |s| {
            for child in children {
                s.spawn(async {
                    let number = child.await?;
                    ended.fetch_add(1, SeqCst);
                    Ok(number)
                });
            }
            Ok::<(), usize>(())
        });
        match me.perhaps(&mut luck, "try_scope", all).await {
            Some(Ok(())) => assert_eq!(ended.load(SeqCst), n, "it ended before its children"),
            Some(Err(number)) => assert!(number < n && ended.load(SeqCst) < n),
            None => {}
        }
    }
    crew.is_gone();
}

/// Tasks that nobody joins, and the end of the last one.
pub async fn tracked(me: Me, mut luck: Luck) {
    let (tracker, mut crew) = (TaskTracker::new(), Crew::new(&me, &mut luck, false));
    let n = luck.between(1, 4);
    for child in crew.all(n) {
        let handle = tracker.spawn(child);
        me.world.can_be_aborted(handle.abort_handle());
        if luck.one_in(4) {
            handle.abort();
        }
    }
    me.hold(&mut luck).await;
    tracker.close();
    if me.perhaps(&mut luck, "TaskTracker::wait", tracker.wait()).await.is_some() {
        assert!(tracker.is_empty(), "{}: waited, but {} are left", me.name, tracker.len());
        crew.is_gone();
    }
}

/// A task that ends with its handle.
pub async fn tied(me: Me, mut luck: Luck) {
    let mut crew = Crew::new(&me, &mut luck, false);
    let tied = AbortOnDropHandle::new(rondel::spawn(crew.one()));
    let limit = luck.below(20);
    let waited = me.at_most(limit, tied).await; // drops it, if the time runs out
    let ended = waited.is_none_or(|said| said.is_ok_and(|number| number == 0));
    assert!(ended || me.may_lose_the_loop(), "nobody aborts it");
    if me.world.exact {
        me.nap(1).await; // while somebody can run, time does not pass
        crew.is_gone();
    }
}

/// Limits that the body sees and moves, one in the other; what must come of them is known.
pub async fn deadlines(me: Me, mut luck: Luck) {
    let at = |ms| Instant::now() + me.millis(ms);
    let (outer, inner, moved) = (at(luck.below(30)), at(luck.below(30)), at(luck.below(30)));
    let (first, second) = (luck.below(12), luck.below(12));
    let moves = luck.one_in(2);
    let start = Instant::now();
    let ran = fail_at(outer, async |_| {
        move_on_at(inner, async |deadline| {
            assert_eq!(current_deadline(), Some(inner.min(outer)), "the nearest one");
            me.nap(first).await;
            if moves {
                let was_moved = deadline.reschedule(moved);
                assert!(was_moved || Instant::now() >= inner, "{}: it was not over", me.name);
            }
            me.nap(second).await;
        })
        .await
    });
    let ran = me.watch(&mut luck, "fail_at", ran).await;
    me.note(format_args!("lets limits pass: {ran:?}"));
    if !me.is_exact() {
        return;
    }
    let (middle, end) = (start + me.millis(first), start + me.millis(first + second));
    let moved = (moves && middle <= inner.min(outer)).then_some(moved);
    let (inner, alive_until) = moved.map_or((inner, inner), |at| (at, at.max(middle)));
    // Whoever ends in the moment of its limit has ended; and a limit that was moved to the past is
    // not over before it was moved. If both are over the one that was over first says so, or else
    // the outer one.
    let wanted = match (end <= alive_until, end <= outer) {
        (true, true) => Ok(Some(())),
        _ if inner < outer => Ok(None),
        _ => Err(()),
    };
    assert_eq!(ran.map_err(drop), wanted, "{}: what became of two limits", me.name);
}

/// Tasks that end when they are asked, and some that have to be thrown out.
pub async fn shut_down(me: Me, mut luck: Luck) {
    let (shutdown, mut crew) = (Shutdown::new(), Crew::new(&me, &mut luck, false));
    let n = luck.between(1, 4);
    let grace = luck.between(1, 20);
    let (mut stubborn, mut tied) = (0, Vec::new());
    for child in crew.all(n) {
        if luck.one_in(4) {
            stubborn += 1;
            tied.push(shutdown.spawn(|_| async move {
                child.await;
                pending::<()>().await;
            }));
        } else {
            tied.push(shutdown.spawn(|token| async move {
                token.run_until_cancelled(child).await;
            }));
        }
    }
    // Also if this step is dropped in the middle.
    let _tied: Vec<_> = tied.into_iter().map(AbortOnDropHandle::new).collect();
    me.hold(&mut luck).await;
    let start = Instant::now();
    let report = shutdown.run("the evening", me.millis(grace));
    let Some(report) = me.perhaps(&mut luck, "Shutdown::run", report).await else {
        // Nobody waits for it any more: who comes later ends it.
        shutdown.hurry();
        let start = Instant::now();
        let report = shutdown.run("too late", me.millis(1_000)).await;
        assert_eq!(report.reason(), Some("the evening"));
        assert!(!me.is_exact() || start.elapsed().is_zero(), "{}: it did not hurry", me.name);
        return crew.is_gone();
    };
    crew.is_gone();
    let thrown_out = report.count(ShutdownOutcome::Dropped);
    let left = report.count(ShutdownOutcome::Finished) + report.count(ShutdownOutcome::Ended);
    let known = (thrown_out, left) == (stubborn, n - stubborn);
    assert!(known || !me.world.exact, "{}: {stubborn} of {n} are stubborn, but: {report}", me.name);
    assert_eq!(report.reason(), Some("the evening"));
    let in_time = stubborn > 0 || !me.is_exact() || start.elapsed().is_zero();
    assert!(in_time, "{}: all had gone, but it waited {:?}", me.name, start.elapsed());
}

/// An executor inside of a task, with tasks of its own.
pub async fn local_set(me: Me, mut luck: Luck) {
    if !me.world.exact {
        return; // it may be on any thread, and the loop's own are not to be had there
    }
    let mut crew = Crew::new(&me, &mut luck, false);
    let (n, goes_on) = (luck.between(1, 5), luck.one_in(2));
    let (own, children) = (crew.one(), crew.all(n));
    let house = spawn_local(async move {
        let set = LocalSet::new();
        let handles: Vec<_> = children.into_iter().map(|child| set.spawn_local(child)).collect();
        assert_eq!(set.run_until(own).await, 0);
        if goes_on {
            set.await; // to the end of its tasks
            assert!(handles.iter().all(|handle| handle.is_finished()), "it ended before them");
        }
    });
    let house = AbortOnDropHandle::new(house);
    if let Some(said) = me.perhaps(&mut luck, "LocalSet", house).await {
        said.expect("nobody aborts it");
        crew.is_gone();
    }
}
