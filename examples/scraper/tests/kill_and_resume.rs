//! Sudden ends: kill -9, Ctrl-C, Ctrl-C twice. The store stays sound, and the work can go on.

#![cfg(unix)]

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rondel_scraper::report::number;
use support::{ask, assert_all_profiles, count, json, run, scraper, text};

const PAGES: u64 = 1500;

/// A run that takes some seconds.
fn begin(store: &Path) -> Child {
    let mut command = scraper();
    command
        .args(["--pages", &PAGES.to_string(), "--seed", "9", "--rate", "400", "--store"])
        .arg(store);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// Waits until the store has some pages, and makes sure that the run is still on.
fn wait_for_pages(child: &mut Child, store: &Path, pages: u64) {
    loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        if store.exists() && ask(store, "SELECT count(*) FROM pages") >= pages {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn interrupt(child: &Child) {
    // The shell's own `kill`: not every system has one as a program.
    let killed = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(killed.expect("sh starts").success());
}

/// Goal: kill -9 loses at most the open batch, corrupts nothing, and `--resume` does the rest and
/// nothing twice.
/// Method: kill at three different moments in a row, each time checking the file; then finish.
#[test]
fn a_killed_run_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.sqlite");
    let mut safe = 0;
    for stop_at in [1, 300, 700] {
        let mut command = scraper();
        command.args([
            "--pages",
            &PAGES.to_string(),
            "--seed",
            "9",
            "--rate",
            "400",
            "--resume",
            "--store",
        ]);
        command.arg(&store).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        wait_for_pages(&mut child, &store, stop_at);
        child.kill().unwrap();
        child.wait().unwrap();
        let verdict: String = support::open(&store)
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(verdict, "ok");
        let now_safe = ask(&store, "SELECT count(*) FROM pages");
        assert!(
            now_safe >= safe && now_safe >= stop_at,
            "pages were lost: {safe}, then {now_safe}"
        );
        // Each page that is stored is settled, and the other way round: one transaction wrote both.
        let unsettled =
            "SELECT count(*) FROM pages JOIN frontier USING (url) WHERE state != 'done'";
        assert_eq!(ask(&store, unsettled), 0);
        let done =
            ask(&store, "SELECT count(*) FROM frontier WHERE state = 'done' AND kind = 'page'");
        assert_eq!(done, now_safe);
        safe = now_safe;
    }
    assert!(safe < PAGES);
    let mut command = scraper();
    command.args(["--json", "--pages", &PAGES.to_string(), "--seed", "9", "--resume", "--store"]);
    let report = json(&run(command.arg(&store), 0));
    assert_eq!(count(&report, "pages_stored"), PAGES - safe);
    assert_eq!(count(&report, "pages_in_store"), PAGES);
    assert_eq!(
        count(&report, "platform.profiles_delivered"),
        PAGES - safe,
        "nothing fetched twice"
    );
    assert_all_profiles(&store, PAGES);
}

/// Goal: Ctrl-C lets what is in flight finish, writes it, exits with 130 and prints a command that
/// works.
/// Method: send SIGINT in the middle; run the printed command in a shell.
#[test]
fn ctrl_c_drains_and_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.sqlite");
    let mut child = begin(&store);
    wait_for_pages(&mut child, &store, 200);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stdout.contains("interrupted"), "{stdout}");
    let safe = ask(&store, "SELECT count(*) FROM pages");
    assert!((200..PAGES).contains(&safe), "{safe}");
    let command = stderr.lines().find_map(|line| line.split_once("Go on with: "));
    let (said, command) = command.unwrap_or_else(|| panic!("no command in {stderr}"));
    assert!(said.contains(&number(safe)), "{said}");
    let output = Command::new("sh").args(["-c", &format!("{command} --json")]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(count(&json(&output), "pages_stored"), PAGES - safe);
    assert_all_profiles(&store, PAGES);
}

/// Goal: a second Ctrl-C does not wait for anybody.
/// Method: a site that never answers would be waited for; two signals end it.
#[test]
fn a_second_ctrl_c_stops_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store.sqlite");
    let mut command = scraper();
    command.arg(format!("http://{}/", silent.local_addr().unwrap())).arg("--store").arg(&store);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // The request has come, so the handler of the signal is there as well.
    let (mut request, _) = silent.accept().unwrap();
    assert!(request.read(&mut [0; 100]).unwrap() > 0);
    interrupt(&child);
    let mut stderr = child.stderr.take().unwrap();
    let mut told = String::new();
    while !told.contains("stops at once") {
        let mut some = [0; 256];
        let len = stderr.read(&mut some).unwrap();
        assert!(len > 0, "it ended after the first signal: {told}");
        told.push_str(&text(&some[..len]));
    }
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    stderr.read_to_string(&mut told).unwrap();
    assert!(told.contains("stopped at once"), "{told}");
}
