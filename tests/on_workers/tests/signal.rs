//! Ctrl-C on workers. In a process of its own, because a signal is for the whole process.

extern crate rondel_on_workers as rondel;

#[path = "../../signal.rs"]
mod signal;
