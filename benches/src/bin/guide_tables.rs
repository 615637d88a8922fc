//! The guide's tables: what the study guide claims, and what this machine says.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use benches::child::exit;
use benches::guide::memory::{THINGS, weigh};
use benches::guide::peers::{Program, Tools, numbers};
use benches::guide::servers::{self, ECHO, JSON, Load, Peer, Run};
use benches::guide::waits::{HUNDRED, SLEEPS, Way, wait};
use benches::guide::{TABLES, pulse};
use benches::lab::{Noise, Parsed, Series, Spec, in_turn};
use benches::load::Protocol;
use benches::machine::{describe, pin, raise_open_files, version_of};
use benches::meter::Size;
use benches::runtimes;
use serde_json::{Value, json};

const SPEC: Spec = Spec {
    help: "\
guide_tables: what the study guide claims, and what this machine says

usage: guide_tables [TABLE ...] [--python PATH] [--conns N] [--reps N] [--quick] [--json FILE]

  TABLE          tables whose name contains one of these words; all without (see --list)
  --python PATH  the Python to run (default python3), as one of a virtual environment
  --conns N      connections of the table echo (default 10000)
  --reps N       repetitions, all peers in turn (default 3; with --quick 2)
  --quick        shorter runs and shorter sleeps, for a first look
  --json FILE    also write all lines as a JSON array
  --smoke        next to nothing, for the tests

A peer that is not installed is a line that says how to install it. Figures are medians, with the
lowest and highest of the repetitions. Servers have one worker on one CPU, the load is a bare epoll
loop on another; CPU counts all threads and processes of a server. Everything is on loopback.",
    names: TABLES,
    flags: &[],
    values: &["--python", "--conns"],
};

fn main() -> ExitCode {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = |error: io::Error| error.to_string();
    let done = match words[..] {
        ["--server", runtime, kind] => {
            runtimes::serve(runtime, kind, |address| println!("{address}"));
            Ok(())
        }
        ["--load", address, protocol, conns] => load(address, protocol, conns).map_err(text),
        ["--wait", way, requests, millis] => waiter(way, requests, millis),
        ["--memory", kind, count] => weigher(kind, count).map_err(text),
        ["--asleep"] => {
            std::thread::sleep(Duration::from_secs(3_600));
            Ok(())
        }
        _ => SPEC.parse(&words).and_then(|parsed| parsed.map_or(Ok(()), |parsed| run(&parsed))),
    };
    exit("guide_tables", done)
}

fn load(address: &str, protocol: &str, conns: &str) -> io::Result<()> {
    pin(1);
    let protocol = if protocol == "echo" { Protocol::Echo(64) } else { Protocol::Http };
    pulse::obey(address, protocol, conns.parse().map_err(io::Error::other)?)
}

fn waiter(way: &str, requests: &str, millis: &str) -> Result<(), String> {
    let number = |word: &str| word.parse().map_err(|_| format!("{word} is no number"));
    let time = Duration::from_millis(number(millis)?);
    let (wall, cpu) = wait(way, number(requests)? as usize, time)?;
    println!("{} {}", wall.as_nanos(), cpu.as_nanos());
    Ok(())
}

fn weigher(kind: &str, count: &str) -> io::Result<()> {
    let (resident, address) = weigh(kind, count.parse().map_err(io::Error::other)?)?;
    println!("{resident} {address}");
    Ok(())
}

fn run(parsed: &Parsed) -> Result<(), String> {
    let noise = Noise::start();
    let reps = parsed.reps(3, 2);
    let mut tools = Tools::new(parsed.value("--python"));
    println!("{}", describe());
    let (rondel, tokio) = (version_of("rondel"), version_of("tokio"));
    println!("rondel {rondel}, tokio {tokio}, {}; {reps} repetitions", tools.versions());
    let mut json = Vec::new();
    for (table, what) in TABLES.iter().filter(|(table, _)| parsed.wants(table)) {
        println!("\n{table}: {what}");
        match *table {
            "hundred" => waits(table, HUNDRED, hundred(parsed), reps, &mut tools, &mut json)?,
            "sleeps" => waits(table, SLEEPS, sleeps(parsed), reps, &mut tools, &mut json)?,
            "memory" => memory(parsed, reps, &mut tools, &mut json)?,
            "echo" => echo(parsed, reps, &mut tools, &mut json)?,
            _ => web(parsed, reps, &mut tools, &mut json)?,
        }
    }
    println!("\n{}", noise.verdict());
    parsed.write_json(&json)
}

/// How many waits, and of how many milliseconds.
fn hundred(parsed: &Parsed) -> (usize, usize) {
    match parsed.size() {
        Size::Full => (100, 100),
        Size::Quick => (100, 10),
        Size::Smoke => (10, 1),
    }
}

fn sleeps(parsed: &Parsed) -> (usize, usize) {
    match parsed.size() {
        Size::Full => (10, 1_000),
        Size::Quick => (10, 100),
        Size::Smoke => (10, 1),
    }
}

fn waits(
    table: &str,
    ways: &[Way],
    (requests, millis): (usize, usize),
    reps: usize,
    tools: &mut Tools,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    println!("  {requests} waits of {millis} ms; the guide's claims are of its own size");
    println!("  {:30} {:>9} {:>16} {:>9} {:>9}", "", "wall s", "low-high", "cpu ms", "guide s");
    let counts = [requests.to_string(), millis.to_string()];
    let more: Vec<&str> = counts.iter().map(String::as_str).collect();
    let mut done = vec![false; ways.len()];
    let runs = in_turn(ways.len(), reps, |nth| {
        // What waits one after the other takes long, and differs by nothing: once is enough.
        if std::mem::replace(&mut done[nth], true) && ways[nth].slow {
            return Ok::<_, String>(None);
        }
        Ok(Some(tools.command(ways[nth].program, &more).and_then(numbers)))
    })?;
    for (way, runs) in ways.iter().zip(runs) {
        let runs: Result<Vec<Vec<f64>>, String> = runs.into_iter().flatten().collect();
        let runs = match runs {
            Ok(runs) => runs,
            Err(reason) => {
                missing(table, way.name, &reason, json);
                continue;
            }
        };
        let column = |nth: usize, unit: f64| -> Series {
            runs.iter().map(|run| run.get(nth).copied().unwrap_or(f64::NAN) / unit).collect()
        };
        let (wall, cpu) = (column(0, 1e9), column(1, 1e6));
        let (low, high) = wall.range();
        println!(
            "  {:30} {:>9.4} {:>16} {:>9.2} {:>9}",
            way.name,
            wall.median(),
            format!("{low:.4}-{high:.4}"),
            cpu.median(),
            way.claim.map_or("-".to_owned(), |claim| format!("{claim:.2}")),
        );
        json.push(json!({
            "table": table, "row": way.name, "unit": "wall s", "value": wall.to_json(),
            "cpu_ms": cpu.to_json(), "guide": way.claim,
        }));
    }
    Ok(())
}

/// A peer that gave no figure: a line that says why (rule 1 of `guide/mod.rs`).
fn missing(table: &str, name: &str, reason: &str, json: &mut Vec<Value>) {
    println!("  {name:30} {reason}");
    json.push(json!({"table": table, "row": name, "missing": reason}));
}

fn memory(
    parsed: &Parsed,
    reps: usize,
    tools: &mut Tools,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    println!(
        "  {:32} {:>9} {:>11} {:>17} {:>13} {:>11}",
        "", "count", "bytes each", "low-high", "address space", "guide"
    );
    let counts: Vec<usize> = THINGS.iter().map(|thing| count(thing.count, parsed)).collect();
    let runs = in_turn(THINGS.len(), reps, |nth| {
        let many = counts[nth].to_string();
        let program = THINGS[nth].program;
        Ok::<_, String>(tools.command(program, &[&many]).and_then(numbers))
    })?;
    for ((thing, runs), count) in THINGS.iter().zip(runs).zip(counts) {
        let runs: Vec<Vec<f64>> = match runs.into_iter().collect() {
            Ok(runs) => runs,
            Err(reason) => {
                missing("memory", thing.name, &reason, json);
                continue;
            }
        };
        let resident: Series = runs.iter().map(|run| run[0]).collect();
        let address: Series =
            runs.iter().map(|run| run.get(1).copied().unwrap_or(f64::NAN)).collect();
        let (low, high) = resident.range();
        let or_dash = |bytes: f64| {
            if bytes.is_nan() { "-".to_owned() } else { format!("{bytes:.0}") }
        };
        println!(
            "  {:32} {count:>9} {:>11.0} {:>17} {:>13} {:>11}",
            thing.name,
            resident.median(),
            format!("{low:.0}-{high:.0}"),
            or_dash(address.median()),
            thing.claim.map_or("-".to_owned(), or_dash),
        );
        json.push(json!({
            "table": "memory", "row": thing.name, "unit": "resident bytes each", "count": count,
            "value": resident.to_json(), "address_space": address.median(), "guide": thing.claim,
        }));
    }
    println!(
        "  A process: what it does not share with the others (PSS). A thread's stack is address"
    );
    println!("  space, and becomes memory page by page: the guide's 8 MB are the former.");
    Ok(())
}

/// How many things: a full run's, a fifth of a million tasks and a tenth of others in a quick one.
fn count(full: usize, parsed: &Parsed) -> usize {
    match parsed.size() {
        Size::Full => full,
        Size::Quick if full == 1_000_000 => 200_000,
        Size::Quick => full / 10,
        Size::Smoke => 10,
    }
}

fn millis(parsed: &Parsed) -> usize {
    match parsed.size() {
        Size::Full => 2_000,
        Size::Quick => 500,
        Size::Smoke => 20,
    }
}

fn echo(
    parsed: &Parsed,
    reps: usize,
    tools: &mut Tools,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    let smoke = parsed.size() == Size::Smoke;
    let conns = parsed.number("--conns")?.unwrap_or(if smoke { 8 } else { 10_000 });
    let windows = vec![conns, 64.min(conns)];
    let load = Load { protocol: "echo", conns, windows, millis: millis(parsed) };
    serve("echo", ECHO, &load, reps, tools, json)?;
    println!(
        "  {conns} connections are open in both. With all in flight an answer waits for all the"
    );
    println!("  others: p50 is connections / rate. The guide's figures fit the second kind alone:");
    let fits = ECHO.iter().filter_map(|peer| Some((peer.claim?, peer.claim_p99_ms?)));
    let most = fits.map(|(rate, p99_ms)| rate * p99_ms / 1e3).fold(0.0, f64::max);
    println!("  by its own rate and p99 at most {most:.0} of its 10,000 can have been in flight.");
    Ok(())
}

fn web(
    parsed: &Parsed,
    reps: usize,
    tools: &mut Tools,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    let conns = if parsed.size() == Size::Smoke { 4 } else { 64 };
    let load = Load { protocol: "json", conns, windows: vec![conns], millis: millis(parsed) };
    serve("json", JSON, &load, reps, tools, json)?;
    println!(
        "  The guide's figures are of 4 workers, and Express where Node's own server is here."
    );
    Ok(())
}

fn serve(
    table: &str,
    peers: &[Peer],
    load: &Load,
    reps: usize,
    tools: &mut Tools,
    json: &mut Vec<Value>,
) -> Result<(), String> {
    let runs =
        in_turn(peers.len(), reps, |nth| Ok::<_, String>(servers::run(&peers[nth], load, tools)))?;
    let runs: Vec<Result<Vec<Vec<Run>>, String>> =
        runs.into_iter().map(|runs| runs.into_iter().collect()).collect();
    for (nth, window) in load.windows.iter().enumerate() {
        println!("  {} connections, {window} requests in flight", load.conns);
        println!(
            "  {:26} {:>8} {:>15} {:>7} {:>8} {:>8} {:>9} {:>9}",
            "", "req/s", "low-high", "cpu us", "p50 ms", "p99 ms", "guide r/s", "p99 ms"
        );
        for (peer, runs) in peers.iter().zip(&runs) {
            match runs {
                Ok(runs) => {
                    let runs: Vec<Run> = runs.iter().map(|run| run[nth]).collect();
                    line(table, peer, load.conns, *window, &runs, json);
                }
                Err(reason) => missing(table, peer.name, reason, json),
            }
        }
    }
    Ok(())
}

fn line(
    table: &str,
    peer: &Peer,
    conns: usize,
    window: usize,
    runs: &[Run],
    json: &mut Vec<Value>,
) {
    let column = |of: fn(&Run) -> f64| runs.iter().map(of).collect::<Series>();
    let (rate, cpu) = (column(|run| run.rate), column(|run| run.cpu_us));
    let (p50, p99) = (column(|run| run.p50_ms), column(|run| run.p99_ms));
    let (low, high) = rate.range();
    let claim = |claim: Option<f64>, digits: usize| {
        claim.map_or("-".to_owned(), |claim| format!("{claim:.digits$}"))
    };
    println!(
        "  {:26} {:>8.0} {:>15} {:>7.2} {:>8.2} {:>8.2} {:>9} {:>9}",
        peer.name,
        rate.median(),
        format!("{low:.0}-{high:.0}"),
        cpu.median(),
        p50.median(),
        p99.median(),
        claim(peer.claim, 0),
        claim(peer.claim_p99_ms, 1),
    );
    let own = matches!(peer.program, Program::Own(_));
    json.push(json!({
        "table": table, "row": peer.name, "unit": "requests/s", "conns": conns, "in_flight": window,
        "value": rate.to_json(), "cpu_us": cpu.to_json(), "p50_ms": p50.to_json(),
        "p99_ms": p99.to_json(), "guide": peer.claim, "guide_p99_ms": peer.claim_p99_ms, "own": own,
    }));
}
