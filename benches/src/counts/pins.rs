//! Pins: how many instructions the hot operations took when somebody last looked.
//!
//! Instruction counts repeat, so a change that makes an operation dearer shows at once, long before
//! a clock could tell. The file `benches/pins.json` holds a count per row for each architecture.
//!
//! | the count is            | then                                                        |
//! |-------------------------|-------------------------------------------------------------|
//! | within the margin       | all is well                                                 |
//! | above it                | it fails: mend it, or bless it and say why in the commit    |
//! | below it                | it fails too, until blessed: an old pin would let half of what was won be lost again unseen |
//! | not pinned, or pinned and no longer counted | it fails until blessed                  |
//!
//! The margin is there for what is not ours: the C library chooses its `memcpy` by the CPU, hash
//! seeds differ from run to run, and so do addresses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

/// The rows that are pinned.
pub const HOT: &[&str] = &[
    "spawn_join_1k",
    "spawn_await_each",
    "yield_1k",
    "ping_pong_mpsc",
    "ping_pong_oneshot",
    "mpsc_100",
    "semaphore",
    "semaphore_1000x5",
    "mutex",
    "sleep_churn",
    "timeout_ready",
    "gather_ready",
    "select_2",
    "abort_100k",
];

/// A count may differ from its pin by this share.
pub const MARGIN: f64 = 0.03;

/// How to move the pins.
pub const BLESS: &str =
    "RONDEL_BLESS=1 cargo run --release -p benches --no-default-features --bin pins";

/// Instructions per operation, by row.
pub type Counts = BTreeMap<String, f64>;

/// The pins of this architecture.
#[derive(Debug, Default)]
pub struct Pins {
    /// Whose code was counted.
    pub rustc: String,
    /// What was counted.
    pub counts: Counts,
}

/// Where the pins are kept.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pins.json")
}

fn read_all() -> Result<Value, String> {
    let path = file();
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the pins of this architecture; there may be none yet.
pub fn read() -> Result<Pins, String> {
    let all = read_all()?;
    let Some(mine) = all.get(env::consts::ARCH) else { return Ok(Pins::default()) };
    let mut counts = Counts::new();
    for (row, pin) in mine["instructions"].as_object().into_iter().flatten() {
        let pin = pin.as_f64().ok_or_else(|| format!("pins.json: {row} is not a number"))?;
        counts.insert(row.clone(), pin);
    }
    Ok(Pins { rustc: mine["rustc"].as_str().unwrap_or("unknown").to_string(), counts })
}

/// Writes the pins of this architecture and leaves the others.
pub fn write(pins: &Pins) -> Result<(), String> {
    let mut all = if file().exists() { read_all()? } else { json!({}) };
    let round = |count: &f64| (count * 10.0).round() / 10.0;
    let counts: BTreeMap<_, _> = pins.counts.iter().map(|(row, n)| (row, round(n))).collect();
    all[env::consts::ARCH] = json!({ "rustc": pins.rustc, "instructions": counts });
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
    fs::write(file(), text + "\n")
        .map_err(|error| format!("cannot write {}: {error}", file().display()))
}

/// What is wrong with the counts, a sentence or two each; nothing if all is well.
pub fn complaints(pinned: &Counts, counted: &Counts) -> Vec<String> {
    let known = counted.iter().filter_map(|(row, &is)| match pinned.get(row) {
        Some(&was) => complaint(row, was, is),
        None => {
            Some(format!("{row} takes {is:.1} instructions and has no pin. To set it: {BLESS}"))
        }
    });
    let stale = pinned.keys().filter(|row| !counted.contains_key(*row));
    let stale = stale.map(|row| format!("{row} is pinned and not counted. To drop it: {BLESS}"));
    known.chain(stale).collect()
}

fn complaint(row: &str, was: f64, is: f64) -> Option<String> {
    let change = is / was - 1.0;
    let percent = 100.0 * change;
    let margin = 100.0 * MARGIN;
    if change > MARGIN {
        Some(format!(
            "{row} REGRESSED: it was {was:.1} instructions per operation and is {is:.1} \
             ({percent:+.1} %, the margin is {margin:.0} %). Find what the change put on this \
             path and take it off; if the price is meant, say why in the commit and move the \
             pin: {BLESS}"
        ))
    } else if change < -MARGIN {
        Some(format!(
            "{row} improved: it was {was:.1} instructions per operation and is {is:.1} \
             ({percent:+.1} %). Move the pin, so that this cannot be lost unseen: {BLESS}"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|(row, count)| (row.to_string(), *count)).collect()
    }

    /// Goal: show that a regression names the row, what was, what is, and what to do.
    /// Method: a count 4 % above its pin.
    #[test]
    fn a_regression_names_the_row_what_was_what_is_and_what_to_do() {
        let said = complaints(&counts(&[("yield_1k", 100.0)]), &counts(&[("yield_1k", 104.0)]));
        assert_eq!(said.len(), 1);
        for part in ["yield_1k", "REGRESSED", "was 100.0", "is 104.0", "+4.0 %", BLESS] {
            assert!(said[0].contains(part), "`{part}` is not in: {}", said[0]);
        }
    }

    /// Goal: show that an improvement has to be blessed.
    /// Method: a count 4 % below its pin.
    #[test]
    fn an_improvement_wants_its_pin_moved() {
        let said = complaints(&counts(&[("mutex", 100.0)]), &counts(&[("mutex", 96.0)]));
        assert!(said[0].contains("improved") && said[0].contains(BLESS), "{said:?}");
    }

    /// Goal: show that what stays within the margin is nobody's business.
    /// Method: 2.9 % either way.
    #[test]
    fn within_the_margin_all_is_well() {
        let pinned = counts(&[("mutex", 100.0), ("select_2", 100.0)]);
        let counted = counts(&[("mutex", 102.9), ("select_2", 97.1)]);
        assert_eq!(complaints(&pinned, &counted), Vec::<String>::new());
    }

    /// Goal: show that no row slips through without a pin, and no pin without a row.
    /// Method: one of each.
    #[test]
    fn a_row_without_a_pin_and_a_pin_without_a_row_are_told() {
        let said = complaints(&counts(&[("old", 1.0)]), &counts(&[("new", 2.0)]));
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("new takes 2.0 instructions and has no pin"), "{said:?}");
        assert!(said[1].contains("old is pinned and not counted"), "{said:?}");
    }

    /// Goal: show that the file and the list of hot rows agree.
    /// Method: read the file; each hot row is a row of the duel and has a pin.
    #[test]
    fn every_hot_row_exists_and_is_pinned() {
        let all = read_all().unwrap();
        for row in HOT {
            assert!(crate::rows::find(row).is_some(), "{row} is no row of the duel");
            for (architecture, pins) in all.as_object().unwrap() {
                let pin = &pins["instructions"][row];
                assert!(pin.is_f64(), "{row} has no pin for {architecture}; to set it: {BLESS}");
            }
        }
    }
}
