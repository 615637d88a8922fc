//! Floor 1. The reactor on polling, the crate under smol.
//!
//! Edge-triggered and registered once, where the system can (epoll, kqueue). Elsewhere one-shot:
//! the kernel reports once and then keeps silent, so everybody who starts to wait re-arms, and a
//! report re-arms for those who still wait. That costs a system call per wait.
//!
//! | moment | edge-triggered | one-shot |
//! |---|---|---|
//! | `register` | both directions, for good | known, but silent |
//! | a waker sits down | nothing to do | `epoll_ctl`: what this source waits for now |
//! | an event | noted; the kernel goes on listening | noted; the kernel is deaf for *both* |
//! | after the event | nothing to do | `epoll_ctl`, if somebody still waits |
//!
//! Why keep a second back end? A trait with one implementation is a guess about what is general.
//! With two, each flag of [`Registrar`] has a reason, and the price of a habit can be measured: an
//! echo over one connection is 3 system calls a request on bare epoll, and 8 on one-shot polling
//! (re-arming, and a timer descriptor that polling sets anew for each wait).
//!
//! Real world: smol and async-io use polling one-shot, which works the same on every system;
//! libuv changes the kernel's interest whenever a watcher starts or stops.
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
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::source::Report;
use super::{Awaited, EVENTS_MAX, KernelBell, Opened, Poll, Registrar, Wanted};
use crate::shim::Arc;

pub(super) fn open() -> io::Result<Opened> {
    let poller = Poller::new()?;
    let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
    Ok(open_with_mode(poller, mode))
}

/// One-shot even where edges are to be had, so that the fall-back can be tested.
pub(super) fn open_one_shot() -> io::Result<Opened> {
    Ok(open_with_mode(Poller::new()?, PollMode::Oneshot))
}

// For all sources alike: the mode of a registration is stated again by each `modify`, and a mixture
// would have to be remembered per source.
fn open_with_mode(poller: Poller, mode: PollMode) -> Opened {
    let poller = Arc::new(poller);
    let queue = Queue { poller: poller.clone(), mode };
    let capacity = NonZeroUsize::new(EVENTS_MAX).unwrap_or(NonZeroUsize::MIN);
    let poll = PollingPoll { queue: queue.clone(), events: Events::with_capacity(capacity) };
    // With polling the poller itself is rung.
    let bell = KernelBell::Polling(poller);
    Opened { registrar: Arc::new(queue), poll: Box::new(poll), bell }
}

struct PollingPoll {
    queue: Queue,
    events: Events,
}

#[derive(Clone)]
struct Queue {
    poller: Arc<Poller>,
    mode: PollMode,
}

impl Queue {
    /// Also when the interest is the same as before: the kernel looks anew, and that is the point.
    fn modify(&self, fd: RawFd, event: Event) -> io::Result<()> {
        // SAFETY: alive. Only sources of the table get here, and those are open; see rule 1.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.poller.modify_with_mode(fd, event, self.mode)
    }
}

fn interest(key: usize, wanted: Wanted) -> Event {
    Event::new(key, wanted.read, wanted.write)
}

impl Registrar for Queue {
    fn register(&self, fd: RawFd, key: usize) -> io::Result<()> {
        let event = match self.mode {
            // Silent until somebody waits: the first thing a new socket does is to try, and an
            // event that nobody waits for would only use up the shot.
            PollMode::Oneshot => Event::none(key),
            _ => Event::all(key),
        };
        // SAFETY: alive. The owner calls `deregister` before it closes `fd`; see rule 1.
        unsafe { self.poller.add_with_mode(fd, event, self.mode) }
    }

    fn rearm(&self, fd: RawFd, key: usize, wanted: Wanted) -> io::Result<()> {
        // A registration that lasts must stay whole: to name one direction alone would deafen the
        // other one for good.
        let wanted = if self.mode == PollMode::Oneshot { wanted } else { Wanted::BOTH };
        self.modify(fd, interest(key, wanted))
    }

    fn deregister(&self, fd: RawFd) -> io::Result<()> {
        // SAFETY: alive. The owner closes `fd` only after this call; see rule 1.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.poller.delete(fd)
    }

    fn rearm_per_wait(&self) -> bool {
        self.mode == PollMode::Oneshot
    }

    /// A short read may have left a FIN behind whose edge is spent. So the next read is tried, and
    /// mostly says `WouldBlock`: about 0.1 µs for each message.
    fn tells_of_fin(&self) -> bool {
        false
    }
}

impl Poll for PollingPoll {
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        // polling appends, unlike mio: without this the last turn's events would come again.
        self.events.clear();
        self.queue.poller.wait(&mut self.events, timeout).map(drop)
    }

    fn tell(&mut self, note: &mut dyn FnMut(usize, Report) -> Awaited) -> io::Result<()> {
        for event in self.events.iter() {
            let error = event.is_err().unwrap_or(false);
            // polling's name for EPOLLHUP. It does not ask for RDHUP, so a peer that only stops
            // sending shows as readable, and the read of 0 bytes tells; see `tells_of_fin`.
            let hang_up = event.is_interrupt();
            let report = Report {
                readable: event.readable,
                writable: event.writable,
                read_closed: hang_up,
                write_closed: hang_up || error,
                error,
            };
            let awaited = note(event.key, report);
            // The event has used the shot for both directions, also if it told of one. Whoever
            // waits for the other one would wait for ever. (Those who are served are taken out by
            // then, so mostly nobody is left and this costs nothing.)
            if self.queue.mode == PollMode::Oneshot
                && let Some((fd, wanted)) = awaited.filter(|(_, wanted)| !wanted.is_empty())
            {
                self.queue.modify(fd, interest(event.key, wanted))?;
            }
        }
        Ok(())
    }
}
