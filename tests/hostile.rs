//! Programs that use the engine in ways nobody should, and must get away with it: guards dropped in
//! the wrong order or never, runtimes that end with their thread, wakes that come too late.

use rondel::{Builder, Runtime};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

/// Goal: a guard of `Runtime::enter` that is never dropped leaves nothing behind once its runtime
/// has ended: the count of the home it names must not be touched plainly any more.
/// Method: forget the guard, end the runtime, then use its handle here and elsewhere.
#[test]
fn a_forgotten_guard_does_not_outlive_its_runtime() {
    let first = runtime();
    let handle = first.handle().clone();
    std::mem::forget(first.enter());
    drop(first);
    let clones: Vec<_> = (0..8).map(|_| handle.clone()).collect();
    let elsewhere = thread::spawn(move || drop(clones));
    elsewhere.join().unwrap();
    assert!(rondel::block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
    drop(handle);
    assert_eq!(runtime().block_on(async { rondel::spawn(async { 42 }).await.unwrap() }), 42);
}

/// Goal: as above, for guards that are dropped in the order they were made.
/// Method: two runtimes are entered; the first guard and its runtime go first.
#[test]
fn guards_dropped_in_the_wrong_order_do_not_enter_a_runtime_that_ended() {
    let (first, second) = (runtime(), runtime());
    let handle = first.handle().clone();
    let (first_guard, second_guard) = (first.enter(), second.enter());
    drop(first_guard);
    drop(first);
    drop(second_guard);
    assert!(rondel::Handle::try_current().is_err(), "no guard is left");
    let clones: Vec<_> = (0..8).map(|_| handle.clone()).collect();
    thread::spawn(move || drop(clones)).join().unwrap();
    assert!(rondel::block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
    drop(handle);
    assert_eq!(second.block_on(async { rondel::spawn(async { 42 }).await.unwrap() }), 42);
}

/// Goal: a guard that was made inside a loop and dropped after it must not bring the loop back.
/// Method: smuggle a guard of `Handle::enter` out of `block_on`, drop it, and block again.
#[test]
fn a_guard_carried_out_of_the_loop_does_not_forbid_to_block() {
    let (first, second) = (runtime(), runtime());
    let guard = first.block_on(async { second.handle().enter() });
    drop(guard);
    assert!(rondel::Handle::try_current().is_err(), "no guard is left");
    assert_eq!(first.block_on(async { 42 }), 42);
}

/// Goal: a guard made outside and dropped inside a loop must not put the loop out of its own house.
/// Method: move the guard of another runtime into the root future.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_guard_dropped_inside_another_loop_leaves_that_loop_at_home() {
    let (first, second) = (runtime(), runtime());
    let guard = second.enter();
    let answer = first.block_on(async move {
        drop(guard);
        let task = rondel::task::spawn_local(async {
            rondel::time::sleep(Duration::from_millis(1)).await;
            42
        });
        task.await.unwrap()
    });
    assert_eq!(answer, 42);
}

/// Goal: another runtime's guard, held over an await, must not stop the loop that is running.
/// Method: hold it while tasks and a timer of the running loop have work to do.
#[test]
fn a_loop_goes_on_while_its_task_holds_the_guard_of_another() {
    let (first, second) = (runtime(), runtime());
    let answer = first.block_on(async {
        let task = rondel::spawn(async {
            rondel::time::sleep(Duration::from_millis(1)).await;
            42
        });
        let _guard = second.enter();
        task.await.unwrap()
    });
    assert_eq!(answer, 42);
}

/// Goal: a runtime kept in a thread-local ends with its thread, whichever thread-local goes first.
/// Method: a thread runs something on such a runtime and ends; its task must be dropped.
#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    let (dropped, was_dropped) = mpsc::channel::<()>();
    thread::spawn(move || {
        RUNTIME.with(|kept| {
            let kept = &mut *kept.borrow_mut();
            let runtime = kept.insert(runtime());
            runtime.block_on(async move {
                rondel::spawn(async move {
                    let _dropped = dropped;
                    let _sleep = rondel::time::sleep(Duration::from_secs(3_600)).await;
                });
                rondel::task::yield_now().await;
            });
        });
    })
    .join()
    .unwrap();
    assert_eq!(was_dropped.recv(), Err(mpsc::RecvError), "the task was dropped");
}

/// Goal: virtual time goes on after a closure on the pool ended, though nobody awaits its handle.
/// Method: a detached closure outlasts the moment at which the loop looks for something to do.
#[test]
fn virtual_time_goes_on_when_a_detached_closure_ends() {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            drop(rondel::spawn_blocking(|| thread::sleep(Duration::from_millis(30))));
            rondel::time::sleep(Duration::from_secs(3_600)).await;
        });
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(20)).expect("the loop sleeps for ever");
}

/// Goal: `block_on` polls its own future only: a wake of a former one leaves nothing in the queue.
/// Method: let a root future wake itself in the poll in which it ends, often; then count polls.
#[test]
fn a_root_future_that_ended_leaves_no_wakes_for_the_next() {
    let runtime = runtime();
    for _ in 0..100 {
        runtime.block_on(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        }));
    }
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let task = runtime.spawn(async {});
    let mut task = std::pin::pin!(task);
    runtime.block_on(poll_fn(|cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        task.as_mut().poll(cx).map(|output| output.unwrap())
    }));
    assert!(polls.load(Ordering::Relaxed) <= 2, "{polls:?} polls");
}

/// Goal: as above, when the handle is awaited: its wake comes before the pool counts itself idle.
/// Method: one closure after another, each followed by an hour of virtual time.
#[test]
fn virtual_time_goes_on_after_each_closure() {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for _ in 0..2_000 {
                rondel::spawn_blocking(|| {}).await.unwrap();
                rondel::time::sleep(Duration::from_secs(3_600)).await;
            }
        });
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(30)).expect("the loop sleeps for ever");
}

/// Goal: strangers who spawn faster than the loop runs do not keep its own timers from firing.
/// Method: two threads spawn without a pause; a sleep must end all the same.
#[test]
fn a_loop_turns_although_strangers_keep_spawning() {
    let runtime = runtime();
    for _ in 0..2 {
        let handle = runtime.handle().clone();
        thread::spawn(move || while !handle.spawn(async {}).is_finished() {});
    }
    runtime.block_on(async {
        for _ in 0..3 {
            rondel::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Goal: the end of a runtime with many tasks takes a time that grows with their number, not with
/// its square.
/// Method: as many tasks as would take minutes otherwise.
#[test]
fn a_runtime_with_very_many_tasks_ends() {
    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    struct Count(std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    rondel::run(async {
        for _ in 0..200_000 {
            let count = Count(dropped.clone());
            rondel::spawn(async move {
                let _count = count;
                std::future::pending::<()>().await;
            });
        }
    });
    assert_eq!(dropped.load(std::sync::atomic::Ordering::Relaxed), 200_000);
}

/// Goal: a closure on the pool that waits for something of the loop does not wait for ever once the
/// loop has ended.
/// Method: closures wait for a timer, a task and a socket of the loop; the runtime ends meanwhile,
/// and waits for them.
#[test]
fn closures_that_wait_for_the_loop_hear_of_its_end() {
    let runtime = runtime();
    let (begun, has_begun) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel::<()>();
    let wait = |wait: fn(&rondel::Handle)| {
        let (begun, ended) = (begun.clone(), ended.clone());
        drop(runtime.spawn_blocking(move || {
            let _ended = ended; // dropped however it ends
            let handle = rondel::Handle::current();
            begun.send(()).unwrap();
            wait(&handle);
        }));
    };
    wait(|handle| handle.block_on(rondel::time::sleep(Duration::from_secs(3_600))));
    wait(|handle| drop(handle.block_on(handle.spawn(std::future::pending::<()>()))));
    wait(|handle| {
        handle.block_on(async {
            let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert!(listener.accept().await.is_err());
        });
    });
    drop(ended);
    let counted = thread::spawn(move || (0..3).for_each(|_| has_begun.recv().unwrap()));
    runtime.block_on(async {
        while !counted.is_finished() {
            rondel::task::yield_now().await;
        }
        rondel::time::sleep(Duration::from_millis(20)).await;
    });
    let slow = thread::spawn(move || has_ended.recv_timeout(Duration::from_secs(20)));
    runtime.shutdown_timeout(Duration::from_secs(25));
    assert_eq!(slow.join().unwrap(), Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Goal: a task may do anything to itself while it runs.
/// Method: it aborts itself, drops its own handle, keeps its own waker in itself, and ends.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn a_task_may_abort_detach_and_wake_itself() {
    let kept = Rc::new(Cell::new(0));
    let witness = kept.clone();
    runtime().block_on(async move {
        let own = Rc::new(RefCell::new(None));
        let (inside, count) = (own.clone(), kept.clone());
        let task = rondel::task::spawn_local(async move {
            let mut waker = None;
            poll_fn(|cx| {
                waker = Some(cx.waker().clone());
                cx.waker().wake_by_ref();
                let handle: Option<rondel::task::JoinHandle<()>> = inside.borrow_mut().take();
                let abort = handle.as_ref().map(|handle| handle.abort_handle());
                drop(handle);
                abort.iter().for_each(|abort| abort.abort());
                count.set(count.get() + 1);
                Poll::<()>::Pending
            })
            .await;
        });
        *own.borrow_mut() = Some(task);
        for _ in 0..4 {
            rondel::task::yield_now().await;
        }
    });
    assert_eq!(witness.get(), 1);
    assert_eq!(Rc::strong_count(&witness), 1, "the future was dropped");
}

/// Goal: wakers, timers, sockets and handles may lie in thread-locals longer than their loop.
/// Method: store them on the loop's own thread and on another one, and let both threads end.
#[cfg(not(on_workers = "one_thread"))]
#[test]
fn what_lies_in_a_thread_local_may_be_dropped_after_the_loop() {
    struct Kept {
        _waker: std::task::Waker,
        _sleep: rondel::time::Sleep,
        _socket: rondel::net::TcpListener,
        _task: rondel::task::JoinHandle<()>,
        _handle: rondel::Handle,
    }
    thread_local! {
        static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
    }
    async fn keep() -> Kept {
        let mut sleep = rondel::time::sleep(Duration::from_secs(3_600));
        let waker = poll_fn(|cx| {
            assert!(std::pin::Pin::new(&mut sleep).poll(cx).is_pending());
            Poll::Ready(cx.waker().clone())
        });
        Kept {
            _waker: waker.await,
            _socket: rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
            _task: rondel::spawn(std::future::pending()),
            _handle: rondel::Handle::current(),
            _sleep: sleep,
        }
    }
    let home = thread::spawn(|| {
        let runtime = runtime();
        let (give, take) = mpsc::channel();
        let there = thread::spawn(move || {
            let kept: Kept = take.recv().unwrap();
            KEPT.with(|all| all.borrow_mut().push(kept));
        });
        runtime.block_on(async {
            let task = rondel::spawn(async move { give.send(keep().await).unwrap() });
            let here = rondel::task::spawn_local(async {
                let kept = keep().await;
                KEPT.with(|all| all.borrow_mut().push(kept));
            });
            task.await.unwrap();
            here.await.unwrap();
        });
        there.join().unwrap();
    });
    home.join().unwrap();
}

/// Goal: each way to need a loop where there is none is told in one sentence that names the cure.
/// Method: provoke each, and compare the text.
#[test]
fn what_needs_a_loop_says_so_outside_of_one() {
    fn text(needs: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(needs)).expect_err("it must panic");
        let text = payload.downcast_ref::<String>().cloned();
        text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
    }
    fn poll(future: impl Future) {
        let mut future = std::pin::pin!(future);
        let _ = future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }
    let second = Duration::from_secs(1);
    let texts = [
        text(|| drop(rondel::time::sleep(second))),
        text(|| drop(rondel::time::interval(second))),
        text(|| poll(rondel::time::timeout(second, std::future::pending::<()>()))),
        text(|| drop(rondel::spawn(async {}))),
        text(|| drop(rondel::task::spawn_local(async {}))),
        text(|| drop(rondel::spawn_blocking(|| ()))),
        text(|| drop(rondel::task::JoinSet::new().spawn(async {}))),
        text(|| poll(rondel::net::TcpStream::connect("127.0.0.1:1"))),
        text(|| poll(rondel::net::TcpListener::bind("127.0.0.1:0"))),
        text(|| poll(rondel::net::lookup_host("localhost:80"))),
        text(|| drop(rondel::Handle::current())),
    ];
    for text in texts {
        assert!(text.starts_with("no Rondel loop runs on this thread: call this inside"), "{text}");
    }
}

/// Goal: a task whose future and output both panic when they are dropped ends all the same.
/// Method: the future keeps one such value and returns another.
#[test]
fn a_task_that_panics_in_two_drops_ends() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a bomb is dropped");
        }
    }
    struct Twice(Option<Bomb>, Bomb);
    impl Future for Twice {
        type Output = Bomb;
        fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Bomb> {
            Poll::Ready(self.0.take().unwrap())
        }
    }
    let Err(error) = runtime().block_on(async { rondel::spawn(Twice(Some(Bomb), Bomb)).await })
    else {
        panic!("it must fail");
    };
    assert!(error.is_panic());
}

/// Goal: a panic that nobody hears of is no panic of the loop, though stderr is closed.
/// Method: run this test in a process of its own, whose stderr is a pipe without a reader.
#[test]
fn a_panic_that_cannot_be_reported_leaves_the_loop_alone() {
    const INSIDE: &str = "RONDEL_TEST_STDERR_IS_CLOSED";
    if std::env::var_os(INSIDE).is_some() {
        std::panic::set_hook(Box::new(|_| {}));
        return runtime().block_on(async {
            drop(rondel::spawn(async { panic!("nobody hears") }));
            rondel::task::yield_now().await;
            rondel::task::yield_now().await;
        });
    }
    let name = concat!(module_path!(), "::a_panic_that_cannot_be_reported_leaves_the_loop_alone");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
        .env(INSIDE, "1")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
}
/// Goal: the end of a runtime comes although strangers never stop asking for more.
/// Method: four threads spawn without a pause while the runtime is dropped.
#[test]
fn a_runtime_ends_while_strangers_keep_spawning() {
    let runtime = runtime();
    let strangers: Vec<_> = (0..4)
        .map(|_| {
            let handle = runtime.handle().clone();
            thread::spawn(move || while !handle.spawn(async {}).is_finished() {})
        })
        .collect();
    thread::sleep(Duration::from_millis(10)); // time to begin; nothing depends on it
    drop(runtime);
    drop(strangers);
}
