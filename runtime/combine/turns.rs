//! Floor 5. Who is polled first: the turn-taking of `join!`, `try_join!` and `select!`.
//!
//! The macros write one `if round.is_next() { poll this child }` per child, and run through that
//! list twice a round. The first pass leaves out the first `start` children, the second pass
//! serves them. So the order is a rotation, and each child's code exists only once.
//!
//! ```text
//!   start = 2 of 5      pass 1: . . 2 3 4      pass 2: 0 1 . . .
//! ```

use crate::random;

/// Chooses where each round of a `join!` starts: one child further every time, or always at the
/// first.
#[derive(Debug)]
pub struct Turns {
    children: u32,
    next_start: u32,
    step: u32,
}

impl Turns {
    /// Each round starts one child further.
    pub fn fair(children: u32) -> Self {
        Self { children, next_start: 0, step: 1 }
    }

    /// Each round starts with the first child.
    pub fn biased(children: u32) -> Self {
        Self { children, next_start: 0, step: 0 }
    }

    /// Begins a round.
    #[inline]
    pub fn next_round(&mut self) -> Round {
        let start = self.next_start;
        self.next_start = if start + self.step == self.children { 0 } else { start + self.step };
        Round { skip: start, left: self.children }
    }
}

/// One round: every child is asked once.
#[derive(Debug)]
pub struct Round {
    /// How many children the current pass leaves out.
    skip: u32,
    /// How many children have not been asked in this round.
    left: u32,
}

impl Round {
    /// A round that starts anywhere.
    #[inline]
    pub fn fair(children: u32) -> Self {
        Self { skip: random::below(children), left: children }
    }

    /// A round that starts with the first child.
    #[inline]
    pub fn biased(children: u32) -> Self {
        Self { skip: 0, left: children }
    }

    /// Is there a child that was not asked yet?
    #[inline]
    pub fn goes_on(&self) -> bool {
        self.left > 0
    }

    /// Is it the turn of the child at this place of the list?
    #[inline]
    pub fn is_next(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            false
        } else if self.left > 0 {
            self.left -= 1;
            true
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(mut round: Round, children: u32) -> Vec<u32> {
        let mut order = Vec::new();
        while round.goes_on() {
            order.extend((0..children).filter(|_| round.is_next()));
        }
        order
    }

    #[test]
    fn a_fair_round_starts_one_further_each_time() {
        let mut turns = Turns::fair(3);
        assert_eq!(order_of(turns.next_round(), 3), [0, 1, 2]);
        assert_eq!(order_of(turns.next_round(), 3), [1, 2, 0]);
        assert_eq!(order_of(turns.next_round(), 3), [2, 0, 1]);
        assert_eq!(order_of(turns.next_round(), 3), [0, 1, 2]);
    }

    #[test]
    fn a_biased_round_always_starts_with_the_first() {
        let mut turns = Turns::biased(2);
        assert_eq!(order_of(turns.next_round(), 2), [0, 1]);
        assert_eq!(order_of(turns.next_round(), 2), [0, 1]);
        assert_eq!(order_of(Round::biased(2), 2), [0, 1]);
    }

    #[test]
    fn a_random_round_asks_every_child_once() {
        for _ in 0..50 {
            let mut order = order_of(Round::fair(4), 4);
            assert!(order.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 4), "{order:?}");
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
    }
}
