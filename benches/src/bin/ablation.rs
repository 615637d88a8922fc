//! The ablation: what each idea of the engine is worth, by taking it away.

use std::process::ExitCode;

use benches::ablation::{Case, TABLES, cases};
use benches::child::exit;
use benches::lab::{Noise, Parsed, Series, Spec, in_turn};
use benches::machine::{describe, pin};
use serde_json::{Value, json};

const SPEC: Spec = Spec {
    help: "\
ablation: what each idea of the engine is worth, by taking it away

usage: ablation [TABLE ...] [--reps N] [--quick] [--json FILE] [--list]

  TABLE        tables whose name contains one of these words; all without (see --list)
  --reps N     repetitions, all variants of a load in turn (default 10; with --quick 5)
  --quick      smaller loads, for a first look
  --json FILE  also write all lines as a JSON array
  --smoke      next to nothing, for the tests

The first variant of a load is what Rondel does. ratio: variant / first, median of the repetitions'
ratios with its 95 % interval (fewer than six: lowest and highest); above 1 the idea pays. `engine`:
the engine itself, by a switch or by its own file; `model`: that part alone, rebuilt small. Counts
(polls, items) are exact and do not depend on the machine.",
    names: TABLES,
    flags: &[],
    values: &[],
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = SPEC.parse(&words).and_then(|parsed| parsed.map_or(Ok(()), |parsed| run(&parsed)));
    exit("ablation", done)
}

fn run(parsed: &Parsed) -> Result<(), String> {
    let noise = Noise::start();
    let reps = parsed.reps(10, 5);
    println!("{}", describe());
    let cpu = pin(0).map_or("not pinned".to_owned(), |cpu| format!("pinned to CPU {cpu}"));
    println!("{reps} repetitions in turn, {cpu}");
    let mut json = Vec::new();
    for (table, what) in TABLES.iter().filter(|(table, _)| parsed.wants(table)) {
        println!("\n{table}: {what}");
        for case in cases(table) {
            measure(case, parsed, reps, &mut json);
        }
    }
    println!("\n{}", noise.verdict());
    parsed.write_json(&json)
}

fn measure(case: &Case, parsed: &Parsed, reps: usize, json: &mut Vec<Value>) {
    let reps = if case.exact { 1 } else { reps };
    let figures = in_turn(case.variants.len(), reps, |nth| {
        Ok::<_, ()>((case.variants[nth].run)(parsed.size()))
    });
    let series: Vec<Series> = figures
        .unwrap_or_default()
        .into_iter()
        .map(|figures| figures.into_iter().collect())
        .collect();
    println!("\n  {}, {}: {}", case.name, case.unit, case.what);
    for (variant, figures) in case.variants.iter().zip(&series) {
        let kind = if variant.engine { "engine" } else { "model" };
        let ratio = figures.ratio_to(&series[0]);
        let ratio_text = if case.exact {
            format!("{:>7.2}", ratio.median)
        } else {
            format!("{:>7.2}  {:.2}-{:.2}", ratio.median, ratio.low, ratio.high)
        };
        println!("    {:30} {kind:7} {:>10.1} {ratio_text}", variant.name, figures.median());
        json.push(json!({
            "table": case.table, "row": case.name, "variant": variant.name, "kind": kind,
            "unit": case.unit, "value": figures.to_json(), "base": case.variants[0].name,
            "ratio": ratio.median, "low": ratio.low, "high": ratio.high,
        }));
    }
}
