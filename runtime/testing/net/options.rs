//! Floor 5. How a simulated network is to be: how slow, how narrow, how treacherous.
//!
//! | option            | what happens                                                            |
//! |-------------------|-------------------------------------------------------------------------|
//! | `latency`         | each piece takes so long, drawn anew, but never overtakes another       |
//! | `bandwidth`       | pieces leave one after the other, at so many bytes a second             |
//! | `buffer`          | bytes under way and not yet read, in each direction; a full one waits   |
//! | `partial`         | a read or a write takes less than it could                              |
//! | `interruptions`   | a call gets nothing, as if it had been interrupted, and is woken at once |
//! | `loss`            | a piece is lost and sent again: it, and all behind it, come late        |
//! | `resets`          | a write ends the connection, for both ends                              |
//! | `refusals`        | nobody listens, though somebody does                                    |
//! | `drops`           | the request to connect is lost and sent again                           |
//!
//! Why is a lost piece only late? Because these are streams: what TCP loses it sends again.
//!
//! Real world: Linux's `tc netem` has the same words; turmoil and FoundationDB's simulator draw
//! them from a seed.

use std::ops::RangeInclusive;

use crate::random;
use crate::time::Duration;

/// TCP's first pause before it sends a lost piece again; doubled each time (RFC 6298 and Linux).
const RESEND_FIRST: Duration = Duration::from_millis(200);
/// So often a piece can be lost in a row; together that is 12.6 s.
const LOSSES_MAX: u32 = 6;

/// How a [`Net`](super::Net), or one link of it, is to be.
///
/// Chances are numbers from 0 (never) to 1 (always); the methods panic with any other. What happens
/// is drawn from the luck of the thread, so [`Builder::seed`](crate::Builder::seed) brings it back.
///
/// ```
/// use rondel::testing::net::NetOptions;
/// use rondel::time::Duration;
///
/// let slow = NetOptions::new()
///     .latency(Duration::from_millis(80)..=Duration::from_millis(120))
///     .bandwidth(16_000)
///     .loss(0.02);
/// assert_ne!(slow, NetOptions::rough());
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "options do nothing until a `Net` or a link is given them"]
pub struct NetOptions {
    latency: RangeInclusive<Duration>,
    bandwidth: Option<u64>,
    pub(super) buffer: usize,
    pub(super) partial: f64,
    pub(super) interruptions: f64,
    loss: f64,
    pub(super) resets: f64,
    pub(super) refusals: f64,
    pub(super) drops: f64,
    pub(super) backlog: usize,
    pub(super) connect_timeout: Duration,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl NetOptions {
    /// A good network: 1 ms from host to host, no limit of bandwidth, buffers of 64 KiB, 128 places
    /// for connections that wait to be accepted, 2 minutes to connect, and nothing goes wrong.
    pub fn new() -> Self {
        let latency = Duration::from_millis(1);
        Self {
            latency: latency..=latency,
            bandwidth: None,
            buffer: 64 * 1024,
            partial: 0.0,
            interruptions: 0.0,
            loss: 0.0,
            resets: 0.0,
            refusals: 0.0,
            drops: 0.0,
            backlog: 128,
            connect_timeout: Duration::from_secs(120),
        }
    }

    /// A bad network, on which everything goes wrong now and then: 1 to 50 ms, 200 kB a second,
    /// buffers of 8 KiB, half of the reads and writes partial, one call of ten interrupted; of a
    /// hundred pieces two are lost and one is a reset; of a hundred connections two are refused and
    /// two dropped at first.
    pub fn rough() -> Self {
        Self::new()
            .latency(Duration::from_millis(1)..=Duration::from_millis(50))
            .bandwidth(200_000)
            .buffer(8 * 1024)
            .partial(0.5)
            .interruptions(0.1)
            .loss(0.02)
            .resets(0.01)
            .refusals(0.02)
            .drops(0.02)
    }

    /// How long a piece takes from host to host: drawn from this range for each piece. A reader is
    /// woken by the timer wheel, so parts of a millisecond are rounded up for it.
    ///
    /// # Panics
    ///
    /// Panics if the range is empty.
    pub fn latency(self, latency: RangeInclusive<Duration>) -> Self {
        assert!(!latency.is_empty(), "a latency from {latency:?} is an empty range");
        Self { latency, ..self }
    }

    /// How many bytes a second leave a host, for each direction of each connection.
    ///
    /// # Panics
    ///
    /// Panics if it is 0; for a link that lets nothing through there is
    /// [`partition`](super::Net::partition).
    pub fn bandwidth(self, bytes_a_second: u64) -> Self {
        assert!(bytes_a_second > 0, "the bandwidth must be greater than 0");
        Self { bandwidth: Some(bytes_a_second), ..self }
    }

    /// How many bytes may be under way or unread in each direction; who writes more waits.
    ///
    /// # Panics
    ///
    /// Panics if it is 0.
    pub fn buffer(self, bytes: usize) -> Self {
        assert!(bytes > 0, "a buffer must hold a byte");
        Self { buffer: bytes, ..self }
    }

    /// The chance that a read or a write takes less than it could, at least one byte.
    pub fn partial(self, chance: f64) -> Self {
        Self { partial: checked(chance), ..self }
    }

    /// The chance that a read or a write gets nothing, whatever there is, and is woken at once: an
    /// `EINTR` that is tried again, an event for nothing.
    ///
    /// # Panics
    ///
    /// Panics also if it is 1: nothing would ever happen.
    pub fn interruptions(self, chance: f64) -> Self {
        assert!(chance != 1.0, "calls that are always interrupted never end");
        Self { interruptions: checked(chance), ..self }
    }

    /// The chance that a piece is lost: it comes 200 ms later, 600 ms if lost twice, and so on to
    /// 12.6 s, and all behind it with it.
    pub fn loss(self, chance: f64) -> Self {
        Self { loss: checked(chance), ..self }
    }

    /// The chance, for each write, that the connection ends by a reset on the way.
    pub fn resets(self, chance: f64) -> Self {
        Self { resets: checked(chance), ..self }
    }

    /// The chance that a connection is refused though somebody listens.
    pub fn refusals(self, chance: f64) -> Self {
        Self { refusals: checked(chance), ..self }
    }

    /// The chance that a request to connect is lost: it is sent again after 1 s, 3 s, 7 s …
    pub fn drops(self, chance: f64) -> Self {
        Self { drops: checked(chance), ..self }
    }

    /// How many connections may wait to be accepted; further requests are dropped.
    ///
    /// # Panics
    ///
    /// Panics if it is 0.
    pub fn backlog(self, connections: usize) -> Self {
        assert!(connections > 0, "a listener needs room for a connection");
        Self { backlog: connections, ..self }
    }

    /// After how long a connection that nobody answers fails with
    /// [`TimedOut`](std::io::ErrorKind::TimedOut).
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self { connect_timeout: limit, ..self }
    }

    /// Draws how long a piece is under way.
    pub(super) fn draw_latency(&self) -> Duration {
        let (least, most) = (*self.latency.start(), *self.latency.end());
        let span = u64::try_from((most - least).as_nanos()).unwrap_or(u64::MAX);
        if span == 0 {
            return least; // without a lot: a network without luck leaves the luck to others
        }
        let part = (u128::from(random::next()) * (u128::from(span) + 1)) >> 64;
        least + Duration::from_nanos(part as u64)
    }

    /// Draws how often a piece is lost, and how much later it comes therefore.
    pub(super) fn draw_losses(&self) -> (u32, Duration) {
        let mut times = 0;
        while times < LOSSES_MAX && happens(self.loss) {
            times += 1;
        }
        (times, RESEND_FIRST * ((1 << times) - 1))
    }

    /// How long `bytes` take to leave the host.
    pub(super) fn time_to_send(&self, bytes: usize) -> Duration {
        self.bandwidth.map_or(Duration::ZERO, |bandwidth| {
            let nanos = bytes as u128 * 1_000_000_000 / u128::from(bandwidth);
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        })
    }
}

#[track_caller]
fn checked(chance: f64) -> f64 {
    assert!((0.0..=1.0).contains(&chance), "{chance} is no chance: it takes a number from 0 to 1");
    chance
}

/// Draws whether something of this chance happens. What never happens draws no lot.
pub(super) fn happens(chance: f64) -> bool {
    /// As many bits as a float has room for.
    const ONE: f64 = (1_u64 << 53) as f64;
    chance > 0.0 && ((random::next() >> 11) as f64) < chance * ONE
}

/// Draws a part of `count`, at least 1, if `chance` has it; else the whole.
pub(super) fn perhaps_a_part(count: usize, chance: f64) -> usize {
    if count < 2 || !happens(chance) {
        return count;
    }
    1 + random::below(u32::try_from(count - 1).unwrap_or(u32::MAX)) as usize
}
