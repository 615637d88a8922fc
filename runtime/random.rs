//! Floor 1. Seeded random numbers, one stream a thread.
//!
//! `select!` starts at a random branch so that no branch is favoured, and a test wants the same
//! luck twice. So each thread has one small stream of its own: no lock, no system call, one
//! multiplication a number. A thread that was never seeded seeds itself from the system.
//!
//! Rules
//! 1. Good luck, not secrecy: nothing that an attacker must not guess may come from here.
//! 2. The state is never zero once seeded: zero is not on xorshift's cycle, so it can mean
//!    "not seeded yet".
//!
//! Real world: tokio has the same (FastRand, a xorshift) in its thread context; asyncio has no
//! need of one, because its `wait` returns sets.
//! Source: Marsaglia, "Xorshift RNGs", 2003; the final multiplication is Vigna's xorshift64*,
//! 2016; the reduction to a range is Lemire's, 2019.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Starts this thread's stream anew: the same seed gives the same numbers.
pub(crate) fn seed(seed: u64) {
    STATE.set(spread(seed));
}

/// The next number of this thread's stream.
#[inline]
pub(crate) fn next() -> u64 {
    let mut state = STATE.get();
    if state == 0 {
        state = spread(RandomState::new().hash_one(std::thread::current().id()));
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    STATE.set(state);
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// A number in `0..limit`, or 0 if `limit` is 0. The bias is below `limit / 2^32`.
#[inline]
pub(crate) fn below(limit: u32) -> u32 {
    let high_bits = next() >> 32;
    ((high_bits * u64::from(limit)) >> 32) as u32
}

/// Makes neighbouring seeds start far apart, and never yields zero (rule 2).
fn spread(seed: u64) -> u64 {
    // One step of splitmix64 (Steele, Lea & Flood, 2014).
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let draw = |from| {
            seed(from);
            [next(), next(), next()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(draw(0), [0; 3]);
    }

    #[test]
    fn each_number_below_the_limit_comes_about_equally_often() {
        seed(1);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[below(6) as usize] += 1;
        }
        // 10,000 expected; five standard deviations are about 460.
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn below_nothing_and_below_one_are_zero() {
        assert_eq!(below(0), 0);
        assert!((0..100).all(|_| below(1) == 0));
    }

    #[test]
    fn threads_have_streams_of_their_own() {
        seed(3);
        let mine = next();
        std::thread::spawn(|| seed(4)).join().unwrap();
        seed(3);
        assert_eq!(next(), mine);
        let [a, b] = [(); 2].map(|()| std::thread::spawn(next).join().unwrap());
        assert_ne!(a, b, "unseeded threads must not share their luck");
    }
}
