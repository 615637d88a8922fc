//! The servers: the server's CPU per request and memory per connection, Rondel against tokio.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use benches::child::{Talker, exit, serve};
use benches::load::{Protocol, obey};
use benches::machine::{describe, pin, raise_open_files, rss_bytes, version_of};
use benches::pair::{Pairs, median};
use benches::runtimes;
use serde_json::Value;

const HELP: &str = "\
servers: what a server pays, Rondel against tokio, in alternating processes

usage: servers [echo] [json] [idle] [--conns N,N,...] [--reps N] [--quick] [--strace] [--json FILE]

  echo        64 B echoed, a buffer of 512 B a connection; server CPU us per request
  json        hyper http1, a small JSON body; server CPU us per request
  idle        echo with 8,000 idle connections; server RSS bytes per connection, its 512 B included
  --conns     connections (default 1,64,1000,10000; idle: 8000)
  --reps N    pairs (default 7; with --quick 3)
  --quick     fewer requests and pairs
  --strace    instead of CPU: the server's system calls per request by name, once per runtime
  --json FILE also write the rows as a JSON array

Server and load generator are pinned to different CPUs; the generator is a bare epoll loop with one
request in flight per connection. The ratio is the median of the pairs' ratios, lower is better.";

#[derive(Debug)]
struct Options {
    kinds: Vec<String>,
    conns: Vec<usize>,
    reps: usize,
    quick: bool,
    strace: bool,
    json: Option<String>,
}

fn main() -> ExitCode {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--server", runtime, kind] => serve(runtime, kind, 0),
        ["--load", address, kind, conns] => load(address, kind, conns),
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => parse(&words).and_then(|options| compare(&options)),
    };
    exit("servers", done)
}

fn parse(words: &[&str]) -> io::Result<Options> {
    let wrong = |what: &str| io::Error::other(format!("{what}; see --help"));
    let (mut kinds, mut conns, mut reps) = (Vec::new(), Vec::new(), None);
    let (mut quick, mut strace, mut json) = (false, false, None);
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().ok_or(wrong(&format!("{word} wants a value")));
        match word {
            "echo" | "json" | "idle" => kinds.push(word.to_string()),
            "--conns" => {
                let numbers = value()?.split(',').map(str::parse).collect::<Result<Vec<_>, _>>();
                conns = numbers.map_err(|_| wrong("--conns wants numbers"))?;
            }
            "--reps" => reps = Some(value()?.parse().map_err(|_| wrong("--reps wants a number"))?),
            "--json" => json = Some(value()?.to_string()),
            "--quick" => quick = true,
            "--strace" => strace = true,
            _ => return Err(wrong(&format!("what is {word}?"))),
        }
    }
    if kinds.is_empty() {
        kinds = ["echo", "json", "idle"].map(String::from).to_vec();
    }
    let reps = reps.unwrap_or(if quick { 3 } else { 7 }).max(1);
    Ok(Options { kinds, conns, reps, quick, strace, json })
}

fn load(address: &str, kind: &str, conns: &str) -> io::Result<()> {
    pin(1);
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let conns = conns.parse().map_err(io::Error::other)?;
    obey(address, protocol(kind), conns)
}

fn protocol(kind: &str) -> Protocol {
    if kind == "echo" { Protocol::Echo } else { Protocol::Http }
}

fn compare(options: &Options) -> io::Result<()> {
    println!("{}", describe());
    println!(
        "rondel {} (local) against tokio {} (current_thread), {} pairs a row",
        version_of("rondel"),
        version_of("tokio"),
        options.reps
    );
    println!();
    println!(
        "{:12} {:12} {:>9} {:>9} {:>6}  {:13} {:7} {:>15}",
        "row", "unit", "rondel", "tokio", "ratio", "interval", "verdict", "wall us/req r/t"
    );
    let mut rows = Vec::new();
    for kind in &options.kinds {
        let standard: &[usize] = if kind == "idle" { &[8_000] } else { &[1, 64, 1_000, 10_000] };
        let conns = if options.conns.is_empty() { standard } else { &options.conns };
        for &conns in conns {
            match (kind.as_str(), options.strace) {
                ("idle", _) => rows.push(compare_row(kind, conns, options, "bytes/conn", idle)?),
                (_, true) => count_calls(kind, conns)?,
                (_, false) => rows.push(compare_row(kind, conns, options, "cpu us/req", busy)?),
            }
        }
    }
    match &options.json {
        Some(file) => std::fs::write(file, format!("{:#}\n", Value::from(rows))),
        None => Ok(()),
    }
}

/// One measurement: the figure, and the wall microseconds per request.
type Measure = fn(runtime: &str, kind: &str, conns: usize, quick: bool) -> io::Result<(f64, f64)>;

fn compare_row(
    kind: &str,
    conns: usize,
    options: &Options,
    unit: &str,
    measure: Measure,
) -> io::Result<Value> {
    let (mut pairs, mut walls) = (Pairs::default(), Pairs::default());
    for rep in 0..options.reps {
        let mut order = runtimes::NAMES;
        if rep % 2 == 1 {
            order.reverse();
        }
        let mut both = Vec::with_capacity(2);
        for runtime in order {
            both.push(measure(runtime, kind, conns, options.quick)?);
        }
        if rep % 2 == 1 {
            both.reverse();
        }
        pairs.push(both[0].0, both[1].0);
        walls.push(both[0].1, both[1].1);
    }
    let ratio = pairs.ratio();
    let row = format!("{kind}_{conns}");
    println!(
        "{row:12} {unit:12} {:>9.3} {:>9.3} {:>6.3}  {:5.3}-{:<7.3} {:7} {:>7.2}/{:.2}",
        median(&pairs.ours),
        median(&pairs.theirs),
        ratio.median,
        ratio.low,
        ratio.high,
        ratio.verdict(),
        median(&walls.ours),
        median(&walls.theirs),
    );
    Ok(pairs.to_json(&row, "local", "tokio", unit))
}

/// A server on `runtime` and a generator with its connections open, both ready.
fn start(runtime: &str, kind: &str, conns: usize) -> io::Result<(Talker, Talker)> {
    let mut server = Talker::start(&["--server", runtime, kind])?;
    let address = server.hear()?;
    let mut load = Talker::start(&["--load", &address, kind, &conns.to_string()])?;
    load.hear()?;
    Ok((server, load))
}

fn requests(conns: usize, quick: bool) -> usize {
    let full = if conns == 1 { 30_000 } else { 200_000 };
    if quick { full / 4 } else { full }
}

fn busy(runtime: &str, kind: &str, conns: usize, quick: bool) -> io::Result<(f64, f64)> {
    let requests = requests(conns, quick);
    let (mut server, mut load) = start(runtime, kind, conns)?;
    load.ask(&(requests / 10).max(conns).to_string())?; // warms up
    let before_ns = server.ask_number("cpu")?;
    let wall_ns = load.ask_number(&requests.to_string())?;
    let after_ns = server.ask_number("cpu")?;
    let per_request_us = |ns: f64| ns / requests as f64 / 1e3;
    Ok((per_request_us(after_ns - before_ns), per_request_us(wall_ns)))
}

fn idle(runtime: &str, _: &str, conns: usize, _: bool) -> io::Result<(f64, f64)> {
    let mut server = Talker::start(&["--server", runtime, "echo"])?;
    let address = server.hear()?;
    let pid = server.id().to_string();
    // A first connection, so that what is paid once is not counted.
    let mut first = Talker::start(&["--load", &address, "echo", "1"])?;
    first.hear()?;
    let before = rss_bytes(&pid);
    let mut load = Talker::start(&["--load", &address, "echo", &conns.to_string()])?;
    load.hear()?;
    std::thread::sleep(Duration::from_millis(100)); // idle by then
    let bytes = rss_bytes(&pid).saturating_sub(before);
    Ok((bytes as f64 / conns as f64, 0.0))
}

/// Prints the server's system calls per request, by name, for each runtime.
fn count_calls(kind: &str, conns: usize) -> io::Result<()> {
    let requests = if conns == 1 { 2_000 } else { 20_000.max(conns * 4) };
    for runtime in runtimes::NAMES {
        let (server, mut load) = start(runtime, kind, conns)?;
        let pid = server.id().to_string();
        let strace = Command::new("strace")
            .args(["-c", "-f", "-U", "calls,name", "-p", &pid])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot start strace: {error}")))?;
        std::thread::sleep(Duration::from_millis(500)); // it says nothing when it is attached
        load.ask(&requests.to_string())?;
        let tracer = rustix::process::Pid::from_child(&strace);
        rustix::process::kill_process(tracer, rustix::process::Signal::INT)?;
        let summary = String::from_utf8_lossy(&strace.wait_with_output()?.stderr).into_owned();
        print_calls(&format!("{kind}_{conns} {runtime}"), &summary, requests);
    }
    Ok(())
}

fn print_calls(title: &str, summary: &str, requests: usize) {
    let mut line = format!("{title:22}");
    for row in summary.lines() {
        let mut words = row.split_whitespace();
        if let (Some(Ok(calls)), Some(name)) = (words.next().map(str::parse::<f64>), words.next())
            && calls / requests as f64 >= 0.001
        {
            line += &format!(" {name} {:.3} ", calls / requests as f64);
        }
    }
    println!("{line}");
}
