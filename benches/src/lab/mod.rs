//! What the small laboratories share: their command line, their repetitions, their spread.
//!
//! `prices`, `ablation`, `reactor_race` and `guide_tables` answer one kind of question each. Unlike
//! the duel they compare more than two things, so they take turns: A B C, then C B A.

mod noise;
mod options;
mod series;

pub use noise::Noise;
pub use options::{Parsed, Spec};
pub use series::{Series, in_turn};
