//! The study guide's own tables, measured: what it claims beside what this machine says.
//!
//! | table | the guide's claim | measured here |
//! |---|---|---|
//! | hundred | 100 requests of 100 ms: 10 s, 0.15 s by threads, 0.10 s by asyncio | `waits.rs` |
//! | sleeps | 10 sleeps of 1 s: 10 s if they block, 1 s if they are awaited | `waits.rs` |
//! | memory | 8 MB a thread, 30 MB a process, 1 KB a coroutine | `memory.rs` |
//! | echo | 10,000 connections: requests a second and p99 of four loops | `servers.rs` |
//! | json | requests a second of web frameworks | `servers.rs` |
//!
//! Rules
//! 1. A peer that is not installed is a line that says how to install it, never an error.
//! 2. A peer gets what its users have: its usual server, one worker, on one CPU, like all others.
//! 3. Everything is on loopback, bounded in time, and killed at the end.

pub mod memory;
pub mod peers;
pub mod pulse;
pub mod servers;
pub mod waits;

/// The tables by name.
pub const TABLES: &[(&str, &str)] = &[
    ("hundred", "100 requests of 100 ms: one after the other, by threads, by tasks"),
    ("sleeps", "10 sleeps of 1 s in 10 tasks: blocking, awaited, in virtual time"),
    ("memory", "bytes of a waiting thread, process, coroutine, task"),
    ("echo", "10,000 TCP connections: requests a second, CPU, latency"),
    ("json", "a small JSON answer over HTTP, 64 connections: requests a second, CPU"),
];
