//! The bodies of the rows, compiled once per runtime: `rt` is that runtime's facade.

use std::future::{pending, poll_fn, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::rt;
use crate::Meter;
use crate::machine::rss_bytes;

/// Long enough never to fire during a row.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Runs the row called `row` on this runtime.
///
/// Panics if there is no such row.
pub fn run(row: &str, meter: &mut Meter) {
    let size = meter.size();
    match row {
        "spawn_join_1k" => rt::run(spawn_join(meter, 1_000)),
        "spawn_join_100k" => rt::run(spawn_join(meter, size.pick(100_000, 100_000))),
        "spawn_await_each" => rt::run(spawn_await_each(meter)),
        "spawn_detached_1k" => rt::run(spawn_detached(meter)),
        "yield_1" => rt::run(yields(meter, 1, size.pick(100_000, 20_000))),
        "yield_1k" => rt::run(yields(meter, 1_000, size.pick(100, 20))),
        "ping_pong_mpsc" => rt::run(ping_pong_mpsc(meter)),
        "ping_pong_oneshot" => rt::run(ping_pong_oneshot(meter)),
        "mpsc_100" => rt::run(mpsc_100(meter, size.pick(1_000_000, 100_000))),
        "broadcast_1x4" => rt::run(broadcast(meter, 4)),
        "watch" => rt::run(watch(meter)),
        "recv_budget" => rt::run(recv_ready(meter)),
        "recv_no_budget" => rt::run(rt::unconstrained(recv_ready(meter))),
        "semaphore" => rt::run(semaphore(meter)),
        "semaphore_1000x5" => rt::run(semaphore_contended(meter, 1_000, 5)),
        "mutex" => rt::run(mutex(meter)),
        "mutex_1000" => rt::run(mutex_contended(meter, 1_000)),
        "sleep_bulk" => rt::run(rt::unconstrained(sleep_bulk(meter))),
        "sleep_churn" => rt::run(rt::unconstrained(sleep_churn(meter, false))),
        "sleep_churn_near" => rt::run(rt::unconstrained(sleep_churn(meter, true))),
        "sleep_fire" => rt::run(sleep_fire(meter, size.pick(100_000, 20_000))),
        "sleep_lateness" => rt::run(sleep_lateness(meter)),
        "timeout_ready" => rt::run(timeout_ready(meter)),
        "timeout_yield" => rt::run(timeout_yield(meter)),
        "gather_ready" => rt::run(gather_ready(meter, 10_000)),
        "gather_yield" => rt::run(gather_yield(meter, 10_000)),
        "gather_tasks" => rt::run(gather_tasks(meter, 10_000)),
        "join_set" => rt::run(join_set(meter, 10_000)),
        "select_2" => rt::run(select_2(meter)),
        "abort_100k" => rt::run(abort(meter, size.pick(100_000, 100_000))),
        "bytes_per_task" => rt::run(bytes_per_task(meter)),
        "spawn_blocking" => rt::run(spawn_blocking(meter)),
        "start_stop" => start_stop(meter),
        _ => panic!("no row is called {row}"),
    }
}

/// Small batches are repeated inside the clocks, so that reading these does not count.
const REPEATS: usize = 10;

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
                drop(rt::spawn(async move {
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

async fn ping_pong_mpsc(meter: &mut Meter) {
    let rounds = 10_000;
    while meter.more() {
        meter.start();
        let (ping, mut pinged) = rt::mpsc::channel(1);
        let (pong, mut ponged) = rt::mpsc::channel(1);
        let echo = rt::spawn(async move {
            while let Some(ball) = pinged.recv().await {
                pong.send(ball).await.unwrap();
            }
        });
        let caller = rt::spawn(async move {
            for ball in 0..rounds {
                ping.send(ball).await.unwrap();
                assert_eq!(ponged.recv().await, Some(ball));
            }
        });
        caller.await.unwrap();
        echo.await.unwrap();
        meter.stop(rounds);
    }
}

async fn ping_pong_oneshot(meter: &mut Meter) {
    let rounds = 1_000;
    while meter.more() {
        meter.start();
        let (pings, pinged): (Vec<_>, Vec<_>) = (0..rounds).map(|_| rt::oneshot::channel()).unzip();
        let (pongs, ponged): (Vec<_>, Vec<_>) = (0..rounds).map(|_| rt::oneshot::channel()).unzip();
        let echo = rt::spawn(async move {
            for (pinged, pong) in pinged.into_iter().zip(pongs) {
                pong.send(pinged.await.unwrap()).unwrap();
            }
        });
        let caller = rt::spawn(async move {
            for (ball, (ping, ponged)) in pings.into_iter().zip(ponged).enumerate() {
                ping.send(ball).unwrap();
                assert_eq!(ponged.await.unwrap(), ball);
            }
        });
        caller.await.unwrap();
        echo.await.unwrap();
        meter.stop(rounds);
    }
}

async fn mpsc_100(meter: &mut Meter, items: usize) {
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::mpsc::channel(100);
        let source = rt::spawn(async move {
            for item in 0..items {
                sender.send(item).await.unwrap();
            }
        });
        let sink = rt::spawn(async move {
            let mut received = 0;
            while let Some(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        });
        source.await.unwrap();
        assert_eq!(sink.await.unwrap(), items);
        meter.stop(items);
    }
}

async fn broadcast(meter: &mut Meter, receivers: usize) {
    let (bursts, burst) = (1_000, 16);
    while meter.more() {
        meter.start();
        let sender = rt::broadcast::Sender::new(burst);
        let listen = |mut receiver: rt::broadcast::Receiver<usize>| async move {
            let mut received = 0;
            while let Ok(item) = receiver.recv().await {
                black_box(item);
                received += 1;
            }
            received
        };
        let sinks: Vec<_> = (0..receivers).map(|_| rt::spawn(listen(sender.subscribe()))).collect();
        let source = rt::spawn(async move {
            for _ in 0..bursts {
                for item in 0..burst {
                    sender.send(item).unwrap();
                }
                rt::yield_now().await; // one thread: all receivers take the burst now
            }
        });
        source.await.unwrap();
        for sink in sinks {
            assert_eq!(sink.await.unwrap(), bursts * burst, "nobody lags");
        }
        meter.stop(bursts * burst);
    }
}

async fn watch(meter: &mut Meter) {
    let values = 10_000;
    while meter.more() {
        meter.start();
        let (sender, mut receiver) = rt::watch::channel(0);
        let sink = rt::spawn(async move {
            let mut seen = 0;
            while receiver.changed().await.is_ok() {
                black_box(*receiver.borrow_and_update());
                seen += 1;
            }
            seen
        });
        let source = rt::spawn(async move {
            for value in 0..values {
                rt::yield_now().await; // one thread: the receiver waits again
                sender.send(value).unwrap();
            }
        });
        source.await.unwrap();
        assert_eq!(sink.await.unwrap(), values, "nothing is overwritten unseen");
        meter.stop(values);
    }
}

async fn recv_ready(meter: &mut Meter) {
    let items = 10_000;
    let (sender, mut receiver) = rt::mpsc::unbounded_channel();
    while meter.more() {
        (0..items).for_each(|item| sender.send(item).unwrap());
        meter.start();
        for _ in 0..items {
            black_box(receiver.recv().await);
        }
        meter.stop(items);
    }
}

async fn semaphore(meter: &mut Meter) {
    let times = 100_000;
    let semaphore = rt::Semaphore::new(10);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            drop(black_box(semaphore.acquire().await.unwrap()));
        }
        meter.stop(times);
    }
}

async fn semaphore_contended(meter: &mut Meter, tasks: usize, permits: usize) {
    let times = 10;
    let semaphore = Arc::new(rt::Semaphore::new(permits));
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            let semaphore = semaphore.clone();
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    let permit = semaphore.acquire().await.unwrap();
                    rt::yield_now().await;
                    drop(permit);
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}

async fn mutex(meter: &mut Meter) {
    let times = 100_000;
    let mutex = rt::Mutex::new(0_usize);
    while meter.more() {
        meter.start();
        for _ in 0..times {
            *mutex.lock().await += 1;
        }
        meter.stop(times);
    }
    black_box(mutex.into_inner());
}

async fn mutex_contended(meter: &mut Meter, tasks: usize) {
    let times = 10;
    let mutex = Arc::new(rt::Mutex::new(0_usize));
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            let mutex = mutex.clone();
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    let mut count = mutex.lock().await;
                    rt::yield_now().await;
                    *count += 1;
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}

/// Numbers that look random and are the same for every runtime.
fn numbers(count: usize, from: u64, below: u64) -> Vec<u64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        from + state % (below - from)
    };
    (0..count).map(|_| next()).collect()
}

/// A place for a sleep that can be armed and disarmed again without an allocation.
type Bed = Pin<Box<Option<rt::Sleep>>>;

fn arm(bed: &mut Bed, millis: u64, cx: &mut std::task::Context<'_>) {
    bed.set(Some(rt::sleep(Duration::from_millis(millis))));
    let sleep = bed.as_mut().as_pin_mut().expect("just set");
    assert!(sleep.poll(cx).is_pending());
}

async fn sleep_bulk(meter: &mut Meter) {
    let millis = numbers(meter.size().pick(1_000_000, 100_000), 10_000, 100_000);
    let mut beds: Vec<Bed> = millis.iter().map(|_| Box::pin(None)).collect();
    while meter.more() {
        meter.start();
        poll_fn(|cx| {
            for (bed, &millis) in beds.iter_mut().zip(&millis) {
                arm(bed, millis, cx);
            }
            Poll::Ready(())
        })
        .await;
        for bed in &mut beds {
            bed.set(None);
        }
        meter.stop(millis.len());
    }
}

/// With `near`, the loop has gone to sleep for a nearer timer before: tokio rings its own doorbell
/// for every timer that is nearer than what it last slept for, and there is then no such timer.
async fn sleep_churn(meter: &mut Meter, near: bool) {
    let millis = numbers(100_000, 10_000, 100_000);
    let mut beds: Vec<Bed> = (0..1_000).map(|_| Box::pin(None)).collect();
    let mut nearer: Bed = Box::pin(None);
    while meter.more() {
        if near {
            poll_fn(|cx| {
                arm(&mut nearer, 9_000, cx);
                Poll::Ready(())
            })
            .await;
            rt::sleep(Duration::from_millis(2)).await;
        }
        meter.start();
        poll_fn(|cx| {
            for (bed, &millis) in (0..beds.len()).cycle().zip(&millis) {
                arm(&mut beds[bed], millis, cx);
            }
            Poll::Ready(())
        })
        .await;
        meter.stop(millis.len());
    }
}

async fn sleep_fire(meter: &mut Meter, tasks: usize) {
    let millis = numbers(tasks, 1, 200);
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for &millis in &millis {
            handles.push(rt::spawn(rt::sleep(Duration::from_millis(millis))));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks);
    }
}

async fn sleep_lateness(meter: &mut Meter) {
    // Microseconds, because a deadline on a whole millisecond is not what programs have.
    let micros = numbers(meter.size().pick(1_000, 500), 1_000, 200_000);
    let mut lateness_us = Vec::new();
    for _ in 0..meter.size().pick(5, 1).min(5) {
        let sleeps = micros.iter().map(|&micros| {
            rt::spawn(async move {
                let deadline = rt::Instant::now() + Duration::from_micros(micros);
                rt::sleep_until(deadline).await;
                let woken = rt::Instant::now();
                assert!(woken >= deadline, "a sleep must never wake early");
                (woken - deadline).as_nanos() as f64 / 1e3
            })
        });
        for handle in sleeps.collect::<Vec<_>>() {
            lateness_us.push(handle.await.unwrap());
        }
    }
    lateness_us.sort_by(f64::total_cmp);
    meter.set_figure(lateness_us[lateness_us.len() / 2]);
}

async fn timeout_ready(meter: &mut Meter) {
    let times = 100_000;
    while meter.more() {
        meter.start();
        for item in 0..times {
            black_box(rt::timeout(AN_HOUR, ready(item)).await.unwrap());
        }
        meter.stop(times);
    }
}

async fn timeout_yield(meter: &mut Meter) {
    let (tasks, times) = (1_000, 20);
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        // Many tasks, so that it is the timeout that counts and not a lone task's way round.
        for _ in 0..tasks {
            handles.push(rt::spawn(async move {
                for _ in 0..times {
                    rt::timeout(AN_HOUR, rt::yield_now()).await.unwrap();
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * times);
    }
}

async fn gather_ready(meter: &mut Meter, children: usize) {
    while meter.more() {
        meter.start();
        let results = rt::gather((0..children).map(ready)).await;
        black_box(results);
        meter.stop(children);
    }
}

async fn gather_yield(meter: &mut Meter, children: usize) {
    while meter.more() {
        meter.start();
        let results = rt::gather((0..children).map(|child| async move {
            rt::yield_now().await;
            child
        }))
        .await;
        black_box(results);
        meter.stop(children);
    }
}

/// The gathering is done by a task, as in a server: tokio's root future is polled without the
/// budget that makes `join_all` over many tasks quadratic.
async fn gather_tasks(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        meter.start();
        let gathering = rt::spawn(async move {
            let results = rt::gather((0..tasks).map(|task| rt::spawn(ready(task)))).await;
            black_box(results);
        });
        gathering.await.unwrap();
        meter.stop(tasks);
    }
}

async fn join_set(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        meter.start();
        let joining = rt::spawn(async move {
            let mut set = rt::JoinSet::new();
            for task in 0..tasks {
                set.spawn(ready(task));
            }
            while let Some(result) = set.join_next().await {
                black_box(result.unwrap());
            }
        });
        joining.await.unwrap();
        meter.stop(tasks);
    }
}

async fn select_2(meter: &mut Meter) {
    let items = 10_000;
    while meter.more() {
        meter.start();
        let (left, mut from_left) = rt::mpsc::channel(100);
        let (right, mut from_right) = rt::mpsc::channel(100);
        for item in 0..items {
            let side = if item % 2 == 0 { &left } else { &right };
            side.try_send(item).unwrap();
            let item = rt::select! {
                item = from_left.recv() => item,
                item = from_right.recv() => item,
            };
            black_box(item.unwrap());
        }
        meter.stop(items);
    }
}

async fn abort(meter: &mut Meter, tasks: usize) {
    while meter.more() {
        let handles: Vec<_> = (0..tasks).map(|_| rt::spawn(pending::<()>())).collect();
        rt::spawn(ready(())).await.unwrap(); // FIFO: all have been polled by now
        meter.start();
        for handle in &handles {
            handle.abort();
        }
        for handle in handles {
            assert!(handle.await.unwrap_err().is_cancelled());
        }
        meter.stop(tasks);
    }
}

async fn bytes_per_task(meter: &mut Meter) {
    let tasks = meter.size().pick(1_000_000, 200_000);
    let before = rss_bytes("self");
    for _ in 0..tasks {
        drop(rt::spawn(rt::sleep(AN_HOUR)));
    }
    rt::spawn(ready(())).await.unwrap(); // FIFO: all sleep by now
    let bytes = rss_bytes("self").saturating_sub(before);
    meter.set_figure(bytes as f64 / tasks as f64);
}

async fn spawn_blocking(meter: &mut Meter) {
    let times = meter.size().pick(10_000, 2_000);
    while meter.more() {
        meter.start();
        for item in 0..times {
            black_box(rt::spawn_blocking(move || item).await.unwrap());
        }
        meter.stop(times);
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
