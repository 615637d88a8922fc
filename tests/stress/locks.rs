//! Semaphores, locks and limiters that everybody shares, and steps that take and give them back.
//!
//! All of them are so many permits, and differ in how many one takes; so one check fits all:
//!
//! | what            | permits          | one takes              |
//! |-----------------|------------------|------------------------|
//! | semaphore       | n                | 1 to n                 |
//! | mutex           | 1                | 1                      |
//! | read-write lock | its readers      | 1 to read, all to write |
//! | limiter         | tokens, resized  | 1                      |
//!
//! More than there are never are in anybody's hands (`Held`). What a lock guards is a number, which
//! must be as high as there were writers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use rondel::sync::{CapacityLimiter, Mutex, OwnedRwLockWriteGuard, RwLock, Semaphore};

use super::blocking::rest;
use super::luck::Luck;
use super::model::Line;
use super::watched::touch;
use super::world::Me;

pub struct Locks {
    semaphores: Vec<Arc<Shared<Semaphore>>>,
    mutexes: Vec<Arc<Shared<Mutex<usize>>>>,
    rwlocks: Vec<Arc<Shared<RwLock<usize>>>>,
    limiter: Arc<Shared<CapacityLimiter<u64>>>,
}

struct Shared<L> {
    real: Arc<L>,
    permits: usize,
    line: Line,
    held: AtomicUsize,
    /// How often somebody has written.
    writes: AtomicUsize,
}

impl<L> Shared<L> {
    fn new(exact: bool, permits: usize, real: L) -> Arc<Self> {
        let (held, writes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self {
            real: Arc::new(real),
            permits,
            line: Line::new(exact, permits),
            held,
            writes,
        })
    }

    /// Notes that somebody has `n` permits.
    fn hold<G>(self: &Arc<Self>, n: usize, guard: G) -> Held<L, G> {
        let held = self.held.fetch_add(n, SeqCst) + n;
        assert!(held <= self.permits, "{held} of {} permits are out", self.permits);
        Held { of: self.clone(), n, guard: Some(guard) }
    }

    /// Nobody has anything any more; and the number, if there is one.
    fn check_at_the_end(&self, permits: usize, number: Option<usize>) {
        assert_eq!(self.held.load(SeqCst), 0, "permits are still held");
        assert!(self.line.free().is_none_or(|free| free == permits), "the model has lost some");
        let writes = self.writes.load(SeqCst);
        assert!(number.is_none_or(|number| number == writes), "a write was lost");
    }
}

/// Permits in somebody's hands, and what they guard.
struct Held<L, G> {
    of: Arc<Shared<L>>,
    n: usize,
    guard: Option<G>,
}

impl<L, G> Held<L, G> {
    fn guard(&mut self) -> &mut G {
        self.guard.as_mut().expect("it was not given back")
    }

    /// Changes the guard for another one with fewer permits.
    fn swap<H>(mut self, n: usize, swap: impl FnOnce(G) -> H) -> Held<L, H> {
        let guard = self.guard.take().expect("it was not given back");
        self.of.held.fetch_sub(self.n, SeqCst);
        let guard = swap(guard);
        self.of.line.give(self.n - n);
        self.of.hold(n, guard)
    }
}

impl<L, G> Drop for Held<L, G> {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        self.of.held.fetch_sub(self.n, SeqCst);
        drop(guard);
        self.of.line.give(self.n);
    }
}

impl Locks {
    pub fn new(exact: bool, luck: &mut Luck) -> Self {
        let mut numbers = |most_of, least, most| -> Vec<usize> {
            (0..luck.between(1, most_of)).map(|_| luck.between(least, most)).collect()
        };
        let semaphores = numbers(3, 1, 5).into_iter();
        let semaphores = semaphores.map(|n| Shared::new(exact, n, Semaphore::new(n))).collect();
        let mutexes = numbers(2, 1, 1).into_iter();
        let mutexes = mutexes.map(|n| Shared::new(exact, n, Mutex::new(0))).collect();
        let rwlocks = numbers(2, 2, 6).into_iter();
        let rwlock = |n| Shared::new(exact, n, RwLock::with_max_readers(0, n as u32));
        let rwlocks = rwlocks.map(rwlock).collect();
        let n = luck.between(1, 4);
        let limiter = Shared::new(exact, n, CapacityLimiter::for_borrowers(n));
        Self { semaphores, mutexes, rwlocks, limiter }
    }

    pub fn look(&self) {
        self.semaphores.iter().for_each(|one| touch(one.real.acquire()));
        self.mutexes.iter().for_each(|one| touch(one.real.lock()));
        self.rwlocks.iter().for_each(|one| touch(one.real.read()));
        _ = self.limiter.real.statistics();
    }

    pub fn check_at_the_end(&self) {
        for one in &self.semaphores {
            assert_eq!(one.real.available_permits(), one.permits, "permits were lost or made");
            one.check_at_the_end(one.permits, None);
        }
        for one in &self.mutexes {
            let number = *one.real.try_lock().expect("nobody has the mutex");
            one.check_at_the_end(one.permits, Some(number));
        }
        for one in &self.rwlocks {
            let number = *one.real.try_write().expect("nobody has the lock");
            one.check_at_the_end(one.permits, Some(number));
        }
        let limiter = &self.limiter.real;
        assert_eq!(limiter.borrowed_tokens(), 0, "tokens are still out");
        assert_eq!(limiter.available_tokens(), limiter.total_tokens(), "tokens were lost or made");
        assert!(limiter.statistics().borrowers.is_empty(), "somebody has borrowed");
        assert_eq!(limiter.statistics().tasks_waiting, 0, "somebody still waits");
        self.limiter.check_at_the_end(limiter.total_tokens(), None);
    }
}

/// Takes `n` permits: tries to, or waits, perhaps not for long. `None`: it has none.
async fn take<L, G, F: Future<Output = G>>(
    (me, luck): (&Me, &mut Luck),
    of: &Arc<Shared<L>>,
    (name, n): (&'static str, usize),
    attempt: impl FnOnce(Arc<L>) -> Option<G>,
    wait: impl FnOnce(Arc<L>) -> F,
) -> Option<Held<L, G>> {
    let guard = if luck.one_in(6) {
        let tried = attempt(of.real.clone());
        of.line.tried(name, n, tried.is_some());
        tried
    } else {
        me.note(format_args!("wants {n} of {}: {name}", of.permits));
        let wait = of.line.wait(name, n, wait(of.real.clone()));
        me.perhaps(luck, name, wait).await
    };
    me.note(format_args!("{}: {name}", if guard.is_some() { "has" } else { "has not" }));
    guard.map(|guard| of.hold(n, guard))
}

pub async fn semaphore(me: Me, mut luck: Luck) {
    let of = luck.pick(&me.world.locks.semaphores).clone();
    let n = luck.between(1, of.permits);
    let held = take(
        (&me, &mut luck),
        &of,
        ("Semaphore::acquire_many_owned", n),
        |real| real.try_acquire_many_owned(n as u32).ok(),
        async |real| real.acquire_many_owned(n as u32).await.expect("it is never closed"),
    );
    let Some(mut held) = held.await else { return };
    assert_eq!(held.guard().num_permits(), n);
    me.hold(&mut luck).await;
    match luck.below(4) {
        0 if n > 1 => {
            let part = held.guard().split(1).expect("it has one");
            held.n -= 1;
            of.held.fetch_sub(1, SeqCst);
            let part = of.hold(1, part);
            me.hold(&mut luck).await;
            drop(part);
            me.hold(&mut luck).await;
        }
        1 => {
            // Its permits go on in nobody's hands.
            let permit = held.guard.take().expect("it was not given back");
            of.held.fetch_sub(n, SeqCst);
            permit.forget();
            of.real.add_permits(n);
            of.line.give(n);
        }
        _ => {}
    }
}

pub async fn mutex(me: Me, mut luck: Luck) {
    let of = luck.pick(&me.world.locks.mutexes).clone();
    let attempt = |real: Arc<Mutex<usize>>| real.try_lock_owned().ok();
    let held = take((&me, &mut luck), &of, ("Mutex::lock_owned", 1), attempt, Mutex::lock_owned);
    let Some(mut held) = held.await else { return };
    let before = **held.guard();
    me.hold(&mut luck).await;
    **held.guard() = before + 1;
    of.writes.fetch_add(1, SeqCst);
}

pub async fn rwlock(me: Me, mut luck: Luck) {
    let of = luck.pick(&me.world.locks.rwlocks).clone();
    if luck.one_in(3) {
        write(me, luck, &of).await;
    } else {
        read(me, luck, &of).await;
    }
}

async fn read(me: Me, mut luck: Luck, of: &Arc<Shared<RwLock<usize>>>) {
    let attempt = |real: Arc<RwLock<usize>>| real.try_read_owned().ok();
    let held = take((&me, &mut luck), of, ("RwLock::read_owned", 1), attempt, RwLock::read_owned);
    let Some(mut held) = held.await else { return };
    let before = **held.guard();
    me.hold(&mut luck).await;
    assert_eq!(**held.guard(), before, "it was written to while one read");
}

async fn write(me: Me, mut luck: Luck, of: &Arc<Shared<RwLock<usize>>>) {
    let (attempt, all) = (|real: Arc<RwLock<usize>>| real.try_write_owned().ok(), of.permits);
    let what = ("RwLock::write_owned", all);
    let held = take((&me, &mut luck), of, what, attempt, RwLock::write_owned);
    let Some(mut held) = held.await else { return };
    let before = **held.guard();
    me.hold(&mut luck).await;
    **held.guard() = before + 1;
    of.writes.fetch_add(1, SeqCst);
    if luck.one_in(3) {
        let mut held = held.swap(1, OwnedRwLockWriteGuard::downgrade);
        me.hold(&mut luck).await;
        assert_eq!(**held.guard(), before + 1, "another one wrote in between");
    }
}

pub async fn limiter(me: Me, mut luck: Luck) {
    let of = me.world.locks.limiter.clone();
    if luck.one_in(4) && me.world.exact {
        // Only on one thread: two who change it at once would each know another "before".
        let (before, after) = (of.real.total_tokens(), luck.between(1, of.permits));
        of.real.set_total_tokens(after);
        of.line.resize(before, after);
        me.note(format_args!("makes it {after} tokens"));
        return;
    }
    let borrower = me.world.number();
    let held = take(
        (&me, &mut luck),
        &of,
        ("CapacityLimiter::acquire", 1),
        |real| real.try_acquire_owned_on_behalf_of(borrower).ok(),
        async |real| real.acquire_owned_on_behalf_of(borrower).await.expect("a new borrower"),
    );
    let Some(_held) = held.await else { return };
    // A second one for the same borrower is refused, and not waited for.
    let again = pin!(of.real.acquire_on_behalf_of(borrower));
    let polled = again.poll(&mut Context::from_waker(Waker::noop()));
    let refused = matches!(polled, Poll::Ready(Err(_)));
    assert!(refused || !rondel::task::coop::has_budget_remaining(), "one has two tokens");
    me.hold(&mut luck).await;
}

pub fn blocking_semaphore(me: &Me, luck: &mut Luck) {
    let of = luck.pick(&me.world.locks.semaphores);
    let n = luck.between(1, of.permits);
    let permit = of.real.clone().blocking_acquire_many_owned(n as u32);
    let _held = of.hold(n, permit.expect("it is never closed"));
    rest(luck);
}

pub fn blocking_mutex(me: &Me, luck: &mut Luck) {
    let of = luck.pick(&me.world.locks.mutexes);
    let mut held = of.hold(1, of.real.clone().blocking_lock_owned());
    let before = **held.guard();
    rest(luck);
    **held.guard() = before + 1;
    of.writes.fetch_add(1, SeqCst);
}

pub fn blocking_rwlock(me: &Me, luck: &mut Luck) {
    let of = luck.pick(&me.world.locks.rwlocks);
    if luck.one_in(2) {
        let mut held = of.hold(1, of.real.blocking_read());
        let before = **held.guard();
        rest(luck);
        assert_eq!(**held.guard(), before, "it was written to while one read");
    } else {
        let mut held = of.hold(of.permits, of.real.blocking_write());
        let before = **held.guard();
        rest(luck);
        **held.guard() = before + 1;
        of.writes.fetch_add(1, SeqCst);
    }
}
