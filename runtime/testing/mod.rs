//! Floor 5. The test kit: programs that wait, without waiting and without luck.
//!
//! | want                                     | take                                |
//! |------------------------------------------|-------------------------------------|
//! | an hour that takes no time               | `#[rondel::test(start_paused)]`     |
//! | the same, from here on                   | [`time::pause`](crate::time::pause) |
//! | the same order of events each time       | `#[rondel::test(seed = 7)]`         |
//! | many orders of events                    | `#[rondel::test(seeds = 0..200)]`   |
//! | who waits for whom, when nobody can run  | [`Deadlock`](crate::Deadlock)       |
//! | the others to come as far as they can    | [`wait_until_idle`]                 |

mod idle;
mod seeds;

pub use idle::{OutsideThread, outside_thread, wait_until_idle};

/// What `#[rondel::test]` needs. No promises are made about it.
#[doc(hidden)]
pub mod support {
    pub use super::seeds::{Outcome, seeds};
}
