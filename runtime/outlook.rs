//! Floor 2. What a loop looks out for: its timers, its sockets, the notes of strangers.
//!
//! A local loop does so alone. A worker may be stuck in a long poll, and who waits for its timers
//! and sockets must not be its hostage. So a neighbour that has nothing else to do can stand in for
//! it: fire its timers, read its notes, ask the kernel about its sockets.
//!
//! Rules
//! 1. Whoever looks out has the duty: one at a time, so that notes are heeded in their order. The
//!    owner has it for the second and third part of each turn, its sleep included; a neighbour only
//!    tries to get it.
//!
//! Real world: tokio's workers share one driver, and whoever parks first looks after it; if that
//! one is then stuck, nobody does. Go has a thread of its own for this, `sysmon`.

use crate::part::Part;
use crate::reactor::Reactor;
use crate::shim::{Arc, Mutex, MutexGuard, lock};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::wheel::Wheel;
use std::collections::VecDeque;
use std::sync::TryLockError;
use std::task::Waker;

/// See the head of the file.
pub(crate) struct Outlook {
    pub(crate) wheel: Part<Wheel<Waker>>,
    pub(crate) reactor: Part<Reactor>,
    /// Notes that were taken from the inbox and not heeded yet.
    pub(crate) notes: Part<VecDeque<Note>>,
    duty: Option<Arc<Mutex<()>>>,
}

/// The same, for the neighbours of a worker.
pub(crate) struct Watched {
    home: HomeRef,
    wheel: Arc<Mutex<Wheel<Waker>>>,
    reactor: Arc<Mutex<Reactor>>,
    notes: Arc<Mutex<VecDeque<Note>>>,
    duty: Arc<Mutex<()>>,
}

impl Outlook {
    /// Of a loop that is alone.
    pub(crate) fn alone(reactor: Reactor) -> Self {
        Self {
            wheel: Part::own(Wheel::new(0)),
            reactor: Part::own(reactor),
            notes: Part::own(VecDeque::new()),
            duty: None,
        }
    }

    /// Takes the duty (rule 1).
    pub(crate) fn duty(&self) -> Option<MutexGuard<'_, ()>> {
        self.duty.as_deref().map(lock)
    }
}

impl Watched {
    pub(crate) fn new(home: HomeRef, reactor: Reactor) -> Self {
        Self {
            home,
            wheel: Arc::new(Mutex::new(Wheel::new(0))),
            reactor: Arc::new(Mutex::new(reactor)),
            notes: Arc::default(),
            duty: Arc::default(),
        }
    }

    pub(crate) fn home(&self) -> &HomeRef {
        &self.home
    }

    /// For the worker itself, or for a neighbour that has the duty already.
    pub(crate) fn outlook(&self, with_duty: bool) -> Outlook {
        Outlook {
            wheel: Part::Common(self.wheel.clone()),
            reactor: Part::Common(self.reactor.clone()),
            notes: Part::Common(self.notes.clone()),
            duty: (!with_duty).then(|| self.duty.clone()),
        }
    }

    /// Takes the duty if nobody has it.
    pub(crate) fn try_duty(&self) -> Option<MutexGuard<'_, ()>> {
        match self.duty.try_lock() {
            Ok(duty) => Some(duty),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
