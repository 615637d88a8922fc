//! `block_in_place` on a worker: another thread takes its place.

use super::runtime;
use rondel::Handle;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpListener, TcpStream};
use rondel::sync::mpsc;
use rondel::task::{self, block_in_place, coop, yield_now};
use rondel::time::{Duration, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;

/// Longer than anything takes; so that a test that would hang fails.
const LONG: Duration = Duration::from_secs(60);

/// Goal: all that belongs to a worker goes on while it blocks. Method: on the only one, tasks that
/// sleep, that wait for a socket, that stand in its ring and on its desk; it blocks until each has
/// told that it ran.
#[test]
fn what_a_worker_has_goes_on_while_it_blocks() {
    let runtime = runtime(1);
    let task = runtime.spawn(async {
        let (tx, rx) = std::sync::mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tell = |name| {
            let tx = tx.clone();
            move || tx.send(name).unwrap()
        };
        let tell_socket = tell("socket");
        rondel::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), 7);
            tell_socket();
        });
        let tell_timer = tell("timer");
        rondel::spawn(async move {
            sleep(Duration::from_millis(20)).await;
            tell_timer();
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            yield_now().await; // both wait by now
        }
        client.write_all(&[7]).await.unwrap();
        for name in ["ring", "desk"] {
            let tell = tell(name);
            rondel::spawn(async move { tell() });
        }
        let mut told: Vec<&str> =
            block_in_place(|| (0..4).map(|_| rx.recv_timeout(LONG).unwrap()).collect());
        told.sort_unstable();
        assert_eq!(told, ["desk", "ring", "socket", "timer"]);
    });
    runtime.block_on(task).unwrap();
}

/// Goal: workers that all block do not stop the runtime. Method: many more tasks than workers meet
/// at a barrier, and then some that are no blockers still run.
#[test]
fn all_workers_may_block_at_once() {
    for workers in [1, 2] {
        let runtime = runtime(workers);
        let barrier = Arc::new(Barrier::new(10 + 1));
        let blocked: Vec<_> = (0..10)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn(async move { block_in_place(|| barrier.wait()) })
            })
            .collect();
        let free = runtime.spawn(async {
            sleep(Duration::from_millis(1)).await;
            rondel::spawn(async { 5 }).await.unwrap()
        });
        assert_eq!(runtime.block_on(free).unwrap(), 5);
        barrier.wait();
        runtime.block_on(async {
            for task in blocked {
                task.await.unwrap();
            }
        });
    }
}

/// Goal: inside one may wait for the runtime itself, and block once more. Method: do so.
#[test]
fn one_may_block_on_the_runtime_inside() {
    let runtime = runtime(1);
    let task = runtime.spawn(async {
        let inner = || {
            let handle = Handle::current();
            handle.block_on(async {
                sleep(Duration::from_millis(1)).await;
                let task = rondel::spawn(async { block_in_place(|| block_in_place(|| 1)) });
                block_in_place(|| Handle::current().block_on(task)).unwrap()
            })
        };
        block_in_place(inner) + block_in_place(|| rondel::run(async { 1 }))
    });
    assert_eq!(runtime.block_on(task).unwrap(), 2);
    let outside = runtime.block_on(async { block_in_place(|| rondel::run(async { 3 })) });
    assert_eq!(outside, 3, "the future given to `block_on` holds no loop up");
}

/// Goal: after it has blocked a task is one like any other, in the same poll and in the next. Method:
/// let it spawn, sleep, send, yield and block, without an await in between where that can be.
#[test]
fn a_task_goes_on_after_it_has_blocked() {
    let runtime = runtime(2);
    let task = runtime.spawn(async {
        for round in 0..50 {
            block_in_place(thread::yield_now);
            let spawned = rondel::spawn(async move { round });
            let nap = sleep(Duration::from_millis(1));
            block_in_place(thread::yield_now);
            let (tx, mut rx) = mpsc::channel(1);
            tx.send(round).await.unwrap();
            assert_eq!(rx.recv().await, Some(round));
            nap.await;
            assert_eq!(spawned.await.unwrap(), round);
            block_in_place(thread::yield_now);
            yield_now().await;
        }
        block_in_place(thread::yield_now);
        Handle::current().block_on(async {}) // must not block here
    });
    let error = runtime.block_on(task).unwrap_err().into_panic();
    let text = error.downcast_ref::<String>().unwrap();
    assert!(text.contains("was called inside `a worker`"), "{text}");
}

/// Goal: a panic inside is one of the task, and takes nobody along. Method: panic on the only
/// worker, before and after a deputy has come.
#[test]
fn a_panic_inside_is_one_of_the_task() {
    let runtime = runtime(1);
    for waits in [false, true] {
        let (tx, rx) = std::sync::mpsc::channel();
        let task = runtime.spawn(async move {
            rondel::spawn(async move {
                let _ = tx.send(());
            });
            block_in_place(|| {
                if waits {
                    rx.recv_timeout(LONG).unwrap();
                }
                panic!("as planned")
            })
        });
        let error = runtime.block_on(task).unwrap_err().into_panic();
        assert_eq!(error.downcast_ref::<&str>(), Some(&"as planned"));
        assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
    }
}

rondel::task_local! {
    static NAME: &'static str;
}

/// Goal: inside one is still in the task: its id, its locals, its runtime; but without a budget.
/// Method: spend the budget, look at it inside and after.
#[test]
fn inside_one_is_in_the_task_but_has_no_budget() {
    let runtime = runtime(1);
    let spend = || async {
        let mut steps = 0;
        while coop::has_budget_remaining() && steps < 1_000 {
            task::consume_budget().await;
            steps += 1;
        }
        steps
    };
    let task = runtime.spawn(NAME.scope("mine", async move {
        let id = task::id();
        yield_now().await; // a full share
        assert_eq!(spend().await, 128);
        block_in_place(|| {
            assert_eq!((NAME.get(), task::id()), ("mine", id));
            assert!(Handle::try_current().is_ok());
            assert!(coop::has_budget_remaining(), "there is none to be spent");
        });
        assert!(!coop::has_budget_remaining(), "as before");
        assert_eq!((NAME.get(), task::id()), ("mine", id));
    }));
    runtime.block_on(task).unwrap();
}

/// Goal: the end of the runtime waits for who blocks, within its limit. Method: end it while one
/// blocks that is let go only after the report, and on others that return at about the same time.
#[test]
fn the_end_waits_for_one_that_blocks_within_its_limit() {
    let first = runtime(1);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, stuck) = std::sync::mpsc::channel::<()>();
    first.spawn(async move {
        block_in_place(|| {
            begun.send(()).unwrap();
            stuck.recv_timeout(LONG).unwrap_err()
        });
    });
    has_begun.recv_timeout(LONG).unwrap();
    let report = first.shutdown_report(Duration::from_millis(20));
    assert_eq!(report.workers_running(), 1);
    drop(go_on);

    for _ in 0..50 {
        let runtime = runtime(2);
        let dropped = Arc::new(AtomicUsize::new(0));
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let theirs = Counted(dropped.clone());
        runtime.spawn(async move {
            let _theirs = theirs;
            block_in_place(|| {
                begun.send(()).unwrap();
                waits.recv_timeout(LONG).unwrap_err()
            });
            std::future::pending::<()>().await;
        });
        has_begun.recv_timeout(LONG).unwrap();
        let other = thread::spawn(move || drop(go_on));
        let report = runtime.shutdown_report(LONG);
        assert_eq!((report.workers_running(), report.cancelled().len()), (0, 1));
        assert_eq!(dropped.load(Relaxed), 1);
        other.join().unwrap();
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Goal: loops that change hands lose no task, timer or socket. Method: tasks that talk over
/// sockets and channels and sleep, and block between any two of these.
#[test]
fn loops_that_change_hands_lose_nothing() {
    for workers in [1, 3] {
        let runtime = runtime(workers);
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            rondel::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    rondel::spawn(async move {
                        let mut buffer = [0; 8];
                        while stream.read_exact(&mut buffer).await.is_ok() {
                            block_in_place(thread::yield_now);
                            stream.write_all(&buffer).await.unwrap();
                        }
                    });
                }
            });
            let clients: Vec<_> = (0..20u64)
                .map(|number| {
                    rondel::spawn(async move {
                        let mut stream = TcpStream::connect(address).await.unwrap();
                        for round in 0..20u64 {
                            let message = (number * 1_000 + round).to_be_bytes();
                            stream.write_all(&message).await.unwrap();
                            let mut answer = [0; 8];
                            stream.read_exact(&mut answer).await.unwrap();
                            assert_eq!(answer, message);
                            block_in_place(thread::yield_now);
                            sleep(Duration::from_micros(round * 100)).await;
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
        });
    }
}
