//! Floor 2. What a loop looks out for: its timers, its sockets, the notes of strangers.
//!
//! A local loop does so alone. A worker may be stuck in a long poll, and who waits for its timers
//! and sockets must not be its hostage. So a neighbour that has nothing else to do can stand in for
//! it: fire its timers, read its notes, ask the kernel about its sockets.
//!
//! And as all this is in locks already, whoever works for the same runtime may set a timer or look
//! up a socket there: a task that was robbed, and the future given to `block_on`.
//!
//! ```text
//!   wheel, reactor   held for a moment, by anybody who works for the runtime
//!   notes, ear       by who has the duty; the ear all through a sleep
//! ```
//!
//! Rules
//! 1. Whoever looks out has the duty: one at a time, so that notes are heeded in their order. The
//!    owner has it for the second and third part of each turn, its sleep included; a neighbour only
//!    tries to get it.
//!
//! Real world: tokio's workers share one driver, and whoever parks first looks after it; if that
//! one is then stuck, nobody does. Go has a thread of its own for this, `sysmon`.

use crate::part::{Borrowed, Part};
use crate::reactor::{Ear, Reactor};
use crate::shim::{Arc, Mutex, MutexGuard, lock};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::clock::Clock;
use crate::time::timers::Timers;
use std::collections::VecDeque;
use std::sync::TryLockError;
use std::task::Waker;

/// See the head of the file.
pub(crate) struct Outlook {
    pub(crate) wheel: Part<Timers<Waker>>,
    pub(crate) reactor: Part<Reactor>,
    pub(crate) ear: Part<Ear>,
    /// Notes that were taken from the inbox and not heeded yet.
    pub(crate) notes: Part<VecDeque<Note>>,
    duty: Option<Arc<Mutex<()>>>,
}

/// The same, for the neighbours of a worker.
pub(crate) struct Watched {
    home: HomeRef,
    wheel: Arc<Mutex<Timers<Waker>>>,
    reactor: Arc<Mutex<Reactor>>,
    ear: Arc<Mutex<Ear>>,
    notes: Arc<Mutex<VecDeque<Note>>>,
    duty: Arc<Mutex<()>>,
}

/// The wheel and the sockets of a loop, for who has to do with them for a moment.
pub(crate) struct Reach<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) at: At<'a>,
}

pub(crate) enum At<'a> {
    /// Of the loop that this thread is inside of.
    Own(&'a Outlook),
    Neighbour(&'a Watched),
}

impl Reach<'_> {
    #[inline]
    pub(crate) fn wheel(&self) -> Borrowed<'_, Timers<Waker>> {
        match self.at {
            At::Own(outlook) => outlook.wheel.borrow(),
            At::Neighbour(watched) => Borrowed::Common(lock(&watched.wheel)),
        }
    }

    #[inline]
    pub(crate) fn reactor(&self) -> Borrowed<'_, Reactor> {
        match self.at {
            At::Own(outlook) => outlook.reactor.borrow(),
            At::Neighbour(watched) => Borrowed::Common(lock(&watched.reactor)),
        }
    }

    /// Whether it is of the loop that this thread is inside of.
    #[inline]
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.at, At::Own(_))
    }

    /// Whether the loop sleeps too long for a timer that was just set. One's own is awake.
    #[inline]
    pub(crate) fn oversleeps(&self, wheel: &mut Timers<Waker>, deadline_ticks: u64) -> bool {
        !self.is_own() && wheel.is_earlier(deadline_ticks)
    }
}

impl Outlook {
    /// Of a loop that is alone.
    pub(crate) fn alone(reactor: Reactor) -> Self {
        Self {
            wheel: Part::own(Timers::new()),
            ear: Part::own(Ear::new(&reactor)),
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
            wheel: Arc::new(Mutex::new(Timers::new())),
            ear: Arc::new(Mutex::new(Ear::new(&reactor))),
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
            ear: Part::Common(self.ear.clone()),
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
