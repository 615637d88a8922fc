//! Floor 5. The halves of a Unix stream, one to read and one to write; `halves.rs` makes them.
//!
//! ```
//! use rondel::io::{AsyncReadExt, AsyncWriteExt};
//! use rondel::net::UnixStream;
//! use rondel::net::unix::{ReadHalf, WriteHalf};
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
//!     let (mut near, far) = UnixStream::pair()?;
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
use std::os::unix::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::halves::{either_half, halves, read_half, write_half};
use super::{Interest, Ready, UnixStream};
use crate::io::{AsyncRead, AsyncWrite, ReadBuf};
use crate::shim::Arc;

halves!(UnixStream, SocketAddr);
