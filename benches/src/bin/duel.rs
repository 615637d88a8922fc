//! The duel: every row on Rondel and on its peers in turn, each run a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    benches::child::exit("duel", benches::duel::main(&words))
}
