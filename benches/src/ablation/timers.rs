//! Timers: the engine's wheel against a heap as asyncio keeps one and a sorted map as smol does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hint::black_box;

use super::{Case, Lots, Variant, engine, model, ns_per_op, ticks, timed_case};
use crate::meter::Size;
use crate::wheel::{self, Wheel};

/// What a loop wants of its timers. Times are ticks; the payload is the number of who sleeps.
trait Timers {
    type Key: Copy;
    fn new() -> Self;
    fn arm(&mut self, deadline: u64, sleeper: u32) -> Self::Key;
    fn disarm(&mut self, key: Self::Key);
    /// Moves who is due by `now` to `due`, by deadline.
    fn advance(&mut self, now: u64, due: &mut Vec<u32>);
}

impl Timers for Wheel<u32> {
    type Key = wheel::Key;

    fn new() -> Self {
        Self::new(0)
    }

    fn arm(&mut self, deadline: u64, sleeper: u32) -> wheel::Key {
        self.insert(deadline, sleeper)
    }

    fn disarm(&mut self, key: wheel::Key) {
        black_box(self.remove(key));
    }

    fn advance(&mut self, now: u64, due: &mut Vec<u32>) {
        Self::advance(self, now, due);
    }
}

/// A heap that cannot let go of a cancelled timer before it comes up, as in asyncio: when more than
/// half of it, and more than 100, are cancelled, it is built anew without them.
struct Heap {
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// Whom a number stands for, while its timer is set.
    sleepers: Vec<Option<u32>>,
    /// How often a number was used: an entry of an earlier use is a cancelled one.
    uses: Vec<u32>,
    free: Vec<u32>,
    cancelled: usize,
}

/// asyncio's `_MIN_CANCELLED_TIMER_HANDLES`-like bound, and its fraction.
const CANCELLED_MIN: usize = 100;

impl Heap {
    fn release(&mut self, number: u32) -> Option<u32> {
        let sleeper = self.sleepers[number as usize].take();
        self.uses[number as usize] += 1;
        self.free.push(number);
        sleeper
    }
}

impl Timers for Heap {
    type Key = u32;

    fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            sleepers: Vec::new(),
            uses: Vec::new(),
            free: Vec::new(),
            cancelled: 0,
        }
    }

    fn arm(&mut self, deadline: u64, sleeper: u32) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.sleepers.push(None);
            self.uses.push(0);
            self.uses.len() as u32 - 1
        });
        self.sleepers[number as usize] = Some(sleeper);
        self.heap.push(Reverse((deadline, number, self.uses[number as usize])));
        number
    }

    fn disarm(&mut self, number: u32) {
        black_box(self.release(number));
        self.cancelled += 1;
        if self.cancelled > CANCELLED_MIN && self.cancelled > self.heap.len() / 2 {
            let uses = &self.uses;
            self.heap.retain(|&Reverse((_, number, r#use))| uses[number as usize] == r#use);
            self.cancelled = 0;
        }
    }

    fn advance(&mut self, now: u64, due: &mut Vec<u32>) {
        while let Some(&Reverse((deadline, number, r#use))) = self.heap.peek()
            && deadline <= now
        {
            self.heap.pop();
            if self.uses[number as usize] == r#use {
                due.extend(self.release(number));
            } else {
                self.cancelled -= 1;
            }
        }
    }
}

/// A sorted map from deadline and number to sleeper, as in smol.
struct Map {
    map: BTreeMap<(u64, u64), u32>,
    next: u64,
}

impl Timers for Map {
    type Key = (u64, u64);

    fn new() -> Self {
        Self { map: BTreeMap::new(), next: 0 }
    }

    fn arm(&mut self, deadline: u64, sleeper: u32) -> (u64, u64) {
        self.next += 1;
        self.map.insert((deadline, self.next), sleeper);
        (deadline, self.next)
    }

    fn disarm(&mut self, key: (u64, u64)) {
        black_box(self.map.remove(&key));
    }

    fn advance(&mut self, now: u64, due: &mut Vec<u32>) {
        while let Some(first) = self.map.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
    }
}

type Dial = Wheel<u32>;

pub(super) const CASES: &[Case] = &[
    timed_case("timers", "bulk", "arm among up to 1 M (quick: 100 k), then disarm them all", BULK),
    timed_case(
        "timers",
        "churn",
        "a request puts off its connection's timeout of 30 s; 10,000 connections, 100 requests a ms",
        CHURN,
    ),
    timed_case("timers", "fire", "100 k (quick: 20 k) sleeps of 1-200 ms; all fire", FIRE),
];

const BULK: &[Variant] =
    &[engine("wheel", bulk::<Dial>), model("heap", bulk::<Heap>), model("sorted map", bulk::<Map>)];
const CHURN: &[Variant] = &[
    engine("wheel", churn::<Dial>),
    model("heap", churn::<Heap>),
    model("sorted map", churn::<Map>),
];
const FIRE: &[Variant] =
    &[engine("wheel", fire::<Dial>), model("heap", fire::<Heap>), model("sorted map", fire::<Map>)];

fn bulk<T: Timers>(size: Size) -> f64 {
    let deadlines = ticks(size.pick(1_000_000, 100_000), 10_000, 100_000);
    let mut keys = Vec::with_capacity(deadlines.len());
    let mut timers = T::new();
    ns_per_op(deadlines.len(), || {
        for (sleeper, &deadline) in deadlines.iter().enumerate() {
            keys.push(timers.arm(deadline, sleeper as u32));
        }
        keys.drain(..).for_each(|key| timers.disarm(key));
    })
}

fn churn<T: Timers>(size: Size) -> f64 {
    let (connections, timeout, a_tick) = (10_000, 30_000, 100);
    let mut timers = T::new();
    let mut keys: Vec<T::Key> = (0..connections).map(|who| timers.arm(timeout, who)).collect();
    let requests = size.pick(1_000_000, 200_000);
    let mut lots = Lots::default();
    let who: Vec<usize> =
        (0..requests).map(|_| lots.draw() as usize % connections as usize).collect();
    let mut due = Vec::new();
    let mut now = 0;
    ns_per_op(requests, || {
        for (request, &who) in who.iter().enumerate() {
            timers.disarm(keys[who]);
            keys[who] = timers.arm(now + timeout, who as u32);
            if request % a_tick == a_tick - 1 {
                now += 1;
                timers.advance(now, &mut due);
            }
        }
    })
}

fn fire<T: Timers>(size: Size) -> f64 {
    let deadlines = ticks(size.pick(100_000, 20_000), 1, 200);
    let mut timers = T::new();
    let mut due = Vec::with_capacity(deadlines.len());
    ns_per_op(deadlines.len(), || {
        for (sleeper, &deadline) in deadlines.iter().enumerate() {
            timers.arm(deadline, sleeper as u32);
        }
        for now in 1..=200 {
            timers.advance(now, &mut due);
        }
        assert_eq!(due.len(), deadlines.len(), "all fire");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arms, disarms and fires as lots say; returns who fired at which tick.
    fn story<T: Timers>() -> Vec<(u64, u32)> {
        let (mut timers, mut lots) = (T::new(), Lots::default());
        let mut armed: Vec<(u32, u64, T::Key)> = Vec::new();
        let (mut fired, mut due) = (Vec::new(), Vec::new());
        for now in 1..500 {
            for _ in 0..20 {
                let sleeper = lots.draw() as u32;
                let deadline = now + 1 + lots.draw() % 300;
                armed.push((sleeper, deadline, timers.arm(deadline, sleeper)));
            }
            for _ in 0..12 {
                let at = lots.draw() as usize % armed.len();
                let (_, deadline, key) = armed.swap_remove(at);
                assert!(deadline >= now);
                timers.disarm(key);
            }
            timers.advance(now, &mut due);
            armed.retain(|&(_, deadline, _)| deadline > now);
            let mut at_once: Vec<(u64, u32)> = due.drain(..).map(|who| (now, who)).collect();
            at_once.sort_unstable(); // of equal deadlines a heap promises no order
            fired.extend(at_once);
        }
        fired
    }

    /// Goal: show that the three keep the same promise, so that only their cost differs.
    /// Method: the same story of 10,000 timers for each.
    #[test]
    fn all_three_fire_the_same_sleepers_at_the_same_ticks() {
        let wheel = story::<Dial>();
        assert!(wheel.len() > 1_000);
        assert_eq!(wheel, story::<Heap>());
        assert_eq!(wheel, story::<Map>());
    }
}
