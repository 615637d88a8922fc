//! Counted references: by the thread that owns them, or by everybody with an atomic.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use rondel::{Builder, Runtime};

use super::{Case, engine, model, ns_per_op, timed_case, yields_on_rondel};
use crate::meter::Size;

pub(super) const CASES: &[Case] = &[
    timed_case(
        "counts",
        "waker",
        "a task's waker, clone + drop",
        &[
            engine("owner counts (local flavour)", |size| waker(&local(), size)),
            engine("atomic (stealing, 1 worker)", |size| waker(&stealing(), size)),
            model("Arc and Wake of std", arc_waker),
        ],
    ),
    timed_case(
        "counts",
        "yield",
        "one of 1,000 tasks yields: state, count and queue by plain loads and stores, or shared",
        &[
            engine("one owner (local flavour)", |size| yields(&local(), size)),
            engine("shared (stealing, 1 worker)", |size| yields(&stealing(), size)),
        ],
    ),
    timed_case(
        "counts",
        "spawn + join",
        "1,000 tasks spawned, then joined in order",
        &[
            engine("one owner (local flavour)", |size| spawn_join(&local(), size)),
            engine("shared (stealing, 1 worker)", |size| spawn_join(&stealing(), size)),
        ],
    ),
];

fn local() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

fn stealing() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).build().expect("a runtime with one worker")
}

fn waker(runtime: &Runtime, size: Size) -> f64 {
    let clones = size.pick(1_000_000, 100_000);
    // Spawned, because the root future's waker counts the loop and not a task.
    let handle = runtime.spawn(poll_fn(move |cx| {
        Poll::Ready(ns_per_op(clones, || {
            (0..clones).for_each(|_| drop(black_box(cx.waker().clone())));
        }))
    }));
    runtime.block_on(handle).expect("clones do not panic")
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn arc_waker(size: Size) -> f64 {
    let clones = size.pick(1_000_000, 100_000);
    let waker = Waker::from(Arc::new(Nobody));
    ns_per_op(clones, || (0..clones).for_each(|_| drop(black_box(waker.clone()))))
}

fn yields(runtime: &Runtime, size: Size) -> f64 {
    let (tasks, times) = (1_000, size.pick(200, 50));
    // From a task, as the stealing flavour's root runs on a thread of its own.
    let all = runtime.spawn(yields_on_rondel(tasks, times));
    runtime.block_on(all).expect("it only waits")
}

fn spawn_join(runtime: &Runtime, size: Size) -> f64 {
    let (tasks, times) = (1_000, size.pick(100, 20));
    let all = runtime.spawn(async move {
        let mut handles = Vec::with_capacity(tasks);
        let before = crate::machine::cpu_time();
        for _ in 0..times {
            handles.extend((0..tasks).map(|task| rondel::spawn(async move { black_box(task) })));
            for handle in handles.drain(..) {
                black_box(handle.await.expect("it only counts"));
            }
        }
        (crate::machine::cpu_time() - before).as_nanos() as f64 / (tasks * times) as f64
    });
    runtime.block_on(all).expect("it only waits")
}
