//! The reactor race: mio against polling under one echo server, bare and under Rondel.

use std::io;
use std::process::{Command, ExitCode, Stdio};

use benches::child::{Talker, exit};
use benches::lab::{Noise, Parsed, Series, Spec, in_turn};
use benches::machine::{cpu_time, describe, pin, raise_open_files, version_of};
use benches::race::{RACERS, serve};
use benches::servers::roles;
use serde_json::{Value, json};

const SPEC: Spec = Spec {
    help: "\
reactor_race: mio against polling under one echo server, bare and under Rondel

usage: reactor_race [RACER ...] [--conns N,N,...] [--reps N] [--quick] [--strace] [--json FILE]

  RACER        racers whose name contains one of these words; all without (see --list)
  --conns      connections (default 1,64,1000,10000; with --quick 1,64,1000)
  --reps N     repetitions, all racers in turn (default 7; with --quick 3)
  --quick      fewer requests and repetitions
  --strace     instead of CPU: the server's system calls per request, by name
  --json FILE  also write all lines as a JSON array
  --smoke      next to nothing, for the tests

64 bytes echoed, 512 B a connection, one request in flight on each. Each racer is a process on a CPU
of its own, the load another on the other CPU. us: server CPU microseconds a request, median; ratio:
to the first racer, median of the repetitions' ratios with its 95 % interval (fewer than six: lowest
and highest).",
    names: RACERS,
    flags: &["--strace"],
    values: &["--conns"],
};

fn main() -> ExitCode {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--server", racer] => server(racer).map_err(|error| error.to_string()),
        ["--load", ..] => roles::play(&words).expect("a role").map_err(|error| error.to_string()),
        _ => SPEC.parse(&words).and_then(|parsed| parsed.map_or(Ok(()), |parsed| run(&parsed))),
    };
    exit("reactor_race", done)
}

/// A racer's life: says its address, then for each line it hears its CPU nanoseconds.
fn server(racer: &str) -> io::Result<()> {
    pin(0);
    std::thread::spawn(|| {
        for _ in io::stdin().lines() {
            println!("{}", cpu_time().as_nanos());
        }
        std::process::exit(0);
    });
    serve(racer, |address| println!("{address}"))
}

fn run(parsed: &Parsed) -> Result<(), String> {
    let noise = Noise::start();
    let reps = parsed.reps(7, 3);
    let standard: &[usize] = match () {
        () if parsed.has("--smoke") => &[2],
        () if parsed.has("--quick") => &[1, 64, 1_000],
        () => &[1, 64, 1_000, 10_000],
    };
    let conns = parsed.numbers("--conns")?.unwrap_or(standard.to_vec());
    let racers: Vec<&str> =
        RACERS.iter().map(|(name, _)| *name).filter(|name| parsed.wants(name)).collect();
    println!("{}", describe());
    let (mio, polling) = (version_of("mio"), version_of("polling"));
    println!("rondel {}, mio {mio}, polling {polling}, {reps} repetitions", version_of("rondel"));
    let mut json = Vec::new();
    for conns in conns {
        if parsed.has("--strace") {
            count_calls(&racers, conns, parsed, &mut json)?;
        } else {
            measure(&racers, conns, reps, parsed, &mut json).map_err(|error| error.to_string())?;
        }
    }
    println!("\n{}", noise.verdict());
    parsed.write_json(&json)
}

fn requests(conns: usize, parsed: &Parsed) -> usize {
    let full = if conns == 1 { 30_000 } else { 200_000 };
    match () {
        () if parsed.has("--smoke") => 100,
        () if parsed.has("--quick") => full / 4,
        () => full,
    }
}

/// A racer and a load with its connections open, both ready.
fn start(racer: &str, conns: usize) -> io::Result<(Talker, Talker)> {
    let mut server = Talker::start(&["--server", racer])?;
    let address = server.hear()?;
    let mut load = Talker::start(&["--load", &address, "echo", &conns.to_string()])?;
    load.hear()?;
    Ok((server, load))
}

/// CPU and wall microseconds a request.
fn one(racer: &str, conns: usize, requests: usize) -> io::Result<(f64, f64)> {
    let (mut server, mut load) = start(racer, conns)?;
    let _: [f64; 3] = load.ask(&(requests / 10).max(conns).to_string())?; // warms up
    let [before_ns] = server.ask("cpu")?;
    let [wall_ns, _p50_ns, _p99_ns] = load.ask(&requests.to_string())?;
    let [after_ns] = server.ask("cpu")?;
    let per_request_us = |ns: f64| ns / requests as f64 / 1e3;
    Ok((per_request_us(after_ns - before_ns), per_request_us(wall_ns)))
}

fn measure(
    racers: &[&str],
    conns: usize,
    reps: usize,
    parsed: &Parsed,
    json: &mut Vec<Value>,
) -> io::Result<()> {
    let requests = requests(conns, parsed);
    let runs = in_turn(racers.len(), reps, |nth| one(racers[nth], conns, requests))?;
    let cpu = |runs: &[(f64, f64)]| runs.iter().map(|run| run.0).collect::<Series>();
    let wall = |runs: &[(f64, f64)]| runs.iter().map(|run| run.1).collect::<Series>();
    let base = cpu(&runs[0]);
    println!("\n{conns} connections, {requests} requests a run");
    println!(
        "  {:18} {:>8} {:>13} {:>6}  {:11} {:>8}",
        "racer", "cpu us", "low-high", "ratio", "interval", "wall us"
    );
    for (racer, runs) in racers.iter().zip(&runs) {
        let (cpu, wall) = (cpu(runs), wall(runs));
        let (low, high) = cpu.range();
        let ratio = cpu.ratio_to(&base);
        println!(
            "  {racer:18} {:>8.2} {:>13} {:>6.3}  {:.3}-{:.3} {:>8.2}",
            cpu.median(),
            format!("{low:.2}-{high:.2}"),
            ratio.median,
            ratio.low,
            ratio.high,
            wall.median(),
        );
        json.push(json!({
            "table": "reactor_race", "row": format!("echo_{conns}"), "variant": racer,
            "unit": "server cpu us/request", "value": cpu.to_json(), "wall_us": wall.to_json(),
            "base": racers[0], "ratio": ratio.median, "low": ratio.low, "high": ratio.high,
        }));
    }
    Ok(())
}

/// The server's system calls per request, by name.
fn count_calls(
    racers: &[&str],
    conns: usize,
    parsed: &Parsed,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    let requests = match () {
        () if parsed.has("--smoke") => 100,
        () if conns == 1 => 2_000,
        () => 20_000.max(conns * 4),
    };
    println!("\n{conns} connections: system calls a request");
    for racer in racers {
        let calls = traced(racer, conns, requests)?;
        let words: Vec<String> =
            calls.iter().map(|(name, count)| format!("{name} {count:.3}")).collect();
        let sum: f64 = calls.iter().map(|(_, count)| count).sum();
        println!("  {racer:18} {sum:>6.2}  {}", words.join("  "));
        json.push(json!({
            "table": "reactor_race", "row": format!("calls_{conns}"), "variant": racer,
            "unit": "system calls/request", "value": sum,
            "calls": calls.iter().map(|(name, count)| json!({"name": name, "count": count}))
                .collect::<Vec<Value>>(),
        }));
    }
    Ok(())
}

/// Calls that come at least once in a thousand requests, in strace's order.
fn traced(racer: &str, conns: usize, requests: usize) -> Result<Vec<(String, f64)>, String> {
    let (server, mut load) = start(racer, conns).map_err(|error| error.to_string())?;
    let pid = server.id().to_string();
    let strace = Command::new("strace")
        .args(["-c", "-f", "-U", "calls,name", "-p", &pid])
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start strace ({error}): apt-get install strace"))?;
    std::thread::sleep(std::time::Duration::from_millis(500)); // it says nothing when attached
    let _: [f64; 3] = load.ask(&requests.to_string()).map_err(|error| error.to_string())?;
    let tracer = rustix::process::Pid::from_child(&strace);
    rustix::process::kill_process(tracer, rustix::process::Signal::INT)
        .map_err(|error| error.to_string())?;
    let output = strace.wait_with_output().map_err(|error| error.to_string())?;
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    let calls = summary.lines().filter_map(|row| {
        let mut words = row.split_whitespace();
        let count: f64 = words.next()?.parse().ok()?;
        let name = words.next().filter(|name| *name != "total")?;
        Some((name.to_owned(), count / requests as f64))
    });
    let calls: Vec<(String, f64)> = calls.filter(|(_, count)| *count >= 0.001).collect();
    if calls.is_empty() {
        return Err(format!("strace saw no call of {racer}: {}", summary.trim()));
    }
    Ok(calls)
}
