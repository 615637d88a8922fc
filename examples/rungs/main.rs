//! The rungs of the ladder against each other: the same load on each, measured.
//!
//! Run it: `cargo run --release --example rungs`, or with `-- --quick`
//!
//! It builds the rungs in release mode and lets them take turns, round by round, each in a process
//! of its own; the far side answers from this process, so that the figures are the rung's alone.
//!
//! - *CPU ns/op*: user and system time of all threads of the rung, by request; the median.
//! - *ms*: how long the whole load took, by the clock on the wall.
//! - *system calls/op*: counted by `strace -f -c`, in runs of their own, as the difference of a
//!   long and a short run, so that what happens once is not counted. Without strace: a dash.
//! - *lines*: of code, without comments and blank lines; for 11 and 12 the engine is not counted.

mod far;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fs, io};

const CLIENTS: usize = 50;
/// Requests of one client; each is answered after 2 ms.
const REQUESTS: usize = 40;
const ROUNDS: usize = 5;

struct Rung {
    name: String,
    lines: usize,
    cpu_ns: Vec<f64>,
    wall_ms: Vec<f64>,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let rounds = if std::env::args().any(|word| word == "--quick") { 1 } else { ROUNDS };
    match race(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rungs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn race(rounds: usize) -> Outcome<()> {
    let mut rungs = rungs()?;
    build(&rungs)?;
    let (far, _) = far::far_side()?;
    println!("{CLIENTS} clients, {REQUESTS} requests each, answered after 2 ms; {rounds} rounds\n");
    for _ in 0..rounds {
        for rung in &mut rungs {
            let [cpu, wall] = run(&rung.name, far, REQUESTS)?;
            rung.cpu_ns.push(cpu / (CLIENTS * REQUESTS) as f64);
            rung.wall_ms.push(wall / 1e6);
        }
    }
    if Command::new("strace").arg("-V").output().is_err() {
        println!("strace is not here (apt-get install strace): the system calls are not counted");
    }
    println!("| rung | lines | CPU ns/op | ms | system calls/op |\n|---|---|---|---|---|");
    for rung in &mut rungs {
        let (cpu, wall) = (median(&mut rung.cpu_ns), median(&mut rung.wall_ms));
        let calls = calls_per_op(&rung.name, far)?.map_or("–".to_owned(), |n| format!("{n:.2}"));
        println!("| `{}` | {} | {cpu:.0} | {wall:.0} | {calls} |", rung.name, rung.lines);
    }
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rungs() -> io::Result<Vec<Rung>> {
    let mut rungs = Vec::new();
    for entry in fs::read_dir(root().join("examples"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("rung_") {
            let lines = code_lines(&fs::read_to_string(&path)?);
            rungs.push(Rung { name, lines, cpu_ns: Vec::new(), wall_ms: Vec::new() });
        }
    }
    rungs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rungs)
}

fn code_lines(text: &str) -> usize {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    text.lines().filter(is_code).count()
}

fn build(rungs: &[Rung]) -> Outcome<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--release"]).current_dir(root());
    for rung in rungs {
        command.args(["--example", &rung.name]);
    }
    if command.status()?.success() { Ok(()) } else { Err("the rungs do not compile".into()) }
}

/// The rungs stand beside this program.
fn binary(name: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

fn arguments(far: SocketAddr, requests: usize) -> [String; 4] {
    ["--bench".to_owned(), far.to_string(), CLIENTS.to_string(), requests.to_string()]
}

/// CPU and wall time in nanoseconds.
fn run(name: &str, far: SocketAddr, requests: usize) -> Outcome<[f64; 2]> {
    let output = Command::new(binary(name)?).args(arguments(far, requests)).output()?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let ["cpu_ns", cpu, "wall_ns", wall] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("{name} printed {text:?}").into());
    };
    Ok([cpu.parse()?, wall.parse()?])
}

/// `None` without strace.
fn calls_per_op(name: &str, far: SocketAddr) -> Outcome<Option<f64>> {
    let (few, many) = (5, 15);
    let (Some(short), Some(long)) = (calls(name, far, few)?, calls(name, far, many)?) else {
        return Ok(None);
    };
    Ok(Some((long - short) / (CLIENTS * (many - few)) as f64))
}

fn calls(name: &str, far: SocketAddr, requests: usize) -> Outcome<Option<f64>> {
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-U", "name,calls"]).arg(binary(name)?);
    let output = match command.args(arguments(far, requests)).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text.lines().filter_map(|line| line.trim().strip_prefix("total")).next_back();
    let total = total.ok_or_else(|| format!("strace of {name} gave no total: {text}"))?;
    Ok(Some(total.trim().parse()?))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
