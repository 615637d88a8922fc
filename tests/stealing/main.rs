//! The stealing flavour: many workers, one runtime.

mod block_in_place;

use rondel::Builder;
use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{Interest, TcpListener, TcpStream};
use rondel::sync::{mpsc, oneshot};
use rondel::task::yield_now;
use rondel::time::{Duration, sleep, timeout};
use std::future::Future;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

fn runtime(workers: usize) -> rondel::Runtime {
    Builder::new().workers(workers).build().unwrap()
}

#[test]
fn tasks_run_and_are_joined() {
    for workers in [1, 2, 4] {
        let sum: u64 = runtime(workers).block_on(async {
            let tasks: Vec<_> = (0..10_000u64)
                .map(|number| {
                    rondel::spawn(async move {
                        yield_now().await;
                        number
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 49_995_000);
    }
}

#[test]
fn tasks_spawn_tasks() {
    runtime(4).block_on(async {
        let outer: Vec<_> = (0..100)
            .map(|_| {
                rondel::spawn(async {
                    let inner: Vec<_> = (0..100).map(|n| rondel::spawn(async move { n })).collect();
                    let mut sum = 0;
                    for task in inner {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
            .collect();
        for task in outer {
            assert_eq!(task.await.unwrap(), 4950);
        }
    });
}

#[test]
fn ping_pong() {
    runtime(2).block_on(async {
        let pairs: Vec<_> = (0..8)
            .map(|_| {
                rondel::spawn(async {
                    let (there, mut here) = mpsc::channel(1);
                    let (back, mut home) = mpsc::channel(1);
                    rondel::spawn(async move {
                        while let Some(ball) = here.recv().await {
                            back.send(ball + 1).await.unwrap();
                        }
                    });
                    let mut ball = 0;
                    while ball < 20_000 {
                        there.send(ball).await.unwrap();
                        ball = home.recv().await.unwrap();
                    }
                })
            })
            .collect();
        for pair in pairs {
            pair.await.unwrap();
        }
    });
}

#[test]
fn timers_fire_and_aborts_end_tasks() {
    runtime(2).block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|n| rondel::spawn(async move { sleep(Duration::from_millis(n % 20)).await }))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (tx, rx) = oneshot::channel::<()>();
        let task = rondel::spawn(rx);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(tx.is_closed());
    });
}

#[test]
fn the_end_cancels_what_is_left_and_reports_it() {
    let runtime = runtime(2);
    let (tx, rx) = oneshot::channel::<()>();
    runtime.spawn(async move {
        let _tx = tx;
        std::future::pending::<()>().await
    });
    runtime.block_on(async {
        rondel::spawn(async {
            rondel::spawn(std::future::pending::<()>());
        })
        .await
        .unwrap();
    });
    let report = runtime.shutdown_report(Duration::from_secs(60));
    assert_eq!(report.cancelled().len(), 2);
    assert!(rondel::block_on(rx).is_err());
}

/// Goal: who waits for a timer or a socket of a worker is not its hostage. Method: with two workers,
/// tasks that sleep and echo; then a task that keeps its worker for itself until all the others
/// have got on, several times, so that it is either worker's turn.
#[test]
fn a_worker_that_is_stuck_holds_nobody_up() {
    runtime(2).block_on(async {
        let counts: Arc<[AtomicUsize]> = (0..200).map(|_| AtomicUsize::new(0)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        rondel::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                rondel::spawn(async move {
                    let mut buffer = [0; 8];
                    while stream.read_exact(&mut buffer).await.is_ok() {
                        stream.write_all(&buffer).await.unwrap();
                    }
                });
            }
        });
        for number in 0..100 {
            let theirs = counts.clone();
            rondel::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut buffer = [0; 8];
                loop {
                    stream.write_all(b"12345678").await.unwrap();
                    stream.read_exact(&mut buffer).await.unwrap();
                    theirs[number].fetch_add(1, Relaxed);
                    sleep(Duration::from_millis(1)).await;
                }
            });
            let theirs = counts.clone();
            rondel::spawn(async move {
                loop {
                    sleep(Duration::from_millis(1)).await;
                    theirs[100 + number].fetch_add(1, Relaxed);
                }
            });
        }
        for _ in 0..5 {
            let theirs = counts.clone();
            let greedy = rondel::spawn(async move {
                let watchdog = Instant::now();
                let seen = || theirs.iter().map(|count| count.load(Relaxed)).collect::<Vec<_>>();
                let before = seen();
                while seen().iter().zip(&before).any(|(now, before)| now < &(before + 5)) {
                    assert!(watchdog.elapsed() < Duration::from_secs(60), "{:?}", seen());
                    std::hint::spin_loop();
                }
            });
            greedy.await.unwrap();
        }
    });
}

/// Goal: a task that was woken last is no hostage either. Method: one that wakes another and then
/// keeps its worker until that one has run.
#[test]
fn the_task_woken_last_does_not_wait_for_a_stuck_worker() {
    runtime(2).block_on(async {
        for _ in 0..5 {
            let (tx, rx) = oneshot::channel();
            let ran = Arc::new(AtomicUsize::new(0));
            let theirs = ran.clone();
            let woken = rondel::spawn(async move {
                rx.await.unwrap();
                theirs.store(1, Relaxed);
            });
            let greedy = rondel::spawn(async move {
                yield_now().await;
                tx.send(()).unwrap();
                let watchdog = Instant::now();
                while ran.load(Relaxed) == 0 {
                    assert!(watchdog.elapsed() < Duration::from_secs(60), "it waits for me");
                    std::hint::spin_loop();
                }
            });
            greedy.await.unwrap();
            woken.await.unwrap();
        }
    });
}

/// Goal: tasks that move take their timers and sockets along. Method: tasks that sleep, read and
/// write, and are woken by others in between, on more workers than there are CPUs.
#[test]
fn timers_and_sockets_go_with_tasks_that_move() {
    runtime(4).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = rondel::spawn(async move {
            for _ in 0..50 {
                let (mut stream, _) = listener.accept().await.unwrap();
                rondel::spawn(async move {
                    let mut buffer = [0; 8];
                    while stream.read_exact(&mut buffer).await.is_ok() {
                        yield_now().await; // perhaps on another worker now
                        stream.write_all(&buffer).await.unwrap();
                    }
                });
            }
        });
        let clients: Vec<_> = (0..50u64)
            .map(|number| {
                rondel::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    for round in 0..40u64 {
                        let message = (number * 1_000 + round).to_be_bytes();
                        stream.write_all(&message).await.unwrap();
                        let mut answer = [0; 8];
                        let read = stream.read_exact(&mut answer);
                        timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
                        assert_eq!(answer, message);
                        let start = Instant::now();
                        let nap = Duration::from_micros(round * 50);
                        let mut sleep = pin!(sleep(nap));
                        let _ = poll_once(sleep.as_mut()).await; // armed here
                        yield_now().await;
                        sleep.await; // and awaited there
                        assert!(start.elapsed() >= nap, "never early");
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await
}

/// Goal: the end comes in bounded time under load, and drops everything. Method: tasks that spawn
/// for ever on all workers, and others that yield, sleep and hold what counts its drops.
#[test]
fn the_end_comes_under_load_and_drops_everything() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Relaxed);
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = || {
        alive.fetch_add(1, Relaxed);
        Counted(alive.clone())
    };
    fn breed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            loop {
                rondel::spawn(async { yield_now().await });
                yield_now().await;
            }
        })
    }
    for _ in 0..20 {
        let runtime = runtime(3);
        for _ in 0..4 {
            runtime.spawn(breed());
            let held = counted();
            runtime.spawn(async move {
                let _held = held;
                loop {
                    sleep(Duration::from_micros(200)).await;
                }
            });
            let held = counted();
            runtime.spawn(async move {
                let _held = held;
                loop {
                    yield_now().await;
                }
            });
        }
        runtime.block_on(yield_now());
        drop(runtime);
        assert_eq!(alive.load(Relaxed), 0);
    }
}

#[test]
fn threads_that_come_and_go_spawn_wake_and_join() {
    let runtime = runtime(2);
    thread::scope(|scope| {
        for number in 0..4usize {
            let handle = runtime.handle().clone();
            scope.spawn(move || {
                for round in 0..500 {
                    let (tx, rx) = oneshot::channel();
                    let task = handle.spawn(async move { rx.await.unwrap() + 1 });
                    tx.send(number + round).unwrap();
                    assert_eq!(handle.block_on(task).unwrap(), number + round + 1);
                }
            });
        }
    });
}

#[test]
fn a_panic_of_a_task_reaches_its_handle_and_no_worker() {
    runtime(2).block_on(async {
        for _ in 0..10 {
            let task = rondel::spawn(async {
                if true {
                    panic!("as planned")
                }
            });
            assert!(task.await.unwrap_err().is_panic());
        }
        assert_eq!(rondel::spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn what_needs_one_loop_says_so() {
    let text = |work: fn()| {
        let runtime = runtime(1);
        let panic = runtime.block_on(runtime.spawn(async move { work() })).unwrap_err();
        panic.into_panic().downcast_ref::<String>().cloned().unwrap_or_default()
    };
    let local = text(|| drop(rondel::task::spawn_local(async {})));
    assert!(local.contains("use a `LocalSet`"), "{local}");
    let pause = text(rondel::time::pause);
    assert!(pause.contains("`time::pause` needs the local flavour"), "{pause}");
    let idle = text(|| {
        let mut wait = pin!(rondel::testing::wait_until_idle());
        let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
    assert!(idle.contains("needs the local flavour"), "{idle}");
    let error = Builder::new().workers(2).start_paused(true).build().unwrap_err();
    assert!(error.to_string().contains("need the local flavour"), "{error}");
}

#[rondel::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attribute_makes_workers() {
    let name = rondel::spawn(async { thread::current().name().map(str::to_owned) }).await.unwrap();
    assert!(name.is_some_and(|name| name.starts_with("rondel-worker-")));
}

/// Goal: the end does not wait for ever for a worker that is stuck, and says so. Method: a task that
/// keeps its worker until the test has the report.
#[test]
fn the_end_reports_a_worker_that_is_stuck() {
    let runtime = runtime(2);
    let (begun, mut has_begun) = mpsc::unbounded_channel();
    let (go_on, stuck) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = stuck.recv();
    });
    assert!(runtime.block_on(has_begun.recv()).is_some());
    let report = runtime.shutdown_report(Duration::from_millis(50));
    assert_eq!(report.workers_running(), 2, "the other one waits for it");
    assert!(report.to_string().contains("2 workers are stuck"), "{report}");
    drop(go_on);
}

/// Goal: a runtime may be dropped on a worker of another, or on its own, and nothing waits for
/// itself. Method: do both.
#[test]
fn a_runtime_that_is_dropped_on_a_worker_waits_for_nobody() {
    let outer = runtime(2);
    outer.block_on(async {
        rondel::spawn(async {
            let inner = runtime(2);
            inner.spawn(std::future::pending::<()>());
            drop(inner);
        })
        .await
        .unwrap();
    });
}

/// Goal: who is woken last runs next, but starves nobody. Method: one worker, and two tasks that
/// wake each other for ever: a third one gets its turn after a few rounds.
#[test]
fn two_that_wake_each_other_starve_nobody() {
    const ROUNDS_MAX: usize = 100;
    let runtime = runtime(1);
    let rounds = runtime.spawn(async {
        let (there, mut here) = mpsc::unbounded_channel();
        let (back, mut home) = mpsc::unbounded_channel();
        let third = rondel::spawn(async {}); // the next spawn pushes it back, to the ring
        rondel::spawn(async move {
            while let Some(ball) = here.recv().await {
                let _ = back.send(ball);
            }
        });
        let mut rounds = 0;
        while !third.is_finished() && rounds < ROUNDS_MAX {
            there.send(()).unwrap();
            home.recv().await.unwrap();
            rounds += 1;
        }
        rounds
    });
    let rounds = runtime.block_on(rounds).unwrap();
    assert!(rounds < ROUNDS_MAX, "{rounds} rounds, and the third had no turn");
}

/// Goal: a task that wakes itself for ever, or finds everything ready, starves nobody. Method: one
/// worker, such a task, and one behind it.
#[test]
fn one_that_never_waits_starves_nobody() {
    const STEPS_MAX: usize = 10_000;
    let runtime = runtime(1);
    for yields in [true, false] {
        let steps = runtime.spawn(async move {
            let other = rondel::spawn(async {});
            let mut steps = 0;
            while !other.is_finished() && steps < STEPS_MAX {
                if yields {
                    yield_now().await
                } else {
                    rondel::task::consume_budget().await
                }
                steps += 1;
            }
            steps
        });
        let steps = runtime.block_on(steps).unwrap();
        assert!(steps < STEPS_MAX, "{steps} steps, and the other had no turn");
    }
}

/// Goal: what comes from outside gets its turn though a worker has always something of its own.
/// Method: one worker, and tasks that yield until a task spawned from here has run.
#[test]
fn a_busy_worker_takes_in_what_comes_from_outside() {
    let runtime = runtime(1);
    let (ran, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let yielders: Vec<_> = (0..2)
        .map(|_| {
            let (ran, runs) = (ran.clone(), runs.clone());
            runtime.spawn(async move {
                let watchdog = Instant::now();
                while ran.load(Relaxed) == 0 {
                    assert!(watchdog.elapsed() < Duration::from_secs(60), "it has no turn");
                    runs.fetch_add(1, Relaxed);
                    yield_now().await;
                }
            })
        })
        .collect();
    while runs.load(Relaxed) < 100 {
        thread::yield_now();
    }
    runtime.spawn(async move { ran.store(1, Relaxed) });
    for yielder in yielders {
        runtime.block_on(yielder).unwrap();
    }
}

/// A waker that does something once and remembers that it was woken.
struct Deed {
    deed: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    done: AtomicUsize,
}

impl Deed {
    fn new(deed: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self { deed: Mutex::new(Some(Box::new(deed))), done: AtomicUsize::new(0) })
    }

    /// Keeps this worker for itself until it was woken: by whoever stands in for it, then.
    fn wait(&self) {
        let watchdog = Instant::now();
        while self.done.load(Acquire) == 0 {
            assert!(watchdog.elapsed() < Duration::from_secs(60), "nobody stands in");
            std::hint::spin_loop();
        }
    }
}

impl std::task::Wake for Deed {
    fn wake(self: Arc<Self>) {
        let deed = self.deed.lock().unwrap().take();
        deed.into_iter().for_each(|deed| deed());
        self.done.store(1, Release);
    }
}

/// Keeps this worker for itself until whoever stands in for it has fired a timer.
fn until_a_neighbour_fires_a_timer() {
    let fired = Deed::new(|| ());
    let mut timer = pin!(sleep(Duration::from_millis(1)));
    let waker = Waker::from(fired.clone());
    if timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        fired.wait();
    }
}

/// Goal: an edge that a neighbour hears between a call that says `WouldBlock` and the note of that
/// is not lost. Method: such a call, that has the peer write and then waits for two timers: the
/// neighbour fires the second one after it has asked the kernel about this worker's sockets.
#[test]
fn an_edge_that_a_neighbour_hears_in_the_middle_of_a_call_is_not_lost() {
    let runtime = runtime(2);
    let reading = runtime.spawn(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        let kernels = near.try_clone().unwrap();
        let near = TcpStream::from_std(near).unwrap(); // at home here, until the first await
        let mut calls = 0;
        near.async_io(Interest::READABLE, || {
            calls += 1;
            let read = (&kernels).read(&mut [0; 8]);
            if calls == 1 {
                assert_eq!(read.as_ref().unwrap_err().kind(), ErrorKind::WouldBlock);
                far.write_all(b"x").unwrap();
                until_a_neighbour_fires_a_timer();
                until_a_neighbour_fires_a_timer();
            }
            read
        })
        .await
    });
    let read = runtime.block_on(async { timeout(Duration::from_secs(60), reading).await });
    assert_eq!(read.expect("the edge is lost").unwrap().unwrap(), 1);
}

/// Goal: whoever stands in for a neighbour does not take the neighbour's timers for its own.
/// Method: each worker has one timer, under the same key; the stand-in wakes a waker that drops the
/// timer of the stand-in. The other one must not be gone.
#[test]
fn a_stand_in_does_not_take_the_neighbours_timers_for_its_own() {
    const LONG: Duration = Duration::from_secs(3_600);
    let arm = |mut timer: Pin<Box<rondel::time::Sleep>>| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(timer.as_mut().poll(&mut cx).is_pending());
        timer
    };
    let runtime = runtime(2);
    runtime.block_on(async {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (tx, rx) = std::sync::mpsc::channel();
        // Both keep their workers for themselves until the other one is there: so they are two.
        let first = rondel::spawn(async move {
            tx.send(arm(Box::pin(sleep(LONG)))).unwrap();
            has_begun.recv().unwrap();
        });
        let second = rondel::spawn(async move {
            begun.send(()).unwrap();
            let theirs = rx.recv().unwrap();
            let mut own = arm(Box::pin(sleep(LONG)));
            let drops = Deed::new(|| drop(theirs));
            let waker = Waker::from(drops.clone());
            let mut timer = pin!(sleep(Duration::from_millis(1)));
            if timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                drops.wait();
            }
            let polled = own.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending(), "an hour has not passed");
        });
        first.await.unwrap();
        second.await.unwrap();
    });
}

/// A waker that panics when it is woken.
struct Mine;

impl std::task::Wake for Mine {
    fn wake(self: std::sync::Arc<Self>) {
        panic!("as planned");
    }
}

/// Goal: show that a panic on the way out of the sleep ends a turn and nothing else. Method: let a
/// socket wake a waker that panics, and see whether the only worker still lies down and gets up.
#[test]
fn a_waker_that_panics_at_the_end_of_a_sleep_stops_no_worker() {
    let runtime = runtime(1);
    let listening = runtime.spawn(async {
        let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accept = Box::pin(async move { listener.accept().await.map(drop) });
        let waker = std::task::Waker::from(std::sync::Arc::new(Mine));
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(accept.as_mut().poll(&mut cx).is_pending());
        (accept, address)
    });
    let (accept, address) = runtime.block_on(listening).unwrap();
    std::thread::sleep(Duration::from_millis(50)); // it is asleep, or else the test shows nothing
    let _client = std::net::TcpStream::connect(address).unwrap();
    for number in 0..20 {
        std::thread::sleep(Duration::from_millis(5));
        let (tx, rx) = std::sync::mpsc::channel();
        drop(runtime.spawn(async move { tx.send(number).unwrap() }));
        assert_eq!(rx.recv_timeout(Duration::from_secs(5)), Ok(number), "the worker sleeps on");
    }
    drop(accept);
}
