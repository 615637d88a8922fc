//! The walk-throughs as law: each page of `docs/interview/` has the shape that `learn interview` reads.

use std::fs;
use std::path::{Path, PathBuf};

/// The headings of a page, in their order.
const HEADINGS: &[&str] = &[
    "In 30 seconds",
    "In depth",
    "Live demo",
    "Follow-ups",
    "Pitfalls",
    "On the whiteboard",
    "In Python, in Rust",
];

/// What one can say in half a minute.
const WORDS_IN_30_SECONDS: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The name and the text of each page, by number.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs/interview")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.into_iter().map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

/// What stands under `## heading`, up to the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).unwrap_or_default();
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// Whether the command is one that another test runs.
fn is_run_by_a_test(command: &str) -> bool {
    let exists = |path: String| root().join(path).is_file();
    if let Some(name) = command.strip_prefix("cargo run --example ") {
        return exists(format!("examples/{name}.rs"));
    }
    if let Some(name) = command.strip_prefix("cargo run -p with-crates --example ") {
        return exists(format!("examples/with_crates/examples/{name}.rs"));
    }
    false
}

/// What is wrong with a page.
fn faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault: &str| {
        if !holds {
            faults.push(format!("docs/interview/{name}: {fault}"));
        }
    };
    let number = name.strip_prefix("q-").and_then(|rest| rest.get(..2)).unwrap_or("??");
    let title = text.lines().next().unwrap_or_default();
    expect(title.starts_with(&format!("# Q{number}. ")), "begins with its number and question");
    expect(text.contains("\n<!-- covers: "), "says what it covers");
    let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    expect(found == HEADINGS, "has the headings in their order");
    let spoken = section(text, HEADINGS[0]).split_whitespace().count();
    expect((10..=WORDS_IN_30_SECONDS).contains(&spoken), &format!("{spoken} words in 30 seconds"));
    expect(section(text, "In depth").contains(",cite="), "cites the engine or a lesson");
    let demo = text.lines().find_map(|line| line.strip_prefix("<!-- demo: ")?.strip_suffix(" -->"));
    let demo = demo.unwrap_or_default();
    expect(is_run_by_a_test(demo), &format!("its demo `{demo}` is no lesson"));
    expect(section(text, "Live demo").contains(&format!("```sh\n{demo}\n```")), "shows its demo");
    let follow_ups = section(text, "Follow-ups").matches("### ").count();
    expect((3..=5).contains(&follow_ups), &format!("{follow_ups} follow-ups, not three to five"));
    expect(section(text, "Pitfalls").matches("\n- ").count() >= 2, "names two pitfalls or more");
    expect(section(text, "On the whiteboard").contains("```text\n"), "has a picture");
    let wording = section(text, "In Python, in Rust");
    expect(wording.contains("**Python:**") && wording.contains("**Rust:**"), "has both wordings");
    faults
}

/// Goal: let nobody stand before an interviewer with half a page. Method: check each page's shape.
#[test]
fn every_walk_through_has_its_parts() {
    let pages = pages();
    let faults: Vec<String> = pages.iter().flat_map(|(name, text)| faults(name, text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Goal: each number once. Method: compare neighbours.
#[test]
fn no_two_walk_throughs_have_one_number() {
    let names: Vec<String> = pages().into_iter().map(|(name, _)| name).collect();
    assert!(names.windows(2).all(|pair| pair[0][..4] != pair[1][..4]), "{names:?}");
}
