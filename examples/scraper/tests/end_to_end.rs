//! The binary against the embedded platform: every page exactly once, whatever goes wrong.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use rondel_scraper::platform::faults::{attempts_needed, fate};
use rondel_scraper::platform::{Platform, PlatformConfig, Rules};
use support::{assert_all_profiles, count, json, run, scraper, text};

/// Goal: the promise of the scraper: 10,000 of 10,000 pages exactly once, with every fault switched
/// on, no limit of the platform exceeded as the platform itself measures it, and exactly as many
/// attempts as the faults make necessary.
/// Method: run the binary; compare its report, the store, the platform's counters, and a count of
/// the faults that the seed foresees.
#[test]
fn ten_thousand_pages_are_stored_exactly_once_with_every_fault_switched_on() {
    let (pages, seed) = (10_000, 42);
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.sqlite");
    let mut command = scraper();
    command.args(["--json", "--pages", &pages.to_string(), "--seed", &seed.to_string()]);
    let report = json(&run(command.arg("--store").arg(&store), 0));

    assert_eq!(count(&report, "pages_stored"), pages);
    assert_eq!(count(&report, "failed"), 0);
    assert_all_profiles(&store, pages);

    assert_eq!(count(&report, "platform.profiles_delivered"), pages);
    assert_eq!(count(&report, "platform.profiles_delivered_again"), 0);
    assert_eq!(count(&report, "platform.not_as_foreseen"), 0);
    for limit in ["rate", "in_flight", "connection"] {
        assert_eq!(count(&report, &format!("platform.{limit}_violations")), 0, "{report}");
    }
    assert!(count(&report, "platform.in_flight_max") <= 150);
    assert!(count(&report, "platform.connections_max") <= 150);
    assert!(count(&report, "max_in_flight") <= 150);

    // Each fault costs one more request. A reset on a used connection is repeated at once and
    // is no retry, because it looks like an idle connection that was closed.
    let keys = (1..=pages).chain((1..=pages / 100).map(|listing| listing | 1 << 40));
    let planned: u64 = keys.map(|key| u64::from(attempts_needed(seed, key, true)) - 1).sum();
    let requests = count(&report, "platform.requests");
    assert_eq!(requests, pages + pages / 100 + planned);
    let resets = count(&report, "platform.fates.reset before the answer");
    let retries = count(&report, "retries");
    assert!((planned - resets..=planned).contains(&retries), "{planned} faults, {retries} retries");
    for fault in ["http-429", "http-500", "http-502", "http-503", "truncated", "reset"] {
        assert!(count(&report, &format!("retried_by.{fault}")) > 0, "{fault}: {report}");
    }
}

/// Goal: the JSON object has everything that later work relies on.
/// Method: a small run on the other reactor, without faults; look for each key.
#[test]
fn the_json_report_has_what_others_rely_on() {
    let mut command = scraper();
    command.args([
        "--json",
        "--pages",
        "300",
        "--no-faults",
        "--reactor",
        "polling",
        "--workers",
        "20",
    ]);
    let output = run(&mut command, 0);
    let report = json(&output);
    assert_eq!(text(&output.stdout).lines().count(), 1, "one line and no table");
    for (key, wanted) in [("pages_stored", 300), ("failed", 0), ("retries", 0)] {
        assert_eq!(count(&report, key), wanted, "{key}");
    }
    for key in ["connections_opened", "connections_reused", "max_in_flight", "peak_rss_bytes"] {
        assert!(count(&report, key) > 0, "{key}");
    }
    for key in ["p50", "p90", "p99"] {
        assert!(report["latency_ms"][key].as_f64().unwrap() >= 5.0, "{key}");
    }
    assert!(report["urls_per_second"].as_f64().unwrap() > 0.0);
    assert!(report["cpu_seconds"].as_f64().unwrap() > 0.0);
    assert!(count(&report, "max_in_flight") <= 20);
    assert!(report["store"].is_null(), "a temporary store is gone: {report}");
}

/// Goal: without flags people get a table, and a picture if they ask for one.
/// Method: a small run with a plot; look into both.
#[test]
fn people_get_a_table_and_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let plot = dir.path().join("latency.svg");
    let output = run(scraper().args(["--pages", "200", "--plot"]).arg(&plot), 0);
    let table = text(&output.stdout);
    for word in ["stored", "failed", "retried", "URLs/s", "p99", "connections", "in flight", "CPU"]
    {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(std::fs::read_to_string(&plot).unwrap().starts_with("<svg"));
}

/// Goal: a slow disk stops the fetching, and memory stays bounded.
/// Method: hold up each transaction; the pages that are fetched and not yet written must stay a
/// few batches, though the platform could deliver all of them meanwhile.
#[test]
fn a_slow_store_stops_the_fetching() {
    let mut command = scraper();
    command.args(["--json", "--pages", "2500", "--no-faults", "--store-delay", "200ms"]);
    let report = json(&run(&mut command, 0));
    assert_eq!(count(&report, "pages_stored"), 2500);
    // Four batches wait, one is being written, one is being filled; a batch has 128 pages, and
    // each of them two changes.
    assert!(count(&report, "unwritten_max") <= 6 * 130, "{report}");
}

/// Goal: the platform enforces what it publishes.
/// Method: three requests, one after another, where two are allowed.
#[test]
fn the_platform_refuses_what_is_beyond_its_limits() {
    let rules = Rules { per_second: 0.01, burst: 1, in_flight_max: 1, connections_max: 1 };
    let reactor = rondel::Reactor::Mio;
    let platform =
        Platform::start(PlatformConfig { pages: 5, seed: 1, faults: false, rules, reactor });
    let platform = platform.unwrap();
    let address = platform.address();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get("/profile/1").starts_with("HTTP/1.1 200"));
    assert!(get("/profile/6").starts_with("HTTP/1.1 404"));
    let refused = get("/profile/2");
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: "), "{refused}");
    let measures = platform.stop();
    assert_eq!((measures.requests, measures.rate_violations, measures.violations()), (3, 1, 1));
    assert_eq!(measures.profiles_delivered, 1);
}

/// Goal: the world of a seed is the documented one: no page needs more than four attempts.
/// Method: look at many pages of many seeds.
#[test]
fn no_seed_makes_a_page_unobtainable() {
    for seed in 0..50 {
        for page in 1..500 {
            assert!(attempts_needed(seed, page, true) <= 4);
            assert!(fate(seed, page, 3, true).delivers());
        }
    }
}
