//! Scales: from a value to a place in percent of a chart's width.

/// A logarithmic scale.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Log {
    /// A scale that holds all positive `values`, and 1 if it is asked for, between the percentages
    /// `from` and `to`.
    pub fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let mut low = f64::INFINITY;
        let mut high = 0.0_f64;
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.5, 2.0);
        }
        if high / low < 1.1 {
            (low, high) = (low / 1.5, high * 1.5);
        }
        Self { low, high, from, to }
    }

    /// The place of `value` in percent; what lies outside is put on the edge.
    pub fn place(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln();
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values on the scale: 1, 2, 5, 10 ... , or the powers of ten alone if there were many.
    pub fn ticks(&self) -> Vec<f64> {
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let all = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        let (low, high) = (self.low * 0.999, self.high * 1.001);
        let ticks: Vec<f64> = all.filter(|tick| (low..=high).contains(tick)).collect();
        if ticks.len() <= 8 {
            return ticks;
        }
        let is_power = |tick: &f64| (tick.log10() - tick.log10().round()).abs() < 1e-9;
        ticks.into_iter().filter(is_power).collect()
    }
}

/// A round number that is not below `value`, and a step that divides it into few parts.
pub fn round_up(value: f64) -> (f64, f64) {
    if !value.is_finite() || value <= 0.0 {
        return (1.0, 0.5);
    }
    let power = 10_f64.powf(value.log10().floor());
    let (top, step) = [
        (1.0, 0.25),
        (1.5, 0.5),
        (2.0, 0.5),
        (3.0, 1.0),
        (4.0, 1.0),
        (6.0, 2.0),
        (8.0, 2.0),
        (10.0, 2.5),
    ]
    .into_iter()
    .find(|(top, _)| top * power >= value)
    .unwrap_or((10.0, 2.5));
    (top * power, step * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that equal ratios are equal distances, and that nothing leaves the chart.
    /// Method: a scale from 0.1 to 10: its middle is 1; a value far outside lies on the edge.
    #[test]
    fn equal_ratios_are_equal_distances() {
        let scale = Log::of([0.1, 10.0].into_iter(), 0.0, 100.0);
        assert!((scale.place(1.0) - 50.0).abs() < 1e-9);
        assert_eq!(scale.place(1e9), 100.0);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(scale.ticks(), [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
    }

    /// Goal: show that the top of an axis is round and not below what is drawn.
    /// Method: some values.
    #[test]
    fn the_top_is_round_and_high_enough() {
        assert_eq!(
            [4.28, 0.9, 1_284.0, 7.0, 0.0].map(|value| round_up(value).0),
            [6.0, 1.0, 1_500.0, 8.0, 1.0]
        );
    }
}
