//! Sockets: the engine's reactor registered once and edge-triggered, and re-armed for each wait.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::{Case, Variant, engine, ns_per_op, timed_case};
use crate::alone::Alone;
use crate::meter::Size;
use crate::reactor::{Direction, Edge, Kernel, Kind, Seat, Token};

pub(super) const CASES: &[Case] = &[
    timed_case("edge", "1 socket", "a byte comes over a socket: written, told of, read", ONE),
    timed_case("edge", "64 sockets", "the same, 64 at a time", MANY),
];

const ONE: &[Variant] = &[
    engine("mio, edge", |size| messages(Kernel::new(Kind::Mio), 1, size)),
    engine("polling, edge", |size| messages(Kernel::new(Kind::Polling), 1, size)),
    engine("polling, re-armed", |size| messages(Kernel::one_shot(), 1, size)),
];
const MANY: &[Variant] = &[
    engine("mio, edge", |size| messages(Kernel::new(Kind::Mio), 64, size)),
    engine("polling, edge", |size| messages(Kernel::new(Kind::Polling), 64, size)),
    engine("polling, re-armed", |size| messages(Kernel::one_shot(), 64, size)),
];

/// A socket of the reactor and its other end.
struct Pair {
    ours: UnixStream,
    theirs: UnixStream,
    token: Token,
}

/// Panics if the machine has no sockets for us: there is nothing to compare then.
fn messages(kernel: Arc<Kernel>, sockets: usize, size: Size) -> f64 {
    let mut reactor = Alone::new(kernel);
    let rounds = size.pick(20_000, 4_000).div_ceil(sockets);
    let mut run = || {
        let pairs = open(&mut reactor, sockets)?;
        let mut result = Ok(());
        let ns = ns_per_op(rounds * sockets, || {
            result = (0..rounds).try_for_each(|_| round(&mut reactor, &pairs));
        });
        for pair in &pairs {
            drop(reactor.deregister(pair.token)); // before the descriptor is closed
        }
        result.map(|()| ns)
    };
    run().expect("sockets, and a kernel that tells of them")
}

fn open(reactor: &mut Alone, sockets: usize) -> io::Result<Vec<Pair>> {
    let mut pairs = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let token = reactor.register(ours.as_raw_fd())?;
        reactor.clear_ready(token, Direction::Read, Edge::NONE);
        pairs.push(Pair { ours, theirs, token });
    }
    Ok(pairs)
}

/// As a loop of connections that wait for a byte each: seat a waker, be told, read.
fn round(reactor: &mut Alone, pairs: &[Pair]) -> io::Result<()> {
    for pair in pairs {
        let waker = Waker::noop().clone();
        drop(reactor.set_waker(pair.token, Direction::Read, Seat::Slot, waker));
        (&pair.theirs).write_all(b"x")?;
    }
    let (mut left, mut woken) = (pairs.len(), Vec::new());
    let mut buffer = [0; 512];
    while left > 0 {
        reactor.wait(Some(Duration::from_secs(10)), &mut woken)?;
        if woken.is_empty() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no event for ten seconds"));
        }
        woken.clear();
        for pair in pairs {
            let Some(known) = reactor.ready(pair.token, Direction::Read) else { continue };
            match (&pair.ours).read(&mut buffer) {
                Ok(_) => {
                    left -= 1;
                    reactor.drained(pair.token, Direction::Read, known);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    reactor.clear_ready(pair.token, Direction::Read, known);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
