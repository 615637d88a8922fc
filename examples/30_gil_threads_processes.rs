//! Lesson 30. Tasks, threads or processes: what makes a computation faster?
//!
//! Run it: `cargo run --example 30_gil_threads_processes`
//!
//! Covers: 3, 4, 63, 77-79, 81, 82, 190, 192, 212, 214, 225, 232, 233, 241, 244, X16.
//!
//! Python: threads share one interpreter lock, the GIL, so they compute in turn; processes have one
//! each. Rust: there is no such lock. What may cross to another thread is decided when the program
//! is compiled, by `Send` and `Sync`.
//!
//! Predict. `fib(30)` four times, on a machine with four processors: in a row, as four tasks on one
//! loop, on four threads, in four processes. Which of them are faster than "in a row"?
//!
//! a) Tasks, threads and processes: all are concurrent.
//! b) Only processes, as in Python; threads get in each other's way.
//! c) Threads and processes. Tasks on one loop take as long as in a row.

use rondel::process::Command;
use rondel::time::{Duration, Instant, sleep};
use std::collections::HashSet;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};

const N: u32 = 30;
const FIB_N: u64 = 832_040;
/// How many times it is computed.
const TIMES: usize = 4;

fn fib(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fib(n - 1) + fib(n - 2) }
}

/// How many are inside at once, and how many were at most.
#[derive(Clone, Default)]
struct Inside(Arc<(AtomicU32, AtomicU32)>);

impl Inside {
    fn enter(&self) {
        let now = self.0.0.fetch_add(1, SeqCst) + 1;
        self.0.1.fetch_max(now, SeqCst);
    }

    fn leave(&self) {
        self.0.0.fetch_sub(1, SeqCst);
    }

    fn most(&self) -> u32 {
        self.0.1.load(SeqCst)
    }
}

async fn as_tasks() -> (u64, u32) {
    let inside = Inside::default();
    let tasks = [(); TIMES].map(|()| {
        let inside = inside.clone();
        rondel::spawn(async move {
            inside.enter();
            let number = fib(black_box(N)); // no await in here: no other task can enter
            inside.leave();
            number
        })
    });
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    (sum, inside.most())
}

fn on_threads() -> (u64, HashSet<ThreadId>) {
    let (sum, meeting) = (AtomicU64::new(0), Barrier::new(TIMES));
    let compute = || {
        meeting.wait(); // all are there, at once
        sum.fetch_add(fib(black_box(N)), SeqCst); // shared, so it must be atomic
        thread::current().id()
    };
    let ids = thread::scope(|scope| {
        let threads = [(); TIMES].map(|()| scope.spawn(compute));
        threads.map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    (sum.into_inner(), ids)
}

/// Starts this program again, as workers. A worker gets its question by its argument, says the
/// answer and its number on its stdout, and knows nothing else of us.
async fn in_processes() -> io::Result<(u64, HashSet<String>)> {
    let this_program = std::env::current_exe()?;
    let start = |_| Command::new(&this_program).args(["worker", &N.to_string()]).output();
    let workers: Vec<_> = (0..TIMES).map(start).collect(); // all of them run
    let (mut sum, mut ids) = (0, HashSet::new());
    for worker in workers {
        let output = worker.await?;
        assert!(output.status.success(), "a worker failed: {}", output.status);
        let line = String::from_utf8_lossy(&output.stdout);
        let (answer, id) = line.trim().split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
        sum += answer.parse::<u64>().map_err(io::Error::other)?;
        ids.insert(id.to_owned());
    }
    Ok((sum, ids))
}

/// A hundred that wait 100 ms. Returns how many waited at once at most.
async fn a_hundred_waits() -> u32 {
    let inside = Inside::default();
    let tasks = [(); 100].map(|()| {
        let inside = inside.clone();
        rondel::spawn(async move {
            inside.enter();
            sleep(Duration::from_millis(100)).await;
            inside.leave();
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    inside.most()
}

/// The same, with a thread for each.
fn a_hundred_threads_wait() {
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| thread::sleep(Duration::from_millis(100)));
        }
    });
}

#[rondel::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("worker") {
        let n = arguments.next().and_then(|n| n.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
        println!("{} {}", fib(n), std::process::id());
        return Ok(());
    }
    let expected = FIB_N * TIMES as u64;

    let start = Instant::now();
    let sum: u64 = (0..TIMES).map(|_| fib(black_box(N))).sum();
    println!("in a row:      ~{} ms", start.elapsed().as_millis());
    assert_eq!(sum, expected);

    let start = Instant::now();
    let (sum, most) = as_tasks().await;
    println!("as tasks:      ~{} ms, at most {most} inside", start.elapsed().as_millis());
    assert_eq!((sum, most), (expected, 1), "concurrent, and not at the same time");

    let start = Instant::now();
    let (sum, ids) = on_threads();
    println!("on threads:    ~{} ms, on {} threads", start.elapsed().as_millis(), ids.len());
    assert_eq!((sum, ids.len()), (expected, TIMES));

    let start = Instant::now();
    let (sum, ids) = in_processes().await?;
    println!("by processes:  ~{} ms, by {} processes", start.elapsed().as_millis(), ids.len());
    assert_eq!((sum, ids.len()), (expected, TIMES));

    let start = Instant::now();
    let most = a_hundred_waits().await;
    println!("100 x 100 ms:  ~{} ms as tasks, {most} wait at once", start.elapsed().as_millis());
    assert_eq!(most, 100, "in a row it would be 10 s");

    let start = Instant::now();
    a_hundred_threads_wait();
    println!("100 x 100 ms:  ~{} ms on 100 threads", start.elapsed().as_millis());
    Ok(())
}

// Explain
//
// c) is right, as far as the machine has processors: with two of them four threads take half the
// time, and on a busy machine what is left. Concurrency is to have several things under way;
// parallelism is to do several at the same instant. Tasks on one loop are the first only. For
// waiting that is all one needs: a hundred tasks wait 100 ms in 100 ms, on one thread. For
// computing it gains nothing, as nothing in `fib` ever waits.
//
// | work                                  | take                                   |
// |---------------------------------------|----------------------------------------|
// | waits, with an async library          | tasks                                  |
// | waits, in a library that blocks       | `spawn_blocking`, a pool of threads    |
// | computes                              | threads, as many as processors         |
// | computes on what came from the net    | tasks, and a pool for the computation  |
// | may crash or has to be killed         | a process                              |
//
// The guide's processes are a way around the GIL. It says that threads make computation slower, and
// only processes help. In Rust threads do it, and share memory. So a process is for isolation: it
// can be killed while it computes, and its crash is its own. It costs a start and a copy of each
// question and answer; here they are an argument and a line of text.
//
// What takes the GIL's place? `counter += 1` from two threads does not compile. An `Rc` is not
// `Send`, a `Cell` is not `Sync`; an atomic and a `Mutex` are both.
//
// "8 MB for a thread" is address space, and memory is used as the stack is touched; a sleeping task
// of asyncio takes about 1.5 kB (measured in 3.11; the guide says 1 kB). And "asyncio is easy to
// debug, for it is deterministic" holds neither for timers nor for sockets: only under virtual time
// and a seed is the order the same each time.
//
// What real runtimes do
//
// CPython 3.13 can be built without the GIL (PEP 703); Jython and IronPython never had one, PyPy
// has. Node and asyncio run one loop in each of N processes. tokio runs its tasks on a thread for
// each processor (lesson 31), and rayon divides computations over as many.
//
// Where to read next
//
// A process that ends is an event for the loop, like bytes on a socket:
//
// ```rust,cite=runtime/process/child.rs
// let exit = self.exit.as_mut().expect("it is there until there is a status");
// let status = exit.wait(self.process.get()).await?;
// self.note(status);
// Ok(status)
// ```
