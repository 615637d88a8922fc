//! The exercises as tests: each fails as handed out, by its `Fails with` line, and passes with its
//! solution.
//!
//! All solutions are compiled into one program and all files as handed out into another, by `rustc`
//! itself; each exercise then is a child process of one of the two. Files that the compiler is
//! meant to refuse go alone. `RONDEL_EXERCISE=04_gather cargo test -p rondel-exercises --test
//! exercises` looks at one exercise only.

use rondel_exercises::catalogue::{Exercise, catalogue};
use rondel_exercises::workbench::{self, Libraries, Outcome};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Our own folder, emptied for each kind of program.
fn folder(kind: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exercises").join(kind);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The exercises to look at.
fn chosen() -> Vec<Exercise> {
    let mut exercises = catalogue().unwrap_or_else(|error| panic!("{error}"));
    if let Ok(slug) = std::env::var("RONDEL_EXERCISE") {
        exercises.retain(|exercise| exercise.slug == slug);
    }
    assert!(!exercises.is_empty(), "no exercise: is RONDEL_EXERCISE right?");
    exercises
}

/// The source of a program that judges any of these answers; its first argument says which.
fn program(answers: &[(&Exercise, PathBuf)], lints: &str) -> String {
    let mut text = format!("#![{lints}]\n#![allow(dead_code, missing_docs)]\n");
    let mut arms = String::new();
    for (exercise, answer) in answers {
        let (slug, judge) = (&exercise.slug, exercise.judge());
        writeln!(
            text,
            "mod e{slug} {{\n    #[path = {answer:?}]\n    pub mod answer;\n    \
             #[path = {judge:?}]\n    pub mod judge;\n}}"
        )
        .unwrap();
        writeln!(arms, "        Some({slug:?}) => rondel_exercises::run(e{slug}::judge::judge),")
            .unwrap();
    }
    text + "fn main() -> std::process::ExitCode {\n    match std::env::args().nth(1).as_deref() {\n"
        + &arms
        + "        other => panic!(\"no exercise {other:?}\"),\n    }\n}\n"
}

/// Compiles a program of answers. Returns its path.
fn compile(libraries: &Libraries, kind: &str, source: &str) -> PathBuf {
    let folder = folder(kind);
    let (main, binary) = (folder.join("main.rs"), folder.join("answers"));
    fs::write(&main, source).unwrap();
    let mut rustc = libraries.rustc();
    rustc.args(["--crate-name", "answers", "-o"]).arg(&binary).arg(&main);
    let output = rustc.output().expect("rustc can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the {kind} do not compile:\n{errors}");
    binary
}

/// Calls `job` for each of the exercises, on as many threads as there are processors. Returns what
/// went wrong.
fn for_all<'a, T: Sync>(
    items: &'a [T],
    job: impl Fn(&'a T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(text) = job(item) {
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

fn run(binary: &Path, exercise: &Exercise, kind: &str) -> workbench::Verdict {
    let mut command = Command::new(binary);
    command.arg(&exercise.slug);
    let file = folder(kind).join(format!("{}.verdict", exercise.slug));
    workbench::run(command, &file).unwrap_or_else(|error| panic!("{}: {error}", exercise.slug))
}

/// Goal: no exercise without a way to do it. Method: judge all solutions; the compiler may not even
/// warn.
#[test]
fn every_solution_passes() {
    let (exercises, libraries) = (chosen(), libraries());
    let answers: Vec<_> = exercises.iter().map(|one| (one, one.solution())).collect();
    let binary = compile(&libraries, "solutions", &program(&answers, "deny(warnings)"));
    let wrong = for_all(&exercises, |exercise| {
        let verdict = run(&binary, exercise, "solutions");
        let passed = verdict.outcome == Outcome::Passed;
        passed.then_some(()).ok_or(format!("{}/solution.rs: {}", exercise.slug, verdict.text))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Goal: an exercise teaches what its text says. Method: judge all files as handed out, and look
/// for the line in what the learner sees.
#[test]
fn every_exercise_fails_as_handed_out_for_the_reason_it_teaches() {
    let (exercises, libraries) = (chosen(), libraries());
    let runs: Vec<&Exercise> =
        exercises.iter().filter(|one| !one.is_refused_by_the_compiler()).collect();
    let answers: Vec<_> = runs.iter().map(|one| (*one, one.handout())).collect();
    let binary = compile(&libraries, "handouts", &program(&answers, "allow(warnings)"));
    let wrong = for_all(&exercises, |exercise| {
        let slug = &exercise.slug;
        let (outcome, text) = if exercise.is_refused_by_the_compiler() {
            let folder = folder("refused").join(slug);
            let handout = exercise.handout();
            let verdict = workbench::verify(&libraries, exercise, &handout, &folder, None, false);
            let verdict = verdict.map_err(|error| format!("{slug}: {error}"))?;
            (verdict.outcome, verdict.text)
        } else {
            let verdict = run(&binary, exercise, "handouts");
            (verdict.outcome, verdict.text)
        };
        if outcome == Outcome::Passed {
            return Err(format!("{slug}/exercise.rs passes as handed out"));
        }
        let is_named = text.lines().any(|line| line.contains(&exercise.fails_with));
        let wanted = &exercise.fails_with;
        is_named.then_some(()).ok_or(format!("{slug}: no line `{wanted}` in\n{text}"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cargo builds the two libraries, unless they are there. One test at a time: both would ask for
/// the same lock.
fn libraries() -> Libraries {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap();
    Libraries::build().unwrap_or_else(|error| panic!("{error}"))
}

/// Goal: a learner finds each part, and the lesson. Method: read all texts; `Exercise::read`
/// refuses what is not complete.
#[test]
fn every_text_is_complete_and_links_its_lesson() {
    let exercises = catalogue().unwrap_or_else(|error| panic!("{error}"));
    let mut numbers = BTreeSet::new();
    for exercise in &exercises {
        let slug = &exercise.slug;
        let is_number = exercise.number().len() == 2 && exercise.number().parse::<u8>().is_ok();
        assert!(is_number, "{slug}: a folder is called NN_slug");
        assert!(numbers.insert(exercise.number()), "{slug}: its number is taken");
        // tests/docs.rs checks that the link leads somewhere.
        let link = exercise.concept.split_once("](../../").map_or("", |(_, link)| link);
        let target = link.split(')').next().unwrap_or_default();
        let is_lesson = target.starts_with(|c: char| c.is_ascii_digit()) && target.ends_with(".rs");
        assert!(is_lesson, "{slug}: `## Concept` links no lesson as `[…](../../NN_slug.rs)`");
        let lengths: Vec<usize> = exercise.hints.iter().map(String::len).collect();
        assert!(lengths.iter().all(|length| *length > 20), "{slug}: a hint says nothing");
    }
}

/// Goal: the files look like the rest of the house, though cargo does not know them. Method: ask
/// rustfmt, and count.
#[test]
fn every_file_is_formatted_and_short() {
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024", "--config"]);
    rustfmt.arg("max_width=100,use_small_heuristics=Max");
    for exercise in chosen() {
        for path in [exercise.handout(), exercise.solution(), exercise.judge()] {
            let text = fs::read_to_string(&path).unwrap();
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(longest <= 100, "{}: a line of {longest} columns", path.display());
            assert!(text.lines().count() <= 300, "{}: too long for a judge", path.display());
            assert!(!text.contains("unsafe"), "{}: no unsafe here", path.display());
            rustfmt.arg(path);
        }
    }
    let output = rustfmt.output().expect("rustfmt can be started");
    let (differences, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "not formatted:\n{differences}{errors}");
}
