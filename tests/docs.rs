//! The book as law: what the documents say of the code is compared with the code.
//!
//! - a citation (a block marked `rust,cite=PATH` or `text,cite=PATH`, in a document or in a lesson's
//!   comments) occurs exactly once in the file it names; a line `…` stands for what is left out;
//! - links lead somewhere, file names name files, and the map names every file of the engine;
//! - every row of `docs/reliability.md` names a test that is there;
//! - the README and `.ci/run` agree on the test command, and every dependency has its reason.
//!
//! `RONDEL_BLESS=1 cargo test --test docs` writes the line counts and the lessons of `docs/00-map.md`
//! anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// A line count in the map may be this far off, in per cent, before the test complains.
const COUNT_TOLERANCE_PERCENT: usize = 20;

/// Folders that are not the project's text.
const NOT_OURS: &[&str] = &["target", ".git"];

struct Page {
    path: String,
    text: String,
}

impl Page {
    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the project, by its path from the root.
fn all_files() -> Vec<String> {
    let mut folders = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_str().unwrap_or_default();
            if !path.is_dir() {
                files.push(relative(&path));
            } else if !NOT_OURS.contains(&name) {
                folders.push(path);
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

fn pages(wanted: impl Fn(&str) -> bool) -> Vec<Page> {
    let files = all_files().into_iter().filter(|path| wanted(path));
    files.map(|path| Page { text: read(&path), path }).collect()
}

fn documents() -> Vec<Page> {
    pages(|path| path.ends_with(".md"))
}

// --- citations -----------------------------------------------------------------------------------

/// A quotation and where it comes from.
struct Citation {
    /// The page and line that quote.
    at: String,
    /// The file that is quoted.
    path: String,
    lines: Vec<String>,
}

fn citations(page: &Page) -> Vec<Citation> {
    let mut found = Vec::new();
    let mut open: Option<Citation> = None;
    for (number, line) in page.text.lines().enumerate() {
        let line = uncommented(line, &page.path);
        if let Some(mut citation) = open.take() {
            if line.trim() == "```" {
                found.push(citation);
            } else {
                citation.lines.push(line.trim().to_owned());
                open = Some(citation);
            }
        } else if let Some(path) = ["```rust,cite=", "```text,cite="]
            .iter()
            .find_map(|fence| line.trim().strip_prefix(fence))
        {
            let at = format!("{}:{}", page.path, number + 1);
            open = Some(Citation { at, path: path.to_owned(), lines: Vec::new() });
        }
    }
    assert!(open.is_none(), "{}: a citation is not closed", page.path);
    found
}

/// A line of a document as it is; of a lesson, what stands in its comment.
fn uncommented<'a>(line: &'a str, path: &str) -> &'a str {
    if !path.ends_with(".rs") {
        return line;
    }
    let line = line.trim_start();
    let comment = line.strip_prefix("//!").or_else(|| line.strip_prefix("//"));
    comment.unwrap_or("")
}

/// How often `piece` stands in `lines`, one line after the other.
fn occurrences(piece: &[String], lines: &[&str]) -> usize {
    lines
        .windows(piece.len())
        .filter(|window| window.iter().zip(piece).all(|(a, b)| a == b))
        .count()
}

/// Goal: keep quoted code true. Method: look for each piece of each citation in its file, line by
/// line, without the indentation.
#[test]
fn citations_stand_exactly_once_in_their_files() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let lesson = |path: &str| path.starts_with("examples/") && path.ends_with(".rs");
    for page in pages(|path| path.ends_with(".md") || lesson(path)) {
        for citation in citations(&page) {
            count += 1;
            let Ok(source) = fs::read_to_string(root().join(&citation.path)) else {
                wrong.push(format!("{}: there is no {}", citation.at, citation.path));
                continue;
            };
            let lines: Vec<&str> = source.lines().map(str::trim).collect();
            for piece in citation.lines.split(|line| line == "…").filter(|piece| !piece.is_empty())
            {
                let times = occurrences(piece, &lines);
                if times != 1 {
                    let (at, path) = (&citation.at, &citation.path);
                    wrong.push(format!("{at}: `{}` … stands {times} times in {path}", piece[0]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 0, "the map cites the engine");
}

// --- links and names -----------------------------------------------------------------------------

/// The text outside code blocks.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            prose.push_str(line);
        }
        prose.push('\n');
    }
    prose
}

/// What stands behind `](` up to `)`, outside code.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    let pieces = text.split("](").skip(1);
    pieces.filter_map(|piece| piece.split_once(')')).map(|(link, _)| link.to_owned()).collect()
}

/// The headings, spelled as GitHub spells their anchors.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let spell = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(spell).collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in documents() {
        for link in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                root().join(&page.path)
            } else {
                root().join(page.folder()).join(path)
            };
            if !target.exists() {
                wrong.push(format!("{}: there is no `{path}`", page.path));
            } else if !anchor.is_empty()
                && !anchors(&fs::read_to_string(&target).unwrap_or_default()).contains(anchor)
            {
                wrong.push(format!("{}: `{link}` has no such heading", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The words in backticks that look like files.
fn named_files(text: &str) -> Vec<String> {
    let prose = prose(text);
    let mut names = Vec::new();
    for line in prose.lines() {
        let quoted = line.split('`').skip(1).step_by(2);
        names.extend(quoted.flat_map(str::split_whitespace).filter(|word| is_file_name(word)));
    }
    names.into_iter().map(str::to_owned).collect()
}

fn is_file_name(word: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    let known = [".rs", ".md", ".toml", ".txt"].iter().any(|ending| word.ends_with(ending));
    let template = word.contains("NN_") || word.starts_with('.');
    known && !template && word.chars().all(plain)
}

/// Goal: name no file that is not there. Method: a name in backticks must be the end of some path.
#[test]
fn documents_name_only_files_that_exist() {
    let files = all_files();
    let mut wrong = Vec::new();
    for page in documents() {
        for name in named_files(&page.text) {
            let exists = files.iter().any(|file| {
                file.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            });
            if !exists {
                wrong.push(format!("{}: there is no `{name}`", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// --- the faults and their tests ------------------------------------------------------------------

const RELIABILITY: &str = "docs/reliability.md";

/// The tests that a row names: `` `name` in `path` ``.
fn named_tests(row: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = row.split('`').collect();
    let triples = words.windows(3).filter(|triple| triple[1] == " in ");
    triples.map(|triple| (triple[0], triple[2])).collect()
}

/// Whether `name` is a test of that file: marked as one, or in the list of a macro that makes them.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let marked = |at: usize| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        above.into_iter().any(|line| line.ends_with("test]"))
    };
    let (plain, listed) = (format!("fn {name}()"), format!("async fn {name}() {{"));
    (0..lines.len()).any(|at| match lines[at].strip_prefix("async ").unwrap_or(lines[at]) {
        line if !line.starts_with(&plain) => false,
        _ if marked(at) => true,
        _ => lines[at] == listed && text.contains("on_each_reactor! {"),
    })
}

/// Goal: promise nothing about a fault that is not tested. Method: each row of the tables names
/// tests, and each of them is found in its file.
#[test]
fn every_fault_names_a_test_that_is_there() {
    let text = read(RELIABILITY);
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault |"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows {
        let tests = named_tests(row);
        count += tests.len();
        if tests.is_empty() {
            wrong.push(format!("{RELIABILITY}: this row names no test: {row}"));
        }
        for (name, path) in tests {
            if !root().join(path).is_file() || !is_test(&read(path), name) {
                wrong.push(format!("{RELIABILITY}: `{name}` is no test of {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "the tables have gone: {count} tests are named");
}

/// Goal: show that the law above can be broken. Method: rows and functions that are not right.
#[test]
fn a_function_that_is_no_test_is_told_from_one() {
    assert_eq!(named_tests("| x | y `z` | `a` in `b.rs`, `c` in `d.rs` |").len(), 2);
    assert!(named_tests("| no descriptor | the same | — |").is_empty());
    let text = "#[test]\n#[ignore]\nfn one() {\n}\nfn two() {\n}\nasync fn three() {\n}\n";
    assert!(is_test(text, "one") && !is_test(text, "on"));
    assert!(!is_test(text, "two") && !is_test(text, "three") && !is_test(text, "four"));
    assert!(is_test(&format!("on_each_reactor! {{\n{text}"), "three"));
}

// --- the map -------------------------------------------------------------------------------------

const MAP: &str = "docs/00-map.md";

/// Where lessons live: those that need the engine alone, and those that need other crates as well.
const LESSONS: &[&str] = &["examples/", "examples/with_crates/examples/"];

/// A row of the map's tables: ``| [`turn.rs`](../runtime/turn.rs) | 230 | … |``.
fn mapped_file(line: &str) -> Option<(String, &str)> {
    let rest = line.strip_prefix("| [`")?;
    let (_, rest) = rest.split_once("](../")?;
    let (path, rest) = rest.split_once(") | ")?;
    let (count, _) = rest.split_once(" |")?;
    path.starts_with("runtime/").then(|| (path.to_owned(), count))
}

/// Two tests write the map anew, each its own part.
static PEN: Mutex<()> = Mutex::new(());

fn lines_of(path: &str) -> usize {
    read(path).lines().count()
}

/// Two digits are enough for a reader who wonders how long a file is.
fn rounded(count: usize) -> usize {
    if count < 100 { count } else { (count + 5) / 10 * 10 }
}

/// Goal: let the map lead past every file. Method: compare its rows with the folder, and their
/// line counts with the files.
#[test]
fn the_map_names_every_file_of_the_engine() {
    let _pen = PEN.lock();
    let map = read(MAP);
    let blessed: String = map.lines().map(|line| blessed_row(line) + "\n").collect();
    if std::env::var_os("RONDEL_BLESS").is_some() {
        fs::write(root().join(MAP), &blessed).unwrap();
    }
    let map = if std::env::var_os("RONDEL_BLESS").is_some() { blessed } else { map };
    let rows: Vec<(String, &str)> = map.lines().filter_map(mapped_file).collect();
    let mapped: Vec<String> = rows.iter().map(|(path, _)| path.clone()).collect();
    let mut wrong = Vec::new();
    for file in pages(|path| path.starts_with("runtime/") && path.ends_with(".rs")) {
        let times = mapped.iter().filter(|path| **path == file.path).count();
        if times != 1 {
            wrong.push(format!("{MAP}: {} rows for {}, one is right", times, file.path));
        }
    }
    for (path, count) in rows.into_iter().filter(|(path, _)| root().join(path).exists()) {
        let (told, real) = (count.parse::<usize>().unwrap_or(0), lines_of(&path));
        if told.abs_diff(real) * 100 > real.max(10) * COUNT_TOLERANCE_PERCENT {
            wrong.push(format!("{MAP}: {path} has {real} lines, not {told} (RONDEL_BLESS=1)"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The question in a lesson's first line: `//! Lesson 07. When do two things …?`
fn question(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().take_while(|line| *line != "//!").map(|line| line[3..].trim());
    let header = lines.collect::<Vec<_>>().join(" ");
    let question = header.strip_prefix("Lesson ").and_then(|rest| rest.split_once(". "));
    question
        .unwrap_or_else(|| panic!("{path} begins with `//! Lesson NN. <question?>`"))
        .1
        .to_owned()
}

/// The table of the lessons, made from their headers.
fn table_of_lessons() -> String {
    let is_lesson = |path: &str| {
        LESSONS.iter().any(|folder| {
            let name = path.strip_prefix(folder).unwrap_or_default();
            name.starts_with(|c: char| c.is_ascii_digit())
                && name.ends_with(".rs")
                && !name.contains('/')
        })
    };
    let mut lessons: Vec<String> = all_files().into_iter().filter(|path| is_lesson(path)).collect();
    lessons.sort_by_key(|path| path.rsplit('/').next().unwrap().to_owned());
    let mut table = String::from("| lesson | its question |\n|---|---|\n");
    for path in lessons {
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        table += &format!("| [`{name}`](../{path}) | {} |\n", question(&path));
    }
    table
}

/// Goal: let the map lead to every lesson. Method: its table is the one made from their headers.
#[test]
fn the_map_lists_every_lesson_with_its_question() {
    let _pen = PEN.lock();
    let map = read(MAP);
    let (before, rest) = map.split_once("<!-- lessons -->\n").unwrap();
    let (told, after) = rest.split_once("<!-- /lessons -->").unwrap();
    let table = table_of_lessons();
    if std::env::var_os("RONDEL_BLESS").is_some() {
        let blessed = format!("{before}<!-- lessons -->\n{table}<!-- /lessons -->{after}");
        fs::write(root().join(MAP), blessed).unwrap();
    } else {
        assert!(told == table, "{MAP}: the lessons are other ones (RONDEL_BLESS=1)");
    }
}

fn blessed_row(line: &str) -> String {
    match mapped_file(line) {
        Some((path, count)) if root().join(&path).exists() => {
            let right = rounded(lines_of(&path));
            line.replacen(&format!(") | {count} |"), &format!(") | {right} |"), 1)
        }
        _ => line.to_owned(),
    }
}

// --- the README, CI and the dependencies ---------------------------------------------------------

/// The code blocks of a document, each with what stands behind its backticks.
fn code_blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        match (open.take(), line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), Vec::new())),
            (None, None) => {}
            (Some(block), Some(_)) => blocks.push(block),
            (Some((info, mut lines)), None) => {
                lines.push(line.to_owned());
                open = Some((info, lines));
            }
        }
    }
    blocks
}

/// Goal: what a reader is told to run is what CI runs. Method: ask `.ci/run` for its command.
#[test]
fn ci_runs_the_test_command_of_the_readme() {
    let blocks = code_blocks(&read("README.md"));
    let commands: Vec<&String> = blocks
        .iter()
        .flat_map(|(_, lines)| lines)
        .filter(|line| line.starts_with("cargo "))
        .collect();
    let tests: Vec<&&String> =
        commands.iter().filter(|line| line.starts_with("cargo test")).collect();
    assert_eq!(tests.len(), 1, "one command runs all tests: {tests:?}");
    let script = root().join(".ci/run");
    let printed = Command::new("bash").arg(script).arg("--print-test-command").output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    assert_eq!(String::from_utf8_lossy(&printed.stdout).trim(), **tests[0]);
}

/// Goal: let nobody copy code from the README that does not compile. Method: every Rust block there
/// must be a citation; the file that it cites is an example, which is compiled and run.
#[test]
fn rust_in_the_readme_is_cited_from_an_example() {
    for (info, _) in code_blocks(&read("README.md")) {
        if info.starts_with("rust") {
            let path = info.strip_prefix("rust,cite=").unwrap_or_default();
            assert!(path.starts_with("examples/"), "README.md: `{info}` cites no example");
        }
    }
}

/// The names in the dependency tables of the root package.
fn dependencies() -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in read("Cargo.toml").lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.starts_with("[workspace");
        } else if let Some((name, _)) = line.split_once(['=', '.']).filter(|_| inside) {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// Goal: no dependency without a reason. Method: CONTRIBUTING.md has a line ``- `name`: why``.
#[test]
fn every_dependency_has_its_reason() {
    let text = read("CONTRIBUTING.md");
    let names = dependencies();
    assert!(names.len() > 5, "the parser of Cargo.toml finds them: {names:?}");
    for name in names {
        let reason = text.lines().find_map(|line| line.strip_prefix(&format!("- `{name}`: ")));
        assert!(
            reason.is_some_and(|reason| reason.len() > 20),
            "CONTRIBUTING.md: say in a line \"- `{name}`: …\" why the engine needs it"
        );
    }
}

/// Goal: hand the repository out with its licences. Method: both files are there, and Cargo.toml
/// says the same.
#[test]
fn the_licences_are_there() {
    assert!(read("Cargo.toml").contains("license = \"MIT OR Apache-2.0\""));
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(read(name).contains("The Rondel contributors"), "{name} names who grants it");
    }
}
