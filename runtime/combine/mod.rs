//! Floor 5. Several futures in one task.
mod children;
mod gather;
mod join;
mod select;
mod try_join;
