//! The desk: its worker puts down and takes up while the watchman takes away.

use crate::ready::desk::Desk;
use crate::shim::Arc;
use crate::task::cell::TaskRef;
use crate::task::home::{Common, HomeRef};
use crate::task::id::{Id, Origin};
use crate::task::join::JoinHandle;
use loom::thread;
use std::collections::BTreeSet;

/// The tasks of these models are never woken.
struct NoQueue;

impl Common for NoQueue {
    fn queue(&self, _task: TaskRef) {
        unreachable!("nobody wakes it")
    }
}

fn tasks<const N: usize>() -> [TaskRef; N] {
    let home = HomeRef::shared(std::sync::Arc::new(NoQueue));
    [(); N].map(|()| {
        let ([kept, queued], _handle) =
            JoinHandle::new_pair(async {}, home.clone(), Origin::here(None));
        drop(kept);
        queued
    })
}

/// Each task has one owner at any time, and the one who takes it up sees all that was done with it.
#[test]
fn a_worker_and_the_watchman_take_from_a_desk() {
    crate::model::check(|| {
        let desk = Arc::new(Desk::new());
        let watchman = {
            let desk = desk.clone();
            thread::spawn(move || Vec::from_iter(desk.take()))
        };
        crate::model::let_others_first();
        let mut ours = Vec::new();
        for task in tasks::<3>() {
            ours.extend(desk.put(task)); // displaced
        }
        ours.extend(desk.take());
        ours.extend(desk.take());
        let theirs = watchman.join().unwrap();
        assert!(desk.is_empty());
        let all: Vec<Id> = ours.iter().chain(&theirs).map(|task| task.origin().id).collect();
        assert_eq!(all.len(), 3, "none is lost, none twice");
        assert_eq!(BTreeSet::from_iter(all.iter().map(|id| format!("{id:?}"))).len(), 3);
        for task in ours.into_iter().chain(theirs) {
            let _ = task.run();
        }
    });
}

/// The watchman runs what it took while the worker goes on.
#[test]
fn the_watchman_runs_what_it_took() {
    crate::model::check(|| {
        let desk = Arc::new(Desk::new());
        let watchman = {
            let desk = desk.clone();
            thread::spawn(move || desk.take().map(TaskRef::run).is_some())
        };
        crate::model::let_others_first();
        let [task] = tasks();
        assert!(desk.put(task).is_none());
        let ours = desk.take().map(TaskRef::run).is_some();
        let theirs = watchman.join().unwrap();
        assert!(ours != theirs, "one of the two");
    });
}

/// What lies on a desk is dropped with it: loom finds a block that is left.
#[test]
fn a_desk_is_dropped_with_a_task_on_it() {
    crate::model::check(|| {
        let desk = Arc::new(Desk::new());
        let other = {
            let desk = desk.clone();
            thread::spawn(move || drop(desk))
        };
        crate::model::let_others_first();
        let common = std::sync::Arc::new(NoQueue);
        let home = HomeRef::shared(common.clone());
        let ([kept, queued], handle) = JoinHandle::new_pair(async {}, home, Origin::here(None));
        assert!(desk.put(queued).is_none());
        drop((kept, handle, desk));
        other.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&common), 1, "task and home are gone");
    });
}
