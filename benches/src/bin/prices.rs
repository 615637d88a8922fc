//! The prices: what the machine charges for a step, and how near the hot rows come to their sum.

use std::process::{Command, ExitCode};

use benches::child::exit;
use benches::lab::{Noise, Parsed, Series, Spec, in_turn};
use benches::machine::{describe, pin};
use benches::meter::Meter;
use benches::prices::steps::EMPTY_LOOP;
use benches::prices::{MODELS, Model, PRICES, Price, calibrate, measure, steps};
use benches::runtimes;
use serde_json::{Value, json};

const SPEC: Spec = Spec {
    help: "\
prices: what a step costs on this machine, and the cost model of Rondel's hot rows

usage: prices [prices] [model] [--reps N] [--quick] [--instructions] [--json FILE] [--list]

  prices          one line for each step: malloc, an atomic, a lock, a system call, ...
  model           each hot row as a sum of such steps, beside what is measured now
  --reps N        repetitions, all steps in turn (default 11; with --quick 5)
  --quick         shorter batches, for a first look
  --instructions  also count user-space instructions of each step, with valgrind
  --json FILE     also write all lines as a JSON array
  --smoke         next to nothing, for the tests

Figures are CPU nanoseconds, median and lowest - highest of the repetitions, less the empty loop.
A price is what a step costs among its like: the processor may overlap them.",
    names: &[
        ("prices", "what one step costs: CPU ns, and instructions if asked for"),
        ("model", "the sum of the steps a hot row takes, against what is measured"),
    ],
    flags: &["--instructions"],
    values: &[],
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--child", price, ops] => child(price, ops),
        _ => SPEC.parse(&words).and_then(|parsed| parsed.map_or(Ok(()), |parsed| run(&parsed))),
    };
    exit("prices", done)
}

/// Does one step so many times and ends: what valgrind counts.
fn child(price: &str, ops: &str) -> Result<(), String> {
    let price = steps::find(price).ok_or(format!("no step is called {price}"))?;
    let ops = ops.parse().map_err(|_| format!("{ops} is no number"))?;
    let _ = (price.run)(ops);
    Ok(())
}

fn run(parsed: &Parsed) -> Result<(), String> {
    let noise = Noise::start();
    let reps = parsed.reps(11, 5);
    println!("{}", describe());
    let cpu = pin(0).map_or("not pinned".to_owned(), |cpu| format!("pinned to CPU {cpu}"));
    println!("{reps} repetitions in turn, {cpu}\n");
    let prices = measure_prices(parsed, reps);
    let mut json = Vec::new();
    if parsed.wants("prices") {
        print_prices(parsed, &prices, &mut json)?;
    }
    if parsed.wants("model") {
        print_models(parsed, &prices, reps, &mut json);
    }
    println!("{}", noise.verdict());
    parsed.write_json(&json)
}

/// Each price less the loop, repetition by repetition.
fn measure_prices(parsed: &Parsed, reps: usize) -> Vec<(&'static Price, Series)> {
    let all: Vec<&'static Price> = std::iter::once(&EMPTY_LOOP).chain(PRICES).collect();
    let ops: Vec<usize> = all.iter().map(|price| calibrate(price, parsed.size())).collect();
    let figures = in_turn(all.len(), reps, |nth| Ok::<_, ()>(measure(all[nth], ops[nth])));
    let figures = figures.unwrap_or_default();
    let loops: Series = figures[0].iter().copied().collect();
    let empty_loop = loops.median();
    let rest = all.into_iter().zip(figures).skip(1);
    rest.map(|(price, figures)| {
        let net = figures.iter().map(|ns| (ns - empty_loop).max(0.0)).collect();
        (price, net)
    })
    .collect()
}

fn print_prices(
    parsed: &Parsed,
    prices: &[(&'static Price, Series)],
    json: &mut Vec<Value>,
) -> Result<(), String> {
    let counted = parsed.has("--instructions");
    let instructions = if counted { "instr" } else { "" };
    println!("{:14} {:>8} {:>15} {instructions:>7}  what", "step", "cpu ns", "lowest-highest");
    for (price, series) in prices {
        let (low, high) = series.range();
        let spread = format!("{low:.1}-{high:.1}");
        let instructions = if counted { Some(count_instructions(price)?) } else { None };
        let shown = instructions.map_or(String::new(), |count| format!("{count:.1}"));
        println!(
            "{:14} {:>8.2} {spread:>15} {shown:>7}  {}",
            price.name,
            series.median(),
            price.what
        );
        json.push(json!({
            "table": "prices", "row": price.name, "unit": "cpu ns", "value": series.to_json(),
            "instructions": instructions,
        }));
    }
    println!();
    Ok(())
}

/// Instructions of one operation: two runs under valgrind, the difference through the difference.
fn count_instructions(price: &Price) -> Result<f64, String> {
    let ops = [price.least_ops, price.least_ops * 3];
    let few = valgrind(price.name, ops[0])?;
    let many = valgrind(price.name, ops[1])?;
    Ok((many - few) / (ops[1] - ops[0]) as f64)
}

fn valgrind(price: &str, ops: usize) -> Result<f64, String> {
    let exe = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(exe)
        .args(["--child", price, &ops.to_string()])
        .output()
        .map_err(|error| format!("cannot start valgrind ({error}): apt-get install valgrind"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split("Collected :").nth(1));
    let count = line.and_then(|count| count.trim().parse().ok());
    count
        .ok_or(format!("valgrind gave no count for {price}: {}", text.lines().last().unwrap_or("")))
}

fn print_models(
    parsed: &Parsed,
    prices: &[(&'static Price, Series)],
    reps: usize,
    json: &mut Vec<Value>,
) {
    let price_of = |name: &str| {
        let known = prices.iter().find(|(price, _)| price.name == name);
        known.map_or(f64::NAN, |(_, series)| series.median())
    };
    let measured = in_turn(MODELS.len(), reps.min(5), |nth| {
        let mut meter = Meter::new(parsed.size());
        let rondel = runtimes::find("rondel").expect("a runtime of the duel");
        rondel.run(MODELS[nth].row, &mut meter).expect("the models' test looks each up");
        Ok::<_, ()>(meter.figure())
    });
    println!(
        "{:18} {:>8} {:>15} {:>8} {:>6}  the steps, dearest first",
        "row", "measured", "lowest-highest", "sum", "share"
    );
    for (model, figures) in MODELS.iter().zip(measured.unwrap_or_default()) {
        print_model(model, &figures.into_iter().collect(), price_of, json);
    }
    println!();
    println!(
        "measured, sum: CPU ns an operation on Rondel's local flavour. share: sum / measured;"
    );
    println!("the rest is branches, moves and cache misses. A share above 100 %: steps overlap.");
    println!();
    for model in MODELS {
        println!("{:18} {}", model.row, model.because);
    }
    println!();
}

fn print_model(
    model: &Model,
    measured: &Series,
    price_of: impl Fn(&str) -> f64 + Copy,
    json: &mut Vec<Value>,
) {
    let (low, high) = measured.range();
    let spread = format!("{low:.1}-{high:.1}");
    let sum = model.sum(price_of);
    println!(
        "{:18} {:>8.1} {spread:>15} {sum:>8.1} {:>5.0}%  {}",
        model.row,
        measured.median(),
        sum / measured.median() * 100.0,
        model.in_words(price_of),
    );
    let steps: Vec<Value> = model
        .all_steps()
        .into_iter()
        .map(|(count, price)| json!({"count": count, "price": price, "ns": price_of(price)}))
        .collect();
    json.push(json!({
        "table": "model", "row": model.row, "unit": "cpu ns", "value": measured.to_json(),
        "sum": sum, "steps": steps, "because": model.because,
    }));
}
