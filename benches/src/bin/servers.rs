//! The servers: what a server pays for a request and for a connection, Rondel against tokio.

use std::io;
use std::process::ExitCode;

use benches::child::{exit, number};
use benches::machine::{describe, raise_open_files, version_of};
use benches::pair::{Pairs, median};
use benches::servers::{Effort, Figures, Kind, Plan, calls, measure, play};
use serde_json::Value;

const HELP: &str = "\
servers: what a server pays, Rondel against tokio, in alternating processes

usage: servers [KIND ...] [--conns N,N,...] [--flavour F] [--rate N] [--requests N]
               [--reps N] [--quick] [--strace] [--json FILE]

  echo        64 B echoed, a buffer of 512 B a connection; server CPU us per request
  spin        the same on Builder::spin_before_park(50 us) against plain tokio; median time of a request
  echo16k     16 KiB echoed, a buffer of 16 KiB a connection; server CPU us per request
  rate        echo at a fixed rate; 99th percentile of a request's time, from the moment it was due
  churn       connect, one echo, close; visitors at once as connections; server CPU us each
  json        hyper http1, a small JSON body; server CPU us per request
  idle        echo with 8,000 idle connections; server RSS bytes per connection, its 512 B included
  scrape      the scraper's client (hyper over its own pool); client CPU us per page of 1 KiB
              all kinds, if none is named

  --conns     connections (default 1,64,1000,10000; spin 1, rate 64, churn 16, idle 8000, scrape 50,150)
  --flavour F local (default): one thread, on a CPU of its own. stealing: two workers against
              tokio's multi_thread with two, both on the last two CPUs; not spin, not scrape
  --rate N    requests a second of `rate` (default 50000)
  --requests N requests, connections or pages a run (default: what a steady figure needs)
  --reps N    pairs (default 7; with --quick 3)
  --quick     fewer requests and pairs, at most 1,000 connections
  --strace    instead of CPU: the server's system calls per request by name, once per runtime
  --json FILE also write the rows as a JSON array

The load generator is a bare epoll loop on another CPU (of one's own if there are enough) with one
request in flight per connection. The ratio is the median of the pairs' ratios, lower is better.
p50 and p99: microseconds from the request to its answer, seen by the generator. switches: how often a
thread of the server left its CPU, per request: median (lowest-highest) of ours, then of theirs.";

#[derive(Debug)]
struct Options {
    kinds: Vec<Kind>,
    conns: Vec<usize>,
    many: bool,
    effort: Effort,
    reps: usize,
    strace: bool,
    json: Option<String>,
}

fn main() -> ExitCode {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => play(&words).unwrap_or_else(|| parse(&words).and_then(|options| compare(&options))),
    };
    exit("servers", done)
}

fn parse(words: &[&str]) -> io::Result<Options> {
    let wrong = |what: String| io::Error::other(format!("{what}; see --help"));
    let (mut kinds, mut conns, mut reps) = (Vec::new(), Vec::new(), None);
    let (mut many, mut strace, mut json) = (false, false, None);
    let mut effort = Effort::new(words.contains(&"--quick"));
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().ok_or(wrong(format!("{word} wants a value")));
        let number_of = |text| match number(text) {
            Ok(0) | Err(_) => Err(wrong(format!("{word} wants numbers from 1 on, not {text}"))),
            Ok(number) => Ok(number),
        };
        match word {
            "--conns" => conns = value()?.split(',').map(number_of).collect::<io::Result<_>>()?,
            "--rate" => effort.rate = number_of(value()?)?,
            "--requests" => effort.requests = Some(number_of(value()?)?),
            "--reps" => reps = Some(number_of(value()?)?),
            "--flavour" | "--flavor" => {
                many = match *value()? {
                    "local" | "current_thread" => false,
                    "stealing" | "multi_thread" => true,
                    other => {
                        return Err(wrong(format!(
                            "no flavour is called {other}: local, stealing"
                        )));
                    }
                }
            }
            "--json" => json = Some(value()?.to_string()),
            "--quick" => {}
            "--strace" => strace = true,
            _ => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word);
                kinds.push(kind.ok_or(wrong(format!("no kind and no option is called {word}")))?);
            }
        }
    }
    let why_not = |kind: &Kind| kind.is_had_by("rondel").err();
    if kinds.is_empty() {
        kinds = Kind::ALL.to_vec();
        kinds.retain(|kind| why_not(kind).map(|why| eprintln!("left out: {why}")).is_none());
    } else if let Some(kind) = kinds.iter().find(|kind| kind.runtimes(many).is_none()) {
        return Err(wrong(format!("{} is for the local flavour only", kind.name())));
    } else if let Some(why) = kinds.iter().find_map(why_not) {
        return Err(io::Error::other(why));
    }
    kinds.retain(|kind| kind.runtimes(many).is_some());
    let reps = reps.unwrap_or(if effort.quick { 3 } else { 7 });
    Ok(Options { kinds, conns, many, effort, reps, strace, json })
}

/// A quick run opens no more connections than this.
const QUICK_CONNS_MAX: usize = 1_000;

impl Options {
    fn conns_of(&self, kind: Kind) -> Vec<usize> {
        let few =
            |conns: usize| !self.effort.quick || kind == Kind::Idle || conns <= QUICK_CONNS_MAX;
        if self.conns.is_empty() {
            kind.conns().iter().copied().filter(|&conns| few(conns)).collect()
        } else {
            self.conns.clone()
        }
    }

    fn flavours(&self) -> [&'static str; 2] {
        if self.many { ["stealing", "multi_thread"] } else { ["local", "current_thread"] }
    }
}

fn compare(options: &Options) -> io::Result<()> {
    let [ours, theirs] = options.flavours();
    println!("{}", describe());
    println!(
        "rondel {} ({ours}) against tokio {} ({theirs}), {} pairs a row",
        version_of("rondel"),
        version_of("tokio"),
        options.reps
    );
    println!();
    if !options.strace {
        println!(
            "{:13} {:11} {:>8} {:>8} {:>6}  {:13} {:7} {:>5} {:>14} {:>15} {:>15}  switches r/t",
            "row",
            "unit",
            "rondel",
            "tokio",
            "ratio",
            "interval",
            "verdict",
            "goal",
            "wall us/op r/t",
            "p50 us r/t",
            "p99 us r/t"
        );
    }
    let mut rows = Vec::new();
    for &kind in &options.kinds {
        for conns in options.conns_of(kind) {
            let plan = Plan { kind, conns };
            match options.strace {
                true if matches!(kind, Kind::Idle | Kind::Scrape) => {} // no requests to a server
                true => count_calls(plan, options)?,
                false => rows.extend(compare_row(plan, options)?),
            }
        }
    }
    match &options.json {
        Some(file) => std::fs::write(file, format!("{:#}\n", Value::from(rows)))
            .map_err(|error| io::Error::other(format!("cannot write {file}: {error}"))),
        None => Ok(()),
    }
}

/// The runs of one row, ours and theirs side by side.
fn run_pairs(plan: Plan, options: &Options) -> io::Result<Vec<[Figures; 2]>> {
    let names = plan.kind.runtimes(options.many).expect("asked for when the kinds were chosen");
    let mut runs = Vec::with_capacity(options.reps);
    for rep in 0..options.reps {
        let run = |runtime| measure(plan, runtime, options.effort);
        // A B, then B A: whoever goes second finds the machine warm, so they take turns.
        let [ours, theirs] = names;
        runs.push(if rep % 2 == 0 {
            let first = run(ours)?;
            [first, run(theirs)?]
        } else {
            let first = run(theirs)?;
            [run(ours)?, first]
        });
    }
    Ok(runs)
}

/// Prints the row; returns it for the JSON file, and the percentiles as rows of their own.
fn compare_row(plan: Plan, options: &Options) -> io::Result<Vec<Value>> {
    let runs = run_pairs(plan, options)?;
    let pairs_of = |figure: &dyn Fn(&Figures) -> Option<f64>| {
        let mut pairs = Pairs::default();
        for [ours, theirs] in &runs {
            if let (Some(ours), Some(theirs)) = (figure(ours), figure(theirs)) {
                pairs.push(ours, theirs);
            }
        }
        pairs
    };
    let figures = pairs_of(&|run| Some(run.figure));
    let wall_us = pairs_of(&|run| Some(run.wall_ns / 1e3));
    let p50 = pairs_of(&|run| Some(run.times_us?[0]));
    let p99 = pairs_of(&|run| Some(run.times_us?[1]));
    let switches = pairs_of(&|run| run.switches);
    let peak = pairs_of(&|run| run.peak_bytes);
    let (name, ratio, goal) = (plan.name(), figures.ratio(), plan.goal(options.many));
    println!(
        "{name:13} {:11} {:>8.2} {:>8.2} {:>6.3}  {:5.3}-{:<7.3} {:7} {:>4}{} {:>14} {:>15} {:>15}  {}",
        plan.kind.unit(),
        median(&figures.ours),
        median(&figures.theirs),
        ratio.median,
        ratio.low,
        ratio.high,
        ratio.verdict(),
        goal.map_or("-".to_string(), |goal| format!("{goal:.2}")),
        if goal.is_some_and(|goal| ratio.median > goal) { "!" } else { " " },
        both(&wall_us),
        both(&p50),
        both(&p99),
        spreads(&switches),
    );
    let waits: Vec<f64> = runs.iter().flatten().map(|run| run.wait_share).collect();
    if median(&waits) > WAIT_SHARE_MAX {
        println!("  NOISY: servers waited for a CPU {:.0} % of the time", median(&waits) * 100.0);
    }
    let [flavour, _] = options.flavours();
    let json = |pairs: &Pairs, name: &str, unit: &str| pairs.to_json(name, flavour, "tokio", unit);
    let mut rows = vec![json(&figures, &name, plan.kind.unit())];
    let beside = [
        (&p50, "p50", "us"),
        (&p99, "p99", "us"),
        (&peak, "peak", "bytes"),
        (&switches, "switches", "per request"),
    ];
    for (pairs, what, unit) in beside.into_iter().filter(|(pairs, ..)| !pairs.ours.is_empty()) {
        rows.push(json(pairs, &format!("{name}_{what}"), unit));
    }
    Ok(rows)
}

/// A server waits longer for its CPU than this share of the time it has it: the machine is noisy.
const WAIT_SHARE_MAX: f64 = 0.05;

fn both(pairs: &Pairs) -> String {
    let digits = |value: f64| match value {
        ..1.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    match (median(&pairs.ours), median(&pairs.theirs)) {
        (ours, theirs) if ours.is_nan() || ours == 0.0 && theirs == 0.0 => "-".to_string(),
        (ours, theirs) => {
            format!("{ours:.0$}/{theirs:.1$}", digits(ours), digits(theirs))
        }
    }
}

/// Median and spread of both sides.
fn spreads(pairs: &Pairs) -> String {
    let spread = |values: &[f64]| {
        let (low, high) = values
            .iter()
            .fold((f64::INFINITY, 0.0), |(low, high), &value| (value.min(low), value.max(high)));
        format!("{:.2} ({low:.2}-{high:.2})", median(values))
    };
    match pairs.ours.is_empty() {
        true => "-".to_string(),
        false => format!("{} / {}", spread(&pairs.ours), spread(&pairs.theirs)),
    }
}

/// Prints the server's system calls per request, by name, for each runtime.
fn count_calls(plan: Plan, options: &Options) -> io::Result<()> {
    for runtime in plan.kind.runtimes(options.many).into_iter().flatten() {
        let calls = calls::count(plan, runtime)?;
        let sum: f64 = calls.iter().map(|(_, share)| share).sum();
        let names: Vec<String> =
            calls.iter().map(|(name, share)| format!("{name} {share:.3}")).collect();
        println!("{:13} {runtime:18} {sum:6.3}  {}", plan.name(), names.join("  "));
    }
    Ok(())
}
