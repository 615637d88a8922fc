//! The coverage as law: `docs/coverage.md` says where each concept of the study guide is treated.
//!
//! A lesson says what it treats in a line `//! Covers: 30, 31, 147-151, X2.` of its header; a page
//! of `docs/` or an exercise's text in a comment `<!-- covers: 12, 229 -->`. The numbers are those
//! of `docs/concepts.txt`.
//!
//! `RONDEL_BLESS=1 cargo test --test coverage` writes the page anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const CONCEPTS: &str = "docs/concepts.txt";
const PAGE: &str = "docs/coverage.md";

/// Where lessons, pages and exercises live.
const FOLDERS: &[&str] = &["docs", "examples"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A concept, or the heading above some.
enum Line {
    Heading(String),
    Concept { number: String, title: String, needs_server: bool },
}

fn concepts() -> Vec<Line> {
    let text = read(CONCEPTS);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    let parsed = lines.map(|line| {
        if let Some(heading) = line.strip_prefix("## ") {
            return Line::Heading(heading.to_owned());
        }
        let (number, title) = line.split_once(' ').expect("`N title`");
        let needs_server = title.starts_with("* ");
        let title = title.trim_start_matches("* ").to_owned();
        Line::Concept { number: number.to_owned(), title, needs_server }
    });
    parsed.collect()
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let path = path.strip_prefix(root()).unwrap();
            found.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
}

/// The lists of numbers that a file carries, as they are written.
fn claims<'a>(path: &str, text: &'a str) -> Vec<&'a str> {
    let cut = |line: &'a str, start: &str, end: &str| line.strip_prefix(start)?.strip_suffix(end);
    let lines = text.lines().map(str::trim);
    if path.ends_with(".rs") {
        lines.filter_map(|line| cut(line, "//! Covers: ", ".")).collect()
    } else if path.ends_with(".md") {
        lines.filter_map(|line| cut(line, "<!-- covers: ", " -->")).collect()
    } else {
        Vec::new()
    }
}

/// `30, 147-149, X2` as single numbers.
fn numbers(claim: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for word in claim.split(", ") {
        match word.split_once('-') {
            None => found.push(word.to_owned()),
            Some((first, last)) => {
                let bound = |word: &str| word.parse::<u32>().map_err(|_| format!("`{word}`"));
                let numbers = bound(first)?..=bound(last)?;
                found.extend(numbers.map(|number| number.to_string()));
            }
        }
    }
    Ok(found)
}

/// What a place is called in the table, and as what it counts.
fn link(path: &str) -> String {
    let stem = |path: &str| Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned();
    match path.strip_prefix("docs/") {
        Some(page) => format!("[{}]({page})", stem(page)),
        None if path.ends_with("text.md") => {
            let folder = path.trim_end_matches("/text.md");
            let slug = folder.rsplit('/').next().unwrap();
            format!("[exercise {slug}](../{folder}/exercise.rs)")
        }
        None => format!("[`{}`](../{path})", stem(path)),
    }
}

/// For each number, the links to where it is treated.
fn places() -> BTreeMap<String, Vec<String>> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        files(&root().join(folder), &mut paths);
    }
    // Lessons before exercises before pages, each by its number.
    paths.sort_by_key(|path| (path.starts_with("docs/"), path.ends_with(".md"), path.clone()));
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths.iter().filter(|path| path.ends_with(".rs") || path.ends_with(".md")) {
        let text = read(path);
        for claim in claims(path, &text) {
            let numbers = numbers(claim).unwrap_or_else(|word| panic!("{path}: {word} in {claim}"));
            for number in numbers {
                let links = places.entry(number).or_default();
                if !links.contains(&link(path)) {
                    links.push(link(path));
                }
            }
        }
    }
    places
}

fn page(concepts: &[Line], places: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::from(
        "# What is treated where\n\nEach concept of the study guide that Rondel follows, and the \
         lessons, exercises, pages and\nwalk-throughs that treat it. `tests/coverage.rs` writes \
         this page from what they say of themselves.\n",
    );
    let (mut later, mut open) = (String::new(), String::new());
    for line in concepts {
        match line {
            Line::Heading(heading) => {
                write!(text, "\n## {heading}\n\n| | concept | where |\n|---|---|---|\n").unwrap();
            }
            Line::Concept { number, title, needs_server } => {
                let links = places.get(number).map(|links| links.join(" · "));
                writeln!(text, "| {number} | {title} | {} |", links.clone().unwrap_or_default())
                    .unwrap();
                if links.is_none() {
                    let list = if *needs_server { &mut later } else { &mut open };
                    writeln!(list, "- {number} {title}").unwrap();
                }
            }
        }
    }
    for (heading, list) in [
        ("Not yet, because a server has to be installed for it", later),
        ("Not yet, and nothing stands in the way", open),
    ] {
        if !list.is_empty() {
            write!(text, "\n## {heading}\n\n{list}").unwrap();
        }
    }
    text
}

/// Goal: know of each concept where it is taught. Method: gather what lessons and pages claim, and
/// compare with the page.
#[test]
fn the_page_says_where_each_concept_is_treated() {
    let page = page(&concepts(), &places());
    if std::env::var_os("RONDEL_BLESS").is_some() {
        fs::write(root().join(PAGE), &page).unwrap();
    }
    assert!(page == read(PAGE), "{PAGE} is old: RONDEL_BLESS=1 cargo test --test coverage");
}

/// Goal: no claim leads nowhere. Method: look each number up.
#[test]
fn only_concepts_that_exist_are_claimed() {
    let concepts = concepts();
    let known = |wanted: &str| {
        concepts.iter().any(|line| matches!(line, Line::Concept { number, .. } if number == wanted))
    };
    for (number, links) in places() {
        assert!(known(&number), "{links:?} claim a number {number} that {CONCEPTS} does not have");
    }
}

/// Goal: each lesson takes part. Method: look for its line.
#[test]
fn every_lesson_says_what_it_covers() {
    let mut paths = Vec::new();
    files(&root().join("examples"), &mut paths);
    let numbered = |path: &&String| {
        let name = path.rsplit('/').next().unwrap();
        let folder = path.trim_end_matches(name);
        let lesson = folder == "examples/" || folder == "examples/with_crates/examples/";
        lesson && name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(".rs")
    };
    for path in paths.iter().filter(numbered) {
        assert!(!claims(path, &read(path)).is_empty(), "{path} has no line `//! Covers: …`");
    }
}
