//! Floor 5. Happy eyeballs: to connect to a name with several addresses, and not to wait for the
//! dead ones.
//!
//! ```text
//!   sorted:  v6 ─ v4 ─ v6 ─ v4 …      families alternate, the resolver's order inside each
//!   0 ms     v6  ├────────────────── (no answer)
//!   250 ms       v4 ├──── connected: it wins, and the v6 attempt is dropped
//! ```
//!
//! Rules
//! 1. The next attempt begins after the delay, or at once when all that are under way have failed.
//! 2. The first that connects wins; the others are dropped, which closes their sockets.
//! 3. If all fail the error names each address with its error.
//!
//! Real world: `loop.create_connection(happy_eyeballs_delay=0.25)`, and every browser. tokio's
//! `TcpStream::connect`, and so ours, tries one address after the other.
//! Source: RFC 8305, "Happy Eyeballs Version 2", sections 4 and 5.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::addr::{ToSocketAddrs, resolve};
use super::{TcpSocket, TcpStream};
use crate::io::named::named;
use crate::time::{Sleep, sleep};

/// The pause before the next attempt: what RFC 8305 recommends (section 8).
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to `host`, to whichever of its addresses answers first.
///
/// Unlike [`TcpStream::connect`], which tries the addresses one after the other, it begins with the
/// next one after [`ATTEMPT_DELAY`], while the earlier attempts go on.
///
/// - Errors: the lookup's; if no address answers, one that names them all, with the
///   [`ErrorKind`](io::ErrorKind) of the last.
/// - Panics if called outside a running loop.
///
/// There is no time limit but the kernel's; see [`timeout`](crate::time::timeout).
///
/// **Cancel-safe:** yes. Dropping the future abandons all attempts and closes their sockets.
/// **Cost:** as [`TcpStream::connect`] for each attempt that begins, and a timer between two.
///
/// Twin of asyncio's `open_connection(happy_eyeballs_delay=0.25)`.
///
/// ```
/// use rondel::net::{TcpListener, connect};
///
/// # fn main() -> std::io::Result<()> {
/// rondel::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let port = listener.local_addr()?.port();
///     let stream = connect(("localhost", port)).await?; // perhaps [::1] is refused first
///     assert_eq!(stream.peer_addr()?, listener.local_addr()?);
///     Ok(())
/// })
/// # }
/// ```
pub async fn connect<A: ToSocketAddrs>(host: A) -> io::Result<TcpStream> {
    let lookup = resolve(&host);
    happy_eyeballs(lookup.await?, ATTEMPT_DELAY, connect_one).await
}

async fn connect_one(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    socket.map_err(|error| named("cannot connect to", addr, error))?.connect(addr).await
}

/// The race of [`connect`] with any way to connect: TLS, a proxy, a fake.
///
/// - `addrs`: in the resolver's order; they are tried as [`interleave`] sorts them.
/// - `delay`: between the beginnings of two attempts. Zero begins with all at once.
/// - `connect`: makes an attempt; called in the task that waits, and its future polled there.
/// - Errors: the one error, if there is one address; else one that names them all, with the kind of
///   the last. `InvalidInput` if there is no address.
///
/// **Cancel-safe:** yes, as far as the attempts are: they are dropped.
/// **Cost:** one allocation for each attempt, and a timer between two.
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// let addrs = ["[2001:db8::1]:80", "192.0.2.1:80"].map(|addr| addr.parse().unwrap());
/// let won = rondel::run(rondel::net::happy_eyeballs(
///     addrs,
///     Duration::from_millis(1),
///     async |addr: SocketAddr| match addr {
///         SocketAddr::V6(_) => std::future::pending().await, // nobody there
///         SocketAddr::V4(_) => Ok::<_, io::Error>(addr),
///     },
/// ));
/// assert_eq!(won.unwrap(), addrs[1]);
/// ```
pub async fn happy_eyeballs<T, Fut>(
    addrs: impl IntoIterator<Item = SocketAddr>,
    delay: Duration,
    connect: impl FnMut(SocketAddr) -> Fut,
) -> io::Result<T>
where
    Fut: Future<Output = io::Result<T>>,
{
    let waiting = interleave(addrs).into_iter();
    let mut race = Race { waiting, connect, delay, attempts: vec![], failed: vec![], pause: None };
    poll_fn(|cx| race.poll(cx)).await
}

/// Sorts addresses as RFC 8305 says: the families alternate, beginning with that of the first
/// address, and inside a family the order stays.
///
/// ```
/// let addrs = ["[::1]:1", "[::2]:1", "127.0.0.1:1"].map(|addr| addr.parse().unwrap());
/// assert_eq!(rondel::net::interleave(addrs), [addrs[0], addrs[2], addrs[1]]);
/// ```
pub fn interleave(addrs: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addrs = addrs.into_iter().peekable();
    let Some(first) = addrs.peek() else { return Vec::new() };
    let first_is_v4 = first.is_ipv4();
    let (first, second): (Vec<_>, Vec<_>) = addrs.partition(|addr| addr.is_ipv4() == first_is_v4);
    let mut sorted = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return sorted;
        }
        sorted.extend(pair.into_iter().flatten());
    }
}

/// One attempt under way.
type Attempt<Fut> = (SocketAddr, Pin<Box<Fut>>);

struct Race<C, Fut> {
    waiting: std::vec::IntoIter<SocketAddr>,
    connect: C,
    delay: Duration,
    /// Those under way, the oldest first.
    attempts: Vec<Attempt<Fut>>,
    failed: Vec<(SocketAddr, io::Error)>,
    /// Until the next may begin.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<T, C, Fut> Race<C, Fut>
where
    C: FnMut(SocketAddr) -> Fut,
    Fut: Future<Output = io::Result<T>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            if let Some(won) = self.poll_attempts(cx) {
                return Poll::Ready(Ok(won));
            }
            let pause = self.pause.as_mut().map(|pause| pin!(pause).poll(cx));
            let may_begin = self.attempts.is_empty() || pause.is_none_or(|pause| pause.is_ready());
            if !may_begin {
                return Poll::Pending;
            }
            let Some(addr) = self.waiting.next() else {
                self.pause = None;
                let all_failed = self.attempts.is_empty();
                return if all_failed { Poll::Ready(Err(self.error())) } else { Poll::Pending };
            };
            self.attempts.push((addr, Box::pin((self.connect)(addr))));
            self.pause = Some(Box::pin(sleep(self.delay)));
        }
    }

    /// Polls what is under way; the first that has connected, if one has.
    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut at = 0;
        while let Some((addr, attempt)) = self.attempts.get_mut(at) {
            match attempt.as_mut().poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(won)) => return Some(won),
                Poll::Ready(Err(error)) => {
                    self.failed.push((*addr, error));
                    self.attempts.remove(at);
                }
            }
        }
        None
    }

    fn error(&mut self) -> io::Error {
        let Some((_, last)) = self.failed.last() else {
            return io::Error::new(
                io::ErrorKind::InvalidInput,
                "the name has no address to connect to",
            );
        };
        let kind = last.kind();
        if let [_] = &self.failed[..] {
            return self.failed.remove(0).1;
        }
        let each = self.failed.iter().map(|(addr, error)| format!("{addr}: {error}"));
        let each = each.collect::<Vec<_>>().join("; ");
        let text = format!("none of the {} addresses answers: {each}", self.failed.len());
        io::Error::new(kind, text)
    }
}
