//! Rung 09 of the ladder: tasks with handles, and cancellation.
//!
//! Run it: `cargo run --example rung_09_handles`
//!
//! Rung 08 could not give anything back: its tasks returned `()`, nobody could wait for one of them
//! or stop it, and no task could start another.
//!
//! One idea: `spawn` returns a handle, which is a future. Stopping a task is *dropping its future*:
//! then its sockets close and its seats are free, because `Drop` says so.
//!
//! ```text
//!   spawn(future) ──▶ task: [ future, then Finish ]       handle ──await──▶ Ok(value)
//!                             │ done: value ───────▶ outcome ──wake──▶ ▲ or Err(Cancelled)
//!   handle.cancel() ──flag, wake──▶ the loop drops the future; Finish is dropped without a value
//! ```
//!
//! Real runtimes: tokio's `JoinHandle` and `abort` are this. asyncio cannot drop a coroutine from
//! outside; it throws `CancelledError` into it, which the coroutine may catch.

/// Rung 08 lends its reactor and its sockets; its `run` is what this rung replaces.
#[allow(dead_code)]
#[path = "rung_08_mio.rs"]
pub(crate) mod rung_08;

use rung_08::rungs::{self, Load};
use rung_08::{REACTOR, Socket};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Queue = Arc<Mutex<VecDeque<Arc<Task>>>>;

struct Task {
    future: Mutex<Option<Work>>,
    queued: AtomicBool,
    is_cancelled: AtomicBool,
    queue: Queue,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().unwrap().push_back(self.clone());
        }
    }
}

impl Task {
    fn run(self: &Arc<Self>) {
        self.queued.store(false, Ordering::Release);
        let waker = Waker::from(self.clone());
        let mut place = self.future.lock().unwrap();
        let mut is_over = self.is_cancelled.load(Ordering::Acquire);
        if let Some(future) = place.as_mut().filter(|_| !is_over) {
            is_over = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        }
        if is_over {
            *place = None;
        }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Cancelled;

/// What a task and its handle share: how it ended, and who waits for that.
type Outcome<T> = Arc<Mutex<(Option<Result<T, Cancelled>>, Option<Waker>)>>;

/// Travels with the future. Whatever the way the task ends, the handle gets to know.
struct Finish<T>(Outcome<T>);

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        let mut outcome = self.0.lock().unwrap();
        outcome.0.get_or_insert(Err(Cancelled)); // unless the value is here
        let waiter = outcome.1.take();
        drop(outcome);
        waiter.into_iter().for_each(Waker::wake);
    }
}

pub(crate) struct Handle<T> {
    task: Arc<Task>,
    outcome: Outcome<T>,
}

impl<T> Handle<T> {
    pub(crate) fn cancel(&self) {
        self.task.is_cancelled.store(true, Ordering::Release);
        self.task.clone().wake();
    }
}

impl<T> Future for Handle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut outcome = self.outcome.lock().unwrap();
        outcome.1 = Some(cx.waker().clone());
        outcome.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

thread_local! { static QUEUE: Queue = Queue::default(); }

pub(crate) fn spawn<F: Future<Output: Send> + Send + 'static>(future: F) -> Handle<F::Output> {
    let outcome = Outcome::default();
    let finish = Finish(outcome.clone());
    let future = Box::pin(async move {
        let value = future.await;
        finish.0.lock().unwrap().0 = Some(Ok(value));
    });
    let (future, queue) = (Mutex::new(Some(future as Work)), QUEUE.with(Queue::clone));
    let [queued, is_cancelled] = [false; 2].map(AtomicBool::new);
    let task = Arc::new(Task { future, queued, is_cancelled, queue });
    task.clone().wake();
    Handle { task, outcome }
}

/// Until `root` is done; with nothing to run, `idle` waits and says whom to wake. (A task that is
/// left then stays where it is: see the end of this file.)
pub(crate) fn block_on<T: Send + 'static>(
    root: impl Future<Output = T> + Send + 'static,
    idle: fn() -> Vec<Waker>,
) -> T {
    let root = spawn(root);
    loop {
        let task = QUEUE.with(|queue| queue.lock().unwrap().pop_front());
        match task {
            Some(task) => task.run(),
            None => idle().into_iter().for_each(Waker::wake),
        }
        if let Some(end) = root.outcome.lock().unwrap().0.take() {
            return end.expect("nobody cancels the root");
        }
    }
}

fn idle() -> Vec<Waker> {
    REACTOR.with_borrow_mut(|reactor| reactor.wait(None))
}

async fn client(load: Load) -> usize {
    let mut socket = Socket::new(load.connect().expect("a connection"));
    for _ in 0..load.requests {
        socket.line.write_all(&[load.delay_ms]).expect("room for a byte");
        assert_eq!(socket.read_byte().await, load.delay_ms);
    }
    load.requests
}

async fn job(load: Load) -> usize {
    let handles: Vec<Handle<usize>> = (0..load.clients).map(|_| spawn(client(load))).collect();
    let mut answers = 0;
    for handle in handles {
        answers += handle.await.expect("not cancelled");
    }
    answers
}

/// A task waits for an answer that never comes, and is cancelled. Returns how it ended, and what
/// the other end of its socket read then.
fn hang_up() -> (Result<u8, Cancelled>, usize) {
    let ear = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(ear.local_addr().expect("bound")).expect("connects");
    let (mut far, _) = ear.accept().expect("it has connected");
    let test = async move {
        let patient = spawn(async { Socket::new(near).read_byte().await });
        // This task stands behind the patient one in the queue, so that one waits already.
        let cancel = spawn(async move {
            patient.cancel();
            patient.await
        });
        let end = cancel.await.expect("nobody cancels this one");
        (end, far.read(&mut [0]).expect("the end"))
    };
    block_on(test, idle)
}

fn main() {
    let mut answers = 0;
    let (_, most) = rungs::climb(|load| answers = block_on(job(*load), idle));
    println!("  {answers} answers came back through 10 handles");
    assert!(most > 1, "they wait at the same time");
    assert_eq!(answers, 10);

    let (end, heard) = hang_up();
    println!("a cancelled task gives {end:?}; the other end of its socket read {heard} bytes");
    assert_eq!((end, heard), (Err(Cancelled), 0), "0 bytes: the connection was closed");
}

// It cost: 17 µs of CPU and 3 system calls a request: as rung 08, within the noise.
// It still cannot: give up after a while (no timers); and what is left at the end leaks.
