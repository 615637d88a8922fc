//! Style as law: what the house rules say of the engine's files, checked on the files themselves.
//!
//! - floors: a file uses only files of its own floor or below, and the islands of floor 1 do not
//!   know each other, so that the engine can be read from the ground up;
//! - sizes: a turn fits on a screen, a function on two, a file on a few;
//! - `unsafe` stands only where the list below allows it, each block under its proof;
//! - the ledger `docs/unsafe.md` is what this test counts. `RONDEL_BLESS=1 cargo test --test tidy`
//!   writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that may hold unsafe code, and why each cannot do without.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("runtime/combine/children.rs", "children in one pinned block, and wakers that point into it"),
    ("runtime/compat/hyper.rs", "hyper's read cursor is uninitialised memory"),
    ("runtime/io/read_buf.rs", "tokio's `ReadBuf` is uninitialised memory"),
    ("runtime/sync/once_slot.rs", "one block for two ends, and wakers that lie in it as words"),
    ("runtime/sync/permit_cell.rs", "a value that only those who hold permits may reach"),
    ("runtime/reactor/polling.rs", "polling's `add` leaves the life of the descriptor to us"),
    ("runtime/ready/desk.rs", "an atomic word that holds a counted pointer"),
    ("runtime/ready/ring.rs", "places that belong to whoever claimed them by a number"),
    ("runtime/task/cell.rs", "one block, counted, behind a thin pointer"),
    ("runtime/task/home.rs", "a pointer that is counted plainly at home"),
    ("runtime/task/stage.rs", "the future behind that pointer, whose type comes back by a cast"),
    ("runtime/task/waker.rs", "`RawWaker` is made of untyped pointers"),
];
const UNSAFE_BLOCKS_MAX: usize = 64;

/// What `macro_rules!` puts at the root of the crate.
const MACROS: &[&str] = &[
    "join",
    "try_join",
    "select",
    "__select_eat",
    "__select_run",
    "task_local",
    "pin",
    "assert_elapsed",
    "assert_err",
    "assert_ok",
    "assert_pending",
    "assert_ready",
    "assert_ready_eq",
    "assert_ready_err",
    "assert_ready_ok",
];

/// Who carries wakers in a collection: from where they waited to where they are woken.
const CARRY_WAKERS: &[&str] =
    &["runtime/wakes.rs", "runtime/turn.rs", "runtime/outlook.rs", "runtime/flavor/local.rs"];

/// What the islands of floor 1 share: the door to atomics, the clock, and what every wait owes.
const SHARED: &[&str] = &[
    "runtime/shim.rs",
    "runtime/time/clock.rs",
    "runtime/budget.rs",
    "runtime/roll_call.rs",
    "runtime/leaf.rs",
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const TURN_LINES_MAX: usize = 40;
const LINE_COLUMNS_MAX: usize = 100;
const CFG_MARKS_MAX: usize = 20;
const SPINE_CODE_LINES_MAX: usize = 3810;

/// The spine is what one reads to follow a task, a timer and a socket through a turn: floors 1 to 4
/// without the ways in (builder, runtime, owned), the threads beside the loop, the dice, and what a
/// wait owes to the others (its budget, its name); and without the other flavours, which are stories
/// of their own.
const NOT_SPINE: &[&str] = &[
    "runtime/blocking.rs",
    "runtime/budget.rs",
    "runtime/builder.rs",
    "runtime/deadlock.rs",
    "runtime/end_report.rs",
    "runtime/flavor/deputy.rs",
    "runtime/flavor/meeting.rs",
    "runtime/flavor/owned.rs",
    "runtime/flavor/pinned.rs",
    "runtime/flavor/stealing.rs",
    "runtime/leaf.rs",
    "runtime/loops.rs",
    "runtime/outlook.rs",
    "runtime/park.rs",
    "runtime/part.rs",
    "runtime/random.rs",
    "runtime/reactor/polling.rs",
    "runtime/ready/crew.rs",
    "runtime/ready/desk.rs",
    "runtime/ready/plan.rs",
    "runtime/ready/rest.rs",
    "runtime/ready/ring.rs",
    "runtime/ready/steal.rs",
    "runtime/roll_call.rs",
    "runtime/runtime.rs",
    "runtime/services.rs",
    "runtime/spin.rs",
    "runtime/task/bells.rs",
    "runtime/task/closure.rs",
    "runtime/task/elsewhere.rs",
    "runtime/task/info.rs",
    "runtime/task/local_work.rs",
    "runtime/task/output.rs",
    "runtime/task/payload.rs",
    "runtime/task/purse.rs",
];

struct File {
    path: String,
    text: String,
    floor: Option<u8>,
}

impl File {
    /// The text without the unit tests at the end.
    fn engine(&self) -> &str {
        self.text.split("\nmod tests {").next().unwrap_or(&self.text)
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Lines of code: neither blank nor comment, nor the name of a file.
    fn code_lines(&self) -> usize {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let files = ["mod ", "pub mod ", "pub(crate) mod ", "pub use "];
        let names_a_file = |line: &&str| files.iter().any(|start| line.starts_with(start));
        self.engine().lines().filter(|line| is_code(line) && !names_a_file(line)).count()
    }

    fn comment_lines(&self) -> usize {
        self.engine().lines().filter(|line| line.trim().starts_with("//")).count()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<File> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(read(path));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read(path: PathBuf) -> File {
    let text = fs::read_to_string(&path).unwrap();
    let floor = text.strip_prefix("//! Floor ").and_then(|rest| rest[..1].parse().ok());
    let path = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
    File { path, text, floor }
}

/// The files of the engine proper.
fn engine() -> Vec<File> {
    let mut files = rust_files("runtime");
    files.retain(|file| !file.path.starts_with("runtime/macros/"));
    files
}

#[test]
fn every_file_says_its_floor() {
    for file in engine() {
        if file.path != "runtime/lib.rs" {
            assert!(file.floor.is_some(), "{}: line 1 must be `//! Floor N. …`", file.path);
        }
    }
}

/// Goal: keep the dependencies pointing down. Method: resolve each `crate::…` path to the file it
/// names, and compare the floors.
#[test]
fn dependencies_point_down_the_floors() {
    let files = engine();
    let by_path: BTreeMap<&str, &File> =
        files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path != "runtime/lib.rs") {
        for path in crate_paths(file.engine()) {
            if MACROS.contains(&&*path) {
                continue;
            }
            let Some(target) = resolve(&path, &by_path) else {
                wrong.push(format!("{}: `crate::{path}` names no file of the engine", file.path));
                continue;
            };
            let (from, to) = (file.floor.unwrap(), target.floor.unwrap());
            let islands = from == 1 && target.folder() != file.folder();
            let shared = SHARED.contains(&&*target.path);
            if to > from || (islands && !shared && file.folder() != "runtime") {
                wrong.push(format!(
                    "{} (floor {from}) uses {} (floor {to}) by `crate::{path}`",
                    file.path, target.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The paths after `crate::`, with braces expanded, outside comments.
fn crate_paths(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut paths = Vec::new();
    for piece in code.split("crate::").skip(1).filter(|piece| !piece.is_empty()) {
        let end = piece.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let (path, rest) = piece.split_at(end.unwrap_or(piece.len()));
        match rest.strip_prefix('{') {
            Some(group) if path.ends_with("::") => {
                let group = group.split(['}', ';']).next().unwrap_or("");
                let names =
                    group.split(',').map(|name| name.trim()).filter(|name| !name.is_empty());
                paths.extend(names.map(|name| format!("{path}{name}")));
            }
            _ => paths.push(path.trim_end_matches(':').to_owned()),
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

/// The file that a path names: the longest part of it that is one.
fn resolve<'a>(path: &str, files: &BTreeMap<&str, &'a File>) -> Option<&'a File> {
    let parts: Vec<&str> = path.split("::").collect();
    (1..=parts.len()).rev().find_map(|length| {
        let stem = format!("runtime/{}", parts[..length].join("/"));
        let found = files.get(&*format!("{stem}.rs"));
        found.or_else(|| files.get(&*format!("{stem}/mod.rs"))).copied()
    })
}

#[test]
fn a_turn_fits_on_a_screen() {
    let turn = read(root().join("runtime/turn.rs"));
    let (_, lines) = functions(turn.engine())
        .into_iter()
        .find(|(name, _)| name == "turn")
        .expect("runtime/turn.rs has a function `turn`");
    assert!(lines <= TURN_LINES_MAX, "`turn` has {lines} lines, more than {TURN_LINES_MAX}");
}

#[test]
fn files_functions_and_lines_are_short() {
    let mut wrong = Vec::new();
    for file in engine() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines, more than {FILE_LINES_MAX}", file.path));
        }
        for (name, lines) in functions(file.engine()) {
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!("{}: `{name}` has {lines} lines", file.path));
            }
        }
        for (number, line) in file.text.lines().enumerate() {
            if line.chars().count() > LINE_COLUMNS_MAX {
                wrong.push(format!("{}:{}: too long", file.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The functions of a file with their lengths, found by indentation, which rustfmt guarantees.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let is_function = code.starts_with("fn ") || code.contains(" fn ");
        let is_function = is_function && !code.contains("macro_rules");
        if code.starts_with("//") || !is_function || code.ends_with([';', '}']) {
            continue;
        }
        let name = code.split("fn ").nth(1).unwrap_or("").split(['(', '<']).next().unwrap_or("");
        let end = lines[start..].iter().position(|line| {
            line.len() > indent
                && line[..indent].trim().is_empty()
                && line[indent..].starts_with('}')
        });
        if let Some(length) = end {
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn cfg_marks_are_few_and_on_mod_lines() {
    let mut marks = 0;
    for file in engine() {
        let lines: Vec<&str> = file.engine().lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if !line.trim_start().starts_with("#[cfg(") || line.contains("test") {
                continue;
            }
            marks += 1;
            let next = lines.get(number + 1).map_or("", |line| line.trim());
            let on_mod = ["mod ", "pub mod ", "pub use "].iter().any(|word| next.starts_with(word));
            assert!(on_mod, "{}:{}: `cfg` belongs on a `mod` line", file.path, number + 1);
        }
    }
    assert!(marks <= CFG_MARKS_MAX, "{marks} `cfg` marks, more than {CFG_MARKS_MAX}");
}

#[test]
fn the_spine_is_small_and_explained() {
    let files = engine();
    let spine = files.iter().filter(|file| {
        file.floor.is_some_and(|floor| floor <= 4) && !NOT_SPINE.contains(&&*file.path)
    });
    let (code, comments) = spine
        .map(|file| (file.code_lines(), file.comment_lines()))
        .fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
    assert!(code <= SPINE_CODE_LINES_MAX, "the spine has {code} code lines");
    let ratio = comments as f64 / code as f64;
    assert!((0.5..=1.0).contains(&ratio), "comment to code in the spine is {comments} to {code}");
}

#[test]
fn nothing_is_left_unfinished() {
    let banned = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX", "#[ignore"];
    let orderings = [".load(Ordering::SeqCst)", "store(true, Ordering::SeqCst)"];
    let unsafe_ways = ["transmute", "static mut "];
    for file in engine() {
        for word in banned.iter().chain(&orderings).chain(&unsafe_ways) {
            assert!(!file.text.contains(word), "{}: `{word}` has no place here", file.path);
        }
    }
}

/// Goal: one wait list for all, so that order, cancellation and lost wakes are solved once. Method:
/// nobody else keeps a collection of wakers; a socket's crowd belongs to the reactor.
#[test]
fn no_primitive_keeps_a_list_of_waiters() {
    let collections = ["Vec<", "VecDeque<", "Map<", "Set<", "Slab<", "LinkedList<", "BinaryHeap<"];
    for file in engine().iter().filter(|file| file.folder() != "runtime/reactor") {
        for line in file.engine().lines().filter(|line| !line.trim_start().starts_with("//")) {
            let names_one = |what: &&str| {
                let inner = line.split_once(*what).map_or("", |(_, rest)| rest);
                inner.contains("Waker") || inner.contains("Thread>")
            };
            let is_list = collections.iter().any(names_one);
            assert!(
                !is_list || CARRY_WAKERS.contains(&&*file.path),
                "{}: `{}`: waiters belong into the wait list",
                file.path,
                line.trim()
            );
        }
    }
}

// --- unsafe --------------------------------------------------------------------------------------

/// One `unsafe` block, and the claim above it.
struct Block {
    claim: String,
}

fn unsafe_blocks(file: &File) -> Vec<Block> {
    let lines: Vec<&str> = file.engine().lines().collect();
    let mut blocks = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        if !code.contains("unsafe {") {
            continue;
        }
        let above = lines[..number].iter().rev().take(8);
        let safety =
            above.map(|line| line.trim()).find_map(|line| line.strip_prefix("// SAFETY: "));
        let Some(safety) = safety else {
            panic!("{}:{}: no SAFETY comment above", file.path, number + 1);
        };
        let claim = safety.split('.').next().unwrap_or("").to_owned();
        blocks.push(Block { claim });
    }
    blocks
}

#[test]
fn unsafe_stands_only_where_it_is_allowed() {
    for file in engine() {
        let listed = UNSAFE_FILES.iter().any(|(path, _)| *path == file.path);
        let opens = file.text.contains("#![allow(unsafe_code)]");
        assert_eq!(opens, listed, "{}: the list in tests/tidy.rs and the file disagree", file.path);
    }
    for member in ["runtime/macros", "examples/scraper", "benches/src"] {
        for file in rust_files(member) {
            assert!(!file.text.contains("allow(unsafe_code)"), "{}: no unsafe here", file.path);
        }
    }
}

#[test]
fn every_unsafe_block_claims_one_of_the_six_things() {
    let claims = ["exclusive", "pinned", "alive", "initialised", "same thread", "never null"];
    for file in engine() {
        for block in unsafe_blocks(&file) {
            let known = block.claim.split([',', ' ']).filter(|word| !word.is_empty());
            let known = known.filter(|word| *word != "and");
            let rest: Vec<&str> = known.collect();
            let joined = rest.join(" ");
            let ok = claims.iter().any(|claim| joined.starts_with(claim));
            assert!(ok, "{}: a SAFETY comment claims `{}`", file.path, block.claim);
        }
    }
}

#[test]
fn the_unsafe_ledger_is_true() {
    let mut table = String::new();
    let mut total = 0;
    for (path, why) in UNSAFE_FILES {
        let file = read(root().join(path));
        let blocks = unsafe_blocks(&file);
        let mut claims: BTreeMap<&str, usize> = BTreeMap::new();
        for block in &blocks {
            *claims.entry(&block.claim).or_default() += 1;
        }
        let claims: Vec<String> =
            claims.iter().map(|(claim, count)| format!("{claim} {count}")).collect();
        let count = blocks.len();
        total += count;
        writeln!(table, "| `{path}` | {count} | {} | {why} |", claims.join(", ")).unwrap();
    }
    assert!(total <= UNSAFE_BLOCKS_MAX, "{total} unsafe blocks, more than {UNSAFE_BLOCKS_MAX}");
    let ledger = format!(
        "# The unsafe ledger\n\n\
         Unsafe code is denied in the whole workspace and allowed in the files below. Each block stands \
         under a `SAFETY` comment of the form *claim. proof; see rule*, where the rule is a numbered \
         line of the file's header.\n\n\
         This page is written by `RONDEL_BLESS=1 cargo test --test tidy` and checked by the same test.\n\n\
         | file | blocks | claims | why it cannot do without |\n|---|---|---|---|\n{table}\n\
         {total} blocks in {} files; the limit is {UNSAFE_BLOCKS_MAX}. Beside the engine, `tests/leak.rs` has a \
         counting allocator.\n",
        UNSAFE_FILES.len(),
    );
    let path = root().join("docs/unsafe.md");
    if std::env::var_os("RONDEL_BLESS").is_some() {
        fs::write(&path, &ledger).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == ledger,
        "docs/unsafe.md is out of date: RONDEL_BLESS=1 cargo test --test tidy"
    );
}
