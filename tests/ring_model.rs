//! The ring of a worker against a queue of the standard library, over random operations of one
//! thread. What several threads may do at once is for `tests/loom/ring.rs`.
//!
//! The ring needs no loop, so this file compiles the engine's own source.

#[allow(dead_code)] // each caller of the ring uses a part of it
#[path = "../runtime/ready/ring.rs"]
mod ring;
#[path = "../runtime/shim.rs"]
mod shim;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ring::{CAPACITY, Overflow, Owner, Robbable};
use std::collections::VecDeque;
use std::sync::Arc;

const OPERATIONS_PER_CASE: usize = 2_000;
const CASES: u32 = 200;
const HALF: usize = CAPACITY as usize / 2;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Push { ring: usize, count: usize },
    Pop { ring: usize, count: usize },
    Rob { victim: usize },
}

impl Operation {
    /// Reads an operation out of 32 random bits.
    fn from_bits(bits: u32) -> Self {
        let (choice, ring, noise) = (bits % 8, (bits / 8 % 2) as usize, (bits / 16) as usize);
        // One, some or very many: the borders of the ring are met as often as its middle.
        let count = [1, 1 + noise / 4 % 9, noise / 4 % (3 * HALF)][(noise % 4).min(2)];
        match choice {
            0..3 => Self::Push { ring, count },
            3..6 => Self::Pop { ring, count },
            _ => Self::Rob { victim: ring },
        }
    }
}

/// A number, and a witness that counts how many of them are left.
#[derive(Clone, Debug)]
struct Value {
    number: u64,
    _witness: Arc<()>,
}

impl Value {
    fn new(number: u64, witness: &Arc<()>) -> Self {
        Self { number, _witness: witness.clone() }
    }
}

/// A ring, and the queue that it must equal.
struct Pair {
    owner: Owner<Value>,
    robbable: Robbable<Value>,
    model: VecDeque<u64>,
}

impl Pair {
    fn new() -> Self {
        let (owner, robbable) = ring::ring();
        Self { owner, robbable, model: VecDeque::new() }
    }

    fn push(&mut self, value: Value) {
        let number = value.number;
        let is_full = self.model.len() == CAPACITY as usize;
        match self.owner.push(value) {
            Ok(()) => {
                assert!(!is_full, "it took more than it has room for");
                self.model.push_back(number);
            }
            Err(Overflow(values)) => {
                assert!(is_full, "it overflowed with room left");
                let out: Vec<u64> = values.iter().map(|value| value.number).collect();
                let expected: Vec<u64> = self.model.drain(..HALF).chain([number]).collect();
                assert_eq!(out, expected, "the first half, then the new one");
            }
        }
    }

    fn pop(&mut self) {
        assert_eq!(self.owner.pop().map(|value| value.number), self.model.pop_front());
    }

    fn check(&self) {
        assert_eq!(self.owner.is_empty(), self.model.is_empty());
        assert_eq!(self.robbable.is_empty(), self.model.is_empty());
        assert_eq!(self.owner.room() as usize, CAPACITY as usize - self.model.len());
    }
}

fn rob(victim: &mut Pair, thief: &mut Pair) {
    let loot = victim.robbable.rob(&thief.owner).map(|value| value.number);
    if thief.owner.room() < CAPACITY / 2 && loot.is_none() {
        return;
    }
    let count = victim.model.len() - victim.model.len() / 2;
    let mut expected = victim.model.drain(..count);
    assert_eq!(loot, expected.next(), "the first is for the thief to run");
    thief.model.extend(expected);
}

fn run(bits: &[u32]) {
    let witness = Arc::new(());
    let mut pairs = [Pair::new(), Pair::new()];
    let mut pushed = 0;
    for &bits in bits {
        match Operation::from_bits(bits) {
            Operation::Push { ring, count } => {
                for _ in 0..count {
                    pushed += 1;
                    pairs[ring].push(Value::new(pushed, &witness));
                }
            }
            Operation::Pop { ring, count } => (0..count).for_each(|_| pairs[ring].pop()),
            Operation::Rob { victim } => {
                let [first, second] = &mut pairs;
                match victim {
                    0 => rob(first, second),
                    _ => rob(second, first),
                }
            }
        }
        pairs.iter().for_each(Pair::check);
    }
    let left: usize = pairs.iter().map(|pair| pair.model.len()).sum();
    assert_eq!(Arc::strong_count(&witness), 1 + left, "what is not in a ring is gone");
    drop(pairs);
    assert_eq!(Arc::strong_count(&witness), 1, "what was left is dropped with its ring, once");
}

#[test]
fn the_ring_equals_a_queue() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let operations = prop::collection::vec(any::<u32>(), 1..OPERATIONS_PER_CASE);
    let ran = TestRunner::new(config).run(&operations, |bits| {
        run(&bits);
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}

#[test]
fn a_thief_takes_the_larger_half() {
    for len in 0..=CAPACITY as usize {
        let (mut victim, mut thief) = (Pair::new(), Pair::new());
        let witness = Arc::new(());
        (0..len as u64).for_each(|number| victim.push(Value::new(number, &witness)));
        rob(&mut victim, &mut thief);
        assert_eq!(victim.model.len(), len / 2);
        assert_eq!(thief.model.len(), (len - len / 2).saturating_sub(1));
        victim.check();
        thief.check();
    }
}

#[test]
fn a_thief_without_room_takes_nothing() {
    let (mut victim, mut thief) = (Pair::new(), Pair::new());
    let witness = Arc::new(());
    victim.push(Value::new(0, &witness));
    (0..=HALF as u64).for_each(|number| thief.push(Value::new(number, &witness)));
    assert!(victim.robbable.rob(&thief.owner).is_none());
    victim.check();
    thief.check();
}
