//! The cost model: hot rows as sums of steps, counted by reading the engine.
//!
//! Where a count comes from is said beside it. A poll of a task at home is always the same
//! (`turn.rs`, `task/cell.rs`, `task/state.rs`): it is the [`POLL`] below. What comes once in 61
//! polls or once in 100 items is left out; so are branches, moves and whatever misses the cache.

use std::iter;

/// So many steps of one price.
pub type Step = (f64, &'static str);

/// A row as a sum of steps.
#[derive(Debug)]
pub struct Model {
    /// The row of the duel that it explains.
    pub row: &'static str,
    /// How many polls of a task one operation takes.
    pub polls: f64,
    /// The steps beside the polls.
    pub steps: &'static [Step],
    /// How that was counted.
    pub because: &'static str,
}

/// A poll at home: through the ready queue, budget filled, id set and put back, state to RUNNING
/// and to what comes then, an indirect call under `catch_unwind`.
pub const POLL: &[Step] =
    &[(1.0, "queue"), (3.0, "tls"), (2.0, "load_store"), (1.0, "call"), (1.0, "catch")];

/// Every model, in the order of the table.
pub const MODELS: &[Model] = &[
    Model {
        row: "spawn_join_1k",
        polls: 1.0,
        steps: &[
            (1.0, "queue"),
            (1.0, "slab"),
            (6.0, "tls_context"),
            (8.0, "tls"),
            (5.0, "cell"),
            (4.0, "call"),
            (1.0, "catch"),
        ],
        because: "one block off the thread's shelf and back, one place among the live tasks; spawn \
                  asks four times where it is; three references and the home counted; take, \
                  discard, free by vtable; the drop of the future is caught",
    },
    Model {
        row: "spawn_join_100k",
        polls: 1.0,
        steps: &[
            (1.0, "malloc_100k"),
            (1.0, "slab"),
            (4.0, "tls_context"),
            (8.0, "tls"),
            (5.0, "cell"),
            (3.0, "call"),
            (1.0, "catch"),
        ],
        because: "the same; but the shelf holds 2,000 blocks, and the allocator has to get the rest",
    },
    Model {
        row: "yield_1k",
        polls: 1.0,
        steps: &[(1.0, "call"), (1.0, "tls"), (1.0, "load_store")],
        because: "the wake of oneself: by vtable, home asked, a bit set; its runner requeues it",
    },
    Model {
        row: "ping_pong_mpsc",
        polls: 2.0,
        steps: &[
            (6.0, "mutex"),
            (2.0, "waker"),
            (2.0, "queue"),
            (8.0, "tls"),
            (2.0, "call"),
            (2.0, "load_store"),
        ],
        because: "each way: send locks, recv that finds nothing locks, and clones the waker before; \
                  recv that finds locks; one item queued; three budget steps; one wake",
    },
    Model {
        row: "ping_pong_oneshot",
        polls: 2.0,
        steps: &[
            (2.0, "malloc_1k"),
            (4.0, "rmw"),
            (2.0, "waker"),
            (6.0, "tls"),
            (2.0, "call"),
            (2.0, "load_store"),
        ],
        because: "each way: one block, whose last end frees it; one exchange to wait and one to \
                  send; one waker kept; two budget steps; one wake",
    },
    Model {
        row: "mpsc_100",
        polls: 0.02,
        steps: &[(1.0, "mutex"), (1.0, "cas"), (1.0, "queue"), (2.0, "tls")],
        because: "send locks and pushes; recv takes from its own ring and gives one place back; \
                  two budget steps; the two change over each 100 items",
    },
    Model {
        row: "semaphore",
        polls: 0.0,
        steps: &[(2.0, "cas"), (1.0, "tls")],
        because: "the permit taken and given back on one word; one budget step",
    },
    Model {
        row: "semaphore_1000x5",
        polls: 2.1,
        steps: CONTENDED,
        because: "in line and served: three locks, a place, a waker; then a yield; a tenth of a \
                  spawn",
    },
    Model {
        row: "mutex",
        polls: 0.0,
        steps: &[(2.0, "cas"), (1.0, "tls")],
        because: "as the semaphore: it is one permit over a cell",
    },
    Model {
        row: "mutex_1000",
        polls: 2.1,
        steps: CONTENDED,
        because: "as the contended semaphore, one at a time",
    },
    Model {
        row: "sleep_churn",
        polls: 0.0,
        steps: &[
            (1.0, "clock"),
            (1.0, "wheel"),
            (1.0, "waker"),
            (3.0, "tls_context"),
            (5.0, "tls"),
            (2.0, "cell"),
        ],
        because: "one clock read for the deadline, off the wheel and on, the waker kept there; new, \
                  arm and take-off each ask where they are; the home counted",
    },
];

/// A permit that is waited for and held over a yield, and a tenth of the task that does it ten
/// times.
const CONTENDED: &[Step] = &[
    (3.0, "mutex"),
    (1.0, "waker"),
    (1.0, "slab"),
    (2.0, "call"),
    (2.0, "load_store"),
    (4.0, "tls"),
    (0.1, "malloc_1k"),
    (0.1, "arc"),
];

impl Model {
    /// All its steps, those of its polls among them, each price once.
    pub fn all_steps(&self) -> Vec<Step> {
        let polls = POLL.iter().map(|&(count, price)| (count * self.polls, price));
        let mut all: Vec<Step> = Vec::new();
        for (count, price) in self.steps.iter().copied().chain(polls) {
            match all.iter_mut().find(|(_, known)| *known == price) {
                Some((known, _)) => *known += count,
                None => all.push((count, price)),
            }
        }
        all.retain(|&(count, _)| count > 0.0);
        all
    }

    /// The sum, with the price of each step by name.
    pub fn sum(&self, price_of: impl Fn(&str) -> f64) -> f64 {
        iter::Sum::sum(self.all_steps().into_iter().map(|(count, price)| count * price_of(price)))
    }

    /// The steps in words: `6 mutex + 4 waker + …`, dearest first.
    pub fn in_words(&self, price_of: impl Fn(&str) -> f64) -> String {
        let mut steps = self.all_steps();
        steps.sort_by(|a, b| (b.0 * price_of(b.1)).total_cmp(&(a.0 * price_of(a.1))));
        let words: Vec<String> =
            steps.iter().map(|(count, price)| format!("{} {price}", round(*count))).collect();
        words.join(" + ")
    }
}

fn round(count: f64) -> f64 {
    (count * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::steps;
    use crate::rows;

    /// Goal: show that no model names a row or a price that does not exist.
    /// Method: look each up.
    #[test]
    fn every_row_and_every_price_exists() {
        for model in MODELS {
            assert!(rows::find(model.row).is_some(), "{}", model.row);
            for (_, price) in model.all_steps() {
                assert!(steps::find(price).is_some(), "{}: {price}", model.row);
            }
        }
    }

    /// Goal: show that polls and steps add up.
    /// Method: a model of two polls and a call, at a price of one each.
    #[test]
    fn a_sum_counts_polls_and_steps() {
        let model = Model { row: "", polls: 2.0, steps: &[(1.0, "call")], because: "" };
        assert_eq!(model.sum(|_| 1.0), 2.0 * 8.0 + 1.0);
        assert_eq!(model.sum(|price| f64::from(price == "call")), 3.0);
    }
}
