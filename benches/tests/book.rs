//! The book, built by mdBook and opened in headless Chromium.
//!
//! Not part of a plain `cargo test`, because it needs mdBook and a browser:
//! `cargo test -p benches --test book` or `.ci/run book`. The pictures are left in
//! `target/tmp/book-*.png` for whoever wants to look at them.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::{open_at, picture};

/// A page of each kind, and the map.
const LOOKED_AT: &[&str] = &["00-map", "book", "interview", "compare", "ladder"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Builds the book where `book.toml` says.
fn built() -> PathBuf {
    let built = Command::new("mdbook").arg("build").current_dir(root()).output();
    let built = built.expect("this test builds the book by mdBook: `cargo install mdbook`");
    let log = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success() && !log.contains("WARN"), "{log}");
    root().join("book")
}

/// Every HTML page below a folder.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "html") {
            found.push(path);
        }
    }
}

/// What stands in the attributes `href` and `src` of a page.
fn targets(html: &str) -> Vec<&str> {
    let behind = ["href=\"", "src=\""].into_iter().flat_map(|name| html.split(name).skip(1));
    behind.filter_map(|rest| rest.split_once('"')).map(|(target, _)| target).collect()
}

/// The links of a page that lead nowhere.
fn dead(page: &Path, html: &str) -> Vec<String> {
    let folder = page.parent().expect("a folder");
    let leads = |target: &str| {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = if path.is_empty() { page.to_owned() } else { folder.join(path) };
        let has_anchor = || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            anchor.is_empty() || text.contains(&format!("id=\"{anchor}\""))
        };
        file.exists() && (file.extension().is_none_or(|ending| ending != "html") || has_anchor())
    };
    let ours = |target: &&str| !target.contains(':') && !target.is_empty();
    let targets = targets(html).into_iter().filter(ours);
    targets.filter(|target| !leads(target)).map(|target| format!("{page:?}: {target}")).collect()
}

/// Goal: a reader of the book meets no dead link, on no page. Method: follow each one on the disk.
fn no_link_is_dead(book: &Path) {
    let mut found = Vec::new();
    pages(book, &mut found);
    // `print.html` is all pages in one, with links as they stand in their own folders; the page for
    // what is not found has the base address of a server.
    found.retain(|page| !page.ends_with("print.html") && !page.ends_with("404.html"));
    let read = |page: &PathBuf| fs::read_to_string(page).expect("a page");
    let dead: Vec<String> = found.iter().flat_map(|page| dead(page, &read(page))).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// Goal: the search works without a network. Method: ask for a word by the page's address.
fn the_search_finds(book: &Path, word: &str) {
    let page = book.join("00-map.html");
    let arguments = ["--virtual-time-budget=10000", "--dump-dom"];
    let (dom, _) = open_at(&page, &format!("?search={word}"), &arguments);
    let (_, results) = dom.split_once("id=\"mdbook-searchresults\"").expect("a list of results");
    let (results, _) = results.split_once("</ul>").expect("its end");
    assert!(results.contains("<li"), "nothing found for {word}: {results}");
}

#[test]
fn the_book_is_whole_and_a_browser_shows_it() {
    let book = built();
    no_link_is_dead(&book);
    the_search_finds(&book, "wheel");
    let mut found = Vec::new();
    pages(&book, &mut found);
    found.sort();
    for kind in LOOKED_AT {
        let of_kind = |page: &&PathBuf| {
            let place = page.strip_prefix(&book).expect("in the book");
            place.starts_with(kind) || place == Path::new(&format!("{kind}.html"))
        };
        if let Some(page) = found.iter().find(of_kind) {
            picture(page, &format!("book-{kind}-wide.png"), (1_280, 1_600), false);
            picture(page, &format!("book-{kind}-phone.png"), (500, 1_600), true);
        }
    }
}
