//! What each idea is worth: the engine with and without it where it has a switch, else a model.
//!
//! | table | idea | from |
//! |---|---|---|
//! | queue | first in, first out; no slot for the task woken last | models, and the engine's shuffle |
//! | timers | a wheel, not a heap or a sorted map | the engine's wheel, models of the others |
//! | edge | a socket is registered once, edge-triggered | the engine's reactor three times |
//! | budget | a task that finds everything ready stands in line again | the engine, freed of it |
//! | batch | 61 polls, then a look outside | a model, and the engine with and without a socket |
//! | counts | a reference counted by its owner needs no atomic | the engine's two flavours, an Arc |
//!
//! Rules
//! 1. A model is the part alone, as small as it can be, and the same for all variants but in the
//!    one point. So its ratio says more than its figure.
//! 2. Each variant says whether it is the engine or a model.
//! 3. A price in fairness is counted, not timed: it does not depend on the machine.

mod batch;
mod budget;
mod counts;
mod edge;
mod executor;
mod queue;
mod timers;

use crate::machine::cpu_time;
use crate::meter::Size;

/// A thing to compare: within a case, the first one is the base of the ratios.
#[derive(Clone, Copy)]
pub struct Variant {
    /// What the table calls it.
    pub name: &'static str,
    /// The engine itself, or a model of one part (rule 2).
    pub engine: bool,
    /// Measures one repetition.
    pub run: fn(Size) -> f64,
}

impl std::fmt::Debug for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variant").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One load under which the variants are compared.
#[derive(Debug)]
pub struct Case {
    /// The table it belongs to.
    pub table: &'static str,
    /// What the table calls the load.
    pub name: &'static str,
    /// Unit of the figures; lower is better.
    pub unit: &'static str,
    /// What one operation is.
    pub what: &'static str,
    /// Counted and the same each time: one repetition is enough.
    pub exact: bool,
    /// What is compared.
    pub variants: &'static [Variant],
}

/// The tables by name.
pub const TABLES: &[(&str, &str)] = &[
    ("queue", "ready queue: first in first out, a slot for the task woken last, by lot"),
    ("timers", "timers: the wheel, a heap as in asyncio, a sorted map as in smol"),
    ("edge", "sockets: registered once, edge-triggered, or re-armed after each event"),
    ("budget", "the cooperative budget, on and off"),
    ("batch", "polls between two looks outside: 61, 1, 1,000, no bound"),
    ("counts", "references counted by their owner, or by everybody with an atomic"),
];

/// Every case of a table.
pub fn cases(table: &str) -> &'static [Case] {
    match table {
        "queue" => queue::CASES,
        "timers" => timers::CASES,
        "edge" => edge::CASES,
        "budget" => budget::CASES,
        "batch" => batch::CASES,
        _ => counts::CASES,
    }
}

const fn engine(name: &'static str, run: fn(Size) -> f64) -> Variant {
    Variant { name, engine: true, run }
}

const fn model(name: &'static str, run: fn(Size) -> f64) -> Variant {
    Variant { name, engine: false, run }
}

const fn timed_case(
    table: &'static str,
    name: &'static str,
    what: &'static str,
    variants: &'static [Variant],
) -> Case {
    Case { table, name, unit: "cpu ns/op", what, exact: false, variants }
}

const fn counted_case(
    table: &'static str,
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    variants: &'static [Variant],
) -> Case {
    Case { table, name, unit, what, exact: true, variants }
}

/// CPU nanoseconds an operation.
fn ns_per_op(ops: usize, run: impl FnOnce()) -> f64 {
    crate::prices::timed(run).as_nanos() as f64 / ops as f64
}

/// CPU nanoseconds a yield of `tasks` tasks, on the Rondel runtime that is running.
async fn yields_on_rondel(tasks: usize, times: usize) -> f64 {
    let body = move || async move {
        for _ in 0..times {
            rondel::task::yield_now().await;
        }
    };
    let handles: Vec<_> = (0..tasks).map(|_| rondel::spawn(body())).collect();
    let before = cpu_time();
    for handle in handles {
        handle.await.expect("it only yields");
    }
    (cpu_time() - before).as_nanos() as f64 / (tasks * times) as f64
}

/// Ticks that look random, are the same each time, and lie in `from..below`.
pub(crate) fn ticks(count: usize, from: u64, below: u64) -> Vec<u64> {
    let mut lots = Lots::default();
    (0..count).map(|_| from + lots.draw() % (below - from)).collect()
}

/// Numbers that look random and are the same each time (xorshift).
pub(crate) struct Lots(u64);

impl Default for Lots {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Lots {
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
