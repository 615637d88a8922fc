//! Floor 5. The test kit: programs that wait, without waiting and without luck.
//!
//! | want                                     | take                                            |
//! |------------------------------------------|-------------------------------------------------|
//! | an hour that takes no time               | `#[rondel::test(start_paused)]`                 |
//! | the same, from here on                   | [`time::pause`](crate::time::pause)             |
//! | the same order of events each time       | `#[rondel::test(seed = 7)]`                     |
//! | many orders of events                    | `#[rondel::test(seeds = 0..200)]`               |
//! | all orders of events, of a small program | [`explore`]                                     |
//! | who waits for whom, when nobody can run  | [`Deadlock`](crate::Deadlock)                   |
//! | the others to come as far as they can    | [`wait_until_idle`]                             |
//! | what happened, in order, with its times  | [`Diary`]                                       |
//! | to poll a future by hand and count wakes | [`task::spawn`], [`assert_pending!`] and others |
//! | a peer that follows a script             | [`io::Builder`]                                 |
//! | a network that is slow, torn and cut     | [`net::Net`]                                    |
//! | a future dropped at each of its awaits   | [`cancel::at_every_await`]                      |
//!
//! Tests that were written with the crate `tokio-test` move over by changing the path.
//!
//! [`assert_pending!`]: crate::assert_pending

mod asserts;
pub mod cancel;
mod diary;
mod explore;
mod idle;
pub mod io;
pub mod net;
mod seeds;
pub mod task;

pub use diary::{Diary, OnDrop};
pub use explore::{Exploration, Failure, Step, explore};
pub use idle::{OutsideThread, outside_thread, wait_until_idle};

/// What `#[rondel::test]` needs. No promises are made about it.
#[doc(hidden)]
pub mod support {
    pub use super::seeds::{Outcome, seeds};
}
