//! `DelayQueue` against a sorted map: storms of every operation, in any order.

use super::paused;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rondel::testing::task::{Spawn, spawn};
use rondel::time::delay_queue::Key;
use rondel::time::{DelayQueue, Duration, Instant, advance};
use std::collections::BTreeMap;
use std::task::Poll;

const CASES: u32 = 60;
const OPERATIONS_PER_CASE: usize = 400;

/// The queue, and the sorted map that it must equal.
struct Pair {
    start: Instant,
    queue: Spawn<DelayQueue<u64>>,
    /// (tick, number of the setting) to (item, deadline).
    model: BTreeMap<(u64, u64), (u64, Instant)>,
    /// Each key ever handed out, and where its item is in the model, or was.
    keys: Vec<(Key, (u64, u64))>,
    settings: u64,
    /// The last poll had to wait.
    waits: bool,
}

impl Pair {
    fn new() -> Self {
        let queue = spawn(DelayQueue::new());
        let (model, keys) = (BTreeMap::new(), Vec::new());
        Self { start: Instant::now(), queue, model, keys, settings: 0, waits: false }
    }

    fn now_ticks(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// The place in the model of an item that is set now: a moment to come is rounded up.
    fn place(&mut self, when: Instant) -> (u64, u64) {
        self.settings += 1;
        let ticks = if when <= Instant::now() {
            self.now_ticks()
        } else {
            (when - self.start).as_micros().div_ceil(1_000) as u64
        };
        (ticks, self.settings)
    }

    fn insert(&mut self, when: Instant) {
        let place = self.place(when);
        let key = self.queue.insert_at(place.1, when);
        self.model.insert(place, (place.1, when));
        self.keys.push((key, place));
    }

    fn reset(&mut self, which: usize, when: Instant) {
        let Some((key, old)) = self.keys.get(which).copied() else { return };
        let Some((item, _)) = self.model.remove(&old) else { return };
        let place = self.place(when);
        self.queue.reset_at(&key, when);
        self.model.insert(place, (item, when));
        self.keys[which].1 = place;
    }

    fn remove(&mut self, which: usize) {
        let Some((key, place)) = self.keys.get(which).copied() else { return };
        let expected = self.model.remove(&place);
        let removed = self.queue.try_remove(&key);
        assert_eq!(removed.map(|it| (it.deadline(), it.into_inner())), swap(expected));
        assert!(self.queue.try_remove(&key).is_none(), "a key is good once");
    }

    fn poll(&mut self) {
        let polled = self.queue.poll_next();
        self.waits = polled.is_pending();
        let expected = match self.model.first_key_value() {
            None => Poll::Ready(None),
            Some((&(ticks, _), _)) if ticks > self.now_ticks() => Poll::Pending,
            Some(_) => Poll::Ready(self.model.pop_first().map(|(_, item)| item)),
        };
        let polled = polled.map(|next| next.map(|it| (it.deadline(), it.into_inner())));
        assert_eq!(polled, expected.map(swap));
    }

    fn check(&self) {
        assert_eq!(self.queue.len(), self.model.len());
        let first = self.model.first_key_value().map(|(place, _)| *place);
        let peeked = self.queue.peek();
        assert_eq!(peeked.is_some(), first.is_some());
        if let (Some(peeked), Some(first)) = (peeked, first) {
            let known = self.keys.iter().find(|(_, place)| *place == first).expect("it is known");
            assert_eq!(peeked, known.0);
            assert_eq!(self.queue.deadline(&peeked), self.model[&first].1);
        }
        let is_due = first.is_none_or(|(ticks, _)| ticks <= self.now_ticks());
        assert!(!self.waits || !is_due || self.queue.is_woken(), "nobody woke the one who waits");
    }

    async fn apply(&mut self, bits: u64) {
        let (choice, noise) = (bits % 32, bits >> 5);
        // Few bits or many: each size of number is as likely as any other. In steps of 100 us.
        let steps = (noise >> 24) & ((1 << ((noise >> 18) % 24)) - 1);
        let far = Duration::from_micros(steps * 100);
        let which = ((noise & 0xffff) as usize).checked_rem(self.keys.len()).unwrap_or(0);
        let now = Instant::now();
        match choice {
            0..9 => self.insert(now + far),
            9 => self.insert(now - far.min(now - self.start)),
            10..14 => self.reset(which, now + far),
            14 => self.reset(which, now - far.min(now - self.start)),
            15..18 => self.remove(which),
            18..26 => self.poll(),
            26..30 => advance(far / 8).await,
            30 => self.queue.compact(),
            _ if noise % 8 == 0 => {
                self.queue.clear();
                self.model.clear();
            }
            _ => self.queue.shrink_to_fit(),
        }
        self.check();
    }
}

fn swap<A, B>(pair: Option<(A, B)>) -> Option<(B, A)> {
    pair.map(|(a, b)| (b, a))
}

/// Goal: show that the queue is a sorted map with a clock, and that who waits is always woken.
/// Method: random histories in virtual time, compared step by step with a `BTreeMap`; at the end
/// the queue is run down.
#[test]
fn the_queue_equals_a_sorted_map_whatever_is_done_to_it() {
    let history = proptest::collection::vec(any::<u64>(), OPERATIONS_PER_CASE);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&history, |history| {
            paused().block_on(async {
                let mut pair = Pair::new();
                for &bits in &history {
                    pair.apply(bits).await;
                }
                while !pair.model.is_empty() {
                    pair.poll();
                    if pair.waits {
                        let next = pair.model.first_key_value().unwrap().1.1;
                        advance(next - Instant::now() + Duration::from_millis(1)).await;
                        pair.check();
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}
