//! Today's date, for figures that are kept.

use std::time::{SystemTime, UNIX_EPOCH};

/// The date in UTC, as in `2026-11-26`.
pub fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    of_day(now.as_secs() / 86_400)
}

/// The date of a day since 1 January 1970.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
fn of_day(day: u64) -> String {
    // Years begin in March here, so that the leap day is the last; 400 of them have 146,097 days.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show that the date is right where calendars are hard.
    /// Method: the epoch, leap days and days after, a century without one, the ends of years.
    #[test]
    fn days_are_named_as_the_calendar_names_them() {
        let days = [0, 11_016, 47_540, 47_541, 20_453, 20_818];
        let dates =
            ["1970-01-01", "2000-02-29", "2100-02-28", "2100-03-01", "2025-12-31", "2026-12-31"];
        assert_eq!(days.map(of_day), dates);
    }
}
