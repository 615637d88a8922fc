//! What the tests that look at pages share: a headless Chromium, its complaints and its pictures.

#![allow(dead_code)] // no test needs all of it

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names under which the browser is known.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Where pages and pictures go: a place that cargo keeps for tests.
pub fn place(name: &str) -> PathBuf {
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
pub fn open(page: &Path, arguments: &[&str]) -> (String, String) {
    open_at(page, "", arguments)
}

/// The same with what stands behind the page's address, such as `?search=wheel`.
pub fn open_at(page: &Path, behind: &str, arguments: &[&str]) -> (String, String) {
    let profile = place(&format!("profile-{}", std::process::id()));
    let output = Command::new(browser())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--hide-scrollbars", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}{behind}", page.display()))
        .output()
        .expect("the browser starts");
    let _ = fs::remove_dir_all(profile); // what is left of it is in the way of nobody
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Fails if the page made the browser complain.
pub fn assert_quiet(log: &str) {
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert_eq!(complaints, Vec::<&str>::new());
}

/// Takes a picture; returns its size and its bytes.
pub fn picture(page: &Path, name: &str, size: (u32, u32), dark: bool) -> Vec<u8> {
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
