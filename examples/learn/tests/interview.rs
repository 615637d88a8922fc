//! `learn interview` from outside: questions, marks, and the days between.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Somebody who prepares, with a state of their own.
struct Candidate {
    home: PathBuf,
}

impl Candidate {
    fn new(name: &str) -> Self {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interview").join(name);
        if home.exists() {
            fs::remove_dir_all(&home).unwrap();
        }
        fs::create_dir_all(&home).unwrap();
        Self { home }
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_learn"));
        command.arg("interview").args(words).arg("--state").arg(self.home.join("state"));
        command.current_dir(&self.home).stdin(Stdio::null()).output().unwrap()
    }

    fn says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[words, &["--json"]].concat())).unwrap()
    }

    fn fails(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// The row of a question in the list.
    fn row(&self, slug: &str) -> Value {
        let rows = self.json(&["--list"]);
        rows.as_array().unwrap().iter().find(|row| row["slug"] == *slug).unwrap().clone()
    }

    /// Lets days go by: every card is due so much earlier.
    fn sleeps(&self, days: u64) {
        let path = self.home.join("state/interview.json");
        let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for card in state["cards"].as_object_mut().unwrap().values_mut() {
            card["due_day"] = json!(card["due_day"].as_u64().unwrap() - days);
        }
        fs::write(&path, state.to_string()).unwrap();
    }

    /// A folder with pages of this test's own, each with its demo.
    fn pages(&self, pages: &[(&str, &str)]) -> String {
        let folder = self.home.join("pages");
        fs::create_dir_all(&folder).unwrap();
        for (slug, demo) in pages {
            let page = format!(
                "# Q01. Why `{slug}`?\n<!-- demo: {demo} -->\n\n## In 30 seconds\nSo **it** is.\n"
            );
            fs::write(folder.join(format!("{slug}.md")), page).unwrap();
        }
        folder.to_str().unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Goal: nothing waits where nobody can press Enter, and nothing is marked unasked. Method: ask with
/// an empty stdin.
#[test]
fn a_question_is_asked_and_answered_without_a_terminal() {
    let candidate = Candidate::new("asked");
    let said = candidate.says(&["44"]);
    assert!(said.starts_with("q-44-pin: What is Pin"), "{said}");
    assert!(said.contains("moving it would break"), "the answer: {said}");
    assert!(said.contains("Not marked"), "{said}");
    assert!(!said.contains(['`', '\x1b']), "plain text: {said}");
    assert!(candidate.row("q-44-pin")["is_new"].as_bool().unwrap());
    for name in ["q-44-pin", "q44", "Q44", "q-44", "pin"] {
        assert_eq!(candidate.json(&[name])["slug"], "q-44-pin", "{name}");
    }
}

/// Goal: what is known comes later and later; what is not stays. Method: mark, sleep, mark again.
#[test]
fn marks_decide_when_a_question_comes_again() {
    let candidate = Candidate::new("marks");
    let said = candidate.says(&["44", "--grade", "good"]);
    assert!(said.contains("It comes again tomorrow."), "{said}");
    for days in [1, 3, 7] {
        candidate.sleeps(days);
        // 1, 3 and 7 days are what `good` gives, one after the other.
        assert_eq!(candidate.row("q-44-pin")["due_in_days"], 0);
        candidate.says(&["44", "--grade", "good"]);
    }
    assert_eq!(candidate.row("q-44-pin")["due_in_days"], 17);
    assert_eq!(candidate.json(&["44", "--grade", "again"])["due_in_days"], 0);
    assert_eq!(candidate.json(&["44", "--grade", "easy"])["due_in_days"], 4);
    assert_eq!(candidate.row("q-44-pin")["marks"], 6);

    candidate.says(&["46", "--grade", "good"]);
    candidate.says(&["44", "--reset"]);
    assert_eq!(candidate.row("q-44-pin")["is_new"], true);
    assert_eq!(candidate.row("q-46-waker-contract")["is_new"], false);
    candidate.says(&["--reset"]);
    assert_eq!(candidate.row("q-46-waker-contract")["is_new"], true);
}

/// Goal: what is due goes before what is new; a seed draws the same again; in the end nothing is
/// due. Method: three pages.
#[test]
fn a_random_question_is_due_or_new() {
    let candidate = Candidate::new("random");
    let demo = "cargo --version";
    let pages = [("q-01-one", demo), ("q-02-two", demo), ("q-03-three", demo)];
    let folder = candidate.pages(&pages);
    let drawn = |seed: u64, more: &[&str]| {
        let seed = seed.to_string();
        let words = [&["random", "--seed", &seed, "--pages", &folder], more].concat();
        candidate.json(&words)
    };
    let first: Vec<_> = (0..20).map(|seed| drawn(seed, &[])["slug"].clone()).collect();
    let again: Vec<_> = (0..20).map(|seed| drawn(seed, &[])["slug"].clone()).collect();
    assert_eq!(first, again);
    for (slug, _) in pages {
        assert!(first.contains(&slug.into()), "{slug} is never drawn: {first:?}");
    }

    candidate.says(&["2", "--grade", "again", "--pages", &folder]);
    assert!((0..20).all(|seed| drawn(seed, &[])["slug"] == "q-02-two"), "it is due");
    for _ in pages {
        drawn(0, &["--grade", "good"]);
    }
    let none = drawn(0, &[]);
    assert_eq!((&none["is_due"], &none["due_in_days"]), (&false.into(), &1.into()));
    let said = candidate.says(&["--pages", &folder]);
    assert!(said.contains("Nothing is due. The next one is q-0"), "{said}");
    assert!(said.contains(", tomorrow."), "{said}");
}

/// Goal: the long answer, and what is asked next, without Markdown. Method: read both, for people
/// and for machines.
#[test]
fn the_deep_answer_and_the_follow_ups_are_plain_text() {
    let candidate = Candidate::new("deep");
    let said = candidate.says(&["44", "--deep"]);
    for part in ["\nIn depth\n", "\nPitfalls\n", "\nOn the whiteboard\n", "\nIn Python, in Rust\n"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("runtime/task/stage.rs:\n    // SAFETY: pinned."), "cited: {said}");
    assert!(!said.contains("```") && !said.contains("**"), "{said}");
    assert!(candidate.json(&["44", "--deep"])["parts"]["Pitfalls"].is_string());

    let said = candidate.says(&["46", "--follow-up"]);
    assert!(said.contains("1 of 4: May the executor poll"), "{said}");
    let rows = candidate.json(&["46", "--follow-up"])["follow_ups"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 4);
    assert!(rows[0]["question"].as_str().unwrap().ends_with('?'), "{rows}");
}

/// Goal: the demo is shown, runs, and its failure is ours. Method: a command that works, one that
/// does not, and one that is none of cargo's.
#[test]
fn a_demo_runs_and_its_failure_is_an_error() {
    let candidate = Candidate::new("demo");
    let folder = candidate.pages(&[
        ("q-01-good", "cargo --version"),
        ("q-02-bad", "cargo no-such-command-of-ours"),
        ("q-03-strange", "echo it ran"),
    ]);
    let said = candidate.says(&["1", "--demo", "--pages", &folder]);
    let (before, after) = said.split_once("$ cargo --version\n").unwrap();
    assert!(before.contains("Why `q-01-good`?"), "{said}");
    assert!(after.starts_with("cargo 1."), "the child's own output: {said}");
    let printed = candidate.json(&["1", "--demo", "--pages", &folder])["printed"].clone();
    assert!(printed.as_str().unwrap().starts_with("cargo 1."), "{printed}");

    let said = candidate.fails(&["2", "--demo", "--pages", &folder]);
    assert!(said.contains("the demo `cargo no-such-command-of-ours` failed: exit"), "{said}");
    let said = candidate.fails(&["3", "--demo", "--pages", &folder]);
    assert!(said.contains("it is no command of cargo"), "{said}");
}

/// Goal: errors say what to do. Method: provoke each.
#[test]
fn errors_say_what_to_do() {
    let candidate = Candidate::new("errors");
    let said = candidate.fails(&["pni"]);
    assert!(said.contains("no question `pni`; did you mean q-44-pin?"), "{said}");
    let said = candidate.fails(&["nothing_like_it_at_all"]);
    assert!(said.contains("`learn interview --list` shows all"), "{said}");
    let said = candidate.fails(&["q-"]);
    assert!(said.contains("several questions begin with `q-`: "), "{said}");
    let said = candidate.fails(&["--pages", "/no/such/folder"]);
    assert!(said.contains("cannot be read from /no/such/folder: "), "{said}");
    let output = candidate.run(&["44", "--deep", "--demo"]);
    assert!(text(&output.stderr).contains("cannot be used with"), "one part at a time");

    let folder = candidate.pages(&[("q-01-short", "cargo --version")]);
    let said = candidate.fails(&["1", "--deep", "--pages", &folder]);
    assert!(said.contains("q-01-short.md: there is no heading `## In depth`"), "{said}");

    fs::create_dir_all(candidate.home.join("state")).unwrap();
    fs::write(candidate.home.join("state/interview.json"), "{ torn").unwrap();
    let said = candidate.fails(&["44"]);
    assert!(said.contains("Remove it to begin anew"), "{said}");
}
