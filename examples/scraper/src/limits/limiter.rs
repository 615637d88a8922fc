//! The async front of the queue: many waiters, one timer.
//!
//! The guide's waiters all slept for the same token, woke together, and all but one slept again:
//! 20,092 tries for 200 grants, out of order (erratum X7). Here one waiter keeps the time for all
//! of them. It sleeps until the queue can move, lets everybody go who can, and hands its post to
//! the oldest when it goes itself (or is dropped).
//!
//! Rules
//! 1. At most one waiter, the timekeeper, has a timer; if anybody waits, somebody is timekeeper or
//!    has been woken to become it.
//! 2. Wakers are called and dropped after the lock has been released.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::queue::{Place, Queue};
use super::stacked::{Endpoint, Reservation, Stacked};
use super::{LimitSpec, Limits};
use crate::client::Clock;

/// A permission that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// How long it took.
    pub waited: Duration,
}

/// Counters of a [`Limiter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStats {
    /// Permissions granted.
    pub granted: u64,
    /// Those that had to wait.
    pub waits: u64,
    /// How long they waited, together.
    pub waited: Duration,
    /// The longest wait.
    pub waited_max: Duration,
    /// Waiting now.
    pub waiting: usize,
    /// The most that ever waited at once.
    pub waiting_max: usize,
    /// Timers set: at most about one for each wait, however many wait at once.
    pub timers: u64,
}

/// The three-level limiter: endpoint, host, global.
///
/// Shared by reference or in an `Arc`. Works on any executor whose [`Clock`] it is given.
pub struct Limiter<C: Clock> {
    clock: C,
    shared: Mutex<Shared>,
}

struct Shared {
    queue: Queue,
    waiting: HashMap<Place, Waiter>,
    timekeeper: Option<Place>,
    /// What the timekeeper sleeps for.
    timer_at: Option<Instant>,
    stats: LimiterStats,
}

#[derive(Default)]
struct Waiter {
    waker: Option<Waker>,
    granted: Option<Reservation>,
}

impl Shared {
    /// Lets the queue move; the wakers of those who may go are put into `wake`.
    fn advance(&mut self, now: Instant, wake: &mut Vec<Waker>) {
        let waiting = &mut self.waiting;
        self.queue.advance(now, |place, reservation| {
            if let Some(waiter) = waiting.get_mut(&place) {
                waiter.granted = Some(reservation);
                wake.extend(waiter.waker.take());
            }
        });
    }

    /// The waker of whoever has to look at the clock anew.
    fn wake_timekeeper(&mut self, wake: &mut Vec<Waker>) {
        let place = self.timekeeper.or_else(|| self.queue.oldest());
        if let Some(waiter) = place.and_then(|place| self.waiting.get_mut(&place)) {
            wake.extend(waiter.waker.take());
        }
    }

    /// `place` waits no longer: somebody else has to keep the time. So too if nobody keeps it:
    /// then `place` may have been woken to do so, and been granted by an arrival before it came.
    fn retire(&mut self, place: Place, wake: &mut Vec<Waker>) {
        if self.timekeeper.is_none_or(|keeper| keeper == place) {
            self.timekeeper = None;
            self.timer_at = None;
            self.wake_timekeeper(wake);
        }
    }
}

fn wake_all(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl<C: Clock> Limiter<C> {
    /// A limiter with all its tokens.
    pub fn new(clock: C, limits: Limits) -> Self {
        let shared = Shared {
            queue: Queue::new(Stacked::new(limits, clock.now())),
            waiting: HashMap::new(),
            timekeeper: None,
            timer_at: None,
            stats: LimiterStats::default(),
        };
        Self { clock, shared: Mutex::new(shared) }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing in here panics half-way through a change.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `host` a limit of its own from now on, for example its crawl delay. Its window or
    /// bucket starts anew.
    pub fn set_host(&self, host: &str, spec: LimitSpec) {
        let now = self.clock.now();
        let mut wake = Vec::new();
        let mut shared = self.lock();
        shared.queue.stacked().set_host(host, spec, now);
        shared.advance(now, &mut wake);
        shared.wake_timekeeper(&mut wake);
        drop(shared);
        wake_all(wake);
    }

    /// Takes a permission if one is free and nobody who could use it waits before.
    pub fn try_acquire(&self, endpoint: &str, host: &str) -> bool {
        let now = self.clock.now();
        self.arrive(endpoint, host, now, false).is_ok()
    }

    /// Waits until all three levels allow one request to `endpoint` of `host`, first come first
    /// served within an endpoint.
    ///
    /// **Cancel-safe:** yes. Nothing is lost: a permission already granted is given back.
    pub async fn acquire(&self, endpoint: &str, host: &str) -> Granted {
        let since = self.clock.now();
        let (endpoint, place) = match self.arrive(endpoint, host, since, true) {
            Ok(()) => return Granted { waited: Duration::ZERO },
            Err(waiting) => waiting,
        };
        let mut wait = Wait { limiter: self, endpoint, place, done: false };
        let mut timer = None;
        let now = poll_fn(|cx| wait.poll(cx, &mut timer)).await;
        let waited = now.saturating_duration_since(since);
        let stats = &mut self.lock().stats;
        stats.waits += 1;
        stats.waited += waited;
        stats.waited_max = stats.waited_max.max(waited);
        Granted { waited }
    }

    /// Takes a permission at once, or a place in the queue (with `join`).
    fn arrive(
        &self,
        endpoint: &str,
        host: &str,
        now: Instant,
        join: bool,
    ) -> Result<(), (Endpoint, Place)> {
        let mut wake = Vec::new();
        let mut shared = self.lock();
        let endpoint = shared.queue.stacked().endpoint(endpoint, host, now);
        let place = if shared.queue.is_empty() {
            // The fast path: no queue, one look.
            if let Ok(_used) = shared.queue.stacked().try_take(endpoint, now) {
                shared.stats.granted += 1;
                return Ok(());
            }
            if join { shared.queue.join(endpoint) } else { return Err((endpoint, Place::MAX)) }
        } else {
            let place = shared.queue.join(endpoint);
            shared.waiting.insert(place, Waiter::default());
            shared.advance(now, &mut wake);
            if shared.waiting.get(&place).is_some_and(|waiter| waiter.granted.is_some()) {
                shared.waiting.remove(&place);
                shared.stats.granted += 1;
                drop(shared);
                wake_all(wake);
                return Ok(());
            }
            if !join {
                shared.waiting.remove(&place);
                shared.queue.leave(endpoint, place);
                drop(shared);
                wake_all(wake);
                return Err((endpoint, place));
            }
            // The newcomer may be able to go before the timekeeper wakes up.
            let at = shared.queue.next_at(now);
            if shared.timer_at.is_some_and(|timer| at.is_some_and(|at| at < timer)) {
                shared.wake_timekeeper(&mut wake);
            }
            place
        };
        shared.waiting.entry(place).or_default();
        shared.stats.waiting += 1;
        shared.stats.waiting_max = shared.stats.waiting_max.max(shared.stats.waiting);
        drop(shared);
        wake_all(wake);
        Err((endpoint, place))
    }

    /// The counters.
    pub fn stats(&self) -> LimiterStats {
        self.lock().stats
    }
}

/// A place in the queue that is given up when dropped.
struct Wait<'a, C: Clock> {
    limiter: &'a Limiter<C>,
    endpoint: Endpoint,
    place: Place,
    done: bool,
}

/// The timekeeper's timer.
struct Timer<C: Clock> {
    at: Instant,
    sleep: Pin<Box<C::Sleep>>,
}

/// What a look at the shared state said.
enum Look {
    Go,
    Wait,
    KeepTime(Instant),
}

impl<C: Clock> Wait<'_, C> {
    fn poll(&mut self, cx: &mut Context<'_>, timer: &mut Option<Timer<C>>) -> Poll<Instant> {
        loop {
            let now = self.limiter.clock.now();
            let (look, wake, old) = self.look(cx, now);
            wake_all(wake);
            drop(old);
            let at = match look {
                Look::Go => return Poll::Ready(now),
                Look::Wait => {
                    *timer = None;
                    return Poll::Pending;
                }
                Look::KeepTime(at) => at,
            };
            if timer.as_ref().is_none_or(|timer| timer.at != at) {
                let sleep = Box::pin(self.limiter.clock.sleep_until(at));
                *timer = Some(Timer { at, sleep });
                self.limiter.lock().stats.timers += 1;
            }
            if timer.as_mut().is_some_and(|timer| timer.sleep.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
            *timer = None;
        }
    }

    /// Looks whether we may go; if not, leaves our waker, and keeps the time if nobody does.
    fn look(&mut self, cx: &Context<'_>, now: Instant) -> (Look, Vec<Waker>, Option<Waker>) {
        let mut wake = Vec::new();
        // Cloned before the lock is taken: a waker is a stranger's code.
        let mine = cx.waker().clone();
        let mut shared = self.limiter.lock();
        if shared.timekeeper.is_none() || shared.timekeeper == Some(self.place) {
            shared.advance(now, &mut wake);
        }
        let Some(waiter) = shared.waiting.get_mut(&self.place) else {
            // Cannot be: our entry stays until we take the grant or are dropped.
            return (Look::Wait, wake, Some(mine));
        };
        if waiter.granted.is_some() {
            let old = waiter.waker.take().or(Some(mine));
            shared.waiting.remove(&self.place);
            shared.stats.granted += 1;
            shared.stats.waiting -= 1;
            self.done = true;
            shared.retire(self.place, &mut wake);
            return (Look::Go, wake, old);
        }
        let old = waiter.waker.replace(mine);
        let next_at = shared.queue.next_at(now);
        match (shared.timekeeper, next_at) {
            (Some(other), _) if other != self.place => (Look::Wait, wake, old),
            (_, Some(at)) => {
                shared.timekeeper = Some(self.place);
                shared.timer_at = Some(at);
                (Look::KeepTime(at), wake, old)
            }
            (_, None) => (Look::Wait, wake, old),
        }
    }
}

impl<C: Clock> Drop for Wait<'_, C> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let now = self.limiter.clock.now();
        let mut wake = Vec::new();
        let mut shared = self.limiter.lock();
        let gone = shared.waiting.remove(&self.place);
        shared.stats.waiting -= usize::from(gone.is_some());
        let waker = match gone {
            Some(Waiter { granted: Some(unused), waker }) => {
                shared.queue.stacked().refund(unused);
                waker
            }
            Some(Waiter { granted: None, waker }) => {
                shared.queue.leave(self.endpoint, self.place);
                waker
            }
            None => None,
        };
        shared.retire(self.place, &mut wake);
        shared.advance(now, &mut wake);
        // What was given back may let somebody go earlier than the timer says.
        shared.wake_timekeeper(&mut wake);
        drop(shared);
        wake_all(wake);
        drop(waker);
    }
}
