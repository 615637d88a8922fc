//! The book as law: its table of contents leads to every page, each chapter has its parts, and each
//! command that a page tells the reader to run is one that a test runs.
//!
//! `RONDEL_BLESS=1 cargo test --test book` writes the table of contents anew.

use std::fs;
use std::path::Path;

const SUMMARY: &str = "docs/SUMMARY.md";

/// The parts of a chapter, in their order.
const PARTS: &[&str] =
    &["Problem", "Idea", "Code", "Try it", "Real world", "Exercises", "Interview questions"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page below `docs/`, by its path from there.
fn pages(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            let path = path.strip_prefix(root().join("docs")).unwrap();
            found.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
}

fn all_pages() -> Vec<String> {
    let mut found = Vec::new();
    pages(&root().join("docs"), &mut found);
    found.sort();
    found
}

/// The lines inside blocks that begin with this fence.
fn blocks(text: &str, fence: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        match (inside, line.strip_prefix("```")) {
            (None, Some(info)) => inside = Some(info == fence),
            (Some(_), Some(_)) => inside = None,
            (Some(true), None) => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

/// The parts of the book: a title, and where its pages begin.
const SECTIONS: &[(&str, &[&str])] = &[
    ("", &["00-map.md"]),
    ("The book", &["book/", "ladder.md"]),
    ("For an interview", &["interview/"]),
    ("The guide, checked", &["compare/", "errata.md", "coverage.md"]),
    ("To look things up", &["glossary.md", "reference.md", "reliability.md", "unsafe.md"]),
    ("The race", &["benchmarks.md"]),
];

/// The table of contents, made from the pages' titles.
fn summary(pages: &[String]) -> String {
    let mut text = String::from("# Rondel\n");
    for (title, beginnings) in SECTIONS {
        let wanted = |page: &&String| beginnings.iter().any(|start| page.starts_with(start));
        let mut found: Vec<&String> = pages.iter().filter(wanted).collect();
        found.sort_by_key(|page| beginnings.iter().position(|start| page.starts_with(start)));
        if found.is_empty() {
            continue;
        }
        text += &if title.is_empty() { "\n".to_owned() } else { format!("\n# {title}\n\n") };
        for page in found {
            let contents = read(&format!("docs/{page}"));
            let heading = contents.lines().find_map(|line| line.strip_prefix("# "));
            let heading = heading.unwrap_or_else(|| panic!("docs/{page} has no title"));
            text += &format!("- [{}]({page})\n", heading.replace(['[', ']'], ""));
        }
    }
    text
}

/// Goal: a page that is in no table of contents is not in the book. Method: the table is the one
/// made from the pages, and names each once.
#[test]
fn the_summary_leads_to_every_page() {
    let pages: Vec<String> =
        all_pages().into_iter().filter(|page| page != "SUMMARY.md").collect();
    let summary = summary(&pages);
    for page in &pages {
        assert_eq!(summary.matches(&format!("({page})")).count(), 1, "SECTIONS has no {page}");
    }
    if std::env::var_os("RONDEL_BLESS").is_some() {
        fs::write(root().join(SUMMARY), &summary).unwrap();
    }
    assert!(summary == read(SUMMARY), "{SUMMARY} is old: RONDEL_BLESS=1 cargo test --test book");
}

#[test]
fn every_chapter_has_its_parts() {
    for page in all_pages().iter().filter(|page| page.starts_with("book/")) {
        let text = read(&format!("docs/{page}"));
        let parts: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(parts, PARTS, "docs/{page}");
        for fence in ["```rust,cite=runtime/", "```sh\n", "*You are here: "] {
            assert!(text.contains(fence), "docs/{page} has no `{fence}`");
        }
    }
}

/// Whether some test or step runs it: a lesson, a test, `learn`, or what CONTRIBUTING.md lists.
fn is_run(command: &str, known: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let exists = |path: String| root().join(path).exists();
    match words[..] {
        ["cargo", "run", "--example", name] => exists(format!("examples/{name}.rs")),
        ["cargo", "run", "-p", "with-crates", "--example", name] => {
            exists(format!("examples/with_crates/examples/{name}.rs"))
        }
        ["cargo", "test", "--test", name] => {
            exists(format!("tests/{name}.rs")) || exists(format!("tests/{name}/main.rs"))
        }
        ["cargo", "run", "-p", "learn", ..] => exists("examples/learn/Cargo.toml".to_owned()),
        _ => known.contains(command),
    }
}

/// Goal: whoever types what a page says sees it work. Method: each command is one that is run.
#[test]
fn every_command_of_the_book_is_run_by_a_test() {
    let known = read("README.md") + &read("CONTRIBUTING.md") + &read("docs/benchmarks.md");
    let mut wrong = Vec::new();
    for page in all_pages() {
        let text = read(&format!("docs/{page}"));
        let told = blocks(&text, "sh").into_iter().filter(|line| line.contains("cargo "));
        for command in told.filter(|command| !is_run(command, &known)) {
            wrong.push(format!("docs/{page}: nothing runs `{command}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
