//! The token bucket: a burst after a pause, an average rate in the long run.
//!
//! No counter of tokens and no float that drifts: one instant says it all. `full_at` is when the
//! bucket would be full again if nobody took anything:
//!
//! ```text
//!   tokens missing = (full_at - now) / time per token        none missing: full_at is past
//!   take one       = full_at moves one token's time away
//!   one left       = at most burst - 1 are missing           otherwise wait until that is so
//! ```
//!
//! Rules
//! 1. In any span of `t` seconds at most `burst + t * per_second` tokens are taken.
//! 2. A refund never makes the bucket fuller than if the token had never been taken. Where that
//!    cannot be told (the bucket was all but full in between), nothing is given back, and
//!    nothing is missed: the bucket is all but full.
//!
//! Source: the generic cell rate algorithm, ITU-T I.371, 1993 ("virtual scheduling").

use std::time::{Duration, Instant};

/// A token bucket. Pure: the time comes in through the arguments and must not go back.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_token: Duration,
    /// How far `full_at` may lie ahead with a token left: `burst - 1` tokens' time.
    slack: Duration,
    full_at: Instant,
    /// Number of the latest take.
    latest: u64,
    /// Number of the latest take that found the bucket all but full (rule 2).
    all_but_full: u64,
}

/// What [`TokenBucket::take`] did, for [`TokenBucket::refund`].
#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    number: u64,
    before: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens (at least 1), of which `per_second` come back each second.
    ///
    /// # Panics
    ///
    /// If `per_second` is not a positive number.
    pub fn new(per_second: f64, burst: u32, now: Instant) -> Self {
        assert!(per_second > 0.0, "a token bucket needs a rate above zero, not {per_second}");
        // A century: slower rates would overflow the arithmetic, and nobody waits for them.
        let per_token = Duration::from_secs_f64((1.0 / per_second).min(3.2e9));
        let slack =
            per_token.saturating_mul(burst.max(1) - 1).min(Duration::from_secs(3_200_000_000));
        Self { per_token, slack, full_at: now, latest: 0, all_but_full: 0 }
    }

    /// When a token will be there, if nobody takes one before: not after `now` if it is.
    pub fn ready_at(&self, now: Instant) -> Instant {
        match self.full_at.checked_duration_since(now) {
            Some(missing) if missing > self.slack => now + (missing - self.slack),
            _ => now,
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    ///
    /// When one will be there, if there is none.
    pub fn try_take(&mut self, now: Instant) -> Result<(), Instant> {
        let at = self.ready_at(now);
        if at > now {
            return Err(at);
        }
        self.take(now);
        Ok(())
    }

    /// Takes a token that [`ready_at`](Self::ready_at) said is there.
    pub fn take(&mut self, now: Instant) -> Token {
        let before = self.full_at;
        self.latest += 1;
        if before < now + self.per_token {
            self.all_but_full = self.latest;
        }
        self.full_at = before.max(now) + self.per_token;
        Token { number: self.latest, before }
    }

    /// Gives a token back that was not used.
    pub fn refund(&mut self, token: Token) {
        if token.number == self.latest {
            self.full_at = token.before;
        } else if token.number > self.all_but_full {
            self.full_at -= self.per_token;
        }
    }

    /// Whole tokens in the bucket, for monitoring.
    pub fn tokens(&self, now: Instant) -> u32 {
        let missing = self.full_at.saturating_duration_since(now).as_nanos();
        let all = self.slack.as_nanos() / self.per_token.as_nanos().max(1) + 1;
        let taken = missing.div_ceil(self.per_token.as_nanos().max(1));
        u32::try_from(all.saturating_sub(taken)).unwrap_or(u32::MAX)
    }
}
