//! Pairs: two runtimes measured in turn, and what may be said about their ratio.

use serde_json::{Value, json};

/// Fewer pairs than this show nothing, whatever their ratios.
pub const PAIRS_MIN: usize = 3;

/// Figures of one row, measured in pairs: `ours[i]` right beside `theirs[i]`.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Rondel's figures.
    pub ours: Vec<f64>,
    /// The peer's figures.
    pub theirs: Vec<f64>,
}

/// What the pairs say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval lies below 1.
    Faster,
    /// The interval contains 1.
    Same,
    /// The whole interval lies above 1.
    Slower,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Slower => "SLOWER",
        })
    }
}

/// The ratio ours / theirs with its interval.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Median of the pairs' ratios.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How many pairs it comes from.
    pub pairs: usize,
}

impl Ratio {
    /// In a word.
    pub fn verdict(&self) -> Verdict {
        if self.pairs < PAIRS_MIN {
            Verdict::Same // nothing that few pairs could show
        } else if self.high < 1.0 {
            Verdict::Faster
        } else if self.low > 1.0 {
            Verdict::Slower
        } else {
            Verdict::Same
        }
    }
}

impl Pairs {
    /// Adds a pair.
    pub fn push(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    /// The median ratio with its 95 % interval from six pairs on, with fewer their min and max.
    pub fn ratio(&self) -> Ratio {
        let ratios = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs);
        let mut sorted: Vec<f64> = ratios.collect();
        sorted.sort_by(f64::total_cmp);
        let cut = outside(sorted.len());
        Ratio {
            pairs: sorted.len(),
            median: median(&sorted),
            low: sorted.get(cut).copied().unwrap_or(f64::NAN),
            high: sorted.iter().rev().nth(cut).copied().unwrap_or(f64::NAN),
        }
    }

    /// The row for the JSON file.
    pub fn to_json(&self, row: &str, flavour: &str, peer: &str, unit: &str) -> Value {
        let ratio = self.ratio();
        json!({
            "row": row,
            "flavour": flavour,
            "peer": peer,
            "unit": unit,
            "rondel": median(&self.ours),
            "peer_value": median(&self.theirs),
            "ratio": ratio.median,
            "low": ratio.low,
            "high": ratio.high,
            "verdict": ratio.verdict().to_string().to_lowercase(),
            "reps": self.ours.len(),
        })
    }
}

/// The middle value, or the mean of the two middle ones; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How many of `n` sorted values to leave outside at each end, so that the rest spans a 95 %
/// interval of the median: each value lies below the true median with probability one half.
fn outside(n: usize) -> usize {
    let mut ways = 1.0; // n over k
    let mut below = 0.0; // probability that at most k values lie below the median
    for k in 0..n / 2 {
        below += ways / 2_f64.powi(n as i32);
        if below > 0.025 {
            return k.saturating_sub(1);
        }
        ways *= (n - k) as f64 / (k + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that the interval is the textbook one.
    /// Method: compare with the table for the sign test: 6 pairs keep all, 10 drop one, 20 five.
    #[test]
    fn the_interval_drops_as_many_values_as_the_sign_test_allows() {
        assert_eq!([5, 6, 9, 10, 15, 20].map(outside), [0, 0, 1, 1, 3, 5]);
    }

    /// Goal: show that a verdict needs the whole interval on one side.
    /// Method: three sets of pairs: all below, all above, on both sides of 1.
    #[test]
    fn the_verdict_needs_the_whole_interval_on_one_side() {
        let verdict =
            |ours: [f64; 3]| Pairs { ours: ours.to_vec(), theirs: vec![10.0; 3] }.ratio().verdict();
        assert_eq!(verdict([8.0, 9.0, 7.0]), Verdict::Faster);
        assert_eq!(verdict([12.0, 11.0, 13.0]), Verdict::Slower);
        assert_eq!(verdict([9.0, 10.0, 11.0]), Verdict::Same);
    }
}
