//! Floor 5. The halves of a TCP stream, one to read and one to write; `halves.rs` makes them.

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
