//! Rung 05 of the ladder: a ready queue, and tasks that are their own wakers.
//!
//! Run it: `cargo run --example rung_05_ready_queue`
//!
//! Rung 04 could not run two futures beside each other: it knew that it was woken, but not for
//! whom. Its clients stood in a row again.
//!
//! One idea: the waker *is* the task (`Arc<impl Wake>`), and waking puts it into a queue. The loop
//! takes from the front, polls, and sleeps only if the queue is empty.
//!
//! ```text
//!            ┌────────────── poll ◀── pop ─────────────┐
//!            ▼                                         │
//!   [task] [task] [task] ──wake──▶ ready queue:  task task task
//!            ▲                                         │ empty?
//!            └── Pending: nobody looks at it           └──▶ sleep on a condition variable
//! ```
//!
//! Real runtimes: each has this queue. asyncio calls it `_ready`, tokio a run queue. A task that is
//! its own waker is async-task's and tokio's too, in one heap block with its state.

mod rungs;

use rungs::Load;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

#[derive(Default)]
struct Queue {
    tasks: Mutex<VecDeque<Arc<Task>>>,
    filled: Condvar,
}

struct Task {
    /// Dropped when it is done. The lock is never waited for: one thread polls.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    /// So that a task woken twice is queued once.
    queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.tasks.lock().unwrap().push_back(self.clone());
            self.queue.filled.notify_one();
        }
    }
}

#[derive(Default)]
struct Executor {
    queue: Arc<Queue>,
    alive: usize,
    polls: usize,
}

impl Executor {
    fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let future = Mutex::new(Some(Box::pin(future) as Pin<Box<_>>));
        let task = Task { future, queued: AtomicBool::new(false), queue: self.queue.clone() };
        self.alive += 1;
        Arc::new(task).wake(); // the first poll is a wake like any other
    }

    /// Until all tasks are done.
    fn run(&mut self) {
        while self.alive > 0 {
            let tasks = self.queue.tasks.lock().unwrap();
            let mut tasks = self.queue.filled.wait_while(tasks, |tasks| tasks.is_empty()).unwrap();
            let task = tasks.pop_front().expect("it was not empty");
            drop(tasks);
            self.poll(&task);
        }
    }

    fn poll(&mut self, task: &Arc<Task>) {
        self.polls += 1;
        // Before the poll: a wake that comes during it must count.
        task.queued.store(false, Ordering::Release);
        let waker = Waker::from(task.clone());
        let mut place = task.future.lock().unwrap();
        // A task that is done may be woken late; then there is nothing to poll.
        let Some(future) = place.as_mut() else { return };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            *place = None;
            self.alive -= 1;
        }
    }
}

/// What the future and its helper share; as on rung 04, down to `client`.
#[derive(Default)]
struct Slot {
    answer: Option<u8>,
    waker: Option<Waker>,
}

async fn ask(line: &Arc<TcpStream>, delay_ms: u8) -> u8 {
    let slot = Arc::new(Mutex::new(Slot::default()));
    let (helpers_line, helpers_slot) = (line.clone(), slot.clone());
    thread::spawn(move || fetch(&helpers_line, &[delay_ms], &helpers_slot));
    poll_fn(|cx| {
        let mut slot = slot.lock().unwrap();
        slot.waker = Some(cx.waker().clone());
        slot.answer.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

fn fetch(mut line: &TcpStream, question: &[u8], slot: &Mutex<Slot>) {
    let mut answer = [0];
    line.write_all(question).and_then(|()| line.read_exact(&mut answer)).expect("an answer");
    let waker = {
        let mut slot = slot.lock().unwrap();
        slot.answer = Some(answer[0]);
        slot.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

async fn client(load: Load) {
    let line = Arc::new(load.connect().expect("a connection"));
    for _ in 0..load.requests {
        assert_eq!(ask(&line, load.delay_ms).await, load.delay_ms);
    }
}

fn job(load: &Load) -> usize {
    let mut executor = Executor::default();
    for _ in 0..load.clients {
        executor.spawn(client(*load));
    }
    executor.run();
    executor.polls
}

fn main() {
    let mut polls = 0;
    let (_, most) = rungs::climb(|load| polls = job(load));
    println!("  ~{polls} polls for 10 answers, and a thread for each wait");

    assert!(most > 1, "they wait at the same time");
    assert!(polls <= 20, "at most one poll to ask, one to take the answer");
}

// It cost: 133 µs of CPU and 19 system calls a request: the thread for each wait, not the queue.
// It still cannot: wait without a thread that waits in its place.
