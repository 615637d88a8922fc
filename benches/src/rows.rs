//! The rows: what is measured, in which unit, and the goal as a ratio to tokio.

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    /// What the command line and the JSON call it.
    pub name: &'static str,
    /// Unit of the figure.
    pub unit: &'static str,
    /// The ratio Rondel / tokio that we want at most; `None` where there is none.
    pub goal: Option<f64>,
    /// What one operation is.
    pub what: &'static str,
}

const fn ns(name: &'static str, goal: f64, what: &'static str) -> Row {
    Row { name, unit: "cpu ns/op", goal: Some(goal), what }
}

/// Every row, in the order of the table.
pub const ROWS: &[Row] = &[
    ns("spawn_join_1k", 0.28, "spawn 1,000 tasks, then join them in order"),
    ns("spawn_join_100k", 0.32, "spawn 100,000 tasks, then join them in order"),
    ns("spawn_await_each", 0.15, "spawn a task and join it before the next"),
    ns("spawn_detached_1k", 0.30, "spawn 1,000 tasks and drop the handles"),
    ns("yield_1", 0.08, "one task yields"),
    ns("yield_1k", 0.28, "1,000 tasks yield in turn"),
    ns("ping_pong_mpsc", 0.45, "round trip between two tasks over two mpsc channels of one place"),
    ns("ping_pong_oneshot", 0.45, "round trip between two tasks over two fresh oneshots"),
    ns("mpsc_100", 0.45, "an item through a bounded(100) mpsc, one sender"),
    ns("broadcast_1x4", 0.90, "a value through a broadcast to 4 tasks, sent in bursts of 16"),
    ns("watch", 0.30, "a value sent through a watch to a task that waits for it"),
    ns("recv_budget", 0.60, "take an item that is there; each 128th time the budget is spent"),
    ns("recv_no_budget", 0.60, "the same, freed of the budget: the difference is its cost"),
    ns("semaphore", 0.55, "acquire and release a free permit"),
    ns("semaphore_1000x5", 0.38, "1,000 tasks take turns at 5 permits; held over a yield"),
    ns("mutex", 0.55, "lock and unlock a free mutex"),
    ns("mutex_1000", 0.25, "1,000 tasks take turns at a mutex; held over a yield"),
    ns("sleep_bulk", 0.30, "arm a sleep among up to 1 M (quick: 100 k), then disarm them all"),
    ns("sleep_churn", 0.22, "disarm one of 1,000 sleeps and arm it anew, in one busy poll"),
    ns("sleep_churn_near", 0.44, "the same while a nearer sleep stands"),
    ns("sleep_fire", 0.70, "a task sleeps 1-200 ms, 100 k (quick: 20 k) at once"),
    Row {
        name: "sleep_lateness",
        unit: "us, median",
        goal: Some(0.52),
        what: "how late a sleep wakes its task, 1,000 of them over 200 ms",
    },
    ns("timeout_ready", 0.20, "timeout around a ready future"),
    ns("timeout_yield", 0.45, "timeout around one yield"),
    ns("gather_ready", 0.30, "a child of a gather of 10,000 that is ready at once"),
    ns("gather_yield", 0.40, "a child of a gather of 10,000 that yields once"),
    ns("gather_tasks", 0.08, "a task of a gather of 10,000 spawned tasks"),
    ns("join_set", 1.00, "a task of a JoinSet of 10,000, joined as they end"),
    ns("select_2", 0.45, "send an item and take it by select over two mpsc channels"),
    ns("abort_100k", 0.25, "abort a pending task and join it, 100 k at once"),
    Row {
        name: "bytes_per_task",
        unit: "bytes",
        goal: Some(0.395),
        what: "resident bytes of a sleeping task, 1 M (quick: 200 k)",
    },
    ns("spawn_blocking", 0.60, "round trip to the blocking pool and back, on one CPU"),
    ns("start_stop", 1.00, "build a runtime, run an empty future, shut down"),
];

/// Those that mean something with many threads, and the goals there.
pub const OF_MANY_THREADS: &[(&str, f64)] = &[
    ("spawn_join_1k", 0.75),
    ("spawn_join_100k", 0.75),
    ("spawn_await_each", 0.75),
    ("yield_1", 0.75),
    ("yield_1k", 0.75),
    ("ping_pong_mpsc", 0.75),
    ("ping_pong_oneshot", 0.75),
    ("mpsc_100", 0.75),
    ("semaphore_1000x5", 0.75),
    ("mutex_1000", 1.0),
    ("gather_tasks", 1.0),
    ("join_set", 1.0),
    ("abort_100k", 1.0),
    ("spawn_blocking", 1.0),
    ("start_stop", 1.0),
];

/// The row of that name.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
