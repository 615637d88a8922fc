//! `learn` from outside: what a learner types, and what comes back.

use rondel_exercises::catalogue::{Exercise, catalogue};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A learner with a folder and a state of their own.
struct Learner {
    home: PathBuf,
}

impl Learner {
    fn new(name: &str) -> Self {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn").join(name);
        if home.exists() {
            fs::remove_dir_all(&home).unwrap();
        }
        fs::create_dir_all(&home).unwrap();
        Self { home }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_learn"));
        command.args(words).current_dir(&self.home).arg("--state").arg(self.home.join("state"));
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command that succeeds. Returns what it prints.
    fn says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs a command that cannot be carried out. Returns why.
    fn fails(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// Judges; checks the exit code, and returns the verdict.
    fn verdict(&self, words: &[&str]) -> Value {
        let output = self.run(&[&["verify"], words, &["--json"]].concat());
        let line = text(&output.stdout);
        let verdict: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line}{}", text(&output.stderr)));
        let code = if verdict["outcome"] == "passed" { 0 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{verdict}");
        verdict
    }

    fn file(&self, exercise: &Exercise) -> PathBuf {
        self.home.join("rondel-exercises").join(format!("{}.rs", exercise.slug))
    }

    /// Writes an answer where it belongs.
    fn answers(&self, exercise: &Exercise, text: &str) {
        fs::create_dir_all(self.home.join("rondel-exercises")).unwrap();
        fs::write(self.file(exercise), text).unwrap();
    }

    fn is_solved(&self, exercise: &Exercise) -> bool {
        let rows: Value = serde_json::from_str(&self.says(&["list", "--json"])).unwrap();
        let row = rows.as_array().unwrap().iter().find(|row| row["slug"] == *exercise.slug);
        row.unwrap()["solved"].as_bool().unwrap()
    }
}

/// A process that must not outlive its test, also if the test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn exercise(slug: &str) -> Exercise {
    catalogue().unwrap().into_iter().find(|one| one.slug == slug).unwrap()
}

fn solution(exercise: &Exercise) -> String {
    fs::read_to_string(exercise.solution()).unwrap()
}

/// Goal: a wrong answer is told what is wrong, a right one counts. Method: the file as handed out,
/// then the solution in its place; the repository's files stay as they are.
#[test]
fn an_answer_fails_and_then_passes_and_counts() {
    let (learner, gather) = (Learner::new("passes"), exercise("04_gather"));
    let before = fs::read_to_string(gather.handout()).unwrap();

    let output = learner.run(&["verify", "gather"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains(&gather.fails_with), "{said}");
    assert!(said.contains("   3.    100 ms  call 2 starts"), "{said}");
    assert!(said.contains("verify 04_gather --seed 0"), "{said}");
    assert!(!said.contains('\x1b'), "no colours into a pipe: {said}");
    assert!(!learner.is_solved(&gather));

    learner.answers(&gather, &solution(&gather));
    let said = learner.says(&["verify", "4"]);
    assert!(said.contains("PASSED: 3 checks"), "{said}");
    assert!(said.contains("`gather` keeps its children"), "the explanation: {said}");
    assert!(learner.is_solved(&gather));
    assert_eq!(fs::read_to_string(gather.handout()).unwrap(), before);
}

/// Goal: a race is found and can be replayed. Method: the file as handed out works under some
/// seeds; the one that is named fails again, alone.
#[test]
fn a_seed_replays_the_schedule_that_failed() {
    let learner = Learner::new("seeds");
    let verdict = learner.verdict(&["02_lost_wakeup"]);
    assert_eq!(verdict["outcome"], "failed");
    let seed = verdict["seed"].as_u64().unwrap();
    assert!(seed > 0, "seed 0 passes, or this test shows nothing: {verdict}");
    let steps = verdict["text"].as_str().unwrap();
    assert!(steps.contains("OVERTAKES"), "{steps}");

    let again = learner.verdict(&["02_lost_wakeup", "--seed", &seed.to_string()]);
    assert_eq!((&again["outcome"], &again["seed"]), (&"failed".into(), &seed.into()));
}

/// Goal: a good schedule alone is no progress, nor is a file that is not the learner's. Method: pass
/// both ways, and look.
#[test]
fn only_the_learners_own_file_under_all_schedules_counts() {
    let (learner, signal) = (Learner::new("counts"), exercise("02_lost_wakeup"));
    let path = signal.solution();
    let verdict = learner.verdict(&["2", "--file", path.to_str().unwrap()]);
    assert_eq!(verdict["outcome"], "passed");
    assert!(!learner.is_solved(&signal));

    learner.answers(&signal, &solution(&signal));
    assert_eq!(learner.verdict(&["2", "--seed", "1"])["outcome"], "passed");
    assert!(!learner.is_solved(&signal));
}

/// Goal: an answer that spins, one that leaves, and one that is no Rust are verdicts. Method: one
/// of each.
#[test]
fn an_answer_that_misbehaves_gets_a_verdict() {
    let (learner, countdown) = (Learner::new("misbehaves"), exercise("01_first_future"));
    let solution = solution(&countdown);
    let with = |line: &str| solution.replace("Poll::Pending\n", &format!("{line}\n"));

    learner.answers(&countdown, &with("loop { std::hint::spin_loop() }"));
    let spins = learner.verdict(&["1"]);
    assert_eq!(spins["outcome"], "never_ended", "{spins}");
    assert!(spins["text"].as_str().unwrap().contains("it never ended: "), "{spins}");

    learner.answers(&countdown, &with("std::process::exit(0)"));
    let leaves = learner.verdict(&["1"]);
    assert_eq!(leaves["outcome"], "crashed", "to leave with 0 is not to pass: {leaves}");

    learner.answers(&countdown, &with("println!(\"here\"); panic!(\"no more\")"));
    let panics = learner.verdict(&["1"]);
    assert_eq!((&panics["outcome"], &panics["printed"]), (&"failed".into(), &"here\n".into()));
    let said = panics["text"].as_str().unwrap();
    assert!(said.contains("it panicked at 01_first_future.rs:"), "{said}");
    assert!(said.contains("no more"), "{said}");

    learner.answers(&countdown, &with("Poll::Perhaps"));
    let refused = learner.verdict(&["1"]);
    assert_eq!(refused["outcome"], "does_not_compile");
    assert!(refused["text"].as_str().unwrap().contains("error[E0599]"), "{refused}");
}

/// Goal: three hints, one clearer than the other, for each exercise. Method: ask four times.
#[test]
fn hints_become_clearer_and_the_last_one_stays() {
    let (learner, countdown) = (Learner::new("hints"), exercise("01_first_future"));
    for level in [1, 2, 3, 3] {
        let answer: Value = serde_json::from_str(&learner.says(&["hint", "--json"])).unwrap();
        assert_eq!((&answer["level"], &answer["of"]), (&level.into(), &3.into()));
        assert_eq!(answer["hint"], countdown.hints[level - 1]);
    }
    let plain = learner.says(&["hint", "04_gather"]);
    assert!(plain.starts_with("04_gather, hint 1 of 3\n"), "{plain}");
    assert!(learner.says(&["solution", "04"]).contains("gather(pages.iter()"));
}

/// Goal: `next` and `list` tell where one stands. Method: a learner who begins.
#[test]
fn a_beginner_is_handed_the_first_exercise() {
    let (learner, countdown) = (Learner::new("begins"), exercise("01_first_future"));
    let said = learner.says(&["next"]);
    assert!(said.starts_with("01_first_future: A future by hand\n"), "{said}");
    assert!(said.contains("02_first_future (examples/02_first_future.rs)"), "{said}");
    let handed = fs::read_to_string(learner.file(&countdown)).unwrap();
    assert_eq!(handed, fs::read_to_string(countdown.handout()).unwrap());

    let list = learner.says(&["list"]);
    let count = catalogue().unwrap().len();
    assert!(list.starts_with("> [ ] 01_first_future"), "{list}");
    assert!(list.ends_with(&format!("\n0 of {count} solved\n")), "{list}");
    let rows: Value = serde_json::from_str(&learner.says(&["list", "--json"])).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), count);
    assert_eq!(rows[0]["is_next"], true);
}

/// Goal: a reset loses nothing. Method: write, reset, look for what was written.
#[test]
fn a_reset_keeps_what_was_written() {
    let (learner, countdown) = (Learner::new("reset"), exercise("01_first_future"));
    learner.answers(&countdown, "// my own\n");
    learner.says(&["hint", "1"]);
    let said = learner.says(&["reset", "1"]);
    assert!(said.contains("01_first_future.rs.before-reset"), "{said}");
    let handed = fs::read_to_string(learner.file(&countdown)).unwrap();
    assert_eq!(handed, fs::read_to_string(countdown.handout()).unwrap());
    let kept = learner.file(&countdown).with_extension("rs.before-reset");
    assert_eq!(fs::read_to_string(kept).unwrap(), "// my own\n");
    let answer: Value = serde_json::from_str(&learner.says(&["hint", "1", "--json"])).unwrap();
    assert_eq!(answer["level"], 1, "the hints begin anew");
}

/// Goal: errors say what to do. Method: provoke each.
#[test]
fn errors_say_what_to_do() {
    let learner = Learner::new("errors");
    let said = learner.fails(&["verify", "gahter"]);
    assert!(said.contains("no exercise `gahter`; did you mean 04_gather?"), "{said}");
    let said = learner.fails(&["hint", "nothing_like_it"]);
    assert!(said.contains("`learn list` shows all"), "{said}");
    let output = learner.run(&["hint", "gahter", "--json"]);
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(error["error"].as_str().unwrap().contains("04_gather"));

    let inside = exercise("04_gather").folder.join("mine");
    let said = learner.fails(&["next", "--dir", inside.to_str().unwrap()]);
    assert!(said.contains("take another by --dir"), "{said}");

    let mut no_cargo = learner.command(&["verify", "4"]);
    let output = no_cargo.env("CARGO", "/no/such/cargo").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("install Rust from https://rustup.rs"));

    fs::create_dir_all(learner.home.join("state")).unwrap();
    fs::write(learner.home.join("state/progress.json"), "{ torn").unwrap();
    let said = learner.fails(&["list"]);
    assert!(said.contains("Remove it to begin anew"), "{said}");

    // A folder that cannot be made, also for root: its parent is a file.
    let mut command = Command::new(env!("CARGO_BIN_EXE_learn"));
    command.args(["hint", "1", "--state"]).arg(learner.home.join("state/progress.json/x"));
    let output = command.current_dir(&learner.home).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Name another folder by --state DIR"));
}

/// Goal: a save is judged, and the next exercise comes by itself. Method: watch, replace the file
/// as an editor does, and read on.
#[test]
fn the_watch_judges_each_save_and_goes_on() {
    let (learner, countdown) = (Learner::new("watch"), exercise("01_first_future"));
    let mut watch = learner.command(&["watch", "--json"]);
    let mut watch = Ended(watch.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };

    let first = next();
    assert_eq!((&first["slug"], &first["outcome"]), (&"01_first_future".into(), &"failed".into()));

    let fresh = learner.home.join("fresh.rs");
    fs::write(&fresh, solution(&countdown)).unwrap();
    fs::rename(&fresh, learner.file(&countdown)).unwrap();
    let second = next();
    assert_eq!(
        (&second["slug"], &second["outcome"]),
        (&"01_first_future".into(), &"passed".into())
    );
    assert!(second["explanation"].as_str().unwrap().contains("yield_now"));
    let third = next();
    assert_eq!((&third["slug"], &third["outcome"]), (&"02_lost_wakeup".into(), &"failed".into()));
}
