//! The laboratories give their tables: prices, ablation, reactor_race, guide_tables.
//!
//! Smallest sizes: what is looked at is that the lines are there and hold numbers. What is not
//! installed is a line that says so.

use std::path::PathBuf;
use std::process::Command;

use benches::{ablation, guide, prices, race};
use serde_json::Value;

/// Runs a laboratory; returns its JSON lines and what it printed.
fn run(program: &str, arguments: &[&str]) -> (Vec<Value>, String) {
    let name = format!("laboratory-{}-{}.json", std::process::id(), arguments.concat().len());
    let stem = PathBuf::from(program);
    let stem = stem.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = std::env::temp_dir().join(format!("{stem}-{name}"));
    let output = Command::new(program)
        .args(["--smoke", "--json"])
        .arg(&file)
        .args(arguments)
        .output()
        .expect("the laboratory starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stem} {arguments:?}: {complaint}");
    let text = std::fs::read_to_string(&file).expect("it wrote its JSON");
    std::fs::remove_file(&file).expect("it is ours");
    let rows = serde_json::from_str(&text).expect("it is JSON");
    (rows, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The complaint of a laboratory that must fail.
fn complaint(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the laboratory starts");
    assert!(!output.status.success(), "{arguments:?} must be refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn median(row: &Value) -> f64 {
    row["value"]["median"].as_f64().unwrap_or_else(|| panic!("no figure: {row}"))
}

/// Goal: show that every price and every model has its line.
/// Method: run both tables, count, and add one model up again.
#[test]
fn prices_gives_every_price_and_every_model() {
    let (rows, text) = run(env!("CARGO_BIN_EXE_prices"), &[]);
    let of = |table: &'static str| rows.iter().filter(move |row| row["table"] == table);
    assert_eq!(of("prices").count(), prices::PRICES.len());
    assert_eq!(of("model").count(), prices::MODELS.len());
    assert!(of("model").all(|row| median(row) > 0.0), "{text}");
    let semaphore = of("model").find(|row| row["row"] == "semaphore").expect("its model");
    let steps = semaphore["steps"].as_array().expect("steps");
    let product =
        |step: &Value| step["count"].as_f64().unwrap_or(0.0) * step["ns"].as_f64().unwrap_or(0.0);
    let sum: f64 = steps.iter().map(product).sum();
    assert!((sum - semaphore["sum"].as_f64().expect("a sum")).abs() < 1e-6);
    assert!(complaint(env!("CARGO_BIN_EXE_prices"), &["--fast"]).contains("unknown option --fast"));
}

/// Goal: show that every variant of every idea gives a figure, and that counts are what they are.
/// Method: run all tables; look at two counts that do not depend on the machine.
#[test]
fn ablation_gives_every_variant() {
    let (rows, text) = run(env!("CARGO_BIN_EXE_ablation"), &[]);
    let cases = ablation::TABLES.iter().flat_map(|(table, _)| ablation::cases(table));
    assert_eq!(rows.len(), cases.map(|case| case.variants.len()).sum::<usize>(), "{text}");
    assert!(rows.iter().all(|row| median(row) > 0.0), "{text}");
    let figure = |case: &str, variant: &str| {
        let row = rows.iter().find(|row| row["row"] == case && row["variant"] == variant);
        median(row.unwrap_or_else(|| panic!("no line {case}, {variant}")))
    };
    assert_eq!(figure("neighbour", "on"), 128.0, "a share of the budget is 128 steps");
    assert_eq!(figure("neighbour", "off (unconstrained)"), 100_000.0);
    assert_eq!(figure("socket's wait", "61"), 61.0);
    assert_eq!(figure("bystander", "first in, first out"), 2.0);
}

/// Goal: show that every racer echoes and is measured.
/// Method: two connections each.
#[test]
fn reactor_race_gives_every_racer() {
    let (rows, text) = run(env!("CARGO_BIN_EXE_reactor_race"), &[]);
    assert_eq!(rows.len(), race::RACERS.len(), "{text}");
    assert!(rows.iter().all(|row| median(row) > 0.0), "{text}");
    assert!(complaint(env!("CARGO_BIN_EXE_reactor_race"), &["kqueue"]).contains("there are mio_"));
}

/// Goal: show that every line of the guide's tables is there: a figure, or what is to be installed.
/// Method: run all tables; our own lines must have figures.
#[test]
fn guide_tables_gives_every_line() {
    let (rows, text) = run(env!("CARGO_BIN_EXE_guide_tables"), &[]);
    for (table, _) in guide::TABLES {
        assert!(rows.iter().any(|row| row["table"] == *table), "{table}: {text}");
    }
    for row in &rows {
        match row["missing"].as_str() {
            None => assert!(median(row) >= 0.0, "{row}"),
            Some(reason) => {
                assert!(reason.starts_with("not installed: "), "{row}");
                eprintln!("skipped {}: {reason}", row["row"]);
            }
        }
        let name = row["row"].as_str().unwrap_or_default();
        let own = ["Rondel", "tokio", "Rust"].iter().any(|own| name.contains(own));
        assert!(!own || row["missing"].is_null(), "{row}");
    }
}

/// Goal: show that a Python that is not there is a line, not an error.
/// Method: name one that cannot be.
#[test]
fn a_missing_python_is_a_line_that_says_how_to_get_it() {
    let arguments = ["hundred", "--python", "/nowhere/python"];
    let (rows, _) = run(env!("CARGO_BIN_EXE_guide_tables"), &arguments);
    let lines: Vec<&str> = rows.iter().filter_map(|row| row["missing"].as_str()).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.contains("apt-get install python3")), "{lines:?}");
}
