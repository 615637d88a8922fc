//! Floor 5. UDP: datagrams, each whole or not at all.
//!
//! ```text
//!   bind ──▶ send_to, recv_from           many peers, an address with each datagram
//!        └─ connect ──▶ send, recv        one peer; what others send is dropped by the kernel
//! ```
//!
//! Rules
//! 1. One call moves one datagram. What does not fit the reader's buffer is **lost**, and the call
//!    says only how much did fit (the kernel does not tell more).
//! 2. A datagram of no bytes is one: `recv` says 0, and that is not the end of anything.
//! 3. The kernel queues datagrams up to its receive buffer, and drops the others unheard.
//! 4. An answer "port unreachable" to an earlier send is told once, as `ConnectionRefused`, by a
//!    later call on a connected socket.
//!
//! Real world: asyncio gives a protocol object with callbacks; tokio the same calls as here.

use std::future::ready;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::BufMut;
use socket2::SockRef;

use super::addr::{ToSocketAddrs, first_that_works, no_address, resolve};
use super::readiness::{descriptor, readiness, room_of};
use super::registered::{Moved, Registered};
use super::tcp_stream::check_nonblocking;
use crate::io::ReadBuf;
use crate::reactor::Direction;

/// A socket for datagrams.
///
/// All calls take `&self`, so that an `Arc` of it may be used by any number of tasks.
///
/// Twin of asyncio's `create_datagram_endpoint` and of `tokio::net::UdpSocket`.
///
/// ```
/// use rondel::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let server = UdpSocket::bind("127.0.0.1:0").await?;
///     let client = UdpSocket::bind("127.0.0.1:0").await?;
///     client.connect(server.local_addr()?).await?;
///     client.send(b"ping").await?;
///     let mut buf = [0; 16];
///     let (count, from) = server.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..count], from), (&b"ping"[..], client.local_addr()?));
///     server.send_to(b"pong", from).await?;
///     assert_eq!(client.recv(&mut buf).await?, 4);
///     Ok(())
/// })
/// # }
/// ```
pub struct UdpSocket {
    socket: Registered<std::net::UdpSocket>,
}

impl UdpSocket {
    /// Makes a socket on `addr`. Port 0 lets the system choose.
    ///
    /// If `addr` stands for several addresses, the first that works is taken.
    ///
    /// - Errors: the lookup's, and that of the last address tried, which it names.
    /// - Panics if called outside a running loop.
    ///
    /// **Cancel-safe:** yes.
    /// **Cost:** three system calls and one registration.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let attempt = |addr| ready(std::net::UdpSocket::bind(addr));
        let socket = first_that_works(resolve(&addr), "cannot bind", "bind to", attempt).await?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Registered::new(socket)? })
    }

    /// Takes over a socket of the standard library, which must be non-blocking.
    ///
    /// - Errors: [`InvalidInput`](io::ErrorKind::InvalidInput) if the socket blocks: one read of it
    ///   would stop the whole loop. Call its `set_nonblocking(true)` first.
    /// - Panics if called outside a running loop.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        check_nonblocking(&socket)?;
        Ok(Self { socket: Registered::new(socket)? })
    }

    /// Gives the socket back to the standard library. It is still non-blocking.
    ///
    /// On a thread that is not in the socket's loop the result is a duplicate of the descriptor.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        self.socket.into_inner(std::net::UdpSocket::try_clone)
    }

    /// Names the one peer for [`send`](Self::send) and [`recv`](Self::recv); nothing is sent. May
    /// be called again, for another.
    ///
    /// - Errors: the lookup's, and that of the last address tried, which it names.
    ///
    /// **Cancel-safe:** yes.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        let attempt = |addr| ready(self.socket.get().connect(addr));
        first_that_works(resolve(&addr), "cannot connect to", "connect to", attempt).await
    }

    /// Our address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The peer's address. Errors: `NotConnected` before [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    readiness!(poll_recv_ready, poll_send_ready);

    /// Sends `buf` as one datagram to the connected peer; its length.
    ///
    /// Errors: the kernel's; mostly "message too long" (more than 65,507 bytes over IPv4),
    /// `ConnectionRefused` (rule 4 of this file), and "destination address required" on a socket
    /// that is not connected.
    ///
    /// **Cancel-safe:** yes. The datagram was sent whole or not at all.
    /// **Cost:** one system call.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.io(Direction::Write, |socket| Ok((socket.send(buf)?, false))).await
    }

    /// As [`send`](Self::send), or leaves the waker; the last caller's counts.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Write, |socket| Ok((socket.send(buf)?, false)))
    }

    /// As [`send`](Self::send), without a wait. Errors: also `WouldBlock`.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |socket| Ok((socket.send(buf)?, false)))
    }

    /// Sends `buf` as one datagram to the first address of `target`; its length.
    ///
    /// Errors: the lookup's, and as [`send`](Self::send).
    ///
    /// **Cancel-safe:** yes. The datagram was sent whole or not at all.
    /// **Cost:** one system call.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], target: A) -> io::Result<usize> {
        let lookup = resolve(&target);
        let target = lookup.await?.into_iter().next().ok_or_else(|| no_address("send to"))?;
        self.socket.io(Direction::Write, |socket| Ok((socket.send_to(buf, target)?, false))).await
    }

    /// As [`send_to`](Self::send_to), or leaves the waker; the last caller's counts.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket
            .poll_io(cx, Direction::Write, |socket| Ok((socket.send_to(buf, target)?, false)))
    }

    /// As [`send_to`](Self::send_to), without a wait. Errors: also `WouldBlock`.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |socket| Ok((socket.send_to(buf, target)?, false)))
    }

    /// Waits for a datagram of the connected peer; how many bytes of it are in `buf`.
    ///
    /// **What does not fit `buf` is lost.** 0 is an empty datagram, or an empty `buf`.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.io(Direction::Read, |socket| Ok((socket.recv(buf)?, false))).await
    }

    /// As [`recv`](Self::recv), or leaves the waker; the last caller's counts.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            buf.receive_from(&SockRef::from(socket))?;
            Ok(((), false))
        })
    }

    /// As [`recv`](Self::recv), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.recv(buf)?, false)))
    }

    /// As [`recv`](Self::recv), appending to `buf` no more than it has room for.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call, a buffer of at most 64 KiB, and a copy.
    pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let mut room = room_of(buf);
        let count = self.recv(&mut room).await?;
        buf.put_slice(&room[..count]);
        Ok(count)
    }

    /// As [`recv_buf`](Self::recv_buf), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        let mut room = room_of(buf);
        let count = self.try_recv(&mut room)?;
        buf.put_slice(&room[..count]);
        Ok(count)
    }

    /// Waits for a datagram; how many bytes of it are in `buf`, and who sent it.
    ///
    /// **What does not fit `buf` is lost.** 0 is an empty datagram, or an empty `buf`.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** one system call.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.io(Direction::Read, |socket| Ok((socket.recv_from(buf)?, false))).await
    }

    /// As [`recv_from`](Self::recv_from), or leaves the waker; the last caller's counts.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let (count, from) = socket.recv_from(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok((from, false))
        })
    }

    /// As [`recv_from`](Self::recv_from), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.recv_from(buf)?, false)))
    }

    /// As [`recv_from`](Self::recv_from), appending to `buf` no more than it has room for.
    ///
    /// **Cancel-safe:** yes. No datagram is lost.
    /// **Cost:** as [`recv_buf`](Self::recv_buf).
    pub async fn recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let mut room = room_of(buf);
        let (count, from) = self.recv_from(&mut room).await?;
        buf.put_slice(&room[..count]);
        Ok((count, from))
    }

    /// As [`recv_buf_from`](Self::recv_buf_from), without a wait. Errors: also `WouldBlock`.
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let mut room = room_of(buf);
        let (count, from) = self.try_recv_from(&mut room)?;
        buf.put_slice(&room[..count]);
        Ok((count, from))
    }

    /// As [`recv`](Self::recv), and leaves the datagram in the queue.
    ///
    /// **Cancel-safe:** yes.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.io(Direction::Read, |socket| Ok((socket.peek(buf)?, false))).await
    }

    /// As [`recv_from`](Self::recv_from), and leaves the datagram in the queue.
    ///
    /// **Cancel-safe:** yes.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.io(Direction::Read, |socket| Ok((socket.peek_from(buf)?, false))).await
    }

    /// As [`peek`](Self::peek), or leaves the waker; the last caller's counts.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let count = socket.peek(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok(((), false))
        })
    }

    /// As [`peek_from`](Self::peek_from), or leaves the waker; the last caller's counts.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_io(cx, Direction::Read, |socket| {
            let (count, from) = socket.peek_from(buf.initialize_unfilled())?;
            buf.advance(count);
            Ok((from, false))
        })
    }

    /// As [`peek`](Self::peek), without a wait. Errors: also `WouldBlock`.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.peek(buf)?, false)))
    }

    /// As [`peek_from`](Self::peek_from), without a wait. Errors: also `WouldBlock`.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_io(Direction::Read, |socket| Ok((socket.peek_from(buf)?, false)))
    }

    /// Who sent the next datagram, which stays in the queue.
    ///
    /// A datagram that is not wanted is thrown away by a `recv` into an empty buffer.
    ///
    /// **Cancel-safe:** yes.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.socket.io(Direction::Read, sender_of_next).await
    }

    /// As [`peek_sender`](Self::peek_sender), or leaves the waker; the last caller's counts.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_io(cx, Direction::Read, sender_of_next)
    }

    /// As [`peek_sender`](Self::peek_sender), without a wait. Errors: also `WouldBlock`.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.socket.try_io(Direction::Read, sender_of_next)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`), if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.get().take_error()
    }

    /// Whether datagrams may be sent to broadcast addresses. Off at first.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.get().broadcast()
    }

    /// Allows to send to broadcast addresses (`SO_BROADCAST`).
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.socket.get().set_broadcast(on)
    }

    /// How many hops a datagram may make.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.get().ttl()
    }

    /// Sets how many hops a datagram may make (`IP_TTL`).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_ttl(ttl)
    }

    /// The type of service of IPv4 datagrams (`IP_TOS`).
    pub fn tos_v4(&self) -> io::Result<u32> {
        SockRef::from(self).tos_v4()
    }

    /// Sets that: what routers on the way go by, as far as they do.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        SockRef::from(self).set_tos_v4(tos)
    }

    /// Whether our own multicast datagrams come back to this machine (IPv4). On at first.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.get().multicast_loop_v4()
    }

    /// Sets whether they come back (`IP_MULTICAST_LOOP`).
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.socket.get().set_multicast_loop_v4(on)
    }

    /// How many hops a multicast datagram may make (IPv4). 1 at first: the local network.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket.get().multicast_ttl_v4()
    }

    /// Sets how many hops that are (`IP_MULTICAST_TTL`).
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_multicast_ttl_v4(ttl)
    }

    /// Whether our own multicast datagrams come back to this machine (IPv6). On at first.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.get().multicast_loop_v6()
    }

    /// Sets whether they come back (`IPV6_MULTICAST_LOOP`).
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.socket.get().set_multicast_loop_v6(on)
    }

    /// Joins the group `multiaddr` on the interface with the address `interface`; `0.0.0.0` lets
    /// the system choose.
    ///
    /// By value, as in tokio.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.get().join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins the group `multiaddr` on the interface numbered `interface`; 0 lets the system choose.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.get().leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves a group.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().leave_multicast_v6(multiaddr, interface)
    }
}

fn sender_of_next(socket: &std::net::UdpSocket) -> io::Result<Moved<SocketAddr>> {
    let sender = SockRef::from(socket).peek_sender()?.as_socket();
    let sender = sender.ok_or_else(|| io::Error::other("a UDP socket has no such address"))?;
    Ok((sender, false))
}

descriptor!(UdpSocket);

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// See [`UdpSocket::from_std`].
    fn try_from(socket: std::net::UdpSocket) -> io::Result<Self> {
        Self::from_std(socket)
    }
}
