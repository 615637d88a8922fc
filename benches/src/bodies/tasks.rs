//! Bodies: what does a task cost to start, to join, to yield? And a runtime?

use std::future::ready;
use std::hint::black_box;
use std::pin::Pin;

use futures_channel::oneshot;

use super::rt;
use crate::Meter;
use crate::kit::REPEATS;

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let size = meter.size();
    match row {
        "spawn_join_1k" => rt::run(spawn_join(meter, 1_000)),
        "spawn_join_100k" => rt::run(spawn_join(meter, 100_000)),
        "spawn_await_each" => rt::run(spawn_await_each(meter)),
        "spawn_detached_1k" => rt::run(spawn_detached(meter)),
        "yield_1" => rt::run(yields(meter, 1, size.pick(100_000, 20_000))),
        "yield_1k" => rt::run(yields(meter, 1_000, size.pick(100, 20))),
        "spawn_inside_1k" => rt::run(spawn_inside(meter, 1_000)),
        "spawn_chain" => rt::run(spawn_chain(meter, 10_000)),
        "await_chain" => rt::run(await_chain(meter, 100)),
        "start_stop" => start_stop(meter),
        _ => return false,
    }
    true
}

async fn spawn_join(meter: &mut Meter, tasks: usize) {
    let repeats = if tasks <= 1_000 { REPEATS } else { 1 };
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..repeats {
            for task in 0..tasks {
                handles.push(rt::spawn(async move { black_box(task) }));
            }
            for handle in handles.drain(..) {
                black_box(handle.await.unwrap());
            }
        }
        meter.stop(tasks * repeats);
    }
}

async fn spawn_await_each(meter: &mut Meter) {
    let tasks = 10_000;
    while meter.more() {
        meter.start();
        for task in 0..tasks {
            black_box(rt::spawn(async move { black_box(task) }).await.unwrap());
        }
        meter.stop(tasks);
    }
}

async fn spawn_detached(meter: &mut Meter) {
    let tasks = 1_000;
    while meter.more() {
        meter.start();
        for _ in 0..REPEATS {
            for task in 1..tasks {
                rt::detach(rt::spawn(async move {
                    black_box(task);
                }));
            }
            // One thread, FIFO: when the last one is done, all are.
            rt::spawn(ready(())).await.unwrap();
        }
        meter.stop(tasks * REPEATS);
    }
}

async fn yields(meter: &mut Meter, tasks: usize, times: usize) {
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    rt::yield_now().await;
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}

fn start_stop(meter: &mut Meter) {
    let times = meter.size().pick(500, 200);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            rt::run(async {});
        }
        meter.stop(times);
    }
}

/// All of it in a task, so that a worker does the spawning.
async fn spawn_inside(meter: &mut Meter, tasks: usize) {
    let mut inner = std::mem::replace(meter, Meter::new(meter.size()));
    let inside = rt::spawn(async move {
        spawn_join(&mut inner, tasks).await;
        inner
    });
    *meter = inside.await.unwrap();
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns the next task of the chain, or says that it was the last.
fn link(left: usize, done: oneshot::Sender<()>) -> Work {
    Box::pin(async move {
        if left == 0 {
            done.send(()).unwrap();
        } else {
            rt::detach(rt::spawn(link(left - 1, done)));
        }
    })
}

async fn spawn_chain(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        let (done, finished) = oneshot::channel();
        meter.start();
        rt::detach(rt::spawn(link(tasks - 1, done)));
        finished.await.unwrap();
        meter.stop(tasks);
    }
}

/// Futures in futures, `depth` of them; the innermost yields.
fn nest(depth: usize, times: usize) -> Work {
    Box::pin(async move {
        if depth > 0 {
            return nest(depth - 1, times).await;
        }
        for _ in 0..times {
            rt::yield_now().await;
        }
    })
}

async fn await_chain(meter: &mut Meter, depth: usize) {
    // Many tasks, so that it is the chain that counts and not a lone task's way round.
    let (tasks, times) = (100, 20);
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        handles.extend((0..tasks).map(|_| rt::spawn(nest(depth, times))));
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}
