//! The server's system calls per request, by name: counts that do not depend on the machine.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Plan;
use super::measure::start;

/// Calls rarer than this a request are not about the request.
const SHARE_MIN: f64 = 0.001;

/// Counts the system calls per request of `plan`'s server on `runtime`.
///
/// Fails without strace, and where it may not look at other processes.
pub fn count(plan: Plan, runtime: &str) -> io::Result<Vec<(String, f64)>> {
    let requests = if plan.conns == 1 { 2_000 } else { 20_000.max(plan.conns * 4) };
    let (server, mut load) = start(plan, runtime)?;
    let strace = Command::new("strace")
        .args(["-c", "-f", "-U", "calls,name", "-p", &server.id().to_string()])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other(
                "strace is not here: install it (Debian: apt-get install strace), or leave \
                 --strace out",
            ),
            _ => io::Error::other(format!("cannot start strace: {error}")),
        })?;
    std::thread::sleep(Duration::from_millis(500)); // it says nothing when it is attached
    let _: [f64; 3] = load.ask(&requests.to_string())?;
    let tracer = rustix::process::Pid::from_child(&strace);
    rustix::process::kill_process(tracer, rustix::process::Signal::INT)?;
    let summary = String::from_utf8_lossy(&strace.wait_with_output()?.stderr).into_owned();
    let calls: Vec<_> = summary.lines().filter_map(|row| per_request(row, requests)).collect();
    if calls.is_empty() {
        return Err(io::Error::other(format!("strace counted nothing; it said: {summary}")));
    }
    Ok(calls)
}

/// A row of strace's summary: how many calls, of which name.
fn per_request(row: &str, requests: usize) -> Option<(String, f64)> {
    let mut words = row.split_whitespace();
    let calls: f64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let share = calls / requests as f64;
    (share >= SHARE_MIN && name != "total").then(|| (name.to_string(), share))
}
