//! The pool against random histories.

use super::*;

/// A connection that is nothing but its slot. It is alive as long as that.
struct Fake {
    slot: Slot<Fake>,
    dead: bool,
}

impl Pooled for Fake {
    fn is_dead(&self) -> bool {
        self.dead
    }

    fn slot(&self) -> u64 {
        self.slot.number
    }
}

fn open(lease: &mut Lease<Fake>, now: Instant) {
    if let Some(slot) = lease.take_slot() {
        lease.opened(Fake { slot, dead: false }, now);
    }
    lease.start();
}

/// Goal: show the pool's promises under random load: no limit is exceeded, the counters are
/// right, lines are served in order, and nobody waits who could go.
/// Method: 300 random histories over three hosts: checkouts, returns, breaks, waiters who
/// leave, time that passes; checked after every step.
#[test]
fn limits_order_and_counters_hold_under_random_load() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..300 {
        let limits = PoolLimits {
            total: random.usize(1..6),
            per_host: random.usize(1..4),
            keep_alive: Duration::from_millis(50),
        };
        history(limits, &mut random);
    }
}

fn history(limits: PoolLimits, random: &mut fastrand::Rng) {
    let hosts = ["a", "b", "c"];
    let pool = Pool::new(limits);
    let mut now = Instant::now();
    let mut leases: Vec<(usize, Lease<Fake>)> = Vec::new();
    let mut lines: [VecDeque<oneshot::Receiver<Lease<Fake>>>; 3] = Default::default();
    for _ in 0..200 {
        let host = random.usize(0..3);
        match random.u8(0..8) {
            0..=3 => match pool.checkout(false, hosts[host], now) {
                Checkout::Now(mut lease) => {
                    open(&mut lease, now);
                    leases.push((host, lease));
                }
                Checkout::Wait(waiting) => lines[host].push_back(waiting),
            },
            4 | 5 if !leases.is_empty() => {
                let (_, lease) = leases.swap_remove(random.usize(0..leases.len()));
                lease.give_back(now);
            }
            6 if !leases.is_empty() => {
                let (_, mut lease) = leases.swap_remove(random.usize(0..leases.len()));
                if random.bool() {
                    lease.conn().expect("opened").dead = true;
                    lease.give_back(now);
                }
            }
            7 if !lines[host].is_empty() => {
                let leaves = random.usize(0..lines[host].len());
                drop(lines[host].remove(leaves));
            }
            _ => {
                now += Duration::from_millis(random.u64(0..30));
                pool.expire(now);
            }
        }
        for (host, line) in lines.iter_mut().enumerate() {
            while let Some(Ok(mut lease)) = line.front_mut().map(|first| first.try_recv()) {
                open(&mut lease, now);
                leases.push((host, lease));
                line.pop_front();
            }
            let passed = line.iter_mut().any(|waiting| waiting.try_recv().is_ok());
            assert!(!passed, "served before the first in line");
        }
        check(&pool, limits, &leases, &lines);
    }
    drop(leases);
    drop(lines);
    pool.expire(now + limits.keep_alive);
    let stats = pool.stats();
    assert_eq!((stats.open, stats.in_use), (0, 0));
    assert!(pool.lock().making_room.is_empty());
}

fn check(
    pool: &Arc<Pool<Fake>>,
    limits: PoolLimits,
    leases: &[(usize, Lease<Fake>)],
    lines: &[VecDeque<oneshot::Receiver<Lease<Fake>>>; 3],
) {
    let state = pool.lock();
    let idle: usize = state.hosts.iter().map(|host| host.idle.len()).sum();
    assert_eq!(state.stats.in_use, leases.len());
    assert_eq!(state.stats.open, leases.len() + idle);
    assert!(state.stats.open <= limits.total);
    for (name, &host) in &state.names[0] {
        let which = ["a", "b", "c"].iter().position(|known| **known == **name).expect("ours");
        let in_use = leases.iter().filter(|(host, _)| *host == which).count();
        let host = &state.hosts[host];
        assert_eq!(host.open, in_use + host.idle.len());
        assert!(host.open <= limits.per_host);
        if !lines[which].is_empty() {
            assert!(host.idle.is_empty(), "waits beside an idle connection");
            let no_room = state.stats.open == limits.total && idle == 0;
            assert!(no_room || host.open == limits.per_host, "waits although there is room");
        }
    }
}

/// Goal: show that the connection that has been idle longest makes room, not any other.
/// Method: three hosts, three connections in all; a fourth host comes.
#[test]
fn the_connection_idle_longest_makes_room() {
    let keep_alive = Duration::from_secs(9);
    let pool = Pool::new(PoolLimits { total: 3, per_host: 3, keep_alive });
    let start = Instant::now();
    let take = |host: &str, now| match pool.checkout(false, host, now) {
        Checkout::Now(mut lease) => {
            let new = lease.conn().is_none();
            open(&mut lease, now);
            (lease, new)
        }
        Checkout::Wait(mut waiting) => {
            let mut lease = waiting.try_recv().expect("room was made at once");
            open(&mut lease, now);
            (lease, true)
        }
    };
    let held: Vec<_> = ["b", "a", "c"].map(|host| take(host, start).0).into();
    for (age, lease) in held.into_iter().enumerate() {
        lease.give_back(start + Duration::from_millis(age as u64));
    }
    let now = start + Duration::from_millis(10);
    let (_d, new) = take("d", now);
    assert!(new);
    assert_eq!(pool.stats().evicted, 1);
    let (_a, new) = take("a", now);
    assert!(!new, "still there");
    let (_c, new) = take("c", now);
    assert!(!new, "still there");
    assert!(matches!(pool.checkout(false, "b", now), Checkout::Wait(_)), "was idle longest");
}
