//! A small run that never was, with one of everything that the page can show.

use benches::report::Report;
use serde_json::{Value, json};

/// What nobody should be able to smuggle into a page.
pub const HOSTILE: &str = "</script><img src=https://example.org/x onerror=alert(1)> & \"'";

fn row(name: &str, unit: &str, figures: (f64, f64), spread: f64, goal: Option<f64>) -> Value {
    let ratio = figures.0 / figures.1;
    let (low, high) = (ratio / spread, ratio * spread);
    let verdict = if high < 1.0 {
        "faster"
    } else if low > 1.0 {
        "slower"
    } else {
        "same"
    };
    json!({
        "row": name,
        "flavour": "local",
        "peer": "tokio",
        "unit": unit,
        "rondel": figures.0,
        "peer_value": figures.1,
        "ratio": ratio,
        "low": low,
        "high": high,
        "verdict": verdict,
        "reps": 10,
        "what": format!("one operation of {name}"),
        "goal": goal,
        "rondel_wall": [figures.0 * 1.1],
        "peer_wall": [figures.1 * 1.2],
    })
}

fn count(name: &str, unit: &str, figures: (f64, f64), goal: Option<f64>) -> Value {
    let mut row = row(name, unit, figures, 1.0, None);
    row["goal_figure"] = json!(goal);
    if figures.1 == 0.0 {
        row["ratio"] = if figures.0 == 0.0 { json!(1.0) } else { Value::Null };
    }
    row
}

/// Wins, draws, losses, curves, memory, latency, counts, and a row that means harm.
pub fn report() -> Report {
    let cpu = "cpu ns/op";
    let mut harm = row("mutex", cpu, (36.0, 35.0), 1.2, Some(0.55));
    harm["what"] = json!(HOSTILE);
    let rows = vec![
        row("spawn_join_1k", cpu, (52.0, 192.0), 1.03, Some(0.28)),
        row("spawn_join_100k", cpu, (98.0, 303.0), 1.08, Some(0.32)),
        row("spawn_await_each", cpu, (40.0, 369.0), 1.02, Some(0.15)),
        row("yield_1", cpu, (11.0, 223.0), 1.02, Some(0.08)),
        row("yield_1k", cpu, (12.0, 44.0), 1.05, Some(0.28)),
        row("gather_ready", cpu, (11.0, 72.0), 1.02, Some(0.30)),
        row("select_2", cpu, (28.0, 69.0), 1.02, Some(0.45)),
        row("ping_pong_mpsc", cpu, (101.0, 233.0), 1.04, Some(0.45)),
        row("mpsc_100", cpu, (31.0, 66.0), 1.04, Some(0.45)),
        harm,
        row("semaphore", cpu, (38.0, 34.0), 1.05, Some(0.55)),
        row("sleep_churn", cpu, (47.0, 255.0), 1.04, Some(0.22)),
        row("sleep_lateness_p50", "us, p50", (540.0, 1_160.0), 1.1, Some(0.52)),
        row("sleep_lateness_p99", "us, p99", (1_050.0, 2_080.0), 1.1, None),
        row("spawn_blocking", cpu, (4_400.0, 4_237.0), 1.02, Some(0.6)),
        row("echo_1", "server cpu ns/request", (3_010.0, 3_000.0), 1.05, None),
        row("echo_64", "server cpu ns/request", (2_920.0, 2_960.0), 1.03, Some(0.99)),
        row("echo_1000", "server cpu ns/request", (3_100.0, 3_230.0), 1.02, Some(0.96)),
        row("echo_10000", "server cpu ns/request", (4_010.0, 4_280.0), 1.02, Some(0.94)),
        row("bytes_per_task", "bytes", (176.0, 456.0), 1.01, Some(0.395)),
        row("idle_connection", "bytes", (1_010.0, 1_428.0), 1.02, None),
        count("spawn_join_1k", "instructions/op", (712.4, 1_760.2), Some(750.0)),
        count("yield_1k", "instructions/op", (141.0, 300.0), Some(130.0)),
        count("spawn_join_1k", "allocations/op", (1.0, 1.0), None),
        count("spawn_join_1k", "bytes allocated/op", (72.0, 128.0), None),
        count("spawn_join_1k", "system calls/op", (0.0, 0.016), None),
        count("yield_1k", "system calls/op", (0.001, 0.0), None),
    ];
    Report {
        facts: [
            ("Machine", "a made-up CPU, 2 CPUs, Linux 6.18"),
            ("Rondel", "0.1.0, local"),
            ("tokio", "1.54.1, current_thread, enable_all"),
            ("Rounds a row", "10"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .to_vec(),
        noise: "A run waited for its CPU 12 % of its CPU time: trust the intervals less.".into(),
        noisy: true,
        left_out: vec!["sleep_fire against smol: it has nothing of the kind".to_string()],
        command: format!("cargo run --release -p benches --bin duel -- '{HOSTILE}'"),
        rows,
    }
}
