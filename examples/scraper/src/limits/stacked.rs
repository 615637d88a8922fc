//! Three limits, one above the other: endpoint, host, global.
//!
//! The guide's limiter took a token of the global bucket, then one of the platform's, then asked
//! the endpoint; when the endpoint refused, the other two tokens were gone. One hot endpoint
//! starved all platforms: of 500 attempts 30 were granted, and 500 global tokens were burnt
//! (erratum X6). Here nothing is taken before all three have been asked:
//!
//! ```text
//!   phase 1, look:  endpoint.ready_at, host.ready_at, global.ready_at
//!                   one of them is later than now: refuse, and take nothing
//!   phase 2, take:  endpoint.take + host.take + global.take = Reservation
//!   afterwards:     used: drop it.   Not used after all: refund gives all three back.
//! ```
//!
//! `&mut self` is the transaction: nobody comes between the two phases.

use std::collections::HashMap;
use std::time::Instant;

use super::bucket::{Token, TokenBucket};
use super::window::SlidingWindow;
use super::{LimitSpec, Limits};

/// One limit of the stack.
#[derive(Debug)]
enum Level {
    Open,
    Bucket(TokenBucket),
    Window(SlidingWindow),
}

/// What one level gave.
#[derive(Debug)]
enum Taken {
    Nothing,
    Token(Token),
    Place(Instant),
}

impl Level {
    fn new(spec: Option<LimitSpec>, now: Instant) -> Self {
        match spec {
            None => Self::Open,
            Some(LimitSpec::Bucket { per_second, burst }) => {
                Self::Bucket(TokenBucket::new(per_second, burst, now))
            }
            Some(LimitSpec::Window { limit, window }) => {
                Self::Window(SlidingWindow::new(limit, window))
            }
        }
    }

    fn ready_at(&self, now: Instant) -> Instant {
        match self {
            Self::Open => now,
            Self::Bucket(bucket) => bucket.ready_at(now),
            Self::Window(window) => window.ready_at(now),
        }
    }

    fn take(&mut self, now: Instant) -> Taken {
        match self {
            Self::Open => Taken::Nothing,
            Self::Bucket(bucket) => Taken::Token(bucket.take(now)),
            Self::Window(window) => {
                window.take(now);
                Taken::Place(now)
            }
        }
    }

    fn refund(&mut self, taken: Taken) {
        match (self, taken) {
            (Self::Bucket(bucket), Taken::Token(token)) => bucket.refund(token),
            (Self::Window(window), Taken::Place(at)) => window.refund(at),
            // Nothing was taken, or the limit was replaced in between: nothing to give back.
            _ => {}
        }
    }
}

/// Number of an endpoint of a host within one [`Stacked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint(usize);

/// Permission of all three levels. Dropping it means that it was used.
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    endpoint: Endpoint,
    taken: [Taken; 3],
}

impl Reservation {
    /// Whose it is.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }
}

#[derive(Debug)]
struct Host {
    level: Level,
    endpoints: HashMap<Box<str>, Endpoint>,
}

/// The three-level limiter as a pure state machine. The time must not go back.
#[derive(Debug)]
pub struct Stacked {
    limits: Limits,
    global: Level,
    names: HashMap<Box<str>, usize>,
    hosts: Vec<Host>,
    /// Level of each endpoint, and the index of its host.
    endpoints: Vec<(Level, usize)>,
}

impl Stacked {
    /// All levels with all their tokens.
    pub fn new(limits: Limits, now: Instant) -> Self {
        let global = Level::new(limits.global, now);
        Self { limits, global, names: HashMap::new(), hosts: Vec::new(), endpoints: Vec::new() }
    }

    /// The number of `endpoint` on `host`; a pair never seen before starts with all its tokens.
    pub fn endpoint(&mut self, endpoint: &str, host: &str, now: Instant) -> Endpoint {
        let host_index = self.host(host, now);
        let host = &mut self.hosts[host_index];
        if let Some(&known) = host.endpoints.get(endpoint) {
            return known;
        }
        let spec = self.limits.endpoints.get(endpoint).copied().or(self.limits.endpoint);
        let new = Endpoint(self.endpoints.len());
        self.endpoints.push((Level::new(spec, now), host_index));
        host.endpoints.insert(endpoint.into(), new);
        new
    }

    /// Replaces the limit of one host.
    pub fn set_host(&mut self, host: &str, spec: LimitSpec, now: Instant) {
        let index = self.host(host, now);
        self.hosts[index].level = Level::new(Some(spec), now);
    }

    fn host(&mut self, host: &str, now: Instant) -> usize {
        if let Some(&known) = self.names.get(host) {
            return known;
        }
        let spec = self.limits.hosts.get(host).copied().or(self.limits.host);
        let level = Level::new(spec, now);
        self.hosts.push(Host { level, endpoints: HashMap::new() });
        self.names.insert(host.into(), self.hosts.len() - 1);
        self.hosts.len() - 1
    }

    /// Phase one: when all three levels will agree, if nobody takes anything before.
    pub fn ready_at(&self, endpoint: Endpoint, now: Instant) -> Instant {
        let (level, host) = &self.endpoints[endpoint.0];
        let lower = level.ready_at(now).max(self.hosts[*host].level.ready_at(now));
        lower.max(self.global.ready_at(now))
    }

    /// When the global level will agree.
    pub fn global_ready_at(&self, now: Instant) -> Instant {
        self.global.ready_at(now)
    }

    /// Takes from all three levels, or from none.
    ///
    /// # Errors
    ///
    /// When all three will agree, if one of them refuses now.
    pub fn try_take(&mut self, endpoint: Endpoint, now: Instant) -> Result<Reservation, Instant> {
        let at = self.ready_at(endpoint, now);
        if at > now {
            return Err(at);
        }
        let (level, host) = &mut self.endpoints[endpoint.0];
        let host = &mut self.hosts[*host].level;
        let taken = [level.take(now), host.take(now), self.global.take(now)];
        Ok(Reservation { endpoint, taken })
    }

    /// Gives back to all three levels what was not used.
    pub fn refund(&mut self, reservation: Reservation) {
        let [of_endpoint, of_host, of_all] = reservation.taken;
        let (level, host) = &mut self.endpoints[reservation.endpoint.0];
        level.refund(of_endpoint);
        self.hosts[*host].level.refund(of_host);
        self.global.refund(of_all);
    }
}
