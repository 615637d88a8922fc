//! The pool: how many connections, whose turn, and which to close.
//!
//! ```text
//!   checkout(host) ──▶ an idle one of this host, the youngest     Lease with a connection
//!                 ├──▶ room under both limits                     Lease with a Slot: open one
//!                 └──▶ wait in the host's line ◀── give_back, Slot dropped
//! ```
//!
//! A [`Slot`] is the right to have a socket; it lives beside the socket in the connection's task
//! and dies after it. A [`Lease`] is the right to use a connection; it lives in the fetch.
//!
//! Rules
//! 1. A connection counts from the grant of its slot until the slot is dropped, after the socket.
//! 2. Within a host first come, first served. Nobody takes an idle connection past the line.
//! 3. If all slots are taken and a host without a free connection waits, the connection that has
//!    been idle longest is closed for it. If none is idle, the next one returned is closed, unless
//!    its own host has a line too: then it is handed on at most [`PASSES_MAX`] times before it is
//!    closed. (Strictly by age two busy hosts would close each other's connections at every
//!    request; without a bound one would starve the other.)
//! 4. Leases and connections are dropped, and grants are sent, after the lock has been released:
//!    all of them come back here.
//!
//! Knows nothing of HTTP or sockets: the payload is any `T`.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rondel::sync::oneshot;

use super::response::PoolStats;

/// How often a connection is handed on within its host while another host waits for its slot.
const PASSES_MAX: u32 = 16;

/// What the pool asks of a connection.
pub(crate) trait Pooled: Send + 'static {
    /// Whether the other side has closed it, as far as we have noticed.
    fn is_dead(&self) -> bool;

    /// The number of its slot.
    fn slot(&self) -> u64;
}

/// Limits of a [`Pool`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolLimits {
    pub(crate) total: usize,
    pub(crate) per_host: usize,
    pub(crate) keep_alive: Duration,
}

pub(crate) struct Pool<T: Pooled> {
    limits: PoolLimits,
    state: Mutex<State<T>>,
}

struct State<T: Pooled> {
    names: [HashMap<Box<str>, usize>; 2],
    hosts: Vec<Host<T>>,
    /// The first in the line of each host, oldest first: number of the waiter, index of the host.
    heads: BTreeMap<u64, usize>,
    /// Slots of connections that are being closed to make room.
    making_room: HashSet<u64>,
    next_waiter: u64,
    next_slot: u64,
    /// Whether a task watches over the age of the idle connections.
    housekeeping: bool,
    stats: PoolStats,
}

struct Host<T: Pooled> {
    open: usize,
    /// The youngest last.
    idle: VecDeque<(Instant, T)>,
    line: VecDeque<(u64, oneshot::Sender<Lease<T>>)>,
    passes: u32,
}

/// What has to wait until the lock is released (rule 4).
struct Later<T: Pooled> {
    grants: Vec<(oneshot::Sender<Lease<T>>, Lease<T>)>,
    closed: Vec<T>,
}

impl<T: Pooled> Default for Later<T> {
    fn default() -> Self {
        Self { grants: Vec::new(), closed: Vec::new() }
    }
}

impl<T: Pooled> Later<T> {
    fn act(self) {
        drop(self.closed);
        for (waiter, lease) in self.grants {
            // If the waiter has gone, its lease comes back with the error and returns by its drop.
            drop(waiter.send(lease));
        }
    }
}

/// The right to use one connection. Dropped unused or given back, the connection is idle again;
/// dropped in use, it is closed.
pub(crate) struct Lease<T: Pooled> {
    pool: Arc<Pool<T>>,
    host: usize,
    /// With the time since when it is (or was) idle.
    conn: Option<(Instant, T)>,
    slot: Option<Slot<T>>,
    in_use: bool,
    returned: bool,
}

/// The right to have a socket.
pub(crate) struct Slot<T: Pooled> {
    pool: Weak<Pool<T>>,
    host: usize,
    number: u64,
}

/// The answer of [`Pool::checkout`].
pub(crate) enum Checkout<T: Pooled> {
    Now(Lease<T>),
    /// A place in the line. Dropping it gives the place up.
    Wait(oneshot::Receiver<Lease<T>>),
}

impl<T: Pooled> Pool<T> {
    pub(crate) fn new(limits: PoolLimits) -> Arc<Self> {
        let limits = PoolLimits {
            total: limits.total.max(1),
            per_host: limits.per_host.max(1),
            keep_alive: limits.keep_alive,
        };
        let state = State {
            names: [HashMap::new(), HashMap::new()],
            hosts: Vec::new(),
            heads: BTreeMap::new(),
            making_room: HashSet::new(),
            next_waiter: 0,
            next_slot: 0,
            housekeeping: false,
            stats: PoolStats::default(),
        };
        Arc::new(Self { limits, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> PoolStats {
        self.lock().stats
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut PoolStats)) {
        count(&mut self.lock().stats);
    }

    /// A connection of `authority`, the right to open one, or a place in the line.
    pub(crate) fn checkout(
        self: &Arc<Self>,
        https: bool,
        authority: &str,
        now: Instant,
    ) -> Checkout<T> {
        let mut later = Later::default();
        let mut state = self.lock();
        let host = state.host(https, authority);
        state.tidy(host);
        let found = if state.hosts[host].line.is_empty() {
            self.idle_or_slot(&mut state, host, now, &mut later)
        } else {
            None
        };
        let checkout = match found {
            Some(lease) => Checkout::Now(lease),
            None => {
                let (grant, waiting) = oneshot::channel();
                state.join(host, grant);
                state.stats.waits += 1;
                self.make_room(&mut state, &mut later);
                Checkout::Wait(waiting)
            }
        };
        drop(state);
        later.act();
        checkout
    }

    fn idle_or_slot(
        self: &Arc<Self>,
        state: &mut State<T>,
        host: usize,
        now: Instant,
        later: &mut Later<T>,
    ) -> Option<Lease<T>> {
        while let Some((since, conn)) = state.hosts[host].idle.pop_back() {
            if conn.is_dead() || now.saturating_duration_since(since) >= self.limits.keep_alive {
                later.closed.push(conn);
                continue;
            }
            return Some(self.lease(state, host, Some((since, conn))));
        }
        let room =
            state.stats.open < self.limits.total && state.hosts[host].open < self.limits.per_host;
        room.then(|| self.lease(state, host, None))
    }

    /// A lease of `conn`, or of a new slot.
    fn lease(
        self: &Arc<Self>,
        state: &mut State<T>,
        host: usize,
        conn: Option<(Instant, T)>,
    ) -> Lease<T> {
        let slot = conn.is_none().then(|| {
            state.hosts[host].open += 1;
            state.stats.open += 1;
            state.stats.open_max = state.stats.open_max.max(state.stats.open);
            state.next_slot += 1;
            Slot { pool: Arc::downgrade(self), host, number: state.next_slot }
        });
        state.stats.reused += u64::from(conn.is_some());
        state.stats.in_use += 1;
        // A connection that has died has no request in flight, though its fetch may not know yet.
        let in_flight = state.stats.in_use.min(state.stats.open);
        state.stats.in_use_max = state.stats.in_use_max.max(in_flight);
        Lease { pool: self.clone(), host, conn, slot, in_use: false, returned: false }
    }

    /// Closes idle connections for those who wait for a slot (rule 3).
    fn make_room(&self, state: &mut State<T>, later: &mut Later<T>) {
        if state.stats.open < self.limits.total {
            return;
        }
        while state.making_room.len() < state.waiting_for_room(self.limits.per_host) {
            let oldest = state
                .hosts
                .iter_mut()
                .filter(|host| !host.idle.is_empty())
                .min_by_key(|host| host.idle[0].0);
            let Some((_, conn)) = oldest.and_then(|host| host.idle.pop_front()) else { return };
            if !conn.is_dead() {
                state.making_room.insert(conn.slot());
                state.stats.evicted += 1;
            }
            later.closed.push(conn);
        }
    }

    /// Takes a connection back: to the next in line, to the idle ones, or to its end. Returns
    /// whether a housekeeper is missing.
    fn take_back(self: &Arc<Self>, host: usize, conn: Option<(Instant, T)>) -> bool {
        let mut later = Later::default();
        let mut state = self.lock();
        state.stats.in_use -= 1;
        state.tidy(host);
        let mut housekeeper_missing = false;
        if let Some((since, conn)) = conn {
            if conn.is_dead() || self.limits.keep_alive.is_zero() {
                later.closed.push(conn);
            } else if self.is_wanted_elsewhere(&mut state, host) {
                state.making_room.insert(conn.slot());
                state.stats.evicted += 1;
                later.closed.push(conn);
            } else if let Some(waiter) = state.next_in_line(host) {
                let lease = self.lease(&mut state, host, Some((since, conn)));
                later.grants.push((waiter, lease));
            } else {
                state.hosts[host].idle.push_back((since, conn));
                housekeeper_missing = !state.housekeeping;
            }
        }
        drop(state);
        later.act();
        housekeeper_missing
    }

    /// The one housekeeper begins; false: there is one. It calls [`expire`](Self::expire).
    pub(crate) fn begin_housekeeping(&self) -> bool {
        !std::mem::replace(&mut self.lock().housekeeping, true)
    }

    /// Whether the slot of a connection of `host` should go to another host (rule 3).
    fn is_wanted_elsewhere(&self, state: &mut State<T>, host: usize) -> bool {
        if state.heads.is_empty() || state.stats.open < self.limits.total {
            return false;
        }
        let own = state.hosts[host].line.front().map_or(u64::MAX, |(number, _)| *number);
        let stranger = state
            .heads
            .iter()
            .find(|&(_, &other)| other != host && state.hosts[other].open < self.limits.per_host);
        let Some((&stranger, _)) = stranger else { return false };
        if state.making_room.len() >= state.waiting_for_room(self.limits.per_host) {
            return false;
        }
        if own == u64::MAX {
            return true;
        }
        let host = &mut state.hosts[host];
        host.passes += u32::from(stranger < own);
        let enough = host.passes > PASSES_MAX;
        if enough {
            host.passes = 0;
        }
        enough
    }

    /// A socket was closed, or never came to be.
    fn release(self: &Arc<Self>, host: usize, slot: u64) {
        let mut later = Later::default();
        let mut state = self.lock();
        state.hosts[host].open -= 1;
        state.stats.open -= 1;
        state.making_room.remove(&slot);
        while state.stats.open < self.limits.total {
            let next = state
                .heads
                .values()
                .copied()
                .find(|&host| state.hosts[host].open < self.limits.per_host);
            let Some(next) = next else { break };
            if let Some(waiter) = state.next_in_line(next) {
                let lease = self.lease(&mut state, next, None);
                later.grants.push((waiter, lease));
            }
        }
        // The slot may have gone to another host, and this one now waits for nothing but a slot.
        if !state.heads.is_empty() {
            self.make_room(&mut state, &mut later);
        }
        drop(state);
        later.act();
    }

    /// Closes the connections that have been idle too long. Returns when to come again; `None`:
    /// nothing is idle, the housekeeper may go.
    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut later = Later::default();
        let mut state = self.lock();
        let mut next: Option<Instant> = None;
        for host in &mut state.hosts {
            while let Some((since, conn)) = host.idle.front() {
                let ends = *since + self.limits.keep_alive;
                if ends > now && !conn.is_dead() {
                    next = Some(next.map_or(ends, |next| next.min(ends)));
                    break;
                }
                later.closed.extend(host.idle.pop_front().map(|(_, conn)| conn));
            }
        }
        state.housekeeping = next.is_some();
        drop(state);
        later.act();
        next
    }
}

impl<T: Pooled> State<T> {
    fn host(&mut self, https: bool, authority: &str) -> usize {
        let names = &mut self.names[usize::from(https)];
        if let Some(&known) = names.get(authority) {
            return known;
        }
        names.insert(authority.into(), self.hosts.len());
        self.hosts.push(Host { open: 0, idle: VecDeque::new(), line: VecDeque::new(), passes: 0 });
        self.hosts.len() - 1
    }

    fn join(&mut self, host: usize, grant: oneshot::Sender<Lease<T>>) {
        let number = self.next_waiter;
        self.next_waiter += 1;
        self.hosts[host].line.push_back((number, grant));
        if self.hosts[host].line.len() == 1 {
            self.heads.insert(number, host);
        }
    }

    /// Takes those off the front of the line of `host` who wait no longer.
    fn tidy(&mut self, host: usize) {
        let line = &mut self.hosts[host].line;
        while let Some((number, _)) = line.pop_front_if(|(_, waiter)| waiter.is_closed()) {
            self.heads.remove(&number);
        }
        if let Some((number, _)) = line.front() {
            self.heads.insert(*number, host);
        }
    }

    /// Takes the first who still waits off the line of `host`.
    fn next_in_line(&mut self, host: usize) -> Option<oneshot::Sender<Lease<T>>> {
        self.tidy(host);
        let (number, waiter) = self.hosts[host].line.pop_front()?;
        self.heads.remove(&number);
        self.tidy(host);
        Some(waiter)
    }

    /// How many wait for nothing but a slot.
    fn waiting_for_room(&self, per_host: usize) -> usize {
        let wanted = |&host: &usize| {
            let host = &self.hosts[host];
            let room = per_host.saturating_sub(host.open);
            host.line.iter().filter(|(_, waiter)| !waiter.is_closed()).take(room).count()
        };
        self.heads.values().map(wanted).sum()
    }
}

impl<T: Pooled> Lease<T> {
    /// The connection; `None` after a checkout means that one has to be opened.
    pub(crate) fn conn(&mut self) -> Option<&mut T> {
        self.conn.as_mut().map(|(_, conn)| conn)
    }

    /// The slot for the connection that is to be opened.
    pub(crate) fn take_slot(&mut self) -> Option<Slot<T>> {
        self.slot.take()
    }

    /// Puts the connection in that was opened.
    pub(crate) fn opened(&mut self, conn: T, now: Instant) {
        self.conn = Some((now, conn));
    }

    /// From now on the connection is closed if the lease is dropped.
    pub(crate) fn start(&mut self) {
        self.in_use = true;
    }

    /// Gives the connection back, ready for the next. Returns whether a housekeeper is missing.
    pub(crate) fn give_back(mut self, now: Instant) -> bool {
        self.returned = true;
        let conn = self.conn.take().map(|(_, conn)| (now, conn));
        self.pool.take_back(self.host, conn)
    }
}

impl<T: Pooled> Drop for Lease<T> {
    fn drop(&mut self) {
        if self.returned {
            return;
        }
        let conn = self.conn.take();
        if self.in_use {
            drop(conn);
            self.pool.take_back(self.host, None);
        } else {
            // Granted to somebody who went away. If no housekeeper watches over it now, the next
            // regular return starts one.
            self.pool.take_back(self.host, conn);
        }
    }
}

impl<T: Pooled> Slot<T> {
    /// Its number, unique within the pool.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl<T: Pooled> Drop for Slot<T> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.release(self.host, self.number);
        }
    }
}

#[cfg(test)]
mod tests;
