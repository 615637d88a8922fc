//! Who waits for a [`Stacked`] limiter, and who is next.
//!
//! ```text
//!   line of a/list:     3  7  8         one line for each endpoint; only its head can be next.
//!   line of a/profile:  4  5  6  9      The heads (3, 4) are asked oldest first; a head
//!                                       whose own level refuses lets the next one pass.
//! ```
//!
//! Rules
//! 1. Within an endpoint strictly first come, first served.
//! 2. Between endpoints, whoever could go and came first goes first. A head held up by its own
//!    level does not hold up the others, and they cannot starve it: as soon as its level agrees, it
//!    is asked before them.
//! 3. Nobody passes somebody who could go: an arrival first lets the queue move.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Instant;

use super::stacked::{Endpoint, Reservation, Stacked};

/// A place in the queue; a larger number came later.
pub type Place = u64;

/// The queue in front of a [`Stacked`]. Pure: the time comes in and must not go back.
#[derive(Debug)]
pub struct Queue {
    stacked: Stacked,
    lines: HashMap<Endpoint, VecDeque<Place>>,
    /// The head of each line, oldest first.
    heads: BTreeMap<Place, Endpoint>,
    next: Place,
}

impl Queue {
    /// An empty queue.
    pub fn new(stacked: Stacked) -> Self {
        Self { stacked, lines: HashMap::new(), heads: BTreeMap::new(), next: 0 }
    }

    /// The limiter behind.
    pub fn stacked(&mut self) -> &mut Stacked {
        &mut self.stacked
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Who waits longest.
    pub fn oldest(&self) -> Option<Place> {
        self.heads.first_key_value().map(|(&place, _)| place)
    }

    /// Joins the line of `endpoint`.
    pub fn join(&mut self, endpoint: Endpoint) -> Place {
        let place = self.next;
        self.next += 1;
        let line = self.lines.entry(endpoint).or_default();
        line.push_back(place);
        if line.len() == 1 {
            self.heads.insert(place, endpoint);
        }
        place
    }

    /// Leaves the line of `endpoint`, wherever in it `place` is.
    pub fn leave(&mut self, endpoint: Endpoint, place: Place) {
        if self.heads.contains_key(&place) {
            self.pop(endpoint, place);
        } else if let Some(line) = self.lines.get_mut(&endpoint)
            && let Ok(index) = line.binary_search(&place)
        {
            line.remove(index);
        }
    }

    /// Takes the head `place` off its line.
    fn pop(&mut self, endpoint: Endpoint, place: Place) {
        self.heads.remove(&place);
        let Some(line) = self.lines.get_mut(&endpoint) else { return };
        line.pop_front();
        match line.front() {
            Some(&head) => drop(self.heads.insert(head, endpoint)),
            None => drop(self.lines.remove(&endpoint)),
        }
    }

    /// Lets everybody go who can, oldest first.
    pub fn advance(&mut self, now: Instant, mut granted: impl FnMut(Place, Reservation)) {
        // One pass is enough: a grant only takes tokens away, so a head that was refused stays
        // refused, and the new head of a line came after the old one.
        let mut after = Unbounded;
        while let Some((&place, &endpoint)) = self.heads.range((after, Unbounded)).next() {
            if self.stacked.global_ready_at(now) > now {
                return;
            }
            if let Ok(reservation) = self.stacked.try_take(endpoint, now) {
                self.pop(endpoint, place);
                granted(place, reservation);
            }
            after = Excluded(place);
        }
    }

    /// When [`advance`](Self::advance) will let somebody go, if nothing else happens.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        self.heads.values().map(|&endpoint| self.stacked.ready_at(endpoint, now)).min()
    }
}
