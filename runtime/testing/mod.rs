//! Floor 5. The test kit: programs that wait, without waiting and without luck.
//!
//! | want | take |
//! |---|---|
//! | to poll a future by hand, and to count its wakes | [`task::spawn`], [`assert_pending!`] … |
//! | what happened, in order and with its times | [`Diary`] |
//! | a peer that says and hears what the test wrote down | [`io::Builder`] |
//! | proof that a future may be dropped while it waits | [`cancel::at_every_await`] |
//!
//! Code that was written for the crate `tokio-test` moves over by changing the path.
//!
//! Real world: tokio keeps these in a crate of its own, `tokio-test`, without the diary and the
//! cuts; trio has `trio.testing`, with a sequencer, streams in memory and a clock; with asyncio
//! there are `IsolatedAsyncioTestCase` and what one writes oneself.
//!
//! [`assert_pending!`]: crate::assert_pending

mod asserts;
pub mod cancel;
mod diary;
pub mod io;
pub mod task;

pub use diary::{Diary, OnDrop};
