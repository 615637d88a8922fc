//! Floor 1. The reactor on mio: one `epoll_wait` per turn and nothing else.
//!
//! Register once, edge-triggered, both directions. Re-arming is an `epoll_ctl` with the same flags:
//! it makes the kernel look at the socket again and repeat the edge.

use std::io;
use std::os::fd::RawFd;
use std::task::Waker;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use super::source::{Report, Sources};
use super::{Backend, Doorbell, EVENTS_MAX, Token, Wanted};
use crate::shim::Arc;

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// mio's name for the doorbell. No source has it: see `Token::from_key`.
const DOORBELL: mio::Token = mio::Token(usize::MAX);

pub(crate) struct Mio {
    poll: Poll,
    events: Events,
    doorbell: Arc<mio::Waker>,
}

impl Mio {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let doorbell = Arc::new(mio::Waker::new(poll.registry(), DOORBELL)?);
        Ok(Self { poll, events: Events::with_capacity(EVENTS_MAX), doorbell })
    }
}

impl Backend for Mio {
    fn register(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), mio::Token(token.key()), BOTH)
    }

    fn rearm(&mut self, fd: RawFd, token: Token, _: Wanted) -> io::Result<()> {
        self.poll.registry().reregister(&mut SourceFd(&fd), mio::Token(token.key()), BOTH)
    }

    fn deregister(&mut self, fd: RawFd) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd))
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sources: &mut Sources,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            if event.token() == DOORBELL {
                continue;
            }
            let report = Report {
                readable: event.is_readable(),
                writable: event.is_writable(),
                read_closed: event.is_read_closed(),
                write_closed: event.is_write_closed(),
                error: event.is_error(),
            };
            sources.report(Token::from_key(event.token().0), report, woken);
        }
        Ok(())
    }

    fn doorbell(&self) -> Doorbell {
        Doorbell::Mio(self.doorbell.clone())
    }

    fn rearm_per_wait(&self) -> bool {
        false
    }

    fn tells_of_fin(&self) -> bool {
        true
    }
}
