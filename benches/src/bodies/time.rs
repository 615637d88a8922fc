//! Bodies: what do sleeps, timeouts and intervals cost, and how late do they wake?

use std::future::{poll_fn, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::rt;
use crate::Meter;
use crate::kit::{AN_HOUR, numbers};

/// Runs the row if it is one of these; says whether it is.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let size = meter.size();
    match row {
        "sleep_bulk" => rt::run(rt::unconstrained(sleep_bulk(meter))),
        "sleep_churn" => rt::run(rt::unconstrained(sleep_churn(meter, false))),
        "sleep_churn_near" => rt::run(rt::unconstrained(sleep_churn(meter, true))),
        "sleep_fire" => rt::run(sleep_fire(meter, size.pick(100_000, 20_000))),
        "sleep_lateness" => rt::run(sleep_lateness(meter)),
        "timeout_ready" => rt::run(timeout_ready(meter)),
        "timeout_yield" => rt::run(timeout_yield(meter)),
        "interval" => rt::run(interval(meter)),
        _ => return false,
    }
    true
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

async fn interval(meter: &mut Meter) {
    let (tasks, ticks) = (1_000, meter.size().pick(20, 20));
    let mut handles = Vec::with_capacity(tasks);
    while meter.more() {
        meter.start();
        for _ in 0..tasks {
            handles.push(rt::spawn(async move {
                let mut interval = rt::interval(Duration::from_millis(5));
                for _ in 0..ticks {
                    interval.tick().await;
                }
            }));
        }
        for handle in handles.drain(..) {
            handle.await.unwrap();
        }
        meter.stop(tasks * ticks);
    }
}
