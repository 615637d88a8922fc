//! The timer wheel against a sorted map, over more than a million random operations, and its
//! corners.
//!
//! The wheel is pure data, so this file compiles the engine's own source and needs no loop.

#[allow(dead_code)] // each caller of the wheel uses a part of it
#[path = "../runtime/time/wheel.rs"]
mod wheel;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wheel::{Key, Wheel};

const OPERATIONS_PER_CASE: usize = 4_100;
const CASES: u32 = 500;
const DIAL_TICKS: [u64; 7] = [1, 1 << 6, 1 << 12, 1 << 18, 1 << 24, 1 << 30, 1 << 36];

#[derive(Clone, Debug)]
enum Operation {
    /// Set a timer so far from now.
    Insert {
        in_ticks: u64,
    },
    /// Set a timer on the border of a dial's slot, or a tick beside it.
    InsertAtBorder {
        dial: usize,
        slots: u64,
        beside: i64,
    },
    /// Set a timer at the deadline of one that exists already, or did.
    InsertTwin {
        which: usize,
    },
    /// Set a timer that is past.
    InsertPast {
        ticks_ago: u64,
    },
    Remove {
        which: usize,
    },
    Rearm {
        which: usize,
        in_ticks: u64,
    },
    GetMut {
        which: usize,
    },
    Advance {
        by_ticks: u64,
    },
    AdvanceToNext,
    AdvanceToJustBeforeNext,
}

impl Operation {
    /// Reads an operation out of 64 random bits. (A strategy of proptest for each choice would take
    /// ten times as long as the wheel; one number still shrinks, and the list of them too.)
    fn from_bits(bits: u64) -> Self {
        let (choice, noise) = (bits % 32, bits / 32);
        // Few bits or many: each size of number is as likely as any other.
        let any_size = |bits_max: u64| (noise >> 6) & ((1 << ((noise % 64) % (bits_max + 1))) - 1);
        let which = noise as usize;
        match choice {
            0..8 => Self::Insert { in_ticks: any_size(40) },
            8..12 => {
                let (dial, slots) = (noise as usize % 7, (noise / 7) % 66);
                Self::InsertAtBorder { dial, slots, beside: (noise / 500 % 3) as i64 - 1 }
            }
            12..15 => Self::InsertTwin { which },
            15..16 => Self::InsertPast { ticks_ago: any_size(20) },
            16..20 => Self::Remove { which },
            20..23 => Self::Rearm { which, in_ticks: any_size(38) },
            23..25 => Self::GetMut { which },
            25..28 => Self::Advance { by_ticks: any_size(14) },
            28..29 => Self::Advance { by_ticks: any_size(42) },
            29..31 => Self::AdvanceToNext,
            _ => Self::AdvanceToJustBeforeNext,
        }
    }
}

/// The wheel, the sorted map that it must equal, and every key ever handed out.
struct Pair {
    wheel: Wheel<u64>,
    /// (deadline, number of the insertion) to payload.
    model: BTreeMap<(u64, u64), u64>,
    keys: Vec<(Key, u64, u64)>,
    inserted: u64,
    due: Vec<u64>,
}

impl Pair {
    fn new(now_ticks: u64) -> Self {
        let model = BTreeMap::new();
        Self { wheel: Wheel::new(now_ticks), model, keys: vec![], inserted: 0, due: vec![] }
    }

    fn insert(&mut self, deadline_ticks: u64) {
        self.inserted += 1;
        let payload = self.inserted * 10;
        let key = self.wheel.insert(deadline_ticks, payload);
        let deadline_ticks = deadline_ticks.max(self.wheel.now_ticks());
        self.model.insert((deadline_ticks, self.inserted), payload);
        self.keys.push((key, deadline_ticks, self.inserted));
    }

    /// The place in `keys` of one of them, mostly of the last hundred: both set and stale ones.
    fn choose(&self, which: usize) -> Option<usize> {
        let reach =
            if which.is_multiple_of(8) { self.keys.len() } else { self.keys.len().min(100) };
        let back = (which / 8).checked_rem(reach)?;
        Some(self.keys.len() - 1 - back)
    }

    fn key(&self, which: usize) -> Option<(Key, u64, u64)> {
        self.choose(which).map(|index| self.keys[index])
    }

    fn rearm(&mut self, index: usize, deadline_ticks: u64) {
        let (key, old_ticks, old_number) = self.keys[index];
        let payload = self.model.remove(&(old_ticks, old_number));
        assert_eq!(self.wheel.rearm(key, deadline_ticks), payload.is_some());
        if let Some(payload) = payload {
            self.inserted += 1; // as if it were inserted anew
            let deadline_ticks = deadline_ticks.max(self.wheel.now_ticks());
            self.model.insert((deadline_ticks, self.inserted), payload);
            self.keys[index] = (key, deadline_ticks, self.inserted);
        }
    }

    fn advance(&mut self, now_ticks: u64) {
        let later = match now_ticks.checked_add(1) {
            Some(first_later) => self.model.split_off(&(first_later, 0)),
            None => BTreeMap::new(),
        };
        let expected: Vec<u64> = std::mem::replace(&mut self.model, later).into_values().collect();
        self.due.clear();
        self.wheel.advance(now_ticks, &mut self.due);
        assert_eq!(self.due, expected, "by deadline, then by insertion");
        assert_eq!(self.wheel.now_ticks(), now_ticks);
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.wheel.now_ticks();
        match *operation {
            Operation::Insert { in_ticks } => self.insert(now.saturating_add(in_ticks)),
            Operation::InsertAtBorder { dial, slots, beside } => {
                let border = (now / DIAL_TICKS[dial]).saturating_add(slots);
                let border = border.saturating_mul(DIAL_TICKS[dial]);
                self.insert(border.saturating_add_signed(beside));
            }
            Operation::InsertTwin { which } => {
                if let Some((_, deadline_ticks, _)) = self.key(which) {
                    self.insert(deadline_ticks);
                }
            }
            Operation::InsertPast { ticks_ago } => self.insert(now.saturating_sub(ticks_ago)),
            Operation::Remove { which } => {
                if let Some((key, deadline_ticks, number)) = self.key(which) {
                    let expected = self.model.remove(&(deadline_ticks, number));
                    assert_eq!(self.wheel.remove(key), expected);
                    assert_eq!(self.wheel.remove(key), None, "a key is good once");
                }
            }
            Operation::Rearm { which, in_ticks } => {
                if let Some(index) = self.choose(which) {
                    self.rearm(index, now.saturating_add(in_ticks).saturating_sub(3));
                }
            }
            Operation::GetMut { which } => {
                if let Some((key, deadline_ticks, number)) = self.key(which) {
                    let expected = self.model.get_mut(&(deadline_ticks, number));
                    let found = self.wheel.get_mut(key);
                    assert_eq!(found, expected);
                    if let (Some(found), Some(expected)) = (found, expected) {
                        *found += 1;
                        *expected += 1;
                    }
                }
            }
            Operation::Advance { by_ticks } => self.advance(now.saturating_add(by_ticks)),
            Operation::AdvanceToNext => {
                if let Some(next) = self.wheel.next_deadline_ticks() {
                    self.advance(next);
                }
            }
            Operation::AdvanceToJustBeforeNext => {
                if let Some(next) = self.wheel.next_deadline_ticks() {
                    self.advance(next.saturating_sub(1).max(now));
                }
            }
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        assert_eq!(self.wheel.first(), self.model.values().next());
        let first = self.model.keys().next().map(|&(deadline_ticks, _)| deadline_ticks);
        let next = self.wheel.next_deadline_ticks();
        assert_eq!(next.is_some(), first.is_some());
        if let (Some(next), Some(first)) = (next, first) {
            assert!(next <= first, "told to come at {next}, too late for {first}");
            assert!(next >= self.wheel.now_ticks(), "told to come at {next}, which is past");
        }
    }

    /// Follows `next_deadline_ticks` until nothing is left, as a loop with nothing else to do does.
    fn run_down(&mut self) {
        let mut steps = 0;
        while let Some(next) = self.wheel.next_deadline_ticks() {
            let first = self.model.keys().next().expect("checked by `check`").0;
            let fires = next == first;
            self.advance(next);
            assert_eq!(!self.due.is_empty(), fires);
            self.check();
            steps = if fires { 0 } else { steps + 1 };
            assert!(steps <= DIAL_TICKS.len(), "a deadline takes at most one stop per dial");
        }
        assert!(self.model.is_empty());
    }
}

/// Goal: show that the wheel is a sorted map that is cheaper, and nothing else.
/// Method: 500 random histories of 4,100 operations, each compared step by step with a `BTreeMap`;
/// at the end each history is run down by `next_deadline_ticks` alone. The starts lie all over u64.
#[test]
fn the_wheel_equals_a_sorted_map_over_a_million_operations() {
    let near_the_end = u64::MAX - (1 << 38)..;
    let start = prop_oneof![Just(0), 0..1_u64 << 37, any::<u64>(), near_the_end];
    let history = proptest::collection::vec(any::<u64>(), OPERATIONS_PER_CASE);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    assert!(CASES as usize * OPERATIONS_PER_CASE >= 1_000_000);
    TestRunner::new(config)
        .run(&(start, history), |(start, history)| {
            let mut pair = Pair::new(start);
            for &bits in &history {
                pair.apply(&Operation::from_bits(bits));
            }
            pair.run_down();
            Ok(())
        })
        .unwrap();
}

/// Goal: each dial hands over to the one below without losing or delaying a tick.
/// Method: from several positions of the hands, a timer on, before and after each border of each
/// dial; then one big leap to just before its deadline, and one tick more.
#[test]
fn a_timer_at_each_dials_border_fires_on_its_tick_and_not_before() {
    for start in [0, 1, 63, 64, 65, 4_095, 4_096, (1 << 36) - 1, 1 << 36, (1 << 36) + 1] {
        for in_ticks in DIAL_TICKS.iter().flat_map(|&ticks| [ticks - 1, ticks, ticks + 1]) {
            for deadline in [start + in_ticks, (start / in_ticks.max(1) + 1) * in_ticks.max(1)] {
                let mut pair = Pair::new(start);
                pair.insert(deadline);
                if deadline > start {
                    pair.advance(deadline - 1);
                    assert_eq!(pair.wheel.len(), 1, "start {start}, deadline {deadline}");
                }
                pair.advance(deadline);
                assert!(pair.wheel.is_empty());
            }
        }
    }
}

/// Goal: equal deadlines fire in the order of insertion, wherever they were set from.
/// Method: set the same far deadline from closer and closer, so that the entries start on
/// different dials, then let it come.
#[test]
fn timers_of_one_tick_fire_in_the_order_of_insertion() {
    let deadline = (1 << 36) + (3 << 30) + (5 << 24) + (7 << 18) + (9 << 12) + (11 << 6) + 13;
    let mut pair = Pair::new(0);
    for left in [deadline, 3 << 30, 5 << 24, 7 << 18, 9 << 12, 11 << 6, 13, 1, 0] {
        pair.advance(deadline - left);
        if left > 0 {
            pair.insert(deadline);
        }
    }
    assert_eq!(pair.due, [10, 20, 30, 40, 50, 60, 70, 80]);
}

/// Goal: a deadline that is past is not lost and not early: it counts as now.
/// Method: set two past timers and one for now; look before and after the next advance.
#[test]
fn a_past_deadline_fires_at_the_next_advance() {
    let mut pair = Pair::new(1_000);
    for deadline in [999, 1_000, 0] {
        pair.insert(deadline);
    }
    assert_eq!(pair.wheel.next_deadline_ticks(), Some(1_000));
    pair.advance(1_000);
    assert_eq!(pair.due, [10, 20, 30]);
}

/// Goal: a loop that asks for an earlier time than before does no harm. Method: advance backwards.
#[test]
fn time_never_goes_back() {
    let mut wheel = Wheel::new(500);
    let mut due = Vec::new();
    wheel.insert(500, "now");
    wheel.insert(510, "soon");
    wheel.advance(3, &mut due);
    assert!(due.is_empty(), "as long as it is not asked about its own now, it does nothing");
    wheel.advance(500, &mut due);
    assert_eq!((due.as_slice(), wheel.now_ticks(), wheel.len()), (&["now"][..], 500, 1));
}

/// Goal: "for ever" is a deadline like any other. Method: timers at the end of u64, a near one and
/// one two and a half years away; hop along `next_deadline_ticks`.
#[test]
fn deadlines_near_the_end_of_u64_are_kept_and_reached() {
    let mut pair = Pair::new(0);
    let end = u64::MAX;
    for deadline in [end, end - 1, 5, end, end - (1 << 36), (1 << 36) + (1 << 34)] {
        pair.insert(deadline);
    }
    pair.run_down();
    assert_eq!(pair.wheel.now_ticks(), end);
    pair.insert(end);
    pair.advance(end);
    assert_eq!(pair.due, [70], "also on the very last tick");
}

/// Goal: the list of far timers forgets a round that nobody waits for any more.
/// Method: remove the only far timer, pass its round, set another.
#[test]
fn a_far_timer_that_was_removed_leaves_no_trace() {
    let mut pair = Pair::new(0);
    pair.insert(1 << 36);
    let (key, ..) = pair.keys[0];
    assert_eq!(pair.wheel.remove(key), Some(10));
    pair.model.clear();
    pair.advance(5 << 36);
    pair.insert(9 << 36);
    assert_eq!(pair.wheel.next_deadline_ticks(), Some(9 << 36));
    pair.run_down();
}

/// Goal: a timer that is put off, or brought forward, goes behind those of its new deadline.
/// Method: move one of three timers to the deadline of another, across dials and within a slot.
#[test]
fn a_rearmed_timer_fires_at_its_new_deadline_behind_those_already_there() {
    let mut pair = Pair::new(0);
    for deadline in [5_000, 5_001, 3] {
        pair.insert(deadline);
    }
    pair.rearm(0, 5_001);
    pair.rearm(2, 5_001);
    assert_eq!(pair.wheel.len(), 3);
    pair.advance(5_000);
    assert!(pair.due.is_empty());
    pair.advance(5_001);
    assert_eq!(pair.due, [20, 10, 30]);
    pair.rearm(0, 6_000);
    assert!(pair.wheel.is_empty(), "a timer that fired stays fired");
}

/// Goal: a key never reaches the timer that took over its place.
/// Method: fire one timer, remove another, reuse both places, try the old keys.
#[test]
fn a_stale_key_finds_nothing_although_its_place_is_in_use_again() {
    let mut wheel = Wheel::new(0);
    let fired = wheel.insert(1, "fired");
    let removed = wheel.insert(900, "removed");
    let mut due = Vec::new();
    wheel.advance(1, &mut due);
    assert_eq!(due, ["fired"]);
    assert_eq!(wheel.remove(removed), Some("removed"));
    let keys = [wheel.insert(2, "new"), wheel.insert(900, "newer")];
    for stale in [fired, removed] {
        assert_eq!(wheel.get_mut(stale), None);
        assert_eq!(wheel.remove(stale), None);
    }
    assert_eq!(keys.map(|key| wheel.remove(key)), [Some("new"), Some("newer")]);
}

/// Goal: a loop that ends can hand every payload back. Method: drain timers of every distance,
/// then use the wheel again.
#[test]
fn drain_returns_every_payload_and_leaves_a_wheel_that_works() {
    let mut wheel = Wheel::new(7);
    let keys: Vec<Key> = [0, 7, 8, 100, 1 << 20, 1 << 40, u64::MAX]
        .into_iter()
        .map(|deadline_ticks| wheel.insert(deadline_ticks, deadline_ticks))
        .collect();
    let mut out = Vec::new();
    wheel.drain(&mut out);
    out.sort_unstable();
    assert_eq!(out, [0, 7, 8, 100, 1 << 20, 1 << 40, u64::MAX]);
    assert!(wheel.is_empty() && wheel.next_deadline_ticks().is_none());
    assert!(keys.iter().all(|&key| wheel.get_mut(key).is_none()));
    wheel.insert(9, 9);
    out.clear();
    wheel.advance(9, &mut out);
    assert_eq!(out, [9]);
}

/// Goal: the price of a timer in memory is known. Method: weigh an entry with a waker in it, and
/// an optional key as `Sleep` holds it.
#[test]
fn keys_are_eight_bytes() {
    assert_eq!(size_of::<Option<Key>>(), 8);
}
