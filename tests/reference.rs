//! The reference as law: `docs/reference.md` has a row for every public item of floor 5, and says
//! of each what the item's own documents say.
//!
//! - every public item of the modules in `MODULES` and every macro
//!   stands in the first column of some row (errors stand with what returns them, in the code);
//! - every name in a first column is such an item, or a method of one, and its file is the row's;
//! - the cell *cancel-safe* says what the `**Cancel-safe` line of that item says;
//! - every item is shown by a doctest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/reference.md";

/// Where the names begin that are tokio's and not ours.
const MISSING: &str = "\n## What of tokio's is not there\n";

/// The public modules that the reference covers.
const MODULES: &[&str] = &[
    "task",
    "time",
    "sync",
    "combine",
    "stream",
    "callbacks",
    "testing",
    "io",
    "fs",
    "process",
    "signal",
    "net",
];

fn read(path: &str) -> String {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file()
}

// --- what is public ------------------------------------------------------------------------------

/// Public items by their path below `rondel::`, each with the file that defines it.
#[derive(Default)]
struct Items(BTreeMap<String, String>);

/// The file of module `name` whose parent's file is `parent`.
fn module_file(parent: &str, name: &str) -> String {
    let folder = match parent.strip_suffix("/mod.rs") {
        Some(folder) => folder.to_owned(),
        None if parent == "runtime/lib.rs" => "runtime".to_owned(),
        None => parent.trim_end_matches(".rs").to_owned(),
    };
    let file = format!("{folder}/{name}.rs");
    if exists(&file) { file } else { format!("{folder}/{name}/mod.rs") }
}

/// The lines that are code at the left margin, those of an item that is hidden left out.
fn top_level(text: &str) -> Vec<&str> {
    let mut hidden = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("#[doc(hidden)]") {
            hidden = true;
        } else if line.starts_with("#[") || line.starts_with("//") {
            continue;
        } else if line.starts_with(|c: char| c.is_alphabetic()) && !std::mem::take(&mut hidden) {
            lines.push(line);
        }
    }
    lines
}

/// The statement `use …;` that begins at `start`, on one line.
fn whole_use(text: &str, start: &str) -> String {
    let at = text.find(start).unwrap();
    let statement = text[at..].split(';').next().unwrap();
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands between the braces of the block that begins with `start`.
fn body_of<'a>(text: &'a str, start: &str) -> &'a str {
    text.split(start).nth(1).unwrap().split("\n}").next().unwrap()
}

/// `a::{b, c::d}` as `["a::b", "a::c::d"]`.
fn used_paths(statement: &str) -> Vec<String> {
    let tree = statement.trim_start_matches("pub use ").replace(' ', "");
    match tree.split_once("::{") {
        None => vec![tree],
        Some((path, group)) => {
            let group = group.trim_end_matches('}').split(',').filter(|name| !name.is_empty());
            group.map(|name| format!("{path}::{name}")).collect()
        }
    }
}

/// The name that `line` defines, if it is a public item.
fn defined(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.trim_start_matches("async ");
    let rest = rest.strip_prefix("const ").filter(|rest| rest.starts_with("fn ")).unwrap_or(rest);
    let kinds = ["fn ", "struct ", "enum ", "trait ", "type ", "static ", "const "];
    let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Whether a file makes the item `name` by a macro of a neighbour, as both kinds of halves are.
fn makes_by_macro(file: &str, text: &str, name: &str) -> bool {
    let uses = text.lines().filter_map(|line| line.strip_prefix("use super::"));
    let neighbours = uses.filter_map(|used| used.split("::").next());
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let calls = |macros: &str| {
        let mut names = macros.split("macro_rules! ").skip(1);
        names.any(|rest| text.contains(&format!("\n{}!(", rest.split(' ').next().unwrap())))
    };
    neighbours.map(|module| format!("{folder}/{module}.rs")).filter(|file| exists(file)).any(
        |file| {
            let macros = read(&file);
            calls(&macros) && macros.lines().any(|line| defined(line.trim_start()) == Some(name))
        },
    )
}

impl Items {
    /// Takes in the public items of the module at `path`, whose file is `file`.
    fn collect(&mut self, path: &str, file: &str) {
        let text = read(file);
        let text = text.split("\nmod tests {").next().unwrap();
        for line in top_level(text) {
            if let Some(name) =
                line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'))
            {
                self.collect(&format!("{path}::{name}"), &module_file(file, name));
            } else if let Some(name) =
                line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(" {"))
            {
                self.collect_inline(&format!("{path}::{name}"), file, body_of(text, line), 1);
            } else if line.starts_with("pub use ") {
                for used in used_paths(&whole_use(text, line)) {
                    self.reexport(path, file, &used);
                }
            } else if let Some(name) = defined(line) {
                self.0.insert(format!("{path}::{name}"), file.to_owned());
            }
        }
        // Macros are at the root of the crate, wherever they stand. Their helpers are hidden.
        let exported = text.split("#[macro_export]\nmacro_rules! ").skip(1);
        for name in exported.map(|rest| rest.split(' ').next().unwrap()) {
            if !name.starts_with("__") {
                self.0.insert(format!("{name}!"), file.to_owned());
            }
        }
        for line in text.lines().filter(|line| line.starts_with("mod ")) {
            let name = line.trim_start_matches("mod ").trim_end_matches(';');
            self.collect_macros(&module_file(file, name));
        }
    }

    /// The same for a module that stands inside its parent's file, as many braces deep.
    fn collect_inline(&mut self, path: &str, file: &str, body: &str, depth: usize) {
        let body: String = body
            .lines()
            .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
            .collect();
        for line in top_level(&body) {
            if let Some(name) =
                line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(" {"))
            {
                let path = format!("{path}::{name}");
                self.collect_inline(&path, file, body_of(&body, line), depth + 1);
            } else if line.starts_with("pub use ") {
                let outer = "super::".repeat(depth);
                for used in used_paths(&whole_use(&body, line)) {
                    self.reexport(path, file, used.strip_prefix(&outer).unwrap_or(&used));
                }
            } else if let Some(name) = defined(line) {
                self.0.insert(format!("{path}::{name}"), file.to_owned());
            }
        }
    }

    fn collect_macros(&mut self, file: &str) {
        if exists(file) {
            let mut inner = Self::default();
            inner.collect("", file);
            self.0.extend(inner.0.into_iter().filter(|(name, _)| name.ends_with('!')));
        }
    }

    /// Finds the file of `used`, as a path from `file`, and takes the item in.
    fn reexport(&mut self, path: &str, file: &str, used: &str) {
        let elsewhere = ["std::", "futures_core::", "super::"];
        if elsewhere.iter().any(|start| used.starts_with(start)) {
            return; // somebody else's, or named elsewhere
        }
        let mut parts: Vec<&str> = used.split("::").filter(|part| *part != "self").collect();
        let name = parts.pop().unwrap();
        let mut home = if parts.first() == Some(&"crate") {
            parts.remove(0);
            "runtime/lib.rs".to_owned()
        } else {
            file.to_owned()
        };
        for part in parts {
            home = module_file(&home, part);
        }
        // A module that is itself a list of re-exports: go on from there.
        let text = read(&home);
        let here = text.lines().any(|line| defined(line.trim_start()) == Some(name));
        if here || makes_by_macro(&home, &text, name) {
            self.0.insert(format!("{path}::{name}"), home);
        } else {
            let mut inner = Self::default();
            inner.collect(path, &home);
            let found = inner.0.remove(&format!("{path}::{name}"));
            let found = found.unwrap_or_else(|| panic!("{file}: where is `{used}` defined?"));
            self.0.insert(format!("{path}::{name}"), found);
        }
    }
}

fn public_items() -> BTreeMap<String, String> {
    let mut items = Items::default();
    for module in MODULES {
        items.collect(module, &module_file("runtime/lib.rs", module));
    }
    items.0
}

/// Errors have no row of their own: who returns them has one.
fn needs_a_row(name: &str) -> bool {
    !name.contains("error::") && !name.ends_with("Error")
}

// --- what the page says --------------------------------------------------------------------------

struct Row {
    names: Vec<String>,
    cells: Vec<String>,
    file: String,
}

fn rows() -> Vec<Row> {
    let text = read(PAGE);
    let there = text.split(MISSING).next().unwrap();
    let lines = there.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            // A bar inside code, as in a closure, does not end a cell.
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> = line
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().replace('\u{1}', "|"))
                .collect();
            assert_eq!(cells.len(), 6, "{PAGE}: six cells, please: {line}");
            let names = cells[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let link = cells[5].split("](../").nth(1).and_then(|rest| rest.split(')').next());
            let file = link.unwrap_or_else(|| panic!("{PAGE}: no link to a file: {line}"));
            Row { names, file: file.to_owned(), cells }
        })
        .collect()
}

/// The doc comment above the item or method called `name` in `text`.
fn documents(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_it = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let line = line.trim_start_matches("const ").trim_start_matches("async ");
        let kinds = ["fn ", "struct ", "enum ", "trait ", "type ", "macro_rules! "];
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind));
        rest.is_some_and(|rest| {
            rest.strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let documented = |at: usize| {
        let above = lines[..at].iter().rev().map(|line| line.trim());
        let mut above = above.skip_while(|line| line.starts_with("#[")).peekable();
        above.peek().is_some_and(|line| line.starts_with("///"))
    };
    let at = (0..lines.len()).find(|at| is_it(lines[*at]) && documented(*at))?;
    let above = lines[..at].iter().rev().map(|line| line.trim());
    let above = above.skip_while(|line| line.starts_with("#["));
    let mut comment: Vec<&str> = above.take_while(|line| line.starts_with("///")).collect();
    comment.reverse();
    Some(comment.join("\n"))
}

/// `yes` or `no`, as the documents say it; nothing if they do not.
fn cancel_safety(documents: &str) -> Option<&'static str> {
    let (_, rest) = documents.split_once("**Cancel-safe:")?;
    let rest = rest.trim_start_matches('*').trim_start();
    if rest.starts_with("yes") {
        Some("yes")
    } else if rest.starts_with("no") {
        Some("no")
    } else {
        None
    }
}

#[test]
fn every_public_item_has_a_row() {
    let rows = rows();
    let listed: Vec<&String> = rows.iter().flat_map(|row| &row.names).collect();
    let missing: Vec<String> = public_items()
        .into_iter()
        .filter(|(name, _)| needs_a_row(name) && !listed.contains(&name))
        .map(|(name, file)| format!("`{name}` of {file}"))
        .collect();
    assert!(missing.is_empty(), "{PAGE}: no row for\n{}", missing.join("\n"));
}

/// Goal: name nothing that is not there. Method: an item must be in the list; of a path that is one
/// part longer than an item, that part must be a method in the item's file.
#[test]
fn every_row_names_an_item_of_its_file() {
    let items = public_items();
    let mut wrong = Vec::new();
    for row in rows() {
        for name in &row.names {
            if items.get(name) == Some(&row.file) {
                continue;
            }
            let method = name.rsplit_once("::").is_some_and(|(item, method)| {
                items.contains_key(item) && exists(&row.file) && {
                    documents(&read(&row.file), method).is_some()
                }
            });
            if !method {
                let place = items.get(name).map_or("nowhere".to_owned(), Clone::clone);
                wrong.push(format!("`{name}` is in {place}, not in {}", row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
}

#[test]
fn cancel_safety_is_what_the_documents_say() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for row in rows() {
        for name in &row.names {
            let short = name.rsplit("::").next().unwrap().trim_end_matches('!');
            let said = documents(&read(&row.file), short);
            let Some(said) = said.as_deref().and_then(cancel_safety) else { continue };
            compared += 1;
            if !row.cells[3].starts_with(said) {
                wrong.push(format!(
                    "`{name}`: the row says `{}`, its documents `{said}`",
                    row.cells[3]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
    assert!(compared > 40, "only {compared} rows could be compared");
}

/// Goal: show how each thing is used. Method: functions and macros have a doctest of their own; a
/// type is shown by its own or by one of those in its file that make it or use it.
#[test]
fn every_item_is_shown_by_a_doctest() {
    let mut wrong = Vec::new();
    for (name, file) in public_items().into_iter().filter(|(name, _)| needs_a_row(name)) {
        let text = read(&file);
        let short = name.rsplit("::").next().unwrap().trim_end_matches('!');
        let called = short.starts_with(|c: char| c.is_lowercase());
        let said = if called { documents(&text, short).unwrap_or_default() } else { text };
        if !said.contains("/// ```") && !said.contains("//! ```\n") {
            wrong.push(format!("`{name}` of {file}"));
        }
    }
    assert!(wrong.is_empty(), "no doctest for\n{}", wrong.join("\n"));
}

/// Goal: the list of what is not there stays true when something is added. Method: in its first
/// column, `Type::method` (and each name in small letters after it) must not be a public method in the
/// file of our type, and a type that stands alone must not be an item of ours.
#[test]
fn what_is_said_to_be_missing_is_missing() {
    let mut items = public_items();
    for (name, file) in [("Builder", "builder"), ("Handle", "current"), ("Runtime", "runtime")] {
        items.insert(format!("runtime::{name}"), format!("runtime/{file}.rs"));
    }
    let file_of = |name: &str| {
        let end = format!("::{name}");
        items.iter().find(|(item, _)| **item == name || item.ends_with(&end)).map(|(_, file)| file)
    };
    let text = read(PAGE);
    let table = text.split_once(MISSING).expect("the list is there").1;
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cell = line.trim_start_matches("| ").split(" | ").next().unwrap();
        let mut of = None;
        for name in cell.split('`').skip(1).step_by(2) {
            let small = |name: &str| name.starts_with(|c: char| c.is_lowercase());
            let (path, last) = name.rsplit_once("::").map_or((None, name), |(a, b)| (Some(a), b));
            if !small(last) {
                of = file_of(name);
                // `Type:` and what it lacks follow; alone, it is itself what we lack.
                let heads_a_list = cell.contains(&format!("`{name}`: "));
                compared += usize::from(!heads_a_list);
                if !heads_a_list && of.is_some() {
                    wrong.push(format!("`{name}` is there"));
                }
                continue;
            }
            of = path.map_or(of, file_of);
            let Some(file) = of else { continue };
            compared += 1;
            let is_there = |line: &str| defined(line.trim_start()) == Some(last);
            if read(file).lines().any(is_there) {
                wrong.push(format!("`{name}` is there, in {file}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
    assert!(compared > 40, "only {compared} names could be compared");
}
