//! What the platform does to a request: decided by a hash, so that every run is the same.
//!
//! Fate, latency and body follow from the seed, the page and how often the page was asked for. The
//! order in which requests arrive plays no part, so a scraper with other timing meets the very
//! same faults, and a test can count them beforehand.
//!
//! | of 1,000 attempts | fate                                   | what a client must do            |
//! |-------------------|----------------------------------------|----------------------------------|
//! | 14                | 429 with `Retry-After` in seconds      | wait as long, ask again          |
//! | 6                 | 429 with `Retry-After` as a date       | the same                         |
//! | 15                | 503, half of them with `Retry-After: 0` | back off, ask again             |
//! | 8                 | 500 or 502                             | back off, ask again              |
//! | 10                | reset before any answer                | ask again                        |
//! | 10                | reset within the body                  | ask again, forget the torn body  |
//! | 12                | connection closed within the body      | notice, ask again                |
//! | 15                | body in slow pieces                    | be patient: this is a success    |
//! | 910               | the page                               |                                  |
//!
//! Rule: from the fourth attempt on a page is always delivered, so four attempts are always enough.

use std::time::Duration;

/// The attempt from which on a page is always delivered; counted from 0.
const FAULTY_ATTEMPTS: u32 = 3;

/// What happens to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// The page is delivered.
    Deliver,
    /// The page is delivered in pieces, with pauses.
    DeliverSlowly,
    /// 429, come back in this many seconds.
    TooManySeconds,
    /// 429, come back at a date.
    TooManyDate,
    /// 503, come back at once.
    UnavailableNow,
    /// 503 without a word when.
    Unavailable,
    /// 500.
    Internal,
    /// 502.
    BadGateway,
    /// RST before the answer.
    ResetBefore,
    /// RST in the middle of the body.
    ResetWithin,
    /// FIN in the middle of the body.
    Truncate,
}

impl Fate {
    /// Whether the page arrives in the end.
    #[must_use]
    pub fn delivers(self) -> bool {
        matches!(self, Self::Deliver | Self::DeliverSlowly)
    }

    /// The word for reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deliver => "delivered",
            Self::DeliverSlowly => "slow body",
            Self::TooManySeconds => "429, seconds",
            Self::TooManyDate => "429, date",
            Self::UnavailableNow => "503, at once",
            Self::Unavailable => "503",
            Self::Internal => "500",
            Self::BadGateway => "502",
            Self::ResetBefore => "reset before the answer",
            Self::ResetWithin => "reset within the body",
            Self::Truncate => "truncated body",
        }
    }
}

/// What happens to attempt number `attempt` (from 0) on `page`.
#[must_use]
pub fn fate(seed: u64, page: u64, attempt: u32, faults: bool) -> Fate {
    if !faults {
        return Fate::Deliver;
    }
    let lot = hash(seed, page, 1 + u64::from(attempt)) % 1000;
    match lot {
        900..915 => Fate::DeliverSlowly,
        _ if attempt >= FAULTY_ATTEMPTS => Fate::Deliver,
        0..14 => Fate::TooManySeconds,
        14..20 => Fate::TooManyDate,
        20..27 => Fate::UnavailableNow,
        27..35 => Fate::Unavailable,
        35..39 => Fate::Internal,
        39..43 => Fate::BadGateway,
        43..53 => Fate::ResetBefore,
        53..63 => Fate::ResetWithin,
        63..75 => Fate::Truncate,
        _ => Fate::Deliver,
    }
}

/// The attempts that a page takes, the one that delivers it included.
#[must_use]
pub fn attempts_needed(seed: u64, page: u64, faults: bool) -> u32 {
    (0..).find(|&attempt| fate(seed, page, attempt, faults).delivers()).unwrap_or(0) + 1
}

/// How long the platform thinks about an attempt: log-normal with a median of 60 ms, cut off below
/// 10 and above 300, which is what a healthy service looks like from some way off.
#[must_use]
pub fn latency(seed: u64, page: u64, attempt: u32) -> Duration {
    let bits = hash(seed, page, 0x1000 + u64::from(attempt));
    // Box and Muller: two even numbers make a normal one.
    let even = |bits: u64| (bits as f64 + 0.5) / f64::from(u32::MAX);
    let (one, two) = (even(bits & 0xffff_ffff).min(1.0), even(bits >> 32));
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos();
    Duration::from_secs_f64((0.060 * (0.6 * normal).exp()).clamp(0.010, 0.300))
}

/// The HTML of profile `page`: mostly 1 to 4 KiB, each 250th more than 64 KiB.
#[must_use]
pub fn profile(seed: u64, page: u64, pages: u64) -> String {
    let bits = hash(seed, page, 0x2000);
    let followers = 100 + bits % 5_000_000;
    let paragraphs = if page.is_multiple_of(250) { 400 } else { 4 + (bits >> 32) % 14 };
    let mut html = String::with_capacity(1024 + 220 * paragraphs as usize);
    html.push_str(&format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Profile {page}: \
         {followers} followers</title></head>\n<body>\n<h1>Profile {page}</h1>\n<p id=\"followers\">\
         {followers}</p>\n<ul class=\"friends\">\n"
    ));
    for friend in 0..3 {
        let friend = 1 + hash(seed, page, 0x3000 + friend) % pages;
        html.push_str(&format!("<li><a href=\"/profile/{friend}\">Profile {friend}</a></li>\n"));
    }
    html.push_str("</ul>\n");
    for number in 0..paragraphs {
        let mut bits = hash(seed, page, 0x4000 + number);
        html.push_str("<p>");
        for _ in 0..24 {
            html.push_str(WORDS[(bits & 15) as usize]);
            html.push(' ');
            bits = bits.rotate_right(5);
        }
        html.push_str("</p>\n");
    }
    html.push_str("</body></html>\n");
    html
}

const WORDS: [&str; 16] = [
    "river", "stone", "lantern", "harbour", "winter", "letter", "garden", "copper", "violin",
    "meadow", "thunder", "ribbon", "orchard", "compass", "feather", "candle",
];

/// Three numbers in, one well-mixed number out (SplitMix64 over their sum).
#[must_use]
pub fn hash(seed: u64, page: u64, salt: u64) -> u64 {
    let mut z = seed
        .wrapping_add(page.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    for _ in 0..2 {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
    }
    z
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Goal: four attempts are always enough, and the shares are those of the table.
    /// Method: count the fates of 100,000 first attempts, and the attempts of each page.
    #[test]
    fn every_page_comes_within_four_attempts_and_faults_are_as_frequent_as_said() {
        let mut shares: BTreeMap<Fate, u32> = BTreeMap::new();
        for page in 0..100_000 {
            *shares.entry(fate(7, page, 0, true)).or_default() += 1;
            assert!(attempts_needed(7, page, true) <= 4);
        }
        for (fate, per_mille) in
            [(Fate::TooManySeconds, 14), (Fate::Truncate, 12), (Fate::DeliverSlowly, 15)]
        {
            let counted = f64::from(shares[&fate]) / 100.0;
            assert!((counted - f64::from(per_mille)).abs() < 2.0, "{fate:?}: {counted}");
        }
        assert_eq!(shares.len(), 11, "every fate occurs");
    }

    /// Goal: the seed decides everything, and another seed decides otherwise.
    /// Method: compare two runs of one seed, and two seeds.
    #[test]
    fn one_seed_is_one_world() {
        let world = |seed| -> Vec<_> {
            (0..500).map(|page| (fate(seed, page, 0, true), latency(seed, page, 0))).collect()
        };
        assert_eq!(world(1), world(1));
        assert_ne!(world(1), world(2));
        assert_eq!(profile(1, 5, 10), profile(1, 5, 10));
    }

    /// Goal: latencies are as documented.
    /// Method: the range, and the median of many.
    #[test]
    fn latencies_lie_between_10_and_300_ms_around_60() {
        let mut all: Vec<_> = (0..10_001).map(|page| latency(3, page, 0)).collect();
        all.sort();
        assert!(all[0] >= Duration::from_millis(10) && all[10_000] <= Duration::from_millis(300));
        let median = all[5_000].as_secs_f64();
        assert!((0.055..0.065).contains(&median), "{median}");
    }

    /// Goal: some pages are large enough for the blocking pool, and without faults there are none.
    /// Method: look.
    #[test]
    fn some_pages_are_large_and_faults_can_be_switched_off() {
        assert!(profile(1, 250, 1000).len() > crate::html::LARGE_PAGE_BYTES);
        assert!((1000..8000).contains(&profile(1, 1, 1000).len()));
        assert!((0..1000).all(|page| fate(1, page, 0, false) == Fate::Deliver));
    }
}
