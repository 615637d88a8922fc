//! Memory of things that wait.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::peers::{Program, proc_bytes, scripts};
use crate::meter::{Meter, Size};
use crate::runtimes;

/// A thing that waits.
#[derive(Debug)]
pub struct Thing {
    /// What the table calls it.
    pub name: &'static str,
    /// Who makes many of them and prints the bytes of each.
    pub program: Program,
    /// How many, in a full run; a tenth in a quick one.
    pub count: usize,
    /// What the guide says, in bytes.
    pub claim: Option<f64>,
}

const MB: f64 = 1024.0 * 1024.0;

const fn own(kind: &'static [&'static str]) -> Program {
    Program::Own(kind)
}

const fn python(kind: &'static str) -> Program {
    Program::Python(scripts::PYTHON_MEMORY, kind, &[])
}

const fn thing(name: &'static str, program: Program, count: usize, claim: Option<f64>) -> Thing {
    Thing { name, program, count, claim }
}

/// Table `memory`.
pub const THINGS: &[Thing] = &[
    thing("process (Python, forked)", python("process"), 50, Some(30.0 * MB)),
    thing("process (Rust, started)", own(&["--memory", "process"]), 50, None),
    thing("thread (Python)", python("thread"), 1_000, Some(8.0 * MB)),
    thing("thread (Rust)", own(&["--memory", "thread"]), 1_000, None),
    thing("goroutine, asleep", Program::Go("memory"), 100_000, None),
    thing("coroutine (Python), not started", python("coroutine"), 100_000, Some(1024.0)),
    thing("task (asyncio), asleep", python("task"), 100_000, Some(1024.0)),
    thing("task (tokio), asleep", own(&["--memory", "tokio"]), 1_000_000, None),
    thing("task (Rondel), asleep", own(&["--memory", "rondel"]), 1_000_000, None),
];

/// Resident bytes and bytes of address space of each of `count` things.
///
/// Fails if there is no such thing, or if the machine does not give so many.
pub fn weigh(kind: &str, count: usize) -> io::Result<(f64, f64)> {
    match kind {
        "thread" => threads(count),
        "process" => processes(count),
        "rondel" | "tokio" => Ok(tasks(kind, count)),
        _ => Err(io::Error::other(format!("nothing to weigh is called {kind}"))),
    }
}

fn own_bytes() -> io::Result<(f64, f64)> {
    let bytes = |field| proc_bytes("self", "status", field).map(|bytes| bytes as f64);
    Ok((bytes("VmRSS:")?, bytes("VmSize:")?))
}

fn threads(count: usize) -> io::Result<(f64, f64)> {
    let (resident, address) = own_bytes()?;
    for _ in 0..count {
        // They end with the process.
        std::thread::Builder::new().spawn(|| std::thread::sleep(Duration::from_secs(3_600)))?;
    }
    std::thread::sleep(Duration::from_millis(200)); // all have started
    let (resident_then, address_then) = own_bytes()?;
    let each = |grown: f64| grown / count as f64;
    Ok((each(resident_then - resident), each(address_then - address)))
}

/// Of a process counts what it does not share: a page that n processes have counts 1/n for each.
fn processes(count: usize) -> io::Result<(f64, f64)> {
    let exe = std::env::current_exe()?;
    let mut children = Children(Vec::with_capacity(count));
    for _ in 0..count {
        let mut command = Command::new(&exe);
        let child = command.arg("--asleep").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        children.0.push(child);
    }
    std::thread::sleep(Duration::from_millis(200)); // all have started
    let (mut resident, mut address) = (0, 0);
    for child in &children.0 {
        let pid = child.id().to_string();
        resident += proc_bytes(&pid, "smaps_rollup", "Pss:")?;
        address += proc_bytes(&pid, "status", "VmSize:")?;
    }
    Ok((resident as f64 / count as f64, address as f64 / count as f64))
}

/// Killed when dropped.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Killing what has already ended fails, and that is all right.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// By the row of the duel; it knows three sizes, of which the nearest to `count` is taken.
fn tasks(runtime: &str, count: usize) -> (f64, f64) {
    let size = match count {
        1_000_000.. => Size::Full,
        100_000.. => Size::Quick,
        _ => Size::Smoke,
    };
    let mut meter = Meter::new(size);
    let runtime = runtimes::find(runtime).expect("a runtime of the duel");
    runtime.run("bytes_per_task", &mut meter).expect("a row of the duel");
    (meter.figure(), f64::NAN)
}
