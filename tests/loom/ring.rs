//! The ring of a worker: its owner pushes and pops while others rob it.
//!
//! Each value is a number; at the end everybody shows what they have, and it must be all there was,
//! each once. The places are loom's cells, so two who touch one at the same time are found as well.

use crate::ready::ring::{CAPACITY, Overflow, Owner, Robbable, ring};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// What the owner did with its values, in its order.
#[derive(Default)]
struct Seen {
    popped: Vec<u32>,
    overflowed: Vec<u32>,
}

impl Seen {
    fn push(&mut self, owner: &Owner<u32>, value: u32) {
        if let Err(Overflow(values)) = owner.push(value) {
            self.overflowed.extend(values);
        }
    }

    fn pop(&mut self, owner: &Owner<u32>) {
        self.popped.extend(owner.pop());
    }

    fn pop_all(&mut self, owner: &Owner<u32>) {
        self.popped.extend(std::iter::from_fn(|| owner.pop()));
    }
}

/// Robs once, and empties the thief's own ring.
fn rob(victim: &Robbable<u32>) -> Vec<u32> {
    let (thief, _) = ring();
    let first = victim.rob(&thief);
    let mut loot = Vec::from_iter(first);
    loot.extend(std::iter::from_fn(|| thief.pop()));
    assert!(loot.is_sorted(), "a thief takes them in their order: {loot:?}");
    loot
}

/// Nothing lost, nothing twice.
fn check_all(total: u32, seen: Seen, loot: impl IntoIterator<Item = u32>) {
    assert!(seen.popped.is_sorted(), "first in, first out: {:?}", seen.popped);
    let mut all: Vec<u32> = seen.popped.into_iter().chain(seen.overflowed).chain(loot).collect();
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..total));
}

#[test]
fn an_owner_pushes_and_pops_while_a_thief_robs() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let mut seen = Seen::default();
        seen.push(&owner, 0);
        seen.push(&owner, 1);
        let thief = thread::spawn(move || {
            let mut loot = rob(&robbable);
            loot.extend(rob(&robbable));
            loot
        });
        crate::model::let_others_first();
        seen.push(&owner, 2);
        seen.pop(&owner);
        seen.push(&owner, 3);
        seen.pop_all(&owner);
        let loot = thief.join().unwrap();
        check_all(4, seen, loot);
    });
}

#[test]
fn an_owner_pushes_and_pops_while_two_thieves_rob() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let robbable = Arc::new(robbable);
        let mut seen = Seen::default();
        for value in 0..3 {
            seen.push(&owner, value);
        }
        let thieves = [0, 1].map(|_| {
            let robbable = robbable.clone();
            thread::spawn(move || rob(&robbable))
        });
        crate::model::let_others_first();
        seen.pop(&owner);
        seen.push(&owner, 3);
        let loot: Vec<u32> = thieves.into_iter().flat_map(|thief| thief.join().unwrap()).collect();
        seen.pop_all(&owner);
        check_all(4, seen, loot);
    });
}

#[test]
fn a_full_ring_overflows_while_a_thief_robs() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let mut seen = Seen::default();
        for value in 0..CAPACITY {
            seen.push(&owner, value);
        }
        let thief = thread::spawn(move || {
            let mut loot = rob(&robbable);
            loot.extend(rob(&robbable));
            loot
        });
        crate::model::let_others_first();
        seen.push(&owner, CAPACITY);
        seen.push(&owner, CAPACITY + 1);
        seen.pop_all(&owner);
        let loot = thief.join().unwrap();
        check_all(CAPACITY + 2, seen, loot);
    });
}

#[test]
fn a_full_ring_overflows_while_two_thieves_rob() {
    crate::model::check_large(|| {
        let (owner, robbable) = ring();
        let robbable = Arc::new(robbable);
        let mut seen = Seen::default();
        for value in 0..CAPACITY {
            seen.push(&owner, value);
        }
        let thieves = [0, 1].map(|_| {
            let robbable = robbable.clone();
            thread::spawn(move || rob(&robbable))
        });
        crate::model::let_others_first();
        for value in CAPACITY..CAPACITY + 3 {
            seen.push(&owner, value); // comes round to where the second thief may be copying
        }
        let loot: Vec<u32> = thieves.into_iter().flat_map(|thief| thief.join().unwrap()).collect();
        seen.pop_all(&owner);
        check_all(CAPACITY + 3, seen, loot);
    });
}

/// The thief knows nothing of what was pushed, but by the head that it sees.
#[test]
fn a_thief_sees_the_head_of_an_overflow() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let thief = thread::spawn(move || rob(&robbable));
        crate::model::let_others_first();
        let mut seen = Seen::default();
        for value in 0..=CAPACITY {
            seen.push(&owner, value);
        }
        let loot = thief.join().unwrap();
        seen.pop_all(&owner);
        check_all(CAPACITY + 1, seen, loot);
    });
}

/// The owner comes round to places from which a thief is still copying.
#[test]
fn an_owner_comes_round_to_places_that_are_being_robbed() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let mut seen = Seen::default();
        for value in 0..3 {
            seen.push(&owner, value);
        }
        let thief = thread::spawn(move || rob(&robbable));
        crate::model::let_others_first();
        seen.pop_all(&owner);
        for value in 3..3 + CAPACITY {
            seen.push(&owner, value);
        }
        let loot = thief.join().unwrap();
        seen.pop_all(&owner);
        check_all(3 + CAPACITY, seen, loot);
    });
}

/// The thief is itself an owner that is being robbed.
#[test]
fn a_thief_is_robbed_of_its_loot() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let (middle, middle_robbable) = ring();
        let mut seen = Seen::default();
        for value in 0..CAPACITY {
            seen.push(&owner, value);
        }
        let thief = thread::spawn(move || rob(&middle_robbable));
        crate::model::let_others_first();
        let mut loot = Vec::from_iter(robbable.rob(&middle));
        loot.extend(robbable.rob(&middle));
        loot.extend(std::iter::from_fn(|| middle.pop()));
        loot.extend(thief.join().unwrap());
        seen.pop_all(&owner);
        check_all(CAPACITY, seen, loot);
    });
}

/// The thief writes its loot where it was itself robbed a moment ago.
#[test]
fn a_thief_comes_round_to_places_that_were_being_robbed() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let (middle, middle_robbable) = ring();
        let (mut seen, mut middle_seen) = (Seen::default(), Seen::default());
        for value in 0..CAPACITY {
            seen.push(&owner, value);
            middle_seen.push(&middle, CAPACITY + value);
        }
        let thief = thread::spawn(move || rob(&middle_robbable));
        crate::model::let_others_first();
        let first = robbable.rob(&middle); // `None` while the robbery is under way
        let theirs = thief.join().unwrap();
        seen.pop_all(&owner);
        middle_seen.pop_all(&middle);
        let loot = first.into_iter().chain(middle_seen.popped).chain(theirs);
        check_all(2 * CAPACITY, seen, loot);
    });
}

/// Values left in a ring are dropped with it, whoever lets it go last: loom counts its own `Arc`s.
#[test]
fn a_ring_is_dropped_with_values_left() {
    crate::model::check(|| {
        let witness = Arc::new(());
        let (owner, robbable) = ring();
        for _ in 0..3 {
            assert!(owner.push(witness.clone()).is_ok());
        }
        let thief = thread::spawn(move || {
            let (thief, _) = ring();
            drop(robbable.rob(&thief));
        });
        crate::model::let_others_first();
        drop(owner.pop());
        drop(owner);
        thief.join().unwrap();
        assert_eq!(Arc::strong_count(&witness), 1);
    });
}

/// Who looks whether there is something, sees what was pushed before it was told.
#[test]
fn a_look_sees_what_was_pushed() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let looker = thread::spawn(move || {
            let _ = robbable.is_empty();
            robbable
        });
        crate::model::let_others_first();
        assert!(owner.push(7).is_ok());
        assert_eq!(owner.pop(), Some(7));
        assert!(owner.push(8).is_ok());
        let robbable = looker.join().unwrap();
        assert!(!robbable.is_empty());
        assert!(!owner.is_empty());
        assert_eq!(robbable.rob(&ring().0), Some(8));
        assert!(robbable.is_empty());
    });
}

/// A worker blocks: its ring lies in a slot, where a deputy may take it, or the worker itself once
/// it is back; and all the while a thief robs it. Who comes too late is not the owner.
#[test]
fn a_ring_is_handed_on_while_a_thief_robs() {
    crate::model::check(|| {
        let (owner, robbable) = ring();
        let mut seen = Seen::default();
        seen.push(&owner, 0);
        seen.push(&owner, 1);
        let slot = Arc::new(Mutex::new(owner.hand_on()));
        assert!(owner.hand_on().is_none(), "it is not its to give");
        assert!(owner.pop().is_none() && owner.room() == 0);
        let deputy = {
            let slot = slot.clone();
            thread::spawn(move || {
                let mut seen = Seen::default();
                if let Some(owner) = slot.lock().unwrap().take() {
                    seen.push(&owner, 2);
                    seen.pop_all(&owner);
                }
                seen
            })
        };
        let thief = thread::spawn(move || rob(&robbable));
        crate::model::let_others_first();
        let back = slot.lock().unwrap().take();
        if let Some(back) = back {
            owner.take_back(back);
        }
        seen.push(&owner, 3);
        seen.pop_all(&owner);
        let (theirs, mut loot) = (deputy.join().unwrap(), thief.join().unwrap());
        let is_handed_on = owner.is_handed_on();
        assert_eq!(is_handed_on, seen.overflowed == [3], "it went elsewhere then");
        assert!(seen.popped.is_empty() || theirs.popped.is_empty(), "one of the two is the owner");
        if !is_handed_on {
            loot.push(2); // nobody has pushed it
        }
        let Seen { popped, overflowed } = theirs;
        seen.popped.extend(popped);
        seen.overflowed.extend(overflowed);
        check_all(4, seen, loot);
    });
}
