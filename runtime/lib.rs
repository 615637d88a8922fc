//! Rondel: the async runtime you can read, watch and race.
//!
//! One loop, written once: a ready queue, a timer wheel and a reactor, with tasks, timers, sockets,
//! locks and channels on top. The names are tokio's where tokio has the thing, and asyncio's where
//! only asyncio has it.
//!
//! ```
//! use std::time::Duration;
//!
//! let total = rondel::run(async {
//!     let slow = rondel::spawn(async {
//!         rondel::time::sleep(Duration::from_millis(20)).await;
//!         40
//!     });
//!     let fast = rondel::spawn(async { 2 });
//!     slow.await.unwrap() + fast.await.unwrap()
//! });
//! assert_eq!(total, 42);
//! ```
//!
//! Where to read: `docs/00-map.md`, then `turn.rs`, the centre of the house.

#![warn(rust_2018_idioms, unreachable_pub)]

mod birth;
mod blocking;
mod budget;
mod builder;
pub mod callbacks;
pub mod combine;
pub mod compat;
mod current;
mod deadlock;
mod end_report;
mod flavor;
pub mod fs;
pub mod io;
mod leaf;
mod loops;
pub mod net;
mod outlook;
mod park;
mod part;
pub mod process;
mod random;
mod reactor;
mod ready;
mod roll_call;
pub mod runtime;
mod services;
mod shim;
pub mod signal;
mod spin;
pub mod stream;
pub mod sync;
pub mod task;
pub mod testing;
pub mod time;
mod turn;
mod wait_list;
mod wakes;

pub use builder::Builder;
pub use current::{EnterGuard, Handle, TryCurrentError};
pub use deadlock::Deadlock;
pub use end_report::EndReport;
pub use reactor::Kind as Reactor;
pub use runtime::{Runtime, RuntimeGuard, block_on, run};
pub use task::{spawn, spawn_blocking};

#[cfg(feature = "macros")]
pub use rondel_macros::{main, test};
