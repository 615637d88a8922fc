//! Floor 5. Reading and writing bytes: tokio's traits, by our own hand.
//!
//! Three small traits say what a stream can do without blocking; everything comfortable is built on
//! them, so it works for sockets, for buffers in memory and for your own types alike:
//!
//! ```text
//!   AsyncRead    ◀── AsyncReadExt     read, read_exact, read_to_end, read_u32, take, chain …
//!   AsyncWrite   ◀── AsyncWriteExt    write, write_all, flush, shutdown, write_u32 …
//!   AsyncBufRead ◀── AsyncBufReadExt  read_line, read_until, lines, split
//!   AsyncSeek    ◀── AsyncSeekExt     seek, rewind, stream_position
//!   BufReader, BufWriter, BufStream · copy, copy_buf, copy_bidirectional · split, join
//!   duplex, simplex · empty, sink, repeat · stdin, stdout, stderr
//! ```
//!
//! Code that was written for `tokio::io` moves over by changing the path.
//!
//! Knows nothing of tasks, loops or sockets, but for `unix::AsyncFd`, and for the process's own
//! streams, which need the blocking pool: a `Context` is all that it needs of a runtime, so it
//! works on any other one too.

mod adapters;
mod async_buf_read;
mod async_read;
mod async_seek;
mod async_write;
mod buf_read_ext;
mod buf_reader;
mod buf_stream;
mod buf_writer;
mod copy;
mod duplex;
mod join;
pub(crate) mod named;
pub(crate) mod offload;
mod read_buf;
mod read_ext;
mod split;
mod stdio;
mod void;
mod write_ext;

pub use crate::net::{Interest, Ready};
pub use adapters::{Chain, Take};
pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_seek::{AsyncSeek, AsyncSeekExt};
pub use async_write::AsyncWrite;
pub use buf_read_ext::{AsyncBufReadExt, Lines, Split};
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use copy::{copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf};
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use join::{Join, join};
pub use read_buf::ReadBuf;
pub use read_ext::AsyncReadExt;
pub use split::{ReadHalf, WriteHalf, split};
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use void::{Empty, Repeat, Sink, empty, repeat, sink};
pub use write_ext::AsyncWriteExt;

/// What only Unix has: any descriptor, watched by the loop.
pub mod unix {
    pub use crate::net::async_fd::{AsyncFd, AsyncFdReadyGuard, AsyncFdRegisterError, TryIoError};
}

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

/// What a buffer holds if nobody says otherwise: two pages, the same as tokio's and the standard
/// library's.
const BUF_LEN: usize = 8 * 1024;

/// The future of one method: a struct that borrows what it works on, and the body of its `poll`.
///
/// They are named types, not `async` blocks, so that code which knows of a type only that it is
/// `AsyncReadExt + Send` may still send them.
macro_rules! io_future {
    (
        $(#[$doc:meta])*
        $name:ident<$life:lifetime, $io:ident: $bound:ident $(, $buf:ident: $buf_bound:ident)?>
        { $($field:ident: $type:ty),* } -> $output:ty,
        |$me:ident, $cx:ident| $body:block
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $name<$life, $io: ?Sized $(, $buf: ?Sized)?> { $($field: $type),* }

        impl<$io: $bound + Unpin + ?Sized $(, $buf: $buf_bound + ?Sized)?> Future
            for $name<'_, $io $(, $buf)?>
        {
            type Output = std::io::Result<$output>;

            fn poll(
                self: Pin<&mut Self>,
                $cx: &mut std::task::Context<'_>,
            ) -> Poll<std::io::Result<$output>> {
                let $me = self.get_mut();
                $body
            }
        }
    };
}
use io_future;
