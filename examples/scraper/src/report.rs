//! What happened: counters while it runs, a table and a JSON object at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::client::{Observer, Retry};
use crate::platform::Measures;

/// The counters of a run. Shared; each method takes the lock for a moment.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
}

/// The counters themselves.
#[derive(Debug, Default, Clone)]
#[non_exhaustive]
pub struct Counts {
    /// Pages that have arrived.
    pub fetched: u64,
    /// Addresses known and not settled yet, as far as the crawl has come.
    pub waiting: u64,
    /// Given up, by reason.
    pub failed_by: BTreeMap<String, u64>,
    /// Retries, by the reason of the failed attempt.
    pub retried_by: BTreeMap<String, u64>,
    /// Left out on purpose, by reason.
    pub skipped_by: BTreeMap<String, u64>,
    /// Redirects met.
    pub redirects: u64,
    /// Bytes of bodies, unpacked.
    pub bytes: u64,
    /// Bytes of bodies, as sent.
    pub wire_bytes: u64,
    /// How long the last request of each page took.
    pub latency: Histogram,
}

impl Counts {
    /// Pages given up.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed_by.values().sum()
    }

    /// Retries made.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retried_by.values().sum()
    }

    /// Adds one to the counter of `reason`.
    pub fn count(map: &mut BTreeMap<String, u64>, reason: &str) {
        match map.get_mut(reason) {
            Some(count) => *count += 1,
            None => drop(map.insert(reason.to_owned(), 1)),
        }
    }
}

impl Tally {
    /// The counters, to be changed.
    pub fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }
}

impl Observer for Tally {
    fn retry(&self, retry: &Retry<'_>) {
        Counts::count(&mut self.lock().retried_by, retry.reason);
    }
}

/// Durations in buckets that are at most 1.6 % wide, from 1 µs to 12 days.
///
/// Below 64 µs a bucket is 1 µs; above, each power of two is cut in 64. That is the idea of the HDR
/// histogram: constant relative error, constant memory.
/// Source: Gil Tene, HdrHistogram.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

/// Cuts of one power of two: 2^6.
const CUT_BITS: u32 = 6;
const CUTS: usize = 1 << CUT_BITS;
/// 2^40 µs are 12 days.
const POWERS_MAX: usize = 40;

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram").field("count", &self.count).field("max", &self.max).finish()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        let len = (POWERS_MAX - CUT_BITS as usize + 1) * CUTS;
        Self { buckets: vec![0; len], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Adds one duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::bucket_of(us).min(self.buckets.len() - 1);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(duration);
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The duration that `percent` of all do not exceed, to 1.6 %. Zero if there is none.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank =
            ((percent / 100.0 * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(Self::ceiling(bucket)).min(self.max);
            }
        }
        self.max
    }

    /// The buckets that are not empty: from, to (exclusive), how many.
    pub fn bars(&self) -> impl Iterator<Item = (Duration, Duration, u64)> + '_ {
        let filled = self.buckets.iter().enumerate().filter(|&(_, &count)| count > 0);
        filled.map(|(bucket, &count)| {
            let (from, to) = (Self::floor(bucket), Self::floor(bucket + 1));
            (Duration::from_micros(from), Duration::from_micros(to), count)
        })
    }

    fn bucket_of(us: u64) -> usize {
        if us < CUTS as u64 {
            return us as usize;
        }
        let power = us.ilog2();
        let cut = (us >> (power - CUT_BITS)) as usize & (CUTS - 1);
        (power - CUT_BITS + 1) as usize * CUTS + cut
    }

    /// The smallest number of a bucket.
    fn floor(bucket: usize) -> u64 {
        if bucket < CUTS {
            return bucket as u64;
        }
        let power = bucket / CUTS - 1;
        ((CUTS + bucket % CUTS) as u64) << power
    }

    /// The largest number of a bucket.
    fn ceiling(bucket: usize) -> u64 {
        Self::floor(bucket + 1) - 1
    }
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct LatencyMs {
    /// Half of all pages took no longer.
    pub p50: f64,
    /// Nine tenths took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl LatencyMs {
    /// The percentiles of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        let ms = |duration: Duration| (duration.as_secs_f64() * 1e5).round() / 1e2;
        Self {
            p50: ms(histogram.percentile(50.0)),
            p90: ms(histogram.percentile(90.0)),
            p99: ms(histogram.percentile(99.0)),
            max: ms(histogram.max()),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Everything that was to be done is done.
    Complete,
    /// Ctrl-C.
    Interrupted,
    /// The site cannot be reached, or does not want us.
    Unreachable,
}

/// The end of a run in numbers; serialised, it is what `--json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was done, in words.
    pub job: String,
    /// How it ended.
    pub end: End,
    /// Pages stored by this run.
    pub pages_stored: u64,
    /// Pages in the store now, earlier runs included.
    pub pages_in_store: u64,
    /// Addresses known and left for a later run.
    pub pages_left: u64,
    /// Pages given up.
    pub failed: u64,
    /// The same by reason.
    pub failed_by: BTreeMap<String, u64>,
    /// Attempts repeated.
    pub retries: u64,
    /// The same by the reason of the failed attempt.
    pub retried_by: BTreeMap<String, u64>,
    /// Left out on purpose, by reason.
    pub skipped_by: BTreeMap<String, u64>,
    /// Redirects met.
    pub redirects: u64,
    /// Pages stored for each second of the run.
    pub urls_per_second: f64,
    /// Length of the run.
    pub elapsed_seconds: f64,
    /// How long the last request of each page took.
    pub latency_ms: LatencyMs,
    /// Bytes of bodies, unpacked.
    pub bytes: u64,
    /// Bytes of bodies, as sent.
    pub wire_bytes: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Requests sent over a connection that had served one before.
    pub connections_reused: u64,
    /// Most connections open at once.
    pub connections_max: usize,
    /// Most requests in flight at once.
    pub max_in_flight: usize,
    /// Requests that had to wait for the rate limit.
    pub rate_limit_waits: u64,
    /// How long they waited, together.
    pub rate_limit_waited_seconds: f64,
    /// CPU time of the whole process; the embedded platform's share is in `platform`.
    pub cpu_seconds: f64,
    /// Largest resident memory of the process; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
    /// The SQLite file; `null` if it was a temporary one.
    pub store: Option<String>,
    /// Transactions of the writer.
    pub store_batches: u64,
    /// Time the writer spent in them.
    pub store_busy_seconds: f64,
    /// Most pages fetched and not yet committed.
    pub unwritten_max: usize,
    /// What the embedded platform measured, if it was used.
    pub platform: Option<Measures>,
}

impl Report {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and words can be serialised")
    }

    /// The table for people.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut table = Table::default();
        let end = match self.end {
            End::Complete => "complete",
            End::Interrupted => "interrupted",
            End::Unreachable => "the site could not be reached",
        };
        let stored = number(self.pages_stored);
        let mut line = format!("{stored} pages, {}", size(self.bytes));
        if self.wire_bytes < self.bytes {
            let _ = write!(line, " ({} on the wire)", size(self.wire_bytes));
        }
        table.row("stored", &line);
        if self.pages_in_store > self.pages_stored {
            table.row("in the store", &format!("{} pages", number(self.pages_in_store)));
        }
        if self.pages_left > 0 {
            table.row("left", &format!("{} addresses for a later run", number(self.pages_left)));
        }
        table.counted("failed", self.failed, &self.failed_by);
        table.counted("retried", self.retries, &self.retried_by);
        if !self.skipped_by.is_empty() {
            table.counted("left out", self.skipped_by.values().sum(), &self.skipped_by);
        }
        if self.redirects > 0 {
            table.row("redirects", &number(self.redirects));
        }
        let seconds = self.elapsed_seconds;
        table.row("rate", &format!("{:.0} URLs/s over {seconds:.1} s", self.urls_per_second));
        let LatencyMs { p50, p90, p99, max } = self.latency_ms;
        let latency = format!("p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
        table.row("latency", &latency);
        table.row(
            "connections",
            &format!(
                "{} opened, reused {} times, {} open at most",
                number(self.connections_opened),
                number(self.connections_reused),
                self.connections_max
            ),
        );
        table.row("in flight", &format!("{} at most", self.max_in_flight));
        let waits = match self.rate_limit_waits {
            0 => "no request waited".to_owned(),
            waits => {
                let mean_ms = self.rate_limit_waited_seconds / waits as f64 * 1e3;
                format!("{} requests waited {mean_ms:.1} ms on average", number(waits))
            }
        };
        table.row("rate limit", &waits);
        let mut cpu = format!("{:.2} s", self.cpu_seconds);
        if let Some(platform) = &self.platform {
            let _ = write!(cpu, ", {:.2} s of it the embedded platform's", platform.cpu_seconds);
        }
        table.row("CPU", &cpu);
        if self.peak_rss_bytes > 0 {
            table.row("memory", &format!("{} at most", size(self.peak_rss_bytes)));
        }
        if let Some(platform) = &self.platform {
            table.row("platform", &platform_line(platform));
        }
        if let Some(store) = &self.store {
            table.row("store", &format!("{store} ({} batches)", number(self.store_batches)));
        }
        format!("\n{}: {end}\n\n{}", self.job, table.0)
    }
}

fn platform_line(platform: &Measures) -> String {
    let faults: u64 = platform
        .fates
        .iter()
        .filter(|(fate, _)| !matches!(**fate, "delivered" | "slow body"))
        .map(|(_, count)| count)
        .sum();
    format!(
        "saw {} requests, made {} faults, found {} limits broken; at most {} in flight, {} connections",
        number(platform.requests),
        number(faults),
        number(platform.violations()),
        platform.in_flight_max,
        platform.connections_max
    )
}

/// Lines of a name and a value.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "  {name:<13} {value}");
    }

    /// A number and what it is made of, the largest part first.
    fn counted(&mut self, name: &str, sum: u64, by: &BTreeMap<String, u64>) {
        let mut parts: Vec<_> = by.iter().collect();
        parts.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
        let parts: Vec<_> =
            parts.iter().map(|(reason, count)| format!("{reason} {}", number(**count))).collect();
        let parts =
            if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        self.row(name, &format!("{}{parts}", number(sum)));
    }
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1536` as `1.5 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|&(_, unit)| bytes >= unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// CPU time of this process so far.
#[must_use]
pub fn cpu_seconds() -> f64 {
    cpu_time::ProcessTime::try_now().map_or(0.0, |cpu| cpu.as_duration().as_secs_f64())
}

/// Largest resident memory of this process so far; 0 where the system does not tell (only Linux
/// does, in `/proc/self/status`).
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: percentiles are right to 1.6 %.
    /// Method: 1 to 100,000 µs, each once, against the exact answer.
    #[test]
    fn percentiles_are_right_to_a_sixtieth() {
        let mut histogram = Histogram::default();
        for us in 1..=100_000 {
            histogram.record(Duration::from_micros(us));
        }
        for (percent, exact) in [(50.0, 50_000.0), (90.0, 90_000.0), (99.0, 99_000.0), (100.0, 1e5)]
        {
            let found = histogram.percentile(percent).as_micros() as f64;
            assert!((found - exact).abs() <= exact / 60.0, "p{percent}: {found}");
        }
        assert_eq!(histogram.max(), Duration::from_millis(100));
    }

    /// Goal: buckets join without gap or overlap, and the extremes have a place.
    /// Method: floors and ceilings of all buckets; zero, one and a century.
    #[test]
    fn buckets_leave_no_gap() {
        let mut histogram = Histogram::default();
        for bucket in 0..histogram.buckets.len() - 1 {
            assert_eq!(Histogram::bucket_of(Histogram::floor(bucket)), bucket);
            assert_eq!(Histogram::bucket_of(Histogram::ceiling(bucket)), bucket);
        }
        assert_eq!(histogram.percentile(50.0), Duration::ZERO);
        histogram.record(Duration::ZERO);
        histogram.record(Duration::from_secs(3_000_000_000));
        assert_eq!(histogram.bars().count(), 2);
        assert_eq!(histogram.bars().map(|bar| bar.2).sum::<u64>(), histogram.count());
    }

    /// Goal: numbers are written for people.
    /// Method: borders.
    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1536, 5 << 20].map(size), ["0 B", "1023 B", "1.5 KiB", "5.0 MiB"]);
    }

    /// Goal: the process can measure itself.
    /// Method: both figures are positive on Linux.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_knows_what_it_uses() {
        assert!(cpu_seconds() > 0.0 && peak_rss_bytes() > 100_000);
    }
}
