//! Locks, notifications, and values that come once.

use std::sync::Arc;

use super::sync::{
    Notify, OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock,
    Semaphore, SetOnce,
};
use crate::{Dice, STEPS, Wait, wait, woken};

/// Owned permits, one and many at once; tried, added, forgotten, split, merged; a closing.
pub fn semaphore(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let seats = Arc::new(Semaphore::new(dice.below(4)));
    let mut waits: Vec<Wait<Result<OwnedSemaphorePermit, _>>> = vec![];
    let mut held: Vec<OwnedSemaphorePermit> = vec![];
    for _ in 0..STEPS {
        let step = dice.below(24);
        let said = match step {
            0..=4 => {
                waits.push(wait(seats.clone().acquire_many_owned(dice.below(4) as u32)));
                String::new()
            }
            5..=10 => match dice.poll(&mut waits) {
                Some(Ok(permit)) => {
                    held.push(permit);
                    "permit".into()
                }
                other => format!("{:?}", other.map(|result| result.unwrap_err())),
            },
            11 | 12 => format!("{}", dice.take(&mut waits).is_some()),
            13 | 14 => format!("{}", dice.take(&mut held).is_some()),
            15 => format!("{:?}", dice.take(&mut held).map(|permit| permit.forget())),
            16 | 17 => format!("{:?}", seats.add_permits(dice.below(3))),
            18 | 19 => match seats.clone().try_acquire_many_owned(dice.below(3) as u32) {
                Ok(permit) => {
                    held.push(permit);
                    "permit".into()
                }
                Err(error) => format!("{error:?} {error}"),
            },
            20 if !seats.is_closed() => format!("{}", seats.forget_permits(dice.below(3))),
            21 => match (held.pop(), held.pop()) {
                (Some(mut a), Some(b)) => {
                    a.merge(b);
                    let part = a.split(dice.below(3));
                    let text = format!("{:?}", part.as_ref().map(|p| p.num_permits()));
                    held.push(a);
                    held.extend(part);
                    text
                }
                (a, _) => {
                    held.extend(a);
                    String::new()
                }
            },
            22 if dice.below(8) == 0 => format!("{:?}", seats.close()),
            _ => continue,
        };
        let (free, closed) = (seats.available_permits(), seats.is_closed());
        // Left out: permits that had piled up for one who was sent away by the closing.
        // In tokio they come back when it is polled or dropped; nobody gets them.
        let free = if closed && !waits.is_empty() { 0 } else { free };
        notes.push(format!("{step}: {said} free {free} closed {closed} {}", woken(&waits)));
    }
    notes
}

/// Owned guards of a lock for few readers, downgraded at times.
pub fn rwlock(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let lock = Arc::new(RwLock::with_max_readers(0, 1 + dice.below(4) as u32));
    let mut readers: Vec<Wait<OwnedRwLockReadGuard<i32>>> = vec![];
    let mut writers: Vec<Wait<OwnedRwLockWriteGuard<i32>>> = vec![];
    let (mut reads, mut writes) = (vec![], vec![]);
    for _ in 0..STEPS {
        let step = dice.below(20);
        let said = match step {
            0..=2 => {
                readers.push(wait(lock.clone().read_owned()));
                true
            }
            3 | 4 => {
                writers.push(wait(lock.clone().write_owned()));
                true
            }
            5..=7 => dice.poll(&mut readers).map(|guard| reads.push(guard)).is_some(),
            8..=10 => dice.poll(&mut writers).map(|guard| writes.push(guard)).is_some(),
            11 => dice.take(&mut readers).is_some(),
            12 => dice.take(&mut writers).is_some(),
            13 | 14 => dice.take(&mut reads).is_some(),
            15 | 16 => dice.take(&mut writes).is_some(),
            17 => dice
                .take(&mut writes)
                .map(|mut guard| {
                    *guard += 1;
                    reads.push(guard.downgrade());
                })
                .is_some(),
            18 => lock.clone().try_read_owned().map(|guard| reads.push(guard)).is_ok(),
            _ => lock.clone().try_write_owned().map(|guard| writes.push(guard)).is_ok(),
        };
        notes.push(format!("{step}: {said} {lock:?} {} {}", woken(&readers), woken(&writers)));
    }
    notes
}

/// For one, for the last, for all; futures that are enabled before they are polled.
pub fn notify(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let notify = Arc::new(Notify::new());
    let mut waits: Vec<Wait<()>> = vec![];
    for _ in 0..STEPS {
        let step = dice.below(14);
        let said = match step {
            0..=2 => {
                // Polled at once: a future that was made before `notify_waiters` and
                // not polled takes no permit with it in Rondel.
                waits.push(wait(notify.clone().notified_owned()));
                let ready = waits.last_mut().unwrap().poll().is_ready();
                if ready {
                    waits.pop();
                }
                ready
            }
            3..=6 => dice.poll(&mut waits).is_some(),
            7 | 8 => dice.take(&mut waits).is_some(),
            9 | 10 => {
                notify.notify_one();
                true
            }
            11 => {
                notify.notify_last();
                true
            }
            12 => {
                notify.notify_waiters();
                true
            }
            _ => {
                let mut early = Box::pin(notify.clone().notified_owned());
                let enabled = early.as_mut().enable();
                if !enabled {
                    let mut early = wait(early);
                    assert!(early.poll().is_pending());
                    waits.push(early);
                }
                enabled
            }
        };
        notes.push(format!("{step}: {said} {}", woken(&waits)));
    }
    notes
}

/// A `OnceCell` whose initialisers wait and may fail, and a `SetOnce`.
pub fn once(seed: u64) -> Vec<String> {
    let (mut dice, mut notes) = (Dice(seed), vec![]);
    let (cell, once) = (Arc::new(OnceCell::new()), Arc::new(SetOnce::new()));
    let go = Arc::new(Notify::new());
    let mut waits: Vec<Wait<Result<usize, usize>>> = vec![];
    for next in 0..STEPS {
        let step = dice.below(16);
        let said = match step {
            0..=2 => {
                let (cell, go) = (cell.clone(), go.clone());
                waits.push(wait(async move {
                    let make = || async move {
                        go.notified().await;
                        if next % 3 == 0 { Ok(next) } else { Err(next) }
                    };
                    cell.get_or_try_init(make).await.copied()
                }));
                String::new()
            }
            3 => {
                let once = once.clone();
                waits.push(wait(async move { Ok(*once.wait().await) }));
                String::new()
            }
            4..=9 => format!("{:?}", dice.poll(&mut waits)),
            10 => format!("{:?}", dice.take(&mut waits).is_some()),
            11 | 12 => format!("{:?}", go.notify_one()),
            13 if dice.below(3) == 0 => format!("{:?}", cell.set(next)),
            14 if dice.below(3) == 0 => format!("{:?}", once.set(next)),
            _ => continue,
        };
        notes.push(format!("{step}: {said} {cell:?} {once:?} {}", woken(&waits)));
    }
    notes
}
