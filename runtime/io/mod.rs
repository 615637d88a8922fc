//! Floor 5. Reading and writing bytes: tokio's traits, by our own hand.
//!
//! Three small traits say what a stream can do without blocking; everything comfortable is built on
//! them, so it works for sockets, for buffers in memory and for your own types alike:
//!
//! ```text
//!   AsyncRead ◀── AsyncReadExt      read, read_exact, read_to_end, read_u32, take, chain …
//!   AsyncWrite ◀── AsyncWriteExt    write, write_all, flush, shutdown, write_u32 …
//!   AsyncBufRead ◀── AsyncBufReadExt  read_line, read_until, lines, split
//!   BufReader, BufWriter · copy, copy_bidirectional · split · duplex · empty, sink, repeat
//! ```
//!
//! Code that was written for `tokio::io` moves over by changing the path.
//!
//! Knows nothing of tasks, loops or sockets: a `Context` is all that it needs of a runtime, so it works
//! on any other one too.

mod async_buf_read;
mod async_read;
mod async_write;
mod read_buf;

pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_write::AsyncWrite;
pub use read_buf::ReadBuf;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
