//! Families: rows that belong together stand together.

/// The families in the order of the page.
pub const FAMILIES: &[&str] = &[
    "Tasks",
    "Combining futures",
    "Channels",
    "Locks",
    "Time",
    "Threads",
    "Sockets",
    "Memory",
    "Others",
];

/// How the names of a family's rows begin.
const BEGINNINGS: &[(&str, &str)] = &[
    ("bytes", "Memory"),
    ("memory", "Memory"),
    ("idle_", "Memory"),
    ("spawn_blocking", "Threads"),
    ("spawn_outside", "Threads"),
    ("spawn_across", "Threads"),
    ("wake_across", "Threads"),
    ("scaling", "Threads"),
    ("start_stop", "Tasks"),
    ("spawn", "Tasks"),
    ("yield", "Tasks"),
    ("await", "Tasks"),
    ("abort", "Tasks"),
    ("join_set", "Tasks"),
    ("gather", "Combining futures"),
    ("select", "Combining futures"),
    ("ping_pong", "Channels"),
    ("mpsc", "Channels"),
    ("oneshot", "Channels"),
    ("broadcast", "Channels"),
    ("watch", "Channels"),
    ("recv", "Channels"),
    ("queue", "Channels"),
    ("semaphore", "Locks"),
    ("mutex", "Locks"),
    ("rwlock", "Locks"),
    ("notify", "Locks"),
    ("barrier", "Locks"),
    ("sleep", "Time"),
    ("timeout", "Time"),
    ("interval", "Time"),
    ("echo", "Sockets"),
    ("churn", "Sockets"),
    ("hyper", "Sockets"),
    ("http", "Sockets"),
    ("udp", "Sockets"),
    ("scrape", "Sockets"),
];

/// The family of a row, by its name.
pub fn of(row: &str) -> &'static str {
    let found = BEGINNINGS.iter().find(|(beginning, _)| row.starts_with(beginning));
    found.map_or("Others", |(_, family)| family)
}
