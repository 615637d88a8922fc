//! Floor 5. Reading and writing bytes: tokio's traits, by our own hand.
mod async_buf_read;
mod async_read;
mod async_write;
mod buf_reader;
mod buf_writer;
mod copy;
mod read_buf;
mod seek;
mod split;
