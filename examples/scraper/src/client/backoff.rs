//! How long to wait before the next attempt.
//!
//! Exponential backoff with full jitter: a random time between nothing and a bound that doubles. A
//! fleet of workers that failed together does not come back together.
//!
//! Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The wait before the attempt after `failed` attempts (at least 1): up to `base`, `2 base`, `4
/// base`, …. `random` gives a number from 0 to below 1.
pub(crate) fn full_jitter(base: Duration, max: Duration, failed: u32, random: f64) -> Duration {
    let doublings = failed.saturating_sub(1).min(31);
    base.saturating_mul(1 << doublings).min(max).mul_f64(random)
}

/// The `Retry-After` header, in either form. A date in the past is zero; nonsense is ignored.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: show the bounds of the backoff: doubling, capped, and never above.
    /// Method: the largest random number there is, for each attempt.
    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let ms = Duration::from_millis;
        let bounds: Vec<_> =
            (1..8).map(|failed| full_jitter(ms(100), ms(2_000), failed, 1.0)).collect();
        assert_eq!(bounds, [100, 200, 400, 800, 1_600, 2_000, 2_000].map(ms));
        assert_eq!(full_jitter(ms(100), ms(2_000), 3, 0.0), Duration::ZERO);
        assert_eq!(full_jitter(ms(100), ms(2_000), u32::MAX, 0.5), ms(1_000));
    }

    /// Goal: show that `Retry-After` is understood as seconds and as a date (erratum X5).
    /// Method: both forms, a date of the past, and nonsense.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        let ask = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, http::HeaderValue::from_static(text));
            retry_after(&headers, now)
        };
        assert_eq!(ask("7"), Some(Duration::from_secs(7)));
        assert_eq!(ask("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(ask("Sun, 06 Nov 1994 08:48:37 GMT"), Some(Duration::ZERO));
        assert_eq!(ask("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
