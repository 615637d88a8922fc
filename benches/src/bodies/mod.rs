//! The bodies of the rows, a file per question, compiled once per runtime: `rt` is its facade.
//!
//! This file is for a runtime that has everything. One that lacks something takes only the files
//! whose bodies it can do as its users would; see `runtimes/smol.rs`.

use super::rt;
use crate::Meter;

mod cancel;
mod channels;
mod combine;
mod fanout;
mod locks;
mod memory;
mod tasks;
mod threads;
mod time;

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let questions = [
        cancel::run,
        channels::run,
        combine::run,
        fanout::run,
        locks::run,
        memory::run,
        tasks::run,
        threads::run,
        time::run,
    ];
    questions.iter().any(|run| run(row, meter))
}
