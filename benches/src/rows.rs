//! The rows: what is measured, in which unit, in which flavours, and the goal.

use crate::duel::Report;
use crate::meter::Size;
use crate::runtimes::Runtime;

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What the command line and the JSON call it.
    pub name: &'static str,
    /// Unit of the figure.
    pub unit: &'static str,
    /// What one operation is.
    pub what: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// Whether it is measured on one thread, and what we want there.
    pub local: Goal,
    /// The same for a worker on each CPU.
    pub stealing: Goal,
}

/// How a row is measured.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A body in a child process.
    Body,
    /// A server in one process and its load in another, started by this function.
    Server(Measure),
    /// Something counted instead of timed, by this function.
    Count(Measure),
}

impl Kind {
    /// Its name in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Server(_) => "server",
            Self::Count(_) => "count",
        }
    }
}

/// Measures on one runtime; `Ok(Err(why))` if that runtime cannot do it.
pub type Measure = fn(&Runtime, Size) -> Result<Result<Report, String>, String>;

/// What we want of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// It means nothing in this flavour and is not measured there.
    Absent,
    /// It is measured without a goal.
    Open,
    /// The ratio Rondel / tokio at most.
    Ratio(f64),
    /// Rondel's own figure at most.
    Figure(f64),
}

/// How many threads run the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// One thread.
    Local,
    /// A worker for each CPU.
    Stealing,
}

impl Flavour {
    /// Its name on the command line and in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Stealing => "stealing",
        }
    }
}

impl Row {
    /// What we want of the row in that flavour.
    pub fn goal(&self, flavour: Flavour) -> Goal {
        match flavour {
            Flavour::Local => self.local,
            Flavour::Stealing => self.stealing,
        }
    }

    /// Whether the row means something in that flavour.
    pub fn is_in(&self, flavour: Flavour) -> bool {
        self.goal(flavour) != Goal::Absent
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Measured on one thread, with this ratio to tokio as the goal.
    const fn local(self, ratio: f64) -> Self {
        Self { local: Goal::Ratio(ratio), ..self }
    }

    /// Not measured on one thread.
    const fn absent(self) -> Self {
        Self { local: Goal::Absent, ..self }
    }

    /// Measured on one thread, with this figure as the goal.
    const fn local_figure(self, most: f64) -> Self {
        Self { local: Goal::Figure(most), ..self }
    }

    /// Measured on many threads, with this figure as the goal.
    const fn stealing_figure(self, most: f64) -> Self {
        Self { stealing: Goal::Figure(most), ..self }
    }

    /// Measured on many threads, with this ratio to tokio as the goal.
    const fn stealing(self, ratio: f64) -> Self {
        Self { stealing: Goal::Ratio(ratio), ..self }
    }
}

/// CPU nanoseconds per operation, on one thread, without a goal.
const fn ns(name: &'static str, what: &'static str) -> Row {
    Row {
        name,
        unit: "cpu ns/op",
        what,
        kind: Kind::Body,
        local: Goal::Open,
        stealing: Goal::Absent,
    }
}

/// The rows of bodies, in the order of the table.
const BODIES: &[Row] = &[
    ns("spawn_join_1k", "spawn 1,000 tasks, then join them in order").local(0.28).stealing(0.75),
    ns("spawn_join_100k", "spawn 100,000 tasks, then join them in order")
        .local(0.32)
        .stealing(0.75),
    ns("spawn_await_each", "spawn a task and join it before the next").local(0.15).stealing(0.75),
    ns("spawn_detached_1k", "spawn 1,000 tasks and drop the handles").local(0.30),
    ns("spawn_inside_1k", "as spawn_join_1k, done by a worker").absent().stealing(0.75),
    ns("spawn_outside", "a thread spawns 10,000 tasks; the loop joins them").stealing(0.75),
    ns("spawn_across", "a thread spawns a task and waits until it has run").stealing(1.00),
    ns("spawn_chain", "a task spawns the next, 10,000 times").stealing(0.75),
    ns("abort_100k", "abort a pending task and join it, 100 k at once").local(0.25).stealing(1.00),
    ns("join_set", "a task of a JoinSet of 10,000, joined as they end").local(1.00).stealing(1.00),
    ns("yield_1", "one task yields").local(0.08).stealing(0.75),
    ns("yield_1k", "1,000 tasks yield in turn").local(0.28).stealing(0.75),
    ns("await_chain", "a task yields through 100 nested futures").stealing(1.00),
    ns("bytes_idle_task", "resident bytes of a task that waits, 1 M (quick: 200 k)")
        .unit("bytes")
        .stealing(1.00),
    ns("bytes_per_task", "resident bytes of a sleeping task, 1 M (quick: 200 k)")
        .unit("bytes")
        .local_figure(180.0)
        .stealing(1.00),
    ns("ping_pong_mpsc", "round trip between two tasks over two mpsc channels of one place")
        .local(0.45)
        .stealing(0.75),
    ns("ping_pong_oneshot", "round trip between two tasks over two fresh oneshots")
        .local(0.45)
        .stealing(0.75),
    ns("mpsc_100", "an item through a bounded(100) mpsc, one sender").local(0.45).stealing(0.75),
    ns("mpsc_100_4x1", "an item through a bounded(100) mpsc, four senders").stealing(0.75),
    ns("mpsc_unbounded", "an item through an unbounded mpsc, in bursts of 100").stealing(0.75),
    ns("queue_100", "an item through an asyncio Queue of 100 places; tokio: an mpsc")
        .stealing(1.00),
    ns("oneshot", "make a oneshot, send and receive, in one task").stealing(1.00),
    ns("notify", "round trip between two tasks over two Notifys").stealing(1.00),
    ns("broadcast_1x4", "a value through a broadcast to 4 tasks, sent in bursts of 16").local(0.90),
    ns("watch", "a value sent through a watch to a task that waits for it").local(0.30),
    ns("recv_budget", "take an item that is there; each 128th time the budget is spent")
        .local(0.60)
        .stealing(1.00),
    ns("recv_no_budget", "the same, freed of the budget: the difference is its cost")
        .local(0.60)
        .stealing(1.00),
    ns("semaphore", "acquire and release a free permit").local(0.55).stealing(0.75),
    ns("semaphore_1000x5", "1,000 tasks take turns at 5 permits; held over a yield")
        .local(0.38)
        .stealing(0.75),
    ns("mutex", "lock and unlock a free mutex").local(0.55).stealing(1.00),
    ns("mutex_1000", "1,000 tasks take turns at a mutex; held over a yield")
        .local(0.25)
        .stealing(1.00),
    ns("sleep_bulk", "arm a sleep among up to 1 M (quick: 100 k), then disarm them all")
        .local(0.30)
        .stealing(1.00),
    ns("sleep_churn", "disarm one of 1,000 sleeps and arm it anew, in one busy poll")
        .local(0.22)
        .stealing(1.00),
    ns("sleep_churn_near", "the same while a nearer sleep stands").local(0.44).stealing(1.00),
    ns("sleep_fire", "a task sleeps 1-200 ms, 100 k (quick: 20 k) at once")
        .local(0.70)
        .stealing(1.00),
    ns("sleep_lateness", "how late a sleep wakes its task, 1,000 of them over 200 ms")
        .unit("us, median")
        .local_figure(600.0)
        .stealing(1.00),
    ns("timeout_ready", "timeout around a ready future").local(0.20).stealing(1.00),
    ns("timeout_yield", "timeout around one yield").local(0.45).stealing(1.00),
    ns("interval", "a tick of 1,000 intervals of 5 ms").stealing(1.00),
    ns("gather_ready", "a child of a gather of 10,000 that is ready at once")
        .local(0.30)
        .stealing(1.00),
    ns("gather_yield", "a child of a gather of 10,000 that yields once").local(0.40).stealing(1.00),
    ns("gather_tasks", "a task of a gather of 10,000 spawned tasks").local(0.08).stealing(1.00),
    ns("select_2", "send an item and take it by select over two mpsc channels")
        .local(0.45)
        .stealing(1.00),
    ns("select_8", "the same over eight").local(0.45).stealing(1.00),
    ns("spawn_blocking", "round trip to the blocking pool and back").local(0.60).stealing(1.00),
    ns("wake_across", "round trip over two mpsc channels to a runtime on another thread")
        .local(1.00)
        .stealing(1.00),
    ns("udp", "64 B to another task and back, by two UDP sockets on loopback")
        .local(1.00)
        .stealing(1.00),
    ns("start_stop", "build a runtime, run an empty future, shut down").local(1.00).stealing(1.00),
    ns("scaling", "wall time of CPU-bound tasks on two workers over that on one")
        .unit("wall, 2 / 1")
        .absent()
        .stealing_figure(0.556), // 1 / 1.8
];

/// Every row, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Row> {
    BODIES.iter().chain(crate::servers::rows::ROWS)
}

/// The row of that name.
pub fn find(name: &str) -> Option<&'static Row> {
    all().find(|row| row.name == name)
}
