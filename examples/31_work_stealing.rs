//! Lesson 31. Which thread runs a task when there are many?
//!
//! Run it: `cargo run --example 31_work_stealing`
//!
//! Covers: 3, 79, 84.
//!
//! Python: one loop in each process, and what a process has is its own. Rust: `Builder::workers(n)`
//! is n loops in one process that take work from each other. So a future must be `Send`: it may go
//! on, behind any `.await`, on another thread.
//!
//! Predict. A runtime has two workers. A task spawns another one and then blocks its thread until
//! that one has run. What happens? And may a task find itself on another thread after an `.await`?
//!
//! a) Both wait for ever: what is spawned on a worker runs there. A task never changes its thread.
//! b) The other worker takes the second task and runs it. A task never changes its thread.
//! c) The other worker takes the second task and runs it. A task may change its thread at any
//!    await.

use rondel::Builder;
use rondel::task::{spawn_local, yield_now};
use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, ThreadId};

fn here() -> ThreadId {
    thread::current().id()
}

/// How often a task tries to be moved before it gives up.
const TRIES_MAX: u32 = 10_000;

/// Spawns a task and blocks this thread until that has run. Returns both threads.
async fn blocks_until_its_child_ran() -> [ThreadId; 2] {
    let (tell, told) = mpsc::channel();
    rondel::spawn(async move { tell.send(here()) });
    [here(), told.recv().expect("the other worker runs it")]
}

/// Stands in line until another worker takes it from there; a hog keeps this one busy meanwhile.
/// Returns the thread before the await and the one behind it.
async fn moves() -> Option<[ThreadId; 2]> {
    for _ in 0..TRIES_MAX {
        let (moved, before) = (Arc::new(AtomicBool::new(false)), here());
        let theirs = moved.clone();
        let hog = rondel::spawn(async move {
            while !theirs.load(Ordering::SeqCst) {
                thread::yield_now(); // blocks its worker, as a computation would
            }
        });
        yield_now().await;
        let behind = here();
        moved.store(true, Ordering::SeqCst);
        hog.await.expect("a hog does not panic");
        if behind != before {
            return Some([before, behind]);
        }
    }
    None
}

/// Two that meet in the middle of a poll: only two threads at the same instant can do that.
async fn meet() -> HashSet<ThreadId> {
    let meeting = Arc::new(Barrier::new(2));
    let tasks = [(); 2].map(|()| {
        let meeting = meeting.clone();
        rondel::spawn(async move {
            meeting.wait();
            here()
        })
    });
    let mut threads = HashSet::new();
    for task in tasks {
        threads.insert(task.await.unwrap());
    }
    threads
}

/// Runs 1,000 tasks that stand in line again and again. Returns who ran how many of the steps.
async fn many() -> Vec<usize> {
    let tasks = (0..1_000).map(|_| {
        rondel::spawn(async {
            let mut steps = Vec::new();
            for _ in 0..10 {
                steps.push(here());
                yield_now().await;
            }
            steps
        })
    });
    let mut steps = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        steps.extend(task.await.unwrap());
    }
    let workers: HashSet<ThreadId> = steps.iter().copied().collect();
    workers.iter().map(|worker| steps.iter().filter(|step| *step == worker).count()).collect()
}

fn main() {
    let stealing = Builder::new().workers(2).build().expect("two threads can be started");
    let [parent, child] = stealing.block_on(stealing.spawn(blocks_until_its_child_ran())).unwrap();
    println!("stolen:  the child ran on another thread = {}", parent != child);
    assert_ne!(parent, child);

    let workers = stealing.block_on(stealing.spawn(meet())).unwrap();
    println!("meeting: two tasks at the same instant, on {} threads", workers.len());
    assert_eq!(workers.len(), 2, "parallel, not only concurrent");

    let moved = stealing.block_on(stealing.spawn(moves())).unwrap();
    let [before, behind] = moved.expect("in so many tries another worker takes it once");
    println!("moved:   on another thread behind an await = {}", before != behind);
    assert!(workers.contains(&before) && workers.contains(&behind));

    let ran = stealing.block_on(stealing.spawn(many())).unwrap();
    let (sum, most) = (ran.iter().sum::<usize>(), ran.iter().max().unwrap());
    println!("many:    {sum} steps, the busier worker ran ~{most} of them");
    assert!(sum == 10_000 && ran.len() <= 2);

    let pinned = Builder::new().pinned(2).build().expect("two threads can be started");
    let per_loop = pinned.block_on_each(|_index| async {
        let count = Rc::new(Cell::new(0)); // not `Send`, and need not be: nobody takes it away
        let tasks = [(); 4].map(|()| {
            let count = count.clone();
            spawn_local(async move {
                let home = here();
                for _ in 0..100 {
                    yield_now().await;
                    count.set(count.get() + 1); // no lock: no other thread, no await in between
                }
                home == here()
            })
        });
        let mut stayed = true;
        for task in tasks {
            stayed &= task.await.unwrap();
        }
        (here(), stayed, count.get())
    });
    println!("pinned:  all stayed = {}", per_loop.iter().all(|(_, stayed, _)| *stayed));
    assert_ne!(per_loop[0].0, per_loop[1].0, "two loops on two threads");
    assert!(per_loop.iter().all(|&(_, stayed, count)| stayed && count == 400));
}

// Explain
//
// c) is right. Each worker has a queue of its own, and a place for the one task that it woke last,
// which it runs next, because what that needs is still in the cache. A worker with nothing to do
// takes half of a neighbour's queue. The place itself is private; but one of those that sleep
// looks every 5 ms whether a neighbour is stuck in a poll, and takes the task from there too. So
// a task that blocks costs a worker, and nobody is left behind. (On a single worker it would be
// a deadlock, and a bug it is anywhere: block in `spawn_blocking`, or in `block_in_place`.)
//
// A task that waits belongs to nobody, so it goes on wherever it is taken. That is what `Send` is
// for: `spawn` refuses a future that keeps an `Rc`, or the guard of a `std::sync::Mutex`, across an
// await. Python's answer is the GIL, at run time; Rust's is the compiler's, and costs nothing when
// the program runs.
//
// The pinned flavour is the other answer: N loops that share nothing, like N processes behind one
// port. There a counter needs no lock, and a task stays in its cache; but a loop whose tasks are
// heavier than the others' is not helped. Stealing is for work that comes unevenly.
//
// What real runtimes do
//
// tokio's `multi_thread` is the same plan, without the look at those that are stuck. Go has it and
// interrupts a goroutine that runs for 10 ms. glommio, monoio and Seastar pin. asyncio has one
// loop; Gunicorn starts N processes of it.
//
// Where to read next
//
// A search begins at a random neighbour, so that thieves do not all come to the same one:
//
// ```rust,cite=runtime/ready/steal.rs
// let first = random::below(members.len() as u32) as usize;
// for step in 0..members.len() {
//     let victim = (first + step) % members.len();
//     if victim == self.worker {
//         continue;
//     }
//     if let Some(task) = members[victim].ring.rob(&self.ring) {
// ```
