//! Floor 1. The reactor on polling, the crate under smol.
//!
//! Edge-triggered and registered once, where the system can (epoll, kqueue). Elsewhere one-shot:
//! the kernel reports once and then keeps silent, so everybody who starts to wait re-arms, and a
//! report re-arms for those who still wait. That costs a system call per wait.
//!
//! Rules
//! 1. A descriptor is in the poller from `register` to `deregister` and is open all that time: rule
//!    1 of mod.rs.
//!
//! This file needs unsafe code because polling takes that rule as a promise from its caller.

#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{BorrowedFd, RawFd};
use std::task::Waker;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::source::{Report, Sources};
use super::{Backend, Doorbell, EVENTS_MAX, Token, Wanted};
use crate::shim::Arc;

pub(crate) struct Polling {
    poller: Arc<Poller>,
    events: Events,
    mode: PollMode,
}

impl Polling {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
        Ok(Self::with_mode(poller, mode))
    }

    /// One-shot even where edges are to be had, so that the fall-back can be tested.
    pub(crate) fn one_shot() -> io::Result<Self> {
        Ok(Self::with_mode(Poller::new()?, PollMode::Oneshot))
    }

    fn with_mode(poller: Poller, mode: PollMode) -> Self {
        let capacity = NonZeroUsize::new(EVENTS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { poller: Arc::new(poller), events: Events::with_capacity(capacity), mode }
    }

    fn modify(&self, fd: RawFd, event: Event) -> io::Result<()> {
        // SAFETY: alive. Only sources of the table get here, and those are open; see rule 1.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.poller.modify_with_mode(fd, event, self.mode)
    }
}

fn interest(token: Token, wanted: Wanted) -> Event {
    Event::new(token.key(), wanted.read, wanted.write)
}

impl Backend for Polling {
    fn register(&mut self, fd: RawFd, token: Token) -> io::Result<()> {
        let event = match self.mode {
            PollMode::Oneshot => Event::none(token.key()),
            _ => Event::all(token.key()),
        };
        // SAFETY: alive. The owner calls `deregister` before it closes `fd`; see rule 1.
        unsafe { self.poller.add_with_mode(fd, event, self.mode) }
    }

    fn rearm(&mut self, fd: RawFd, token: Token, wanted: Wanted) -> io::Result<()> {
        let wanted = if self.mode == PollMode::Oneshot { wanted } else { Wanted::BOTH };
        self.modify(fd, interest(token, wanted))
    }

    fn deregister(&mut self, fd: RawFd) -> io::Result<()> {
        // SAFETY: alive. The owner closes `fd` only after this call; see rule 1.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.poller.delete(fd)
    }

    fn wait(
        &mut self,
        timeout: Option<Duration>,
        sources: &mut Sources,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout)?;
        for event in self.events.iter() {
            let token = Token::from_key(event.key);
            let error = event.is_err().unwrap_or(false);
            let hang_up = event.is_interrupt();
            let report = Report {
                readable: event.readable,
                writable: event.writable,
                read_closed: hang_up,
                write_closed: hang_up || error,
                error,
            };
            sources.report(token, report, woken);
            if self.mode == PollMode::Oneshot
                && let Some(source) = sources.get_mut(token)
                && !source.wanted().is_empty()
            {
                self.modify(source.fd(), interest(token, source.wanted()))?;
            }
        }
        Ok(())
    }

    fn doorbell(&self) -> Doorbell {
        Doorbell::Polling(self.poller.clone())
    }

    fn rearm_per_wait(&self) -> bool {
        self.mode == PollMode::Oneshot
    }

    fn tells_of_fin(&self) -> bool {
        false
    }
}
