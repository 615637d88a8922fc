//! Who is missing on workers: counts the tests, so that none drops out unseen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The tests that say `#[cfg(not(on_workers = "…"))]`, by reason (see `build.rs`). Whoever marks one
/// changes this. The one in the macro of `task/coop.rs` stands for all that it makes.
const LEFT_OUT: &[(&str, usize)] = &[("one_loop", 11), ("one_thread", 27), ("order", 23)];

/// Files and folders of `tests/` that no target here compiles again.
const NOT_SHARED: &[(&str, &str)] = &[
    ("accept_limit.rs", "a process with few descriptors, which two reactors need more of"),
    ("book.rs", "no runtime: the book's pages"),
    ("callbacks.rs", "asyncio's loop API: the order of callbacks on one loop, in virtual time"),
    ("coverage.rs", "no runtime: the table of concepts"),
    ("determinism", "virtual time and seeded schedules, which one loop alone has"),
    ("docs.rs", "no runtime: the documents"),
    ("examples.rs", "no runtime of its own: what the lessons print"),
    ("fork.rs", "names its flavours"),
    ("interview.rs", "no runtime: the walk-throughs"),
    ("io", "no runtime: streams that follow a script"),
    ("happy.rs", "virtual time, and a race inside one task"),
    ("leak.rs", "has a life on workers of its own"),
    ("loom", "models both flavours' parts"),
    ("macros.rs", "the attributes, which name the flavour"),
    ("on_workers", "these"),
    ("pinned.rs", "names its flavour"),
    ("reactor.rs", "no runtime: the reactor's own files"),
    ("reference.rs", "no runtime: the reference"),
    ("ring_model.rs", "no runtime: the ring's own file"),
    ("runtime_abroad.rs", "names its flavours"),
    ("rush.rs", "no runtime: channels and lists, and their bytes"),
    ("send_sync.rs", "no runtime: what the compiler says of types"),
    ("soak.rs", "takes a minute, and is run by hand"),
    ("spin.rs", "names its flavours"),
    ("stealing", "on workers already"),
    ("support", "no tests"),
    ("task_matrix.rs", "no runtime: the tasks of both flavours, with a loop of its own"),
    ("testing", "the test kit: polls by hand, and virtual time"),
    ("tidy.rs", "no runtime: the house rules"),
    ("wheel_model.rs", "no runtime: the wheel's own file"),
];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files and folders that the targets here compile again.
fn shared() -> Vec<String> {
    let mut shared = Vec::new();
    for target in ["shared.rs", "signal.rs"] {
        let text = read(&tests().join("on_workers/tests").join(target));
        let paths = text.lines().filter_map(|line| line.strip_prefix("#[path = \"../../"));
        let names = paths.map(|path| path.trim_end_matches("\"]").trim_end_matches("/main.rs"));
        shared.extend(names.map(str::to_owned));
    }
    shared
}

fn rust_files(of: &Path, files: &mut Vec<PathBuf>) {
    if of.is_file() {
        return files.push(of.to_owned());
    }
    for entry in fs::read_dir(of).unwrap() {
        rust_files(&entry.unwrap().path(), files);
    }
}

/// Goal: a new file of tests does not stay local by mistake. Method: each is shared, or in the list
/// with a reason.
#[test]
fn every_file_is_shared_or_says_why_not() {
    let mut known = shared();
    known.extend(NOT_SHARED.iter().map(|(name, _)| (*name).to_owned()));
    known.sort();
    let entries = fs::read_dir(tests()).unwrap();
    let mut there: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    assert_eq!(known, there, "add it to shared.rs, or to NOT_SHARED here with the reason");
}

/// Goal: no test of a shared file drops out unseen. Method: count the marks.
#[test]
fn the_tests_that_are_left_out_are_counted() {
    let mut files = Vec::new();
    shared().iter().for_each(|name| rust_files(&tests().join(name), &mut files));
    let mut left_out = BTreeMap::new();
    for file in files {
        let text = read(&file);
        for after in text.split("#[cfg(not(on_workers = \"").skip(1) {
            let (reason, rest) = after.split_once("\"))]").expect("a reason and nothing else");
            let next = rest.lines().nth(1).unwrap_or_default().trim_start();
            let is_test = next.starts_with("#[test]") || next.starts_with("#[rondel::test");
            assert!(is_test, "{}: only tests are left out, one by one", file.display());
            *left_out.entry(reason.to_owned()).or_insert(0) += 1;
        }
    }
    let left_out: Vec<_> = left_out.iter().map(|(reason, count)| (&**reason, *count)).collect();
    assert_eq!(left_out, LEFT_OUT);
}
