//! Whole workers: their queues, the crew, the sleep and the wake, with real tasks.
//!
//! The loop of these models is a few lines, like the real one: run what is there, look elsewhere,
//! lie down. A worker that sleeps while there is work is a deadlock to loom; it does not wake by a
//! clock here, as a watchman would.

use crate::ready::crew::{Crew, Member};
use crate::ready::ring::ring;
use crate::ready::steal::StealQueue;
use crate::ready::{Job, ReadyQueue};
use crate::shim::Arc;
use crate::task::cell::{Ran, TaskRef};
use crate::task::home::{Common, HomeRef};
use crate::task::id::Origin;
use crate::task::join::JoinHandle;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc as PlainArc;

/// The common home of the tasks; a task woken by it goes to the common queue.
struct Commons(Arc<Crew>);

impl Common for Commons {
    fn queue(&self, task: TaskRef) {
        self.0.inject([task]);
    }
}

/// A crew with its workers' queues and bells.
struct Yard {
    crew: Arc<Crew>,
    commons: HomeRef,
    queues: Vec<StealQueue>,
    bells: Vec<Arc<Notify>>,
    homes: Vec<HomeRef>,
}

impl Yard {
    fn new(workers: usize) -> Self {
        let bells: Vec<_> = (0..workers).map(|_| Arc::new(Notify::new())).collect();
        let homes: Vec<HomeRef> = bells
            .iter()
            .map(|bell| {
                let bell = bell.clone();
                HomeRef::new(|_| (), || (), Box::new(move || bell.notify()))
            })
            .collect();
        let (owners, robbables): (Vec<_>, Vec<_>) = (0..workers).map(|_| ring()).unzip();
        let members = robbables.into_iter().zip(&homes);
        let members = members.map(|(ring, home)| Member::new(ring, home.clone())).collect();
        let crew = Arc::new(Crew::new(members, |_, task| Err(task)));
        let commons = HomeRef::shared(PlainArc::new(Commons(crew.clone())));
        let queues = owners.into_iter().enumerate();
        let queues = queues
            .map(|(worker, owner)| StealQueue::new(crew.clone(), worker, commons.clone(), owner))
            .collect();
        Self { crew, commons, queues, bells, homes }
    }

    /// A task that counts in `done` that it ran; the queue's reference.
    fn task(&self, done: &Arc<AtomicUsize>) -> TaskRef {
        let done = done.clone();
        let future = async move {
            done.fetch_add(1, Relaxed);
        };
        let ([kept, queued], _handle) =
            JoinHandle::new_pair(future, self.commons.clone(), Origin::here(None));
        drop(kept);
        queued
    }

    /// Ends the crew, which holds its own home as long as it is not told to end.
    fn end(self) {
        self.queues.iter().for_each(StealQueue::clear);
        let Self { crew, commons, queues, homes, .. } = self;
        drop((queues, commons, crew));
        homes.into_iter().for_each(HomeRef::settle);
    }
}

fn run(job: Job) {
    match job {
        Job::Task(task) => assert!(matches!(task.run(), Ran::Retired(..))),
        Job::Root => unreachable!("a worker has none"),
    }
}

/// Turns the loop of one worker until `is_over`.
fn work(queue: &StealQueue, bell: &Notify, is_over: impl Fn() -> bool) {
    loop {
        while let Some(job) = queue.pop() {
            run(job);
        }
        if is_over() {
            return;
        }
        if !queue.refill() && queue.sleep() {
            bell.wait();
            queue.wake_up();
        }
    }
}

/// A task comes from outside while the only worker lies down.
#[test]
fn a_task_comes_from_outside_while_a_worker_lies_down() {
    crate::model::check(|| {
        let yard = Yard::new(1);
        let done = Arc::new(AtomicUsize::new(0));
        let task = yard.task(&done);
        let crew = yard.crew.clone();
        let outside = thread::spawn(move || crew.inject([task]));
        crate::model::let_others_first();
        work(&yard.queues[0], &yard.bells[0], || done.load(Relaxed) == 1);
        outside.join().unwrap();
        yard.end();
    });
}

/// A worker with two tasks has looked for sleepers at the end of its batch (rule 2 of `steal.rs`),
/// and is stuck then: its neighbour robs it of the one in the ring.
#[test]
fn a_neighbour_robs_a_worker_that_is_stuck() {
    crate::model::check(|| {
        let mut yard = Yard::new(2);
        let done = Arc::new(AtomicUsize::new(0));
        let (robbed, displacing) = (yard.task(&done), yard.task(&done));
        let (thief, bell) = (yard.queues.pop().unwrap(), yard.bells.pop().unwrap());
        let neighbour = {
            let done = done.clone();
            thread::spawn(move || {
                work(&thief, &bell, || done.load(Relaxed) == 1);
                thief
            })
        };
        crate::model::let_others_first();
        yard.queues[0].push_woken(robbed);
        yard.queues[0].push_woken(displacing);
        assert!(yard.queues[0].refill(), "it has work");
        yard.queues.push(neighbour.join().unwrap());
        assert_eq!(done.load(Relaxed), 1, "the one on the desk is there still");
        yard.end();
    });
}

/// The end of the runtime is called out while a worker lies down.
#[test]
fn the_end_is_called_while_a_worker_lies_down() {
    crate::model::check(|| {
        let yard = Yard::new(1);
        let crew = yard.crew.clone();
        let outside = thread::spawn(move || crew.close());
        crate::model::let_others_first();
        work(&yard.queues[0], &yard.bells[0], || yard.crew.is_closing());
        outside.join().unwrap();
        yard.end();
    });
}

/// A task is woken from outside while the runtime ends: whoever comes first, nothing is left.
#[test]
fn a_task_comes_from_outside_while_the_common_queue_is_closed() {
    crate::model::check(|| {
        let yard = Yard::new(1);
        let done = Arc::new(AtomicUsize::new(0));
        let task = yard.task(&done);
        let crew = yard.crew.clone();
        let outside = thread::spawn(move || crew.inject([task]));
        crate::model::let_others_first();
        yard.queues[0].clear();
        outside.join().unwrap();
        assert_eq!(Arc::strong_count(&done), 1, "the task is gone");
        yard.end();
    });
}
