//! The pinned flavour: many loops that have nothing in common, and tasks that stay.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::{TcpSocket, TcpStream};
use rondel::sync::{mpsc, oneshot};
use rondel::task::{block_in_place, spawn_local, yield_now};
use rondel::time::{Duration, sleep};
use rondel::{Builder, Handle, Runtime};

/// Longer than anything takes; so that a test that would hang fails.
const LONG: Duration = Duration::from_secs(60);

fn runtime(loops: usize) -> Runtime {
    Builder::new().pinned(loops).build().unwrap()
}

fn here() -> ThreadId {
    thread::current().id()
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it must panic");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap()
}

/// Notes the thread it is dropped on.
struct DropWitness(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for DropWitness {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(here());
    }
}

// --- where tasks run -------------------------------------------------------------------------------

#[test]
fn what_is_spawned_outside_goes_to_the_loops_in_turn() {
    let runtime = runtime(3);
    assert_eq!(runtime.handle().num_threads(), 3);
    let threads = runtime.block_on(async {
        let tasks: Vec<_> = (0..6).map(|_| rondel::spawn(async { here() })).collect();
        let mut threads = Vec::new();
        for task in tasks {
            threads.push(task.await.unwrap());
        }
        threads
    });
    assert_eq!(threads[..3], threads[3..], "in turn");
    let different: BTreeSet<_> = threads.iter().map(|thread| format!("{thread:?}")).collect();
    assert_eq!(different.len(), 3, "all of them");
    assert!(!threads.contains(&here()), "and none is the caller's");
}

/// Goal: tasks stay, and so do those that they spawn, whatever wakes them. Method: tasks of all
/// loops that yield, sleep, spawn and talk to those of other loops, and look where they are.
#[test]
fn tasks_stay_on_their_thread() {
    runtime(3).block_on_each(|_| async {
        let home = here();
        let outside = Handle::current();
        for round in 0..20 {
            yield_now().await;
            sleep(Duration::from_millis(round % 3)).await;
            assert_eq!(here(), home);
            let born = rondel::spawn(async move {
                yield_now().await;
                assert_eq!(here(), home);
                spawn_local(async move { here() }).await.unwrap()
            });
            assert_eq!(born.await.unwrap(), home);
            assert_eq!(outside.spawn(async { here() }).await.unwrap(), home);
            // By way of another loop, and of a thread of the pool.
            let (tx, rx) = oneshot::channel();
            outside.spawn_pinned(move || async move { tx.send(here()).unwrap() });
            rx.await.unwrap();
            assert_eq!(here(), home);
            rondel::spawn_blocking(|| ()).await.unwrap();
            assert_eq!(here(), home);
        }
    });
}

#[test]
fn loops_talk_to_each_other_over_channels() {
    let runtime = runtime(2);
    let sum = runtime.block_on(async {
        let (there, mut here) = mpsc::channel::<u64>(1);
        let (back, mut home) = mpsc::channel::<u64>(1);
        let handle = Handle::current();
        let echo = handle.spawn_pinned_by_idx(
            move || async move {
                while let Some(ball) = here.recv().await {
                    back.send(ball + 1).await.unwrap();
                }
            },
            0,
        );
        let play = handle.spawn_pinned_by_idx(
            move || async move {
                let mut ball = 0;
                while ball < 2_000 {
                    there.send(ball).await.unwrap();
                    ball = home.recv().await.unwrap();
                }
                ball
            },
            1,
        );
        let ball = play.await.unwrap();
        echo.await.unwrap();
        ball
    });
    assert_eq!(sum, 2_000);
}

// --- futures that are not `Send` -------------------------------------------------------------------

#[test]
fn a_future_that_is_not_send_is_made_where_it_runs() {
    let runtime = runtime(2);
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            runtime.handle().spawn_pinned(move || async move {
                let count = Rc::new(Cell::new(number));
                let ours = count.clone();
                spawn_local(async move { ours.set(ours.get() + 1) }).await.unwrap();
                count.get()
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(runtime.block_on(task).unwrap(), number + 1);
    }
}

/// Goal: the local flavour takes such closures as well, from other threads.
#[test]
fn a_local_loop_is_one_that_can_be_pinned_to() {
    let runtime = Runtime::new().unwrap();
    let home = here();
    let handle = runtime.handle().clone();
    let tasks = thread::spawn(move || {
        [
            handle.spawn_pinned(|| async { here() }),
            handle.spawn_pinned_by_idx(|| async { here() }, 0),
        ]
    });
    for task in tasks.join().unwrap() {
        assert_eq!(runtime.block_on(task).unwrap(), home);
    }
    let outputs = runtime.block_on_each(|index| async move { (index, *Rc::new(here())) });
    assert_eq!(outputs, [(0, home)]);
}

/// Goal: aborting the handle drops the future, at home. Method: abort from outside.
#[test]
fn an_aborted_task_ends_on_its_loop() {
    let runtime = runtime(2);
    let witness = Arc::<Mutex<Vec<ThreadId>>>::default();
    let guard = DropWitness(witness.clone());
    let (tx, rx) = oneshot::channel();
    let task = runtime.handle().spawn_pinned(move || async move {
        let _not_send = (Rc::new(()), guard);
        tx.send(here()).unwrap();
        pending::<()>().await;
    });
    let home = runtime.block_on(rx).unwrap();
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    drop(runtime);
    assert_eq!(*witness.lock().unwrap(), [home]);
}

// --- panics ----------------------------------------------------------------------------------------

#[test]
fn a_panic_stays_with_its_handle() {
    let runtime = runtime(1);
    let handle = runtime.handle();
    let in_task = runtime.spawn(async { panic!("one") });
    let in_pinned = handle.spawn_pinned(|| async { panic!("two") });
    let in_create = handle.spawn_pinned(|| {
        if true {
            panic!("three")
        }
        async {}
    });
    let texts =
        [runtime.block_on(in_task), runtime.block_on(in_pinned), runtime.block_on(in_create)]
            .map(|result| *result.unwrap_err().into_panic().downcast::<&str>().unwrap());
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1, "the loop goes on");
}

/// Goal: a panic on one loop ends `block_on_each` at once, and the futures of the others. Method:
/// the others never end by themselves.
#[test]
fn a_panic_on_one_loop_ends_block_on_each() {
    let runtime = runtime(3);
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let text = panic_text(|| {
        runtime.block_on_each(move |index| {
            let alive = alive.clone();
            async move {
                let _alive = alive;
                if index == 1 {
                    panic!("as planned");
                }
                pending::<()>().await;
            }
        });
    });
    assert_eq!(text, "as planned");
    assert_eq!(runtime.block_on(all_gone.recv()), None);
}

#[test]
fn what_cannot_be_says_why() {
    let runtime = runtime(2);
    let text = panic_text(|| drop(runtime.handle().spawn_pinned_by_idx(|| async {}, 2)));
    assert_eq!(text, "there is no loop 2: this runtime has 2, from 0 on");
    let pause = runtime.spawn(async { rondel::time::pause() });
    let pause = runtime.block_on(pause).unwrap_err().into_panic();
    let pause = pause.downcast_ref::<String>().unwrap();
    assert!(pause.contains("`time::pause` needs the local flavour"), "{pause}");
    let block = runtime.spawn(async { block_in_place(|| ()) });
    let block = runtime.block_on(block).unwrap_err().into_panic();
    let block = block.downcast_ref::<String>().unwrap();
    assert!(block.contains("`spawn_blocking`"), "{block}");
    let stealing = Builder::new().workers(2).build().unwrap();
    assert_eq!(stealing.handle().num_threads(), 2);
    let text = panic_text(|| drop(stealing.handle().spawn_pinned(|| async {})));
    assert!(text.contains("build the runtime with `pinned`"), "{text}");
    let error = Builder::new().pinned(2).start_paused(true).build().unwrap_err();
    assert!(error.to_string().contains("need the local flavour"), "{error}");
}

// --- sockets ---------------------------------------------------------------------------------------

/// Goal: each loop serves one port by a listener of its own. Method: connect until both loops have
/// answered; the kernel deals the connections out by chance.
#[test]
fn a_listener_for_each_loop_on_one_port() {
    let runtime = runtime(2);
    let holder = TcpSocket::new_v4().unwrap();
    holder.set_reuseport(true).unwrap();
    assert!(holder.reuseport().unwrap() && !holder.reuseaddr().unwrap());
    holder.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = holder.local_addr().unwrap();
    let (ready, mut are_ready) = mpsc::channel(2);
    for index in 0..2u8 {
        let ready = ready.clone();
        let serve = move || async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseport(true).unwrap();
            socket.bind(address).unwrap();
            let listener = socket.listen(1024).unwrap();
            let home = here();
            ready.send(()).await.unwrap();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                spawn_local(async move {
                    let name = stream.read_u8().await.unwrap();
                    assert_eq!(here(), home);
                    stream.write_all(&[name, index]).await.unwrap();
                });
            }
        };
        runtime.handle().spawn_pinned_by_idx(serve, usize::from(index));
    }
    runtime.block_on(async {
        are_ready.recv().await.unwrap();
        are_ready.recv().await.unwrap();
        let mut served = [false; 2];
        for number in 0..1_000 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let name = number as u8;
            stream.write_all(&[name]).await.unwrap();
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer[0], name);
            served[usize::from(answer[1])] = true;
            if served == [true; 2] {
                return;
            }
        }
        panic!("one loop has served all: {served:?}");
    });
}

#[test]
fn without_reuseport_a_port_is_taken() {
    rondel::run(async {
        let first = TcpSocket::new_v4().unwrap();
        first.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let _listener = first.listen(8).unwrap();
        let error = TcpSocket::new_v4().unwrap().bind(address).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        let refused = TcpSocket::new_v4().unwrap();
        refused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = refused.local_addr().unwrap(); // bound, but it does not listen
        let error = TcpSocket::new_v4().unwrap().connect(nobody).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&nobody.to_string()), "{error}");
    });
}

// --- the end ---------------------------------------------------------------------------------------

/// Goal: the end drops every future on its own loop and waits for all. Method: tasks of both kinds
/// that never end, on all loops.
#[test]
fn the_end_drops_all_tasks_at_home_and_waits_for_the_loops() {
    let runtime = runtime(3);
    let witness = Arc::<Mutex<Vec<ThreadId>>>::default();
    let theirs = witness.clone();
    let homes = runtime.block_on_each(move |_| {
        let guards = [DropWitness(theirs.clone()), DropWitness(theirs.clone())];
        async move {
            let [one, two] = guards;
            spawn_local(async move {
                let _not_send = (Rc::new(()), one);
                sleep(LONG).await;
            });
            let handle = Handle::current();
            rondel::spawn(async move {
                let _two = two;
                loop {
                    let _also_while_it_ends = handle.spawn(yield_now());
                    yield_now().await;
                }
            });
            yield_now().await;
            here()
        }
    });
    let waits = runtime.spawn(pending::<()>());
    let report = runtime.shutdown_report(LONG);
    assert_eq!(report.workers_running(), 0);
    assert!(report.cancelled().len() >= 7, "{report}");
    assert!(rondel::block_on(waits).unwrap_err().is_cancelled());
    let mut dropped = witness.lock().unwrap().clone();
    let mut expected = [homes.clone(), homes].concat();
    dropped.sort_unstable_by_key(|thread| format!("{thread:?}"));
    expected.sort_unstable_by_key(|thread| format!("{thread:?}"));
    assert_eq!(dropped, expected);
}

#[test]
fn the_end_reports_a_loop_that_is_stuck() {
    let runtime = runtime(2);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, stuck) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = stuck.recv_timeout(LONG);
    });
    has_begun.recv_timeout(LONG).unwrap();
    let handle = runtime.handle().clone();
    let report = runtime.shutdown_report(Duration::from_millis(20));
    assert_eq!(report.workers_running(), 1, "the other one waits for nobody");
    let late = [handle.spawn(async {}), handle.spawn(async {})];
    drop(go_on);
    for task in late {
        let _ = rondel::block_on(task); // it ends in one way or another
    }
}

/// Goal: a waker that panics does not take the loop along. Method: a socket wakes one.
#[test]
fn a_waker_that_panics_ends_no_loop() {
    struct Mine;
    impl std::task::Wake for Mine {
        fn wake(self: Arc<Self>) {
            panic!("as planned");
        }
    }
    let runtime = runtime(1);
    let (tx, rx) = oneshot::channel();
    let task = runtime.handle().spawn_pinned(|| async move {
        let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accept = Box::pin(async move { listener.accept().await.map(drop) });
        let waker = std::task::Waker::from(Arc::new(Mine));
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(accept.as_mut().poll(&mut cx).is_pending());
        tx.send(address).unwrap();
        pending::<()>().await;
    });
    let address = runtime.block_on(rx).unwrap();
    let _client = std::net::TcpStream::connect(address).unwrap();
    for number in 0..20 {
        let task = runtime.spawn(async move {
            sleep(Duration::from_millis(1)).await;
            number
        });
        assert_eq!(runtime.block_on(task).unwrap(), number);
    }
    task.abort();
}
