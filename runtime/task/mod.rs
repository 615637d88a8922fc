//! Floor 1. Tasks.
mod cell;
pub(crate) mod home;
mod id;
pub(crate) mod inbox;
mod join;
mod join_set;
mod spawn;
mod state;
mod waker;
mod yield_now;
