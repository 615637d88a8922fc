//! Several futures in one task.
//!
//! Combinators run on any executor. So many tests here poll by hand: they decide when something is
//! polled, and count the wakes. Where time matters it is virtual, and the moments are exact.

mod as_completed;
mod bounded;
mod by_lot;
mod deadlock;
mod gather;
mod hedge;
mod join;
mod race;
mod select;
mod shield;
mod tools;
mod try_join;
mod wait;
