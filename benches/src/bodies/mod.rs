//! The bodies of the rows, a file per question, compiled once per runtime: `rt` is its facade.
//!
//! This file is for a runtime that has everything. One that lacks something takes only the files
//! whose bodies it can do as its users would; see `runtimes/smol.rs`.

use super::rt;
use crate::Meter;

mod broadcast;
mod cancel;
mod channels;
mod combine;
mod datagrams;
mod join_set;
mod memory;
mod mutex;
mod outside;
mod select;
mod semaphore;
mod signals;
mod tasks;
mod threads;
mod time;

/// Runs the row's body on this runtime; says whether there is one.
pub fn run(row: &str, meter: &mut Meter) -> bool {
    let questions = [
        broadcast::run,
        cancel::run,
        channels::run,
        combine::run,
        datagrams::run,
        join_set::run,
        memory::run,
        mutex::run,
        outside::run,
        select::run,
        semaphore::run,
        signals::run,
        tasks::run,
        threads::run,
        time::run,
    ];
    questions.iter().any(|run| run(row, meter))
}
