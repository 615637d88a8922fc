//! The lessons as tests: each runs, checks itself, and prints what `examples/expected/` says. So do
//! the rungs of the ladder.
//!
//! A figure behind a `~` was measured and may differ; everything else is compared letter by letter.
//! `RONDEL_BLESS=1 cargo test --test examples` writes the transcripts anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[path = "../examples/rungs/far.rs"]
mod far;

/// A lesson that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the runnable files are, and the package that builds them: the second one is for lessons
/// that need other crates.
const PLACES: [(&str, &str); 2] =
    [("examples", "rondel"), ("examples/with_crates/examples", "with-crates")];

/// The names of the runnable files, each with its folder and its package.
fn lessons() -> Vec<(String, &'static str, &'static str)> {
    let mut lessons = Vec::new();
    for (folder, package) in PLACES {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let sources = paths.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
        let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        lessons.extend(sources.map(|path| (name(path), folder, package)));
    }
    lessons.sort();
    lessons
}

/// The binary of a lesson. `cargo test` builds it together with this test, `cargo test --test
/// examples` does not: then it is built here.
fn binary(name: &str, package: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop(); // deps
    path.pop(); // debug or release
    let path = path.join("examples").join(name);
    if !is_fresh(&path) {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--package", package, "--example", name])
            .current_dir(root());
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{name} does not compile");
    }
    path
}

/// Whether the binary is younger than everything it was made of, which cargo notes beside it.
fn is_fresh(binary: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = age(binary) else { return false };
    let sources = fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let Some((_, sources)) = sources.split_once(": ") else { return false };
    let younger =
        |source: &str| age(Path::new(source)).is_some_and(|time: SystemTime| time <= built);
    sources.split_whitespace().all(younger)
}

/// Runs a lesson to its end, or to the limit. (What it prints fits into a pipe.)
fn run(name: &str, package: &str) -> Output {
    let mut command = Command::new(binary(name, package));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lesson = command.spawn().unwrap();
    let start = Instant::now();
    while lesson.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            lesson.kill().unwrap();
            eprintln!("{name} was stopped after {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    lesson.wait_with_output().unwrap()
}

/// Replaces each figure behind a `~`.
fn normalised(output: &str) -> String {
    let mut pieces = output.split('~');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str("~#");
        text.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    }
    text
}

/// Goal: a lesson that compiles but teaches something false must fail. Method: run it, with its own
/// assertions, and compare what the learner sees with the transcript.
#[test]
fn every_lesson_runs_and_prints_its_transcript() {
    let mut wrong = Vec::new();
    for (name, _, package) in lessons() {
        let run = run(&name, package);
        let (printed, errors) =
            (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        if !run.status.success() {
            wrong.push(format!("{name} failed:\n{printed}{errors}"));
            continue;
        }
        let printed = normalised(&printed);
        let path = root().join("examples/expected").join(format!("{name}.txt"));
        if std::env::var_os("RONDEL_BLESS").is_some() {
            fs::write(&path, &printed).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if printed != expected {
            wrong.push(format!("{name} printed\n{printed}and should have printed\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Goal: no transcript outlives its lesson. Method: compare the two folders.
#[test]
fn every_transcript_has_its_lesson() {
    let lessons = lessons();
    for entry in fs::read_dir(root().join("examples/expected")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            lessons.iter().any(|(lesson, ..)| lesson == name),
            "{} has no lesson",
            path.display()
        );
    }
}

/// Goal: keep the shape of a lesson, so that a learner finds each part in its place. Method: look
/// for the parts in their order.
#[test]
fn every_lesson_has_the_parts_of_a_lesson() {
    for (name, folder, package) in lessons() {
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let text = fs::read_to_string(root().join(format!("{folder}/{name}.rs"))).unwrap();
        let number = &name[..2];
        let title = format!("//! Lesson {number}. ");
        let command = match package {
            "rondel" => format!("cargo run --example {name}"),
            other => format!("cargo run -p {other} --example {name}"),
        };
        let parts = [&title, &command, "Predict.", "fn main()", "assert", "// Explain"];
        let more = ["// What real runtimes do", "// Where to read next", "rust,cite="];
        let mut rest = &text[..];
        for part in parts.into_iter().chain(more) {
            let found = rest.split_once(part);
            (_, rest) = found.unwrap_or_else(|| panic!("{name}: no `{part}` in its place"));
        }
    }
}

// --- the ladder ----------------------------------------------------------------------------------

const LADDER: &str = "docs/ladder.md";
const RUNGS: usize = 12;
const RUNG_LINES_MAX: usize = 200;

fn rungs() -> Vec<String> {
    let names = lessons().into_iter().map(|(name, ..)| name);
    names.filter(|name| name.starts_with("rung_")).collect()
}

fn rung(name: &str) -> String {
    fs::read_to_string(root().join(format!("examples/{name}.rs"))).unwrap()
}

/// Goal: each rung can be read alone, and says where it stands. Method: look for the parts in their
/// order, and count lines.
#[test]
fn every_rung_has_the_parts_of_a_rung() {
    let names = rungs();
    assert_eq!(names.len(), RUNGS, "{names:?}");
    for (index, name) in names.iter().enumerate() {
        let text = rung(name);
        let number = index + 1;
        let title = format!("//! Rung {number:02} of the ladder: ");
        let command = format!("cargo run --example {name}");
        let last = if index == 0 { "The ground".into() } else { format!("Rung {index:02}") };
        let last = format!("//! {last} could not ");
        let parts = [&title, &command, &last, "//! One idea: ", "```text", "//! Real runtimes: "];
        let mut rest = &text[..];
        for part in parts.into_iter().chain(["fn main()", "assert", "// It cost: ", "// It still "])
        {
            let found = rest.split_once(part);
            (_, rest) = found.unwrap_or_else(|| panic!("{name}: no `{part}` in its place"));
        }
        let lines = text.lines().count();
        assert!(lines <= RUNG_LINES_MAX, "{name}: {lines} lines, more than {RUNG_LINES_MAX}");
    }
}

/// Goal: the page of the ladder tells each rung's true size. Method: find its row, which starts
/// with a link to the rung and its lines of code.
#[test]
fn the_ladder_counts_the_lines_of_each_rung() {
    let page = fs::read_to_string(root().join(LADDER)).unwrap();
    for name in rungs() {
        let text = rung(&name);
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        let link = format!("](../examples/{name}.rs) | ");
        let row = page.lines().find(|line| line.starts_with("| ") && line.contains(&link));
        let row = row.unwrap_or_else(|| panic!("{LADDER}: no row for {name}"));
        let told = row.split(" | ").nth(3).unwrap_or_default();
        assert_eq!(told, lines.to_string(), "{LADDER}: the lines of {name}");
    }
}

/// Goal: the bench of the ladder runs what the rungs offer. Method: each with a tiny load and a far
/// side in another process, as the bench does it; the line it prints is the one the bench reads.
#[test]
fn every_rung_can_be_measured() {
    let (far, most) = far::far_side().unwrap();
    for name in rungs() {
        let mut rung = Command::new(binary(&name, "rondel"));
        let output = rung.args(["--bench", &far.to_string(), "3", "2"]).output().unwrap();
        let (printed, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name}: {printed}{errors}");
        let words: Vec<&str> = printed.split_whitespace().collect();
        let ["cpu_ns", cpu, "wall_ns", wall] = words[..] else { panic!("{name}: {printed}") };
        let least = Duration::from_millis(2 * 2).as_nanos();
        assert!(cpu.parse::<u128>().unwrap() > 0 && wall.parse::<u128>().unwrap() >= least);
    }
    assert!(most.load(Ordering::Relaxed) > 0, "nobody asked the far side");
}
