//! Floor 5. From names to addresses.
//!
//! The system's resolver (`getaddrinfo`) blocks, so names are looked up on the blocking pool.
//! Addresses, and strings that spell one, never go there.
//!
//! Real world: tokio and asyncio do the same, with a thread pool; libuv too. Only a resolver that
//! speaks DNS itself (c-ares, hickory) needs no thread.

use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::named::named;
use crate::task::{JoinHandle, spawn_blocking};

/// What can be turned into socket addresses: an address, a pair of host and port, or a string
/// `"host:port"`. Implemented here only; the methods are private.
///
/// Twin of `tokio::net::ToSocketAddrs`.
pub trait ToSocketAddrs: sealed::ToAddrs {}

/// Looks up the addresses of `host`, which is mostly a string `"example.org:80"`.
///
/// The port is part of it, because a socket address has one.
///
/// - Errors: the resolver's ("Name or service not known"), and a string without a valid port.
/// - Panics if called outside a running loop and `host` is a name, not an address.
///
/// **Cancel-safe:** yes, but the thread that asks the resolver finishes its question.
/// **Cost:** one round through the blocking pool for a name; nothing but a `Vec` for an address.
///
/// Twin of `loop.getaddrinfo` and of `tokio::net::lookup_host`.
///
/// ```
/// rondel::run(async {
///     let mut found = rondel::net::lookup_host("127.0.0.1:80").await.unwrap();
///     assert_eq!(found.next(), Some(([127, 0, 0, 1], 80).into()));
/// });
/// ```
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    Ok(resolve(&host).await?.into_iter())
}

/// The addresses of `host`, in the order to try them.
pub(super) fn resolve<T: ToSocketAddrs + ?Sized>(host: &T) -> sealed::Lookup {
    host.lookup(sealed::Internal)
}

/// What comes of the first of those addresses that `attempt` works with; else the error of the last
/// one, which names it. `what` could not be done with an address, `purpose` with a name.
pub(super) async fn first_that_works<T, F: Future<Output = io::Result<T>>>(
    lookup: sealed::Lookup,
    what: &'static str,
    purpose: &str,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut last = None;
    for addr in lookup.await? {
        match attempt(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(named(what, addr, error)),
        }
    }
    Err(last.unwrap_or_else(|| no_address(purpose)))
}

pub(super) fn no_address(purpose: &str) -> io::Error {
    let text = format!("the name has no address to {purpose}");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

mod sealed {
    use super::{JoinHandle, Ready, SocketAddr, io};

    /// Keeps programs from calling the method.
    #[derive(Debug)]
    pub struct Internal;

    pub trait ToAddrs {
        fn lookup(&self, _: Internal) -> Lookup;
    }

    /// A lookup under way. Borrows nothing, so it can be held across anything.
    #[allow(missing_debug_implementations)]
    pub enum Lookup {
        Known(Ready<io::Result<Vec<SocketAddr>>>),
        Asked(JoinHandle<io::Result<Vec<SocketAddr>>>),
    }
}

use sealed::{Internal, Lookup, ToAddrs};

impl Lookup {
    fn known(addrs: Vec<SocketAddr>) -> Self {
        Self::Known(ready(Ok(addrs)))
    }

    /// Asks the resolver. `told` is the host as the caller wrote it, for the error.
    fn ask<T>(host: T, told: String) -> Self
    where
        T: std::net::ToSocketAddrs<Iter = std::vec::IntoIter<SocketAddr>> + Send + 'static,
    {
        Self::Asked(spawn_blocking(move || match host.to_socket_addrs() {
            Ok(addrs) => Ok(addrs.collect()),
            Err(error) => Err(named("cannot look up", format_args!("`{told}`"), error)),
        }))
    }
}

impl Future for Lookup {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Known(known) => Pin::new(known).poll(cx),
            Self::Asked(asked) => match Pin::new(asked).poll(cx) {
                Poll::Ready(Ok(result)) => Poll::Ready(result),
                // The pool is shutting down, or the resolver panicked.
                Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToAddrs + ?Sized> ToAddrs for &T {
    fn lookup(&self, internal: Internal) -> Lookup {
        (**self).lookup(internal)
    }
}

macro_rules! known {
    ($($addr:ty),*) => {$(
        impl ToSocketAddrs for $addr {}

        impl ToAddrs for $addr {
            fn lookup(&self, _: Internal) -> Lookup {
                Lookup::known(vec![SocketAddr::from(*self)])
            }
        }
    )*};
}

known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for &[SocketAddr] {}

impl ToAddrs for &[SocketAddr] {
    fn lookup(&self, _: Internal) -> Lookup {
        Lookup::known(self.to_vec())
    }
}

impl ToSocketAddrs for str {}

impl ToAddrs for str {
    fn lookup(&self, _: Internal) -> Lookup {
        match self.parse() {
            Ok(addr) => Lookup::known(vec![addr]),
            Err(_) => Lookup::ask(self.to_owned(), self.to_owned()),
        }
    }
}

impl ToSocketAddrs for String {}

impl ToAddrs for String {
    fn lookup(&self, internal: Internal) -> Lookup {
        self.as_str().lookup(internal)
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl ToAddrs for (&str, u16) {
    fn lookup(&self, _: Internal) -> Lookup {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Lookup::known(vec![SocketAddr::new(ip, port)]),
            Err(_) => Lookup::ask((host.to_owned(), port), format!("{host}:{port}")),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}

impl ToAddrs for (String, u16) {
    fn lookup(&self, internal: Internal) -> Lookup {
        (self.0.as_str(), self.1).lookup(internal)
    }
}
