//! A condition that everybody shares: who is told of a change, and goes on when it has the lock.
//!
//! ```text
//!   sits down ──▶ waiting ── told of a change ──▶ told ── has the lock ──▶ looks, stands up or
//!                    ▲                                                        sits down again
//!                    └──────────── one told who goes away tells the next ◀──┘
//! ```
//!
//! Whoever goes on must have been told. And when time has passed and the lock is free, nobody may
//! be left who was told: that one was lost.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rondel::sync::{Condition, OwnedMutexGuard};
use rondel::time::Instant;

use super::luck::Luck;
use super::world::Me;

/// What a condition is about.
pub struct Stage {
    pub number: Arc<rondel::sync::Mutex<u64>>,
    occupied: AtomicBool,
    pub changed: Condition,
    /// Who waits for a change, or was told of one and has not the lock yet.
    seats: Mutex<Vec<Seat>>,
}

struct Seat {
    number: u64,
    name: Arc<str>,
    /// It is polled as soon as it is woken.
    prompt: bool,
    /// By which call, and when.
    told: Option<(Call, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    /// Goes on to another one if it is not heard.
    OfSome,
    OfAll,
}

impl Stage {
    pub fn new() -> Self {
        let (number, occupied) = (Arc::default(), AtomicBool::new(false));
        Self { number, occupied, changed: Condition::new(), seats: Mutex::default() }
    }

    /// Changes it if it can, and tells everybody.
    pub fn ring(&self, exact: bool) {
        if let Ok(mut number) = self.number.try_lock() {
            *number += 1;
            let seats = self.seats.lock().unwrap();
            let was_told = |seat: &Seat| seat.told.is_some_and(|(_, when)| when < Instant::now());
            let is_lost = |seat: &&Seat| exact && seat.prompt && was_told(seat);
            if let Some(Seat { name, .. }) = seats.iter().find(is_lost) {
                panic!("{name} was told, and the lock is free, but it does not go on");
            }
        }
        self.changed.notify_all();
        self.tell(usize::MAX, Call::OfAll);
    }

    /// Tells `n` of a change.
    fn tell(&self, n: usize, call: Call) {
        let mut seats = self.seats.lock().unwrap();
        let waiting = seats.iter_mut().filter(|seat| seat.told.is_none());
        waiting.take(n).for_each(|seat| seat.told = Some((call, Instant::now())));
    }
}

/// One who waits for a change; if it goes away when it was told, another one is told.
struct Spectator<'a> {
    of: &'a Stage,
    number: u64,
    me: &'a Me,
}

impl<'a> Spectator<'a> {
    fn new(of: &'a Stage, me: &'a Me) -> Self {
        let this = Self { of, number: me.world.number(), me };
        this.sit_down();
        this
    }

    fn sit_down(&self) {
        let name = self.me.name.clone();
        let seat = Seat { number: self.number, name, prompt: self.me.is_exact(), told: None };
        self.of.seats.lock().unwrap().push(seat);
    }

    /// By which call, if any, it was told.
    fn stand_up(&self) -> Option<Call> {
        let mut seats = self.of.seats.lock().unwrap();
        let at = seats.iter().position(|seat| seat.number == self.number)?;
        seats.remove(at).told.map(|(call, _)| call)
    }

    /// It has the lock again.
    fn goes_on(&self) {
        let was_told = self.stand_up().is_some();
        assert!(was_told || !self.me.world.exact, "it goes on, but nobody has told it");
    }
}

impl Drop for Spectator<'_> {
    fn drop(&mut self) {
        if self.stand_up() == Some(Call::OfSome) {
            self.of.tell(1, Call::OfSome);
        }
    }
}

/// The lock of the condition in somebody's hands.
struct OnStage<'a> {
    of: &'a Stage,
    guard: Option<OwnedMutexGuard<u64>>,
}

impl<'a> OnStage<'a> {
    fn new(of: &'a Stage, guard: OwnedMutexGuard<u64>) -> Self {
        assert!(!of.occupied.swap(true, SeqCst), "two have the lock of the condition");
        Self { of, guard: Some(guard) }
    }

    fn leave(mut self) -> OwnedMutexGuard<u64> {
        self.of.occupied.store(false, SeqCst);
        self.guard.take().expect("it was not given back")
    }
}

impl Drop for OnStage<'_> {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.of.occupied.store(false, SeqCst);
        }
    }
}

pub async fn condition(me: Me, mut luck: Luck) {
    let stage = me.world.signals.stage.clone();
    let lock = stage.number.clone().lock_owned();
    let Some(guard) = me.perhaps(&mut luck, "the lock of the condition", lock).await else {
        return;
    };
    let mut here = OnStage::new(&stage, guard);
    me.hold(&mut luck).await;
    let number = here.guard.as_mut().expect("it was not given back");
    match luck.below(5) {
        0 => {
            **number += 1;
            let n = luck.between(1, 3);
            me.note(format_args!("goes on the stage and tells {n}"));
            stage.changed.notify(n);
            stage.tell(n, Call::OfSome);
        }
        1 => {
            **number += 1;
            me.note("goes on the stage");
            let guard = here.leave();
            stage.changed.notify_all(); // with the lock, but that is not seen from outside
            stage.tell(usize::MAX, Call::OfAll);
            drop(guard);
        }
        2 => {
            me.note("waits for any change of the stage");
            let wait = async {
                let spectator = Spectator::new(&stage, &me);
                let guard = stage.changed.wait(here.leave()).await;
                spectator.goes_on();
                guard
            };
            let guard = me.perhaps(&mut luck, "Condition::wait", wait).await;
            if let Some(guard) = guard {
                let _here = OnStage::new(&stage, guard);
                me.hold(&mut luck).await;
            }
        }
        _ => {
            let before = **number;
            me.note("waits for the stage to go on");
            let wait = async {
                let spectator = Spectator::new(&stage, &me);
                let mut is_back = false; // it is asked once before it waits
                let wait = stage.changed.wait_for(here.leave(), |number| {
                    if std::mem::replace(&mut is_back, true) {
                        spectator.goes_on();
                        if *number <= before {
                            spectator.sit_down();
                        }
                    }
                    *number > before
                });
                wait.await
            };
            let guard = me.perhaps(&mut luck, "Condition::wait_for", wait).await;
            if let Some(guard) = guard {
                assert!(*guard > before, "the predicate is not true");
                let _here = OnStage::new(&stage, guard);
                me.hold(&mut luck).await;
            }
        }
    }
}
