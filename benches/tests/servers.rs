//! The servers program, end to end: children, generator, table, JSON, complaints.

use std::process::{Command, Output};

use serde_json::Value;

fn servers(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_servers")).args(words).output().expect("it starts")
}

/// The rows of a small run with these words.
fn rows(file: &str, words: &[&str]) -> Vec<Value> {
    let file = format!("{}/{file}", env!("CARGO_TARGET_TMPDIR"));
    let small = ["--conns", "20", "--requests", "200", "--rate", "2000", "--reps", "1"];
    let output = servers(&[words, &small, &["--json", &file]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The further rows that a server's run has beside its first.
fn rows_beside(name: &str) -> impl Iterator<Item = String> + '_ {
    ["p50", "p99", "switches"].into_iter().map(move |what| format!("{name}_{what}"))
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["row"].as_str().unwrap()).collect()
}

/// Goal: show that each kind measures something on both runtimes.
/// Method: a small run of all; every figure but the memory of 20 connections must be above zero.
#[test]
fn every_kind_measures_both_runtimes() {
    let rows = rows("local.json", &[]);
    let names = names(&rows);
    for name in ["echo_20", "echo_20_spin", "echo16k_20", "echo_20_rate", "churn_20", "json_20"] {
        assert!(names.contains(&name) && names.contains(&&*format!("{name}_p99")), "{names:?}");
    }
    assert!(names.contains(&"idle_20") && names.contains(&"scrape_20_peak"), "{names:?}");
    for row in rows.iter().filter(|row| row["row"] != "idle_20") {
        assert!(row["rondel"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["peer_value"].as_f64().unwrap() > 0.0, "{row}");
    }
}

/// Goal: show that the servers of many threads serve too. Method: echo and JSON on them.
#[test]
fn servers_of_many_threads_serve() {
    let rows = rows("stealing.json", &["--flavour", "stealing", "echo", "json"]);
    let wanted = ["echo_20", "json_20"]
        .map(|name| [name.to_owned()].into_iter().chain(rows_beside(name)).collect::<Vec<_>>());
    assert_eq!(names(&rows), wanted.concat());
    assert!(rows.iter().all(|row| row["flavour"] == "stealing"));
}

/// Goal: show that what cannot be done is said. Method: wrong words; look at what comes back.
#[test]
fn complaints_name_what_is_wrong() {
    for (words, complaint) in [
        (&["tea"][..], "called tea"),
        (&["--reps"], "--reps wants a value"),
        (&["--conns", "0"], "--conns wants numbers from 1 on, not 0"),
        (&["--flavour", "sweet"], "called sweet"),
        (&["spin", "--flavour", "stealing"], "local flavour only"),
        (&["idle", "--conns", "1", "--reps", "1", "--json", "/no/such/folder/x"], "cannot write"),
    ] {
        let output = servers(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(complaint), "{words:?}: {said}");
    }
}
