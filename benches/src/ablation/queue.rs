//! The ready queue: who comes next, what that costs, and who waits for it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hint::black_box;
use std::rc::Rc;
use std::task::Poll;

use super::executor::{Discipline, Executor, Task, give_way};
use super::{Case, Variant, counted_case, engine, model, ns_per_op, timed_case, yields_on_rondel};
use crate::meter::Size;

/// As many polls in a row as tokio's stealing flavour gives the task in its slot.
const IN_A_ROW: u32 = 3;
const FIFO: Discipline = Discipline::Fifo;
const SLOT: Discipline = Discipline::LastWoken(IN_A_ROW);
const SLOT_UNBOUNDED: Discipline = Discipline::LastWoken(u32::MAX);
const LOT: Discipline = Discipline::ByLot;

/// What a task of a pair has to look at in each poll, in 8-byte words: 64 B, and 8 KiB.
const SMALL: usize = 8;
const LARGE: usize = 1_024;

pub(super) const CASES: &[Case] = &[
    timed_case(
        "queue",
        "yields",
        "one of 1,000 tasks yields",
        &[
            model("first in, first out", |size| yields(FIFO, size)),
            model("slot, 3 in a row", |size| yields(SLOT, size)),
            model("by lot", |size| yields(LOT, size)),
        ],
    ),
    timed_case(
        "queue",
        "engine's yields",
        "the same on Rondel, local flavour",
        &[
            engine("first in, first out", |size| engine_yields(false, size)),
            engine("by lot (shuffle)", |size| engine_yields(true, size)),
        ],
    ),
    timed_case(
        "queue",
        "pairs, 64 B",
        "a message between two tasks, 500 pairs, each task with 64 B of its own",
        PAIRS_SMALL,
    ),
    timed_case(
        "queue",
        "pairs, 8 KiB",
        "the same with 8 KiB each (8 MiB in all), read in every poll",
        PAIRS_LARGE,
    ),
    counted_case(
        "queue",
        "bystander",
        "polls",
        "of others before a third task runs beside two that send to each other for ever \
         (stopped at 100,000)",
        &[
            model("first in, first out", |_| bystander(FIFO)),
            model("slot, 3 in a row", |_| bystander(SLOT)),
            model("slot, no bound", |_| bystander(SLOT_UNBOUNDED)),
        ],
    ),
    counted_case(
        "queue",
        "longest wait",
        "polls",
        "of others between a wake and the poll, at most, among 1,000 tasks that yield 100 times",
        &[
            model("first in, first out", |_| longest_wait(FIFO)),
            model("by lot", |_| longest_wait(LOT)),
        ],
    ),
];

const PAIRS_SMALL: &[Variant] = &[
    model("first in, first out", |size| pairs(FIFO, SMALL, size)),
    model("slot, 3 in a row", |size| pairs(SLOT, SMALL, size)),
    model("slot, no bound", |size| pairs(SLOT_UNBOUNDED, SMALL, size)),
    model("by lot", |size| pairs(LOT, SMALL, size)),
];

const PAIRS_LARGE: &[Variant] = &[
    model("first in, first out", |size| pairs(FIFO, LARGE, size)),
    model("slot, 3 in a row", |size| pairs(SLOT, LARGE, size)),
    model("slot, no bound", |size| pairs(SLOT_UNBOUNDED, LARGE, size)),
    model("by lot", |size| pairs(LOT, LARGE, size)),
];

fn yields(discipline: Discipline, size: Size) -> f64 {
    let (tasks, times) = (1_000, size.pick(200, 50));
    let executor = Executor::new(discipline, tasks);
    let task = |_| -> Task {
        Box::pin(async move {
            for _ in 0..times {
                give_way().await;
            }
        })
    };
    let tasks_made = (0..tasks).map(task).collect();
    ns_per_op(tasks * times, || {
        black_box(executor.run(tasks_made, usize::MAX, usize::MAX, || ()));
    })
}

fn engine_yields(shuffle: bool, size: Size) -> f64 {
    let (tasks, times) = (1_000, size.pick(200, 50));
    let builder = rondel::Builder::new_current_thread().seed(1).shuffle(shuffle);
    let runtime = builder.build().expect("a runtime");
    runtime.block_on(yields_on_rondel(tasks, times))
}

/// Whose turn it is, between two tasks.
type Turn = Rc<Cell<usize>>;

/// One of two tasks that send to each other `times` times: whoever has the turn looks at its data,
/// gives the turn to the other one and wakes it.
fn half(executor: &Executor, number: usize, turn: Turn, words: usize, times: usize) -> Task {
    let other = executor.waker(number ^ 1).clone();
    let data = vec![1_u64; words];
    let mut sent = 0;
    Box::pin(poll_fn(move |_| {
        if turn.get() % 2 != number % 2 {
            return Poll::Pending;
        }
        black_box(data.iter().sum::<u64>());
        turn.set(turn.get() + 1);
        other.wake_by_ref();
        sent += 1;
        if sent == times { Poll::Ready(()) } else { Poll::Pending }
    }))
}

fn pairs(discipline: Discipline, words: usize, size: Size) -> f64 {
    let (pairs, times) = (500, size.pick(200, 50));
    let executor = Executor::new(discipline, 2 * pairs);
    let mut tasks = Vec::with_capacity(2 * pairs);
    for pair in 0..pairs {
        let turn = Turn::default();
        tasks.push(half(&executor, 2 * pair, turn.clone(), words, times));
        tasks.push(half(&executor, 2 * pair + 1, turn, words, times));
    }
    ns_per_op(2 * pairs * times, || {
        black_box(executor.run(tasks, usize::MAX, usize::MAX, || ()));
    })
}

fn bystander(discipline: Discipline) -> f64 {
    let polls_max = 100_000;
    let executor = Executor::new(discipline, 3);
    let turn = Turn::default();
    let polls = Rc::new(Cell::new(0));
    let count = |task: Task| -> Task {
        let (polls, mut task) = (polls.clone(), task);
        Box::pin(poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            task.as_mut().poll(cx)
        }))
    };
    let seen = Rc::new(Cell::new(None));
    let (note, counted) = (seen.clone(), polls.clone());
    let tasks: Vec<Task> = vec![
        count(half(&executor, 0, turn.clone(), SMALL, usize::MAX)),
        count(half(&executor, 1, turn, SMALL, usize::MAX)),
        Box::pin(async move { note.set(Some(counted.get())) }),
    ];
    let _ = executor.run(tasks, polls_max, usize::MAX, || ());
    seen.get().unwrap_or(polls_max) as f64
}

fn longest_wait(discipline: Discipline) -> f64 {
    let (tasks, times) = (1_000, 100);
    let executor = Executor::new(discipline, tasks);
    let clock = Rc::new(Cell::new(0_usize));
    let longest = Rc::new(RefCell::new(0));
    let task = |_| -> Task {
        let (clock, longest) = (clock.clone(), longest.clone());
        Box::pin(async move {
            for _ in 0..times {
                let woken_at = clock.get();
                give_way().await;
                let waited = clock.get() - woken_at;
                longest.replace_with(|&mut most| most.max(waited));
                clock.set(clock.get() + 1);
            }
        })
    };
    let _ = executor.run((0..tasks).map(task).collect(), usize::MAX, usize::MAX, || ());
    longest.take() as f64
}
