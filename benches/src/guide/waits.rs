//! Many waits: one after the other, by threads, by tasks; and the mistake of blocking in a task.

use std::time::{Duration, Instant};

use super::peers::{Program, scripts};
use crate::machine::cpu_time;

/// One way to wait.
#[derive(Debug)]
pub struct Way {
    /// What the table calls it.
    pub name: &'static str,
    /// Who waits.
    pub program: Program,
    /// Waits one after the other: as long as all waits together.
    pub slow: bool,
    /// What the guide says, in seconds; `None` where it says nothing.
    pub claim: Option<f64>,
}

const fn way(name: &'static str, program: Program, slow: bool, claim: Option<f64>) -> Way {
    Way { name, program, slow, claim }
}

const fn own(way: &'static [&'static str]) -> Program {
    Program::Own(way)
}

const fn python(way: &'static str) -> Program {
    Program::Python(scripts::PYTHON_WAITS, way, &[])
}

/// Table `hundred`.
pub const HUNDRED: &[Way] = &[
    way("Python, sequential", python("sequential"), true, Some(10.0)),
    way("Python, 100 threads", python("threads"), false, Some(0.15)),
    way("Python, asyncio", python("async"), false, Some(0.10)),
    way("Rust, sequential", own(&["--wait", "sequential"]), true, None),
    way("Rust, 100 threads", own(&["--wait", "threads"]), false, None),
    way("Rondel, 100 tasks", own(&["--wait", "rondel"]), false, None),
    way("tokio, 100 tasks", own(&["--wait", "tokio"]), false, None),
];

/// Table `sleeps`.
pub const SLEEPS: &[Way] = &[
    way("Python, blocking in tasks", python("blocking"), true, Some(10.0)),
    way("Python, asyncio", python("async"), false, Some(1.0)),
    way("Rondel, blocking in tasks", own(&["--wait", "rondel-blocking"]), true, None),
    way("Rondel, awaited", own(&["--wait", "rondel"]), false, None),
    way("Rondel, awaited, virtual time", own(&["--wait", "rondel-virtual"]), false, None),
];

/// Waits `requests` times `time` in the way called `way`; returns wall and CPU time.
///
/// Fails if there is no such way, or no thread to be had.
pub fn wait(way: &str, requests: usize, time: Duration) -> Result<(Duration, Duration), String> {
    let (wall, cpu) = (Instant::now(), cpu_time());
    match way {
        "sequential" => (0..requests).for_each(|_| std::thread::sleep(time)),
        "threads" => std::thread::scope(|scope| {
            let start = |_| std::thread::Builder::new().spawn_scoped(scope, || sleep(time));
            let started: Result<Vec<_>, _> = (0..requests).map(start).collect();
            started.map(drop).map_err(|error| format!("cannot start a thread: {error}"))
        })?,
        "rondel" => rondel::run(on_rondel(requests, time)),
        "rondel-blocking" => rondel::run(async {
            let sleeps = (0..requests).map(|_| rondel::spawn(async move { sleep(time) }));
            for task in sleeps.collect::<Vec<_>>() {
                task.await.expect("it only sleeps");
            }
        }),
        "rondel-virtual" => {
            let builder = rondel::Builder::new_current_thread().start_paused(true);
            let runtime = builder.build().map_err(|error| format!("no runtime: {error}"))?;
            runtime.block_on(on_rondel(requests, time));
        }
        "tokio" => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build();
            let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
            runtime.block_on(async {
                let sleeps = (0..requests).map(|_| tokio::spawn(tokio::time::sleep(time)));
                for task in sleeps.collect::<Vec<_>>() {
                    task.await.expect("it only sleeps");
                }
            });
        }
        _ => return Err(format!("no way to wait is called {way}")),
    }
    Ok((wall.elapsed(), cpu_time() - cpu))
}

fn sleep(time: Duration) {
    std::thread::sleep(time);
}

async fn on_rondel(requests: usize, time: Duration) {
    let sleeps = (0..requests).map(|_| rondel::spawn(rondel::time::sleep(time)));
    for task in sleeps.collect::<Vec<_>>() {
        task.await.expect("it only sleeps");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that every way of the tables waits, and that an unknown one is refused.
    /// Method: three waits of a millisecond each.
    #[test]
    fn every_own_way_waits() {
        for way in HUNDRED.iter().chain(SLEEPS) {
            if let Program::Own(["--wait", name]) = way.program {
                wait(name, 3, Duration::from_millis(1)).unwrap();
            }
        }
        assert!(wait("fast", 1, Duration::ZERO).unwrap_err().contains("fast"));
    }
}
