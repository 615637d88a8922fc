//! Counting: each row once on each contestant, under each tool that was asked for.

use super::table::{Pair, dash, head};
use super::{Count, Missing, Tool, why_uncounted};
use crate::duel::{Options, Run};
use crate::rows::{Flavour, Row};
use crate::runtimes::Runtime;

/// Counts what `options` ask for, prints it line by line and adds it to `run`.
///
/// Only one thread's work repeats: the stealing flavour is not counted. What fails is noted in
/// `run`.
pub fn run(options: &Options, run: &mut Run) {
    if options.counts.is_empty() {
        return;
    }
    println!();
    if !options.flavours.contains(&Flavour::Local) {
        println!("Counted is the local flavour only: with several threads no count repeats.");
        return;
    }
    println!("{}", head());
    let contestants = options.contestants(Flavour::Local);
    for row in options.rows(Flavour::Local) {
        if let Some(why) = why_uncounted(row) {
            println!("{}", dash(row.name, "-", why));
            continue;
        }
        for &tool in &options.counts {
            count(tool, row, &contestants, run);
        }
    }
    println!();
    println!(
        "Ratio: Rondel / peer. Goal: Rondel's own count at most; an exclamation mark: missed."
    );
}

fn count(tool: Tool, row: &'static Row, contestants: &[&'static Runtime], run: &mut Run) {
    let Some(ours) = count_on(tool, row, contestants[0], run) else { return };
    for peer in &contestants[1..] {
        let Some(theirs) = count_on(tool, row, peer, run) else { continue };
        let both = ours.iter().zip(theirs);
        for (&kind, (&ours, theirs)) in tool.kinds().iter().zip(both) {
            let pair = Pair {
                row: row.name,
                flavour: Flavour::Local,
                peer: peer.peer,
                kind,
                ours,
                theirs,
            };
            println!("{}", pair.line());
            run.counts.push(pair);
        }
    }
}

fn count_on(tool: Tool, row: &Row, runtime: &Runtime, run: &mut Run) -> Option<Vec<Count>> {
    match tool.count(runtime, row) {
        Ok(counts) => Some(counts),
        Err(Missing::Uncounted(why)) => {
            println!("{}", dash(row.name, runtime.peer, &why));
            None
        }
        Err(Missing::Failed(message)) => {
            println!("{}", dash(row.name, runtime.peer, "FAILED, see the end"));
            run.failures.push(message);
            None
        }
    }
}
