//! The scraper's client on Rondel and on tokio in turn: CPU and memory for the same pages.

use std::io;
use std::process::ExitCode;

use benches::child::exit;
use benches::machine::{describe, raise_open_files, version_of};
use benches::pair::{Pairs, median};
use benches::servers::{Figures, play, scrape};
use serde_json::Value;

const HELP: &str = "\
scraper_duel: the scraper's client, Rondel against tokio, in alternating processes

usage: scraper_duel [--workers N,N,...] [--pages N] [--reps N] [--quick] [--json FILE]

  --workers   tasks that fetch, and connections (default 50,150)
  --pages N   pages a run (default 50000; with --quick 10000)
  --reps N    pairs (default 10; with --quick 3)
  --json FILE also write the rows as a JSON array

The client is the scraper's own (hyper over its own pool), the same code on both. The server is a
hyper server on tokio with bodies of 1 KiB, a fresh one each time. They are pinned to different
CPUs. The CPU time is the whole process, from its start to the last page; the memory is its peak.";

const MIB: f64 = 1_048_576.0;

#[derive(Debug)]
struct Options {
    workers: Vec<usize>,
    pages: usize,
    reps: usize,
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
        _ => play(&words).unwrap_or_else(|| parse(&words).and_then(|options| duel(&options))),
    };
    exit("scraper_duel", done)
}

fn parse(words: &[&str]) -> io::Result<Options> {
    let wrong = |what: &str| io::Error::other(format!("{what}; see --help"));
    let quick = words.contains(&"--quick");
    let (pages, reps) = if quick { (10_000, 3) } else { (50_000, 10) };
    let mut options = Options { workers: vec![50, 150], pages, reps, json: None };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        if word == "--quick" {
            continue;
        }
        let value = words.next().ok_or(wrong(&format!("{word} wants a value")))?;
        let number = || value.parse().map_err(|_| wrong(&format!("{word} wants a number")));
        match word {
            "--workers" => {
                let numbers = value.split(',').map(str::parse).collect::<Result<Vec<_>, _>>();
                options.workers = numbers.map_err(|_| wrong("--workers wants numbers"))?;
            }
            "--pages" => options.pages = number()?,
            "--reps" => options.reps = number()?.max(1),
            "--json" => options.json = Some(value.to_string()),
            _ => return Err(wrong(&format!("what is {word}?"))),
        }
    }
    Ok(options)
}

fn duel(options: &Options) -> io::Result<()> {
    println!("{}", describe());
    println!(
        "scraper client, hyper {}, on rondel {} (local) and tokio {} (current_thread), {} pages a \
         run, {} pairs",
        version_of("hyper"),
        version_of("rondel"),
        version_of("tokio"),
        options.pages,
        options.reps
    );
    println!();
    println!(
        "{:12} {:14} {:>9} {:>9} {:>6}  {:13} {:7} {:>12}",
        "row", "unit", "rondel", "tokio", "ratio", "interval", "verdict", "pages/s r/t"
    );
    let mut rows = Vec::new();
    for &workers in &options.workers {
        let (mut cpu, mut peak, mut rate) = <(Pairs, Pairs, Pairs)>::default();
        for rep in 0..options.reps {
            let mut order = ["rondel", "tokio"];
            if rep % 2 == 1 {
                order.reverse();
            }
            let mut both = Vec::with_capacity(2);
            for runtime in order {
                both.push(scrape(runtime, workers, options.pages)?);
            }
            if rep % 2 == 1 {
                both.reverse();
            }
            let seconds_of_10k = |run: &Figures| run.figure / 100.0;
            let peak_mib = |run: &Figures| run.peak_bytes.unwrap_or(f64::NAN) / MIB;
            let pages_per_second = |run: &Figures| 1e9 / run.wall_ns;
            cpu.push(seconds_of_10k(&both[0]), seconds_of_10k(&both[1]));
            peak.push(peak_mib(&both[0]), peak_mib(&both[1]));
            rate.push(pages_per_second(&both[0]), pages_per_second(&both[1]));
        }
        let rates = format!("{:.0}/{:.0}", median(&rate.ours), median(&rate.theirs));
        rows.push(print_row(&format!("cpu_{workers}"), "s/10k pages", &cpu, &rates));
        rows.push(print_row(&format!("peak_{workers}"), "MiB", &peak, ""));
    }
    match &options.json {
        Some(file) => std::fs::write(file, format!("{:#}\n", Value::from(rows))),
        None => Ok(()),
    }
}

fn print_row(name: &str, unit: &str, pairs: &Pairs, rates: &str) -> Value {
    let ratio = pairs.ratio();
    println!(
        "{name:12} {unit:14} {:>9.4} {:>9.4} {:>6.3}  {:5.3}-{:<7.3} {:7} {rates:>12}",
        median(&pairs.ours),
        median(&pairs.theirs),
        ratio.median,
        ratio.low,
        ratio.high,
        ratio.verdict(),
    );
    pairs.to_json(&format!("scraper_{name}"), "local", "tokio", unit)
}
