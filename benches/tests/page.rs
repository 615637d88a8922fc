//! The page of `duel --report`, opened in headless Chromium.
//!
//! Not part of a plain `cargo test`, because it needs a browser:
//! `cargo test -p benches --test page` or `.ci/run page`. The pictures are left in
//! `target/tmp/page-*.png` for whoever wants to look at them.

mod browser;
mod report_page;

use std::fs;
use std::path::Path;

use serde_json::Value;

use browser::{assert_quiet, open, picture, place};

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
