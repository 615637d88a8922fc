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
//!   wheel, reactor   one a worker; held for a moment, by anybody who works for the runtime
//!   notes            one a worker; held by who has the duty
//!   ear              one for all; held by the worker that listens, all through its sleep
//! ```
//!
//! One ear, because work that comes bit by bit is done by one worker then, and the others sleep on:
//! with an event queue each, two workers woke up for their own halves of 64 connections, which is
//! twice as many context switches, and a request cost more CPU time (docs/benchmarks.md).
//!
//! Rules
//! 1. Whoever looks out has the duty: one at a time, so that notes are heeded in their order. The
//!    owner has it for the second and third part of each turn, its sleep included; a neighbour only
//!    tries to get it.
//!
//! Real world: tokio's workers share one driver, and whoever parks first looks after it; if that
//! one is then stuck, nobody does. Go has a thread of its own for this, `sysmon`.

use crate::part::{Borrowed, Part};
use crate::reactor::{Doorbell, Ear, Reactor};
use crate::shim::{Arc, Mutex, MutexGuard, lock};
use crate::task::home::HomeRef;
use crate::task::inbox::Note;
use crate::time::clock::Clock;
use crate::time::timers::Timers;
use std::collections::VecDeque;
use std::io;
use std::sync::TryLockError;
use std::task::Waker;
use std::time::Duration;

/// See the head of the file.
pub(crate) struct Outlook {
    pub(crate) wheel: Part<Timers<Waker>>,
    pub(crate) reactor: Part<Reactor>,
    pub(crate) ear: Part<Ear>,
    doorbell: Doorbell,
    /// The reactors of all who share the ear, by their numbers. `None`: it is not shared.
    tables: Option<Tables>,
    /// Notes that were taken from the inbox and not heeded yet.
    pub(crate) notes: Part<VecDeque<Note>>,
    duty: Option<Arc<Mutex<()>>>,
}

type Tables = Arc<[Arc<Mutex<Reactor>>]>;

/// The same, for the neighbours of a worker.
pub(crate) struct Watched {
    home: HomeRef,
    wheel: Arc<Mutex<Timers<Waker>>>,
    reactor: Arc<Mutex<Reactor>>,
    ear: Arc<Mutex<Ear>>,
    doorbell: Doorbell,
    tables: Tables,
    notes: Arc<Mutex<VecDeque<Note>>>,
    duty: Arc<Mutex<()>>,
}

/// The wheel and the sockets of a loop, for who has to do with them for a moment.
///
/// At home a borrow, from a neighbour a lock; to whoever uses it the same. So a sleep or a socket
/// does not ask where its task runs today, only whether it gets here at all:
///
/// ```text
///   in reach    at home; or on another thread of the same stealing runtime
///   abroad      on another loop, or on a thread of a local runtime that is not its loop's: there
///               an errand has to do
/// ```
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
            ear: Part::own(Ear::new(reactor.kernel().clone())),
            doorbell: reactor.doorbell(),
            tables: None,
            reactor: Part::own(reactor),
            notes: Part::own(VecDeque::new()),
            duty: None,
        }
    }

    /// The one call that may sleep.
    ///
    /// | the ear is | where the loop sleeps | what ends it |
    /// |---|---|---|
    /// | free | in the event queue, for all | a socket, the doorbell, `limit` |
    /// | a neighbour's | on the doorbell's condition variable | the doorbell, `limit` |
    /// | not open yet | there, too: no loop of this runtime has a socket | the same |
    ///
    /// Nobody waits for the ear. A neighbour that has it and leaves it, with work to do, need not
    /// hand it on: it comes back soon, or another one lies down, or a watchman looks around.
    ///
    /// Sleeps until a socket is ready, the doorbell rings or `limit` has passed. Moves the wakers
    /// of those who waited for a socket to `woken`.
    pub(crate) fn listen(&self, limit: Option<Duration>, woken: &mut Vec<Waker>) -> io::Result<()> {
        if let Some(mut ear) = self.ear.try_borrow()
            && ear.is_open()
        {
            return ear.wait(&self.doorbell, limit, |number| self.table(number), woken);
        }
        self.doorbell.doze(limit); // nothing to listen to, or a neighbour does
        Ok(())
    }

    /// Whether the loop is alone and has no sockets.
    pub(crate) fn has_no_sources(&self) -> bool {
        self.tables.is_none() && self.reactor.borrow().sources_len() == 0
    }

    /// The table of that number: an event may be of any that shares the ear. `None` only for what
    /// the kernel invents.
    fn table(&self, number: usize) -> Option<Borrowed<'_, Reactor>> {
        match &self.tables {
            None => Some(self.reactor.borrow()),
            Some(tables) => Some(Borrowed::Common(lock(tables.get(number)?))),
        }
    }

    /// Takes the duty (rule 1).
    pub(crate) fn duty(&self) -> Option<MutexGuard<'_, ()>> {
        self.duty.as_deref().map(lock)
    }
}

impl Watched {
    /// Those of a runtime, each with its home. The reactors share a kernel's event queue, and are
    /// numbered.
    pub(crate) fn crew(reactors: Vec<(HomeRef, Reactor)>) -> Arc<[Self]> {
        let Some((_, first)) = reactors.first() else { return Arc::default() };
        let ear = Arc::new(Mutex::new(Ear::new(first.kernel().clone())));
        let doorbells: Vec<_> = reactors.iter().map(|(_, reactor)| reactor.doorbell()).collect();
        let (homes, tables): (Vec<_>, Vec<_>) = reactors
            .into_iter()
            .map(|(home, reactor)| (home, Arc::new(Mutex::new(reactor))))
            .unzip();
        let tables: Tables = tables.into();
        let watched = homes.into_iter().zip(doorbells).zip(&tables[..]);
        let watched = watched.map(|((home, doorbell), reactor)| Self {
            home,
            wheel: Arc::new(Mutex::new(Timers::new())),
            reactor: reactor.clone(),
            ear: ear.clone(),
            doorbell,
            tables: tables.clone(),
            notes: Arc::default(),
            duty: Arc::default(),
        });
        watched.collect()
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
            doorbell: self.doorbell.clone(),
            tables: Some(self.tables.clone()),
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
