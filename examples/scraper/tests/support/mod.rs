//! What the tests of the binary share.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The binary, with limits that a busy machine does not reach.
pub fn scraper() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rondel-scraper"));
    command.args(["--timeout", "120s", "--read-timeout", "60s", "--connect-timeout", "30s"]);
    command.stdin(Stdio::null());
    command
}

/// Runs it, and expects this exit code.
pub fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().expect("the binary starts");
    let told = format!("{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    output
}

/// The last line of stdout, which is to be JSON.
pub fn json(output: &Output) -> Value {
    let stdout = text(&output.stdout);
    let last = stdout.lines().last().expect("something on stdout");
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A number of a report.
pub fn count(report: &Value, path: &str) -> u64 {
    let value = path.split('.').fold(report, |value, key| &value[key]);
    value.as_u64().unwrap_or_else(|| panic!("no number at {path} in {report}"))
}

/// Opens a store to look into it, also while it is written.
pub fn open(store: &Path) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(store).expect("a store");
    db.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
    db
}

/// One number from a store; 0 while the table is not there yet.
pub fn ask(store: &Path, sql: &str) -> u64 {
    let answer = open(store).query_row(sql, [], |row| row.get::<_, i64>(0));
    answer.unwrap_or(0).unsigned_abs()
}

/// The addresses in `pages`, sorted.
pub fn stored(store: &Path) -> Vec<String> {
    let db = open(store);
    let mut statement = db.prepare("SELECT url FROM pages ORDER BY url").expect("a table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}

/// Asserts that a store is sound and holds each profile of the platform exactly once.
pub fn assert_all_profiles(store: &Path, pages: u64) {
    let db = open(store);
    let verdict: String =
        db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let mut wanted: Vec<String> =
        (1..=pages).map(|number| format!("http://platform.test/profile/{number}")).collect();
    wanted.sort();
    let have = stored(store);
    assert_eq!(have.len(), wanted.len());
    assert!(have == wanted, "the pages are not the profiles");
    let torn =
        "SELECT count(*) FROM pages WHERE bytes != length(body) OR title NOT LIKE 'Profile %'
                OR body NOT LIKE '%</html>%'";
    assert_eq!(ask(store, torn), 0, "pages that did not arrive whole");
}
