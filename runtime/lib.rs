//! Rondel: the async runtime you can read, watch and race.

#![warn(rust_2018_idioms, unreachable_pub)]

mod blocking;
mod builder;
pub mod combine;
pub mod compat;
mod current;
mod flavor;
pub mod io;
pub mod net;
mod permit_cell;
mod random;
mod reactor;
pub use reactor::Kind as Reactor;
mod ready;
mod runtime;
mod shim;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;
mod turn;
mod wait_list;
