//! What is sent through channels and queues: it is counted, and knows its place in the order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};

use super::luck::Luck;
use super::world::{One, World};

/// Compared by rank alone, so that a queue by priority has equals to keep apart.
pub struct Parcel {
    pub sender: u64,
    pub number: u64,
    rank: usize,
    world: Weak<World>,
    nosy: bool,
    _one: One,
}

impl Parcel {
    /// The next one of `sender`. Numbers rise.
    pub fn new(world: &Arc<World>, luck: &mut Luck, sender: u64) -> Self {
        Self {
            sender,
            number: world.number(),
            rank: luck.below(4),
            world: Arc::downgrade(world),
            nosy: luck.one_in(4),
            _one: world.parcels.one(),
        }
    }

    /// `Clone` and `Drop` are other people's code, which nobody may call under a lock.
    fn look_around(&self) {
        let world = self.world.upgrade().filter(|_| self.nosy);
        if let Some(world) = world {
            world.look_around();
        }
    }
}

impl Clone for Parcel {
    fn clone(&self) -> Self {
        self.look_around();
        let (world, _one) = (self.world.clone(), self._one.clone());
        Self { world, _one, ..*self }
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.look_around();
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parcel {}

/// Which parcel comes out next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    First,
    Last,
    Smallest,
}

/// What went in and has not come out.
pub struct Record {
    exact: bool,
    rule: Rule,
    inside: Mutex<VecDeque<(usize, u64)>>,
    /// The last number that came out, by sender.
    last: Mutex<BTreeMap<u64, u64>>,
    pub went_in: AtomicUsize,
    pub came_out: AtomicUsize,
}

impl Record {
    pub fn new(exact: bool, rule: Rule) -> Self {
        let (inside, last) = (Mutex::default(), Mutex::default());
        Self {
            exact,
            rule,
            inside,
            last,
            went_in: AtomicUsize::new(0),
            came_out: AtomicUsize::new(0),
        }
    }

    /// To be asked before the parcel goes in, and given to `went_in` after.
    pub fn ticket(parcel: &Parcel) -> (usize, u64) {
        (parcel.rank, parcel.number)
    }

    pub fn note_in(&self, ticket: (usize, u64)) {
        self.went_in.fetch_add(1, SeqCst);
        if self.exact {
            self.inside.lock().unwrap().push_back(ticket);
        }
    }

    pub fn note_out(&self, parcel: &Parcel) {
        self.came_out.fetch_add(1, SeqCst);
        if self.exact {
            let mut inside = self.inside.lock().unwrap();
            let next = match self.rule {
                Rule::First => inside.pop_front(),
                Rule::Last => inside.pop_back(),
                Rule::Smallest => {
                    let ranks = inside.iter().enumerate().map(|(at, one)| (one.0, at));
                    ranks.min().and_then(|(_, at)| inside.remove(at))
                }
            };
            let number = next.map(|next| next.1);
            assert_eq!(Some(parcel.number), number, "what came out (left), what had to (right)");
        }
        if self.rule == Rule::First {
            let before = self.last.lock().unwrap().insert(parcel.sender, parcel.number);
            assert!(before < Some(parcel.number), "a sender's order was not kept");
        }
    }

    /// Nothing more will come out.
    pub fn lose_the_rest(&self) -> usize {
        let rest = self.went_in.load(SeqCst) - self.came_out.load(SeqCst);
        if self.exact {
            assert_eq!(std::mem::take(&mut *self.inside.lock().unwrap()).len(), rest);
        }
        rest
    }
}
