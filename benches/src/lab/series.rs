//! Figures of one thing over the repetitions, and the order in which things take their turns.

use serde_json::{Value, json};

use crate::pair::{Pairs, Ratio, median};

/// Figures of one thing, one a repetition.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds a repetition's figure.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The middle figure; NaN of none.
    pub fn median(&self) -> f64 {
        median(&self.0)
    }

    /// The lowest and the highest figure.
    pub fn range(&self) -> (f64, f64) {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    }

    /// The ratio to `base`, repetition by repetition, with its interval.
    pub fn ratio_to(&self, base: &Self) -> Ratio {
        Pairs { ours: self.0.clone(), theirs: base.0.clone() }.ratio()
    }

    /// For the JSON file: median, low, high and how many.
    pub fn to_json(&self) -> Value {
        let (low, high) = self.range();
        json!({"median": self.median(), "low": low, "high": high, "reps": self.0.len()})
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// Measures `count` things `reps` times: 0 1 2, then 2 1 0, so that whoever comes after a noisy one
/// is not always the same. Returns what `measure` gave, thing by thing.
pub fn in_turn<T, E>(
    count: usize,
    reps: usize,
    mut measure: impl FnMut(usize) -> Result<T, E>,
) -> Result<Vec<Vec<T>>, E> {
    let mut all: Vec<Vec<T>> = (0..count).map(|_| Vec::with_capacity(reps)).collect();
    for rep in 0..reps {
        for turn in 0..count {
            let thing = if rep % 2 == 0 { turn } else { count - 1 - turn };
            all[thing].push(measure(thing)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that things take turns, and that each keeps its own figures.
    /// Method: note the order of three things over two repetitions.
    #[test]
    fn the_second_round_goes_back() {
        let mut order = Vec::new();
        let all = in_turn(3, 2, |thing| {
            order.push(thing);
            Ok::<_, ()>(thing * 10)
        });
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
        assert_eq!(all.unwrap(), [[0, 0], [10, 10], [20, 20]]);
    }

    /// Goal: show what a series says.
    /// Method: four figures, and the same doubled as a base.
    #[test]
    fn a_series_has_a_middle_a_range_and_a_ratio() {
        let series: Series = [3.0, 1.0, 2.0, 4.0].into_iter().collect();
        let base: Series = [6.0, 2.0, 4.0, 8.0].into_iter().collect();
        assert_eq!((series.median(), series.range()), (2.5, (1.0, 4.0)));
        assert_eq!(series.ratio_to(&base).median, 0.5);
    }
}
