//! Floor 5. The halves of a TCP stream, one to read and one to write; `halves.rs` makes them.
//!
//! ```
//! use rondel::io::{AsyncReadExt, AsyncWriteExt};
//! use rondel::net::tcp::{ReadHalf, WriteHalf};
//! use rondel::net::{TcpListener, TcpStream};
//!
//! async fn ask(mut out: WriteHalf<'_>) {
//!     out.write_all(b"?").await.unwrap();
//! }
//!
//! async fn hear(mut inn: ReadHalf<'_>) -> u8 {
//!     inn.read_u8().await.unwrap()
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! rondel::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let mut near = TcpStream::connect(listener.local_addr()?).await?;
//!     let (far, _) = listener.accept().await?;
//!     let (mut inn, mut out) = far.into_split(); // each may go to a task of its own
//!     rondel::spawn(async move { out.write_u8(inn.read_u8().await? + 1).await });
//!     let (inn, out) = near.split(); // both stay here, at no cost
//!     assert_eq!(rondel::join!(hear(inn), ask(out)).0, b'?' + 1);
//!     Ok(())
//! })
//! # }
//! ```

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::halves::{either_half, halves, read_half, write_half};
use super::{Interest, Ready, TcpStream};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::shim::Arc;

halves!(TcpStream, SocketAddr);

macro_rules! peek {
    ($half:ty) => {
        impl $half {
            /// See [`TcpStream::peek`].
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.stream.peek(buf).await
            }

            /// See [`TcpStream::poll_peek`].
            pub fn poll_peek(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<usize>> {
                self.stream.poll_peek(cx, buf)
            }
        }
    };
}

peek!(ReadHalf<'_>);
peek!(OwnedReadHalf);
