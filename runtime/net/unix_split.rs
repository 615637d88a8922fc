//! Floor 5. The halves of a Unix stream, one to read and one to write; `halves.rs` makes them.

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
