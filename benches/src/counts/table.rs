//! The counts as lines of a table, and as rows of the JSON file.

use serde_json::{Value, json};

use super::{Count, Kind};
use crate::rows::Flavour;

/// The table's head.
pub fn head() -> String {
    format!(
        "{:18} {:19} {:>10}  {:12} {:>10} {:>7} {:>6}",
        "row", "counted per op", "rondel", "peer", "its", "ratio", "goal"
    )
}

/// One count of one row on Rondel and on a peer.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The row.
    pub row: &'static str,
    /// In which flavour.
    pub flavour: Flavour,
    /// Against whom.
    pub peer: &'static str,
    /// What was counted.
    pub kind: Kind,
    /// Rondel's count.
    pub ours: Count,
    /// The peer's.
    pub theirs: Count,
}

impl Pair {
    /// Ours / theirs; where both are nothing they are the same, and beside nothing else there is no
    /// ratio.
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.ours.mean, self.theirs.mean)
    }

    /// Whether we stay within the goal; `None` without one.
    pub fn meets_goal(&self) -> Option<bool> {
        self.kind.goal(self.row).map(|goal| self.ours.mean <= goal)
    }

    fn verdict(&self) -> &'static str {
        if self.ours.high < self.theirs.low {
            "faster"
        } else if self.ours.low > self.theirs.high {
            "slower"
        } else {
            "same"
        }
    }

    /// The line of the table.
    pub fn line(&self) -> String {
        let goal = self.kind.goal(self.row).map_or("-".to_string(), |goal| format!("{goal:.0}"));
        let missed = if self.meets_goal() == Some(false) { "!" } else { " " };
        let ratio = self.ratio().map_or("-".to_string(), |ratio| format!("{ratio:.3}"));
        format!(
            "{:18} {:19} {:>10}  {:12} {:>10} {ratio:>7} {goal:>6}{missed}",
            self.row,
            self.kind.unit().trim_end_matches("/op"),
            figure(self.ours.mean),
            self.peer,
            figure(self.theirs.mean),
        )
    }

    /// A row of the JSON file, with the fields of every other row.
    pub fn to_json(&self) -> Value {
        json!({
            "row": self.row,
            "flavour": self.flavour.name(),
            "peer": self.peer,
            "unit": self.kind.unit(),
            "rondel": self.ours.mean,
            "peer_value": self.theirs.mean,
            "ratio": self.ratio(),
            "low": ratio(self.ours.low, self.theirs.high),
            "high": ratio(self.ours.high, self.theirs.low),
            "verdict": self.verdict(),
            "goal_figure": self.kind.goal(self.row),
            "reps": super::BATCHES,
        })
    }
}

/// The line of a row that is not counted; `peer` is who cannot do it.
pub fn dash(row: &str, peer: &str, why: &str) -> String {
    format!("{row:18} {:19} {:>10}  {peer:12} {:>10}  {why}", "-", "-", "-")
}

fn ratio(ours: f64, theirs: f64) -> Option<f64> {
    if ours == theirs { Some(1.0) } else { Some(ours / theirs).filter(|ratio| ratio.is_finite()) }
}

/// Small counts want their decimals, large ones do not.
fn figure(count: f64) -> String {
    if count < 100.0 { format!("{count:.2}") } else { format!("{count:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(of: f64) -> Count {
        Count { mean: of, low: of, high: of }
    }

    fn pair(ours: f64, theirs: f64) -> Pair {
        let (ours, theirs) = (count(ours), count(theirs));
        Pair {
            row: "yield_1k",
            flavour: Flavour::Local,
            peer: "tokio",
            kind: Kind::Instructions,
            ours,
            theirs,
        }
    }

    /// Goal: show that nothing beside nothing is the same, and something beside nothing no number.
    /// Method: the ratio and the JSON of both.
    #[test]
    fn a_count_of_nothing_makes_no_false_ratio() {
        assert_eq!(pair(0.0, 0.0).ratio(), Some(1.0));
        assert_eq!(pair(1.0, 0.0).ratio(), None);
        assert_eq!(pair(1.0, 0.0).to_json()["ratio"], Value::Null);
        assert_eq!(pair(1.0, 0.0).to_json()["verdict"], "slower");
    }

    /// Goal: show that the goal is told, and whether it is missed.
    /// Method: a count below and one above it.
    #[test]
    fn a_missed_goal_bears_an_exclamation_mark() {
        assert_eq!(pair(129.0, 300.0).meets_goal(), Some(true));
        assert!(pair(131.0, 300.0).line().ends_with("130!"), "{}", pair(131.0, 300.0).line());
    }
}
