//! Floor 5. The halves of a stream socket: one to read, one to write.
//!
//! The two directions of a socket share nothing but the descriptor, so the halves need no lock:
//! they are two references to one stream. The borrowed pair is free; the owned pair is counted, so
//! that each half can live in its own task.
//!
//! ```text
//!   split(&mut)   ReadHalf<'_>    WriteHalf<'_>    one task, free
//!   into_split    OwnedReadHalf   OwnedWriteHalf   a task each
//! ```
//!
//! Written once, as macros: TCP's and the Unix sockets' halves differ in the stream's type alone.

/// The four halves of `$stream`, whose addresses are of the type `$addr`.
macro_rules! halves {
    ($stream:ident, $addr:ty) => {
        #[doc = concat!("The reading half of a [`", stringify!($stream), "`] that is borrowed;")]
        #[doc = concat!("see [`", stringify!($stream), "::split`].")]
        #[derive(Debug)]
        pub struct ReadHalf<'a> {
            stream: &'a $stream,
        }

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`] that is borrowed;")]
        #[doc = concat!("see [`", stringify!($stream), "::split`].")]
        ///
        /// Dropping it does not shut the direction down, because the stream is still there.
        #[derive(Debug)]
        pub struct WriteHalf<'a> {
            stream: &'a $stream,
        }

        #[doc = concat!("The reading half of a [`", stringify!($stream), "`] that is")]
        #[doc = concat!("shared by two; see [`", stringify!($stream), "::into_split`].")]
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            stream: Arc<$stream>,
        }

        #[doc = concat!("The writing half of a [`", stringify!($stream), "`] that is")]
        #[doc = concat!("shared by two; see [`", stringify!($stream), "::into_split`].")]
        ///
        /// Dropping it shuts the writing direction down: the peer reads the end of the stream.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: Arc<$stream>,
            shuts_down: bool,
        }

        /// The two halves do not belong together. They are given back inside.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tried to reunite halves that are not from the same socket")
            }
        }

        impl Error for ReuniteError {}

        pub(super) fn split(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf { stream: &*stream }, WriteHalf { stream: &*stream })
        }

        pub(super) fn into_split(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let stream = Arc::new(stream);
            let read = OwnedReadHalf { stream: stream.clone() };
            (read, OwnedWriteHalf { stream, shuts_down: true })
        }

        fn reunite(
            read: OwnedReadHalf,
            mut write: OwnedWriteHalf,
        ) -> Result<$stream, ReuniteError> {
            if !Arc::ptr_eq(&read.stream, &write.stream) {
                return Err(ReuniteError(read, write));
            }
            write.shuts_down = false;
            drop(write);
            Ok(Arc::try_unwrap(read.stream).expect("a stream has two halves, and one is dropped"))
        }

        impl OwnedReadHalf {
            /// Puts the stream together again. Errors: the halves of two different streams.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }
        }

        impl OwnedWriteHalf {
            /// Puts the stream together again. Errors: the halves of two different streams.
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops this half without shutting the direction down.
            pub fn forget(mut self) {
                self.shuts_down = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shuts_down {
                    // Fails only on a connection that is over already.
                    let _ = self.stream.shutdown_write();
                }
            }
        }

        either_half!(ReadHalf<'_>, $stream, $addr);
        either_half!(WriteHalf<'_>, $stream, $addr);
        either_half!(OwnedReadHalf, $stream, $addr);
        either_half!(OwnedWriteHalf, $stream, $addr);
        read_half!(ReadHalf<'_>, $stream);
        read_half!(OwnedReadHalf, $stream);
        write_half!(WriteHalf<'_>, $stream, |_: &mut Self| {});
        // Once is enough: dropping need not do it again.
        write_half!(OwnedWriteHalf, $stream, |half: &mut Self| half.shuts_down = false);
    };
}

/// What every half can do: each method is the stream's own.
macro_rules! either_half {
    ($half:ty, $stream:ident, $addr:ty) => {
        impl $half {
            /// The peer's address.
            pub fn peer_addr(&self) -> io::Result<$addr> {
                self.stream.peer_addr()
            }

            /// Our end's address.
            pub fn local_addr(&self) -> io::Result<$addr> {
                self.stream.local_addr()
            }

            #[doc = concat!("See [`", stringify!($stream), "::ready`].")]
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.stream.ready(interest).await
            }
        }

        impl AsRef<$stream> for $half {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }
    };
}

macro_rules! read_half {
    ($half:ty, $stream:ident) => {
        impl $half {
            #[doc = concat!("See [`", stringify!($stream), "::readable`].")]
            pub async fn readable(&self) -> io::Result<()> {
                self.stream.readable().await
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read`].")]
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream.try_read(buf)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read_vectored`].")]
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.stream.try_read_vectored(bufs)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_read_buf`].")]
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.stream.try_read_buf(buf)
            }
        }

        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.stream.poll_read_shared(cx, buf)
            }
        }
    };
}

macro_rules! write_half {
    ($half:ty, $stream:ident, $shutdown:expr) => {
        impl $half {
            #[doc = concat!("See [`", stringify!($stream), "::writable`].")]
            pub async fn writable(&self) -> io::Result<()> {
                self.stream.writable().await
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_write`].")]
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.stream.try_write(buf)
            }

            #[doc = concat!("See [`", stringify!($stream), "::try_write_vectored`].")]
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.stream.try_write_vectored(bufs)
            }
        }

        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.stream.poll_write_shared(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.stream.poll_write_vectored_shared(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let result = self.stream.shutdown_write();
                if result.is_ok() {
                    $shutdown(&mut *self);
                }
                Poll::Ready(result)
            }
        }
    };
}

pub(super) use {either_half, halves, read_half, write_half};
