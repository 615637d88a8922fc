//! The page of `duel --report`, opened in headless Chromium.
//!
//! Not part of a plain `cargo test`, because it needs a browser:
//! `cargo test -p benches --test page` or `.ci/run page`. The pictures are left in
//! `target/tmp/page-*.png` for whoever wants to look at them.

mod report_page;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Names under which the browser is known.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Where pages and pictures go: a place that cargo keeps for tests.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A browser that does what headless browsers do in a container.
fn browser() -> &'static str {
    let installed = |name: &&&str| match Command::new(name).arg("--version").output() {
        Ok(output) => output.status.success(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => panic!("cannot run {name}: {error}"),
    };
    BROWSERS.iter().find(installed).unwrap_or_else(|| {
        panic!(
            "this test opens the page in Chromium, and none of {BROWSERS:?} is installed: \
             `sudo apt-get install -y chromium` on Debian"
        )
    })
}

/// Opens `page` and returns what the browser prints on both its outputs.
fn open(page: &Path, arguments: &[&str]) -> (String, String) {
    let profile = place(&format!("profile-{}", std::process::id()));
    let output = Command::new(browser())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--hide-scrollbars", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let _ = fs::remove_dir_all(profile); // what is left of it is in the way of nobody
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Fails if the page made the browser complain.
fn assert_quiet(log: &str) {
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(complaints, Vec::<&str>::new());
}

/// Takes a picture; returns its size and its bytes.
fn picture(page: &Path, name: &str, size: (u32, u32), dark: bool) -> Vec<u8> {
    let file = place(name);
    let (width, height) = size;
    let scheme = format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 });
    let (screenshot, window) =
        (format!("--screenshot={}", file.display()), format!("--window-size={width},{height}"));
    let (_, log) = open(page, &[&screenshot, &window, &scheme]);
    assert_quiet(&log);
    let png = fs::read(&file).expect("a picture");
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((number(16), number(20)), size, "{name}");
    png
}

fn assert_shows(page: &Path, rows: &[Value]) {
    let (dom, log) = open(page, &["--dump-dom"]);
    assert_quiet(&log);
    for row in rows {
        let name = row["row"].as_str().expect("a name");
        assert!(dom.contains(&format!("<code>{name}</code>")), "{name} is in no table");
    }
    // What the browser made of hostile text: text.
    assert!(!dom.contains("<img"), "a picture that nobody drew");
    assert_eq!(dom.matches("<script").count(), 1, "the data and nothing else");
}

/// Goal: show that a browser understands the page, on every screen and in either light.
/// Method: the made-up run with hostile text in it; its elements as the browser built them, and
/// pictures: large and light, large and dark, narrow, on paper.
#[test]
fn a_browser_shows_every_row_and_has_nothing_to_complain_of() {
    let report = report_page::report();
    let page = place("page-made-up.html");
    fs::write(&page, report.page().expect("a page")).expect("written");
    assert_shows(&page, &report.rows);
    let light = picture(&page, "page-light.png", (1_200, 5_200), false);
    let dark = picture(&page, "page-dark.png", (1_200, 5_200), true);
    assert!(light != dark, "the dark page looks like the light one");
    picture(&page, "page-narrow.png", (360, 9_000), false);
    let paper = place("page-paper.pdf");
    let print = format!("--print-to-pdf={}", paper.display());
    open(&page, &["--no-pdf-header-footer", &print]);
    assert!(fs::read(&paper).expect("a sheet").starts_with(b"%PDF"));
}
