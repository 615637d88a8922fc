//! `rondel::io`: what holds at the borders of chunks, at the end of a stream, after an error, and
//! when a future is dropped half way.
//!
//! The streams here follow a script, step by step, so that every border is hit on purpose. There is
//! no loop: the traits need none.

mod buffers;
mod carry;
mod move_about;
mod read;
mod read_buf;
mod script;
mod write;
