//! The batch: how many tasks run before the loop looks outside, and what looking costs.

use std::hint::black_box;
use std::time::Duration;

use super::executor::{Discipline, Executor, Task, give_way};
use super::{Case, Variant, counted_case, engine, model, ns_per_op, timed_case, yields_on_rondel};
use crate::meter::Size;

const TASKS: usize = 1_000;

pub(super) const CASES: &[Case] = &[
    timed_case(
        "batch",
        "yields",
        "one of 1,000 tasks yields; each batch ends with a clock read and an epoll_wait",
        YIELDS,
    ),
    timed_case(
        "batch",
        "engine's yields",
        "one of 1,000 tasks yields on Rondel: with a socket the loop asks epoll each 61 polls",
        &[
            engine("no socket", |size| engine_yields(false, size)),
            engine("a socket", |size| engine_yields(true, size)),
        ],
    ),
    counted_case(
        "batch",
        "socket's wait",
        "polls",
        "that a socket waits at most while 1,000 tasks yield 100 times each (no bound: all)",
        &[
            model("61", |_| longest_wait(61)),
            model("1", |_| longest_wait(1)),
            model("1,000: who stood there", |_| longest_wait(TASKS)),
            model("no bound", |_| longest_wait(usize::MAX)),
        ],
    ),
];

const YIELDS: &[Variant] = &[
    model("61", |size| yields(61, size)),
    model("1", |size| yields(1, size)),
    model("8", |size| yields(8, size)),
    model("1,000: who stood there", |size| yields(TASKS, size)),
    model("no bound", |size| yields(usize::MAX, size)),
];

fn tasks(times: usize) -> Vec<Task> {
    let task = |_| -> Task {
        Box::pin(async move {
            for _ in 0..times {
                give_way().await;
            }
        })
    };
    (0..TASKS).map(task).collect()
}

fn yields(batch: usize, size: Size) -> f64 {
    let times = size.pick(200, 50);
    let executor = Executor::new(Discipline::Fifo, TASKS);
    let mut poll = mio::Poll::new().expect("an epoll set");
    let _bell = mio::Waker::new(poll.registry(), mio::Token(0)).expect("an eventfd");
    let mut events = mio::Events::with_capacity(256);
    let tasks = tasks(times);
    ns_per_op(TASKS * times, || {
        black_box(executor.run(tasks, usize::MAX, batch, || {
            black_box(std::time::Instant::now());
            poll.poll(&mut events, Some(Duration::ZERO)).expect("nothing to fail");
        }));
    })
}

fn longest_wait(batch: usize) -> f64 {
    let times = 100;
    let executor = Executor::new(Discipline::Fifo, TASKS);
    let mut looks = 0_usize;
    let polls = executor.run(tasks(times), usize::MAX, batch, || looks += 1);
    let between_looks = if looks == 0 { polls } else { batch };
    between_looks as f64
}

fn engine_yields(with_socket: bool, size: Size) -> f64 {
    let times = size.pick(200, 50);
    rondel::run(async move {
        let listener = rondel::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listener = with_socket.then_some(listener);
        let ns = yields_on_rondel(TASKS, times).await;
        drop(listener);
        ns
    })
}
