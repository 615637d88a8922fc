//! The duel: contestants run a row in rotation, each run a process of its own; a ratio per round.
//!
//! ```text
//!   options.rs ──▶ run.rs ──child process per run──▶ Run ──▶ table.rs   as it goes
//!   (words)        (rotation A B C, B C A, ...)       │
//!                        counts::run adds its rows ───┤
//!                                                     ├────▶ result.rs  --json
//!                                                     ├────▶ report::   --report
//!                                                     └────▶ book.rs    --write-table
//! ```
//!
//! Rules
//! 1. A ratio is taken between runs of the same round, never across rounds.
//! 2. Who goes first changes from round to round.
//! 3. What was not measured has no figure: a dash in the table, nothing in the JSON.

pub mod book;
pub mod child;
pub mod options;
pub mod result;
pub mod run;
pub mod table;

pub use child::Report;
pub use options::Options;
pub use result::{Noise, Outcome, Run, RunRow};

use crate::counts;
use crate::report::Report as Page;
use table::Table;

/// What starts this program from the clone, up to its own words.
pub(crate) const COMMAND: &str = if cfg!(feature = "peers") {
    "cargo run --release -p benches --features peers --bin duel --"
} else {
    "cargo run --release -p benches --bin duel --"
};

/// Does what the command line says.
///
/// Fails with what was wrong and what to do, and after the table if a run failed.
pub fn main(words: &[&str]) -> Result<(), String> {
    if let Some(played) = crate::servers::play(words) {
        return played.map_err(|error| error.to_string());
    }
    match words {
        [counts::CHILD_FLAG, runtime, row] => counts::child(runtime, row),
        [child::FLAG, runtime, row, size] => child::measure(runtime, row, size),
        ["--help" | "-h"] => {
            println!("{}", options::HELP);
            Ok(())
        }
        ["--list"] => {
            options::list();
            Ok(())
        }
        _ => duel(&options::parse(words)?),
    }
}

fn duel(options: &Options) -> Result<(), String> {
    // A file that cannot be written should not cost an hour first.
    let json = options.json.as_ref().map(|path| result::create(path)).transpose()?;
    let page = options.report.as_ref().map(|path| result::create(path)).transpose()?;
    if let Some(document) = &options.document {
        book::check(document, &options.flavours)?;
    }
    options.counts.iter().try_for_each(|tool| tool.check())?;
    let mut run = run::run(options, &mut Table::new(options))?;
    counts::run::run(options, &mut run);
    if let Some(file) = json {
        result::write(file, &run)?;
    }
    if let Some(file) = page {
        file.write(&Page::of(&run).page()?)?;
    }
    if let Some(document) = &options.document {
        book::write(document, options, &run)?;
    }
    if run.failures.is_empty() { Ok(()) } else { Err(run.failures.join("\n")) }
}
