//! Floor 1. The reactor on mio: one `epoll_wait` per turn and nothing else.
//!
//! Register once, edge-triggered, both directions. Re-arming is an `epoll_ctl` with the same flags:
//! it makes the kernel look at the socket again and repeat the edge.
//!
//! What is left to do here is to translate. One event on its way, the last bytes of a peer that
//! has hung up, for a socket whose token is slot 7, generation 3:
//!
//! ```text
//!   kernel   events: IN | RDHUP     data: 0x000_0000003_000007
//!   here     readable, read_closed  table 0, Token { generation: 3, slot: 7 }
//!   table    slot 7 holds generation 3?  note both, hand out the wakers of the readers
//! ```
//!
//! The kernel keeps the token for us and looks nothing up, so an event costs the same with ten
//! sockets and with ten thousand.
//!
//! Real world: tokio stands on mio too. Measured beside a hand-written epoll loop mio could not be
//! told apart from it. asyncio's selector works level-triggered: it reports a socket again and
//! again until it is read empty, and adds and removes the interest in writing as needed.
//! Source: epoll(7), the sections on edge-triggered and level-triggered use.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest};

use super::source::Report;
use super::{Awaited, EVENTS_MAX, KernelBell, Opened, Poll, Registrar, Wanted};
use crate::shim::Arc;

// Asking for both costs nothing, because an edge is told once: a socket that is writable all day
// makes one event. Level-triggered, the same wish would end every wait at once.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// mio's name for the doorbell. No source has it: see `Token::from_key`.
const DOORBELL: mio::Token = mio::Token(usize::MAX);

pub(super) fn open() -> io::Result<Opened> {
    let poll = mio::Poll::new()?;
    // A second descriptor for the same queue, as mio's poll can be used by one thread at a time.
    let registry = poll.registry().try_clone()?;
    let bell = KernelBell::Mio(mio::Waker::new(&registry, DOORBELL)?);
    let poll = MioPoll { poll, events: Events::with_capacity(EVENTS_MAX) };
    Ok(Opened { registrar: Arc::new(MioRegistrar(registry)), poll: Box::new(poll), bell })
}

struct MioPoll {
    poll: mio::Poll,
    /// Filled anew by each wait. If more sockets are ready than fit, the kernel keeps the others in
    /// its own queue, and the next wait begins with them.
    events: Events,
}

impl Poll for MioPoll {
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // mio rounds a limit up to whole milliseconds, as `epoll_wait` counts them: no loop wakes a
        // little before its deadline to find nothing due. It hands an interrupted call on as an
        // error; mod.rs takes that for a wait without events.
        self.poll.poll(&mut self.events, timeout)
    }

    fn tell(&mut self, note: &mut dyn FnMut(usize, Report) -> Awaited) -> io::Result<()> {
        for event in &self.events {
            if event.token() == DOORBELL {
                // Having come back is all that a ring is for. The eventfd need not be read: each
                // write to it is a new edge.
                continue;
            }
            let report = Report {
                readable: event.is_readable(),
                writable: event.is_writable(),
                read_closed: event.is_read_closed(),
                write_closed: event.is_write_closed(),
                error: event.is_error(),
            };
            let _ = note(event.token().0, report); // the registration lasts
        }
        Ok(())
    }
}

struct MioRegistrar(mio::Registry);

impl Registrar for MioRegistrar {
    fn register(&self, fd: RawFd, key: usize) -> io::Result<()> {
        // By number and not by mio's own socket types: the reactor knows only descriptors, so
        // it serves sockets, pipes and whatever else the kernel can poll.
        self.0.register(&mut SourceFd(&fd), mio::Token(key), BOTH)
    }

    fn rearm(&self, fd: RawFd, key: usize, _: Wanted) -> io::Result<()> {
        // The flags are the same as before; the point is the side effect. On MOD the kernel looks
        // at the descriptor at once, and queues an event if something is possible already.
        self.0.reregister(&mut SourceFd(&fd), mio::Token(key), BOTH)
    }

    fn deregister(&self, fd: RawFd) -> io::Result<()> {
        self.0.deregister(&mut SourceFd(&fd))
    }

    fn rearm_per_wait(&self) -> bool {
        false // the registration never runs out
    }

    fn tells_of_fin(&self) -> bool {
        true // mio asks epoll for RDHUP
    }
}
