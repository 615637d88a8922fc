//! Compiles an answer together with its judge, and runs the two as a child process.
//!
//! ```text
//!   cargo build ──▶ librondel.rlib, librondel_exercises.rlib      once
//!   main.rs: mod answer (the learner's file), mod judge           generated
//!   rustc main.rs ──▶ a small program ──▶ runs ──▶ its verdict    after each save
//! ```
//!
//! So an answer is checked in about a second, and no file of the repository changes.

use crate::catalogue::Exercise;
use crate::verdict;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The judge has a clock of its own for each run. This one is for a process whose clock is gone
/// too, and it must outlast all runs of a judge on a busy machine.
const PROCESS_LIMIT: Duration = Duration::from_secs(120);
/// How often a child is looked after.
const LOOK: Duration = Duration::from_millis(5);
/// What an answer may print; the rest is cut off.
const OUTPUT_MAX: usize = 16 * 1024;

/// The libraries that an answer is linked with.
#[derive(Debug, Clone)]
pub struct Libraries {
    rondel: PathBuf,
    kit: PathBuf,
    dependencies: PathBuf,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All checks held.
    Passed,
    /// A check did not hold.
    Failed,
    /// The compiler refused it.
    Refused,
    /// It was stopped, because it hung or went round for ever.
    NeverEnded,
    /// It ended the process itself: by `exit`, by `abort`, or by a stack overflow.
    Crashed,
}

impl Outcome {
    /// For machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Refused => "does_not_compile",
            Outcome::NeverEnded => "never_ended",
            Outcome::Crashed => "crashed",
        }
    }
}

/// What became of an answer, in words.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// In one word.
    pub outcome: Outcome,
    /// Which check failed.
    pub check: Option<String>,
    /// The seed of the schedule that failed.
    pub seed: Option<u64>,
    /// The judge's words, or the compiler's.
    pub text: String,
    /// What the compiler warned of.
    pub warnings: String,
    /// What the answer printed.
    pub printed: String,
}

/// Why no verdict could be reached.
#[derive(Debug)]
pub enum Error {
    /// A program cannot be started.
    NoProgram(String, io::Error),
    /// The engine or the kit does not build; what cargo says.
    Build(String),
    /// A file cannot be read or written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoProgram(name, error) => write!(
                f,
                "`{name}` cannot be started: {error}\n\
                 The exercises are compiled on your machine: install Rust from https://rustup.rs, \
                 or put `{name}` into your PATH."
            ),
            Error::Build(text) => write!(f, "Rondel itself does not build:\n{text}"),
            Error::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

/// The repository; rustc and cargo run here, so that they are those of the repository.
fn root() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR"));
    kit.ancestors().nth(2).unwrap_or(kit).to_owned()
}

fn program(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| name.into())
}

impl Libraries {
    /// Builds the engine and the kit, unless they are built already, and finds them.
    ///
    /// # Errors
    ///
    /// If there is no cargo, or if it fails.
    pub fn build() -> Result<Self, Error> {
        let cargo = program("CARGO", "cargo");
        let mut command = Command::new(&cargo);
        command.args(["build", "-p", "rondel-exercises", "--lib"]).current_dir(root());
        command.args(["--message-format", "json-render-diagnostics", "--quiet"]);
        let output = command.stdin(Stdio::null()).output();
        let name = cargo.to_string_lossy().into_owned();
        let output = output.map_err(|error| Error::NoProgram(name, error))?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(Error::Build(errors));
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let find = |name: &str| {
            artifact(&messages, name).ok_or_else(|| Error::Build(format!("no {name} in\n{errors}")))
        };
        let (rondel, kit) = (find("rondel")?, find("rondel_exercises")?);
        // cargo names the copy beside `deps`; the others are inside.
        let folder = kit.parent().unwrap_or(Path::new("."));
        let deps = folder.join("deps");
        let dependencies = if deps.is_dir() { deps } else { folder.to_owned() };
        Ok(Self { rondel, kit, dependencies })
    }

    /// The compiler, told where the libraries are.
    #[must_use]
    pub fn rustc(&self) -> Command {
        let mut command = Command::new(program("RUSTC", "rustc"));
        command.args(["--edition", "2024", "-C", "debuginfo=0", "-L"]).current_dir(root());
        command.arg(joined("dependency=", &self.dependencies));
        command.arg("--extern").arg(joined("rondel=", &self.rondel));
        command.arg("--extern").arg(joined("rondel_exercises=", &self.kit));
        command.stdin(Stdio::null());
        command
    }
}

fn joined(beginning: &str, path: &Path) -> OsString {
    let mut text = OsString::from(beginning);
    text.push(path);
    text
}

/// The `.rlib` of a library, from what cargo says in JSON, a message a line.
fn artifact(messages: &str, name: &str) -> Option<PathBuf> {
    let mut parsed = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let is_library = |message: &serde_json::Value| {
        message["reason"] == "compiler-artifact" && message["target"]["name"] == name
    };
    let message = parsed.rfind(is_library)?;
    let files = message["filenames"].as_array()?;
    let library = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with("rlib"));
    library.map(PathBuf::from)
}

/// Compiles `answer` with the judge of `exercise` in `folder`, which is ours, and runs it; with a
/// seed only under the schedule of that seed. `colour` is for the compiler's messages.
///
/// # Errors
///
/// If there is no verdict: no compiler, or a folder that cannot be written to.
pub fn verify(
    libraries: &Libraries,
    exercise: &Exercise,
    answer: &Path,
    folder: &Path,
    seed: Option<u64>,
    colour: bool,
) -> Result<Verdict, Error> {
    let wrong = |path: &Path, error| Error::Io(path.to_owned(), error);
    fs::create_dir_all(folder).map_err(|error| wrong(folder, error))?;
    let answer = answer.canonicalize().map_err(|error| wrong(answer, error))?;
    let main = folder.join("main.rs");
    let text = main_text(&answer, &exercise.judge());
    fs::write(&main, text).map_err(|error| wrong(&main, error))?;
    let binary = folder.join(format!("answer{}", std::env::consts::EXE_SUFFIX));
    let mut rustc = libraries.rustc();
    rustc.args(["--color", if colour { "always" } else { "never" }, "--crate-name", "exercise"]);
    rustc.arg("-C").arg(joined("incremental=", &folder.join("incremental")));
    rustc.arg("-o").arg(&binary).arg(&main);
    let compiled = rustc.output();
    let compiled = compiled.map_err(|error| Error::NoProgram("rustc".to_owned(), error))?;
    let words = String::from_utf8_lossy(&compiled.stderr).into_owned();
    if !compiled.status.success() {
        return Ok(Verdict {
            outcome: Outcome::Refused,
            check: None,
            seed: None,
            text: words,
            warnings: String::new(),
            printed: String::new(),
        });
    }
    let mut command = Command::new(&binary);
    if let Some(seed) = seed {
        command.arg("--seed").arg(seed.to_string());
    }
    let verdict = run(command, &folder.join("verdict"))?;
    Ok(Verdict { warnings: words, ..verdict })
}

/// The little program around an answer.
fn main_text(answer: &Path, judge: &Path) -> String {
    format!(
        "#[allow(dead_code)]\n#[path = {answer:?}]\nmod answer;\n\
         #[path = {judge:?}]\nmod judge;\n\n\
         fn main() -> std::process::ExitCode {{\n    rondel_exercises::run(judge::judge)\n}}\n"
    )
}

/// Runs a program whose `main` is [`run`](crate::run()), and reads its verdict from `file`.
///
/// # Errors
///
/// If it cannot be started, or if `file` cannot be removed before.
pub fn run(mut command: Command, file: &Path) -> Result<Verdict, Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::Io(file.to_owned(), error));
        }
        _ => {}
    }
    let name = command.get_program().to_string_lossy().into_owned();
    command.arg("--verdict").arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Error::NoProgram(name.clone(), error))?;
    let out = child.stdout.take().map(drain);
    let err = child.stderr.take().map(drain);
    let ended = wait(&mut child).map_err(|error| Error::NoProgram(name, error))?;
    let mut printed = String::new();
    for pipe in [out, err].into_iter().flatten() {
        let bytes = pipe.join().unwrap_or_default();
        printed.push_str(&String::from_utf8_lossy(&bytes));
    }
    let written = fs::read_to_string(file).unwrap_or_default();
    Ok(verdict(ended, &written, printed))
}

/// Reads to the end, so that the child never waits, and keeps the beginning.
fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = pipe.read(&mut piece) {
            let room = OUTPUT_MAX.saturating_sub(kept.len());
            kept.extend_from_slice(&piece[..count.min(room)]);
        }
        kept
    })
}

/// How the child ended; `None` if it had to be killed.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > PROCESS_LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

fn verdict(ended: Option<ExitStatus>, written: &str, printed: String) -> Verdict {
    let mut lines = written.splitn(3, '\n');
    let mut line = || lines.next().filter(|line| !line.is_empty());
    let (check, seed, text) = (line(), line(), line());
    let code = ended.and_then(|status| status.code());
    let outcome = match (ended, code.and_then(|code| u8::try_from(code).ok()), text) {
        (None, ..) => Outcome::NeverEnded,
        (_, Some(verdict::PASSED), Some(_)) => Outcome::Passed,
        (_, Some(verdict::FAILED), Some(_)) => Outcome::Failed,
        (_, Some(verdict::NEVER_ENDED), Some(_)) => Outcome::NeverEnded,
        _ => Outcome::Crashed,
    };
    let text = match (text, ended) {
        (Some(text), _) => text.to_owned(),
        (None, None) => format!("FAILED\n\n  it never ended: stopped after {PROCESS_LIMIT:?}\n"),
        (None, Some(status)) => format!(
            "FAILED\n\n  your code ended the judge's process ({status}), so there is no verdict:\n  was \
             it `std::process::exit`, `abort`, or a stack that overflowed?\n"
        ),
    };
    Verdict {
        outcome,
        check: check.filter(|check| *check != "-").map(str::to_owned),
        seed: seed.and_then(|seed| seed.parse().ok()),
        text,
        warnings: String::new(),
        printed,
    }
}
