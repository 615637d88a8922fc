//! Steps for threads that are not async at all: they park while they wait.

use std::thread;

use super::luck::Luck;
use super::world::Me;
use super::{channels, locks, queues};

/// Step after step, by a thread that has no future.
pub fn life(me: &Me, mut luck: Luck) {
    for _ in 0..luck.between(5, 20) {
        match luck.below(8) {
            0 => locks::blocking_semaphore(me, &mut luck),
            1 => locks::blocking_mutex(me, &mut luck),
            2 => locks::blocking_rwlock(me, &mut luck),
            3 => channels::blocking_send(me, &mut luck),
            4 => channels::blocking_hear(me, &mut luck),
            5 => queues::blocking_put(me, &mut luck),
            6 => queues::blocking_get(me, &mut luck),
            _ => rest(&mut luck),
        }
    }
    me.note("has done its steps");
}

/// Lets others come between two steps, or not.
pub fn rest(luck: &mut Luck) {
    for _ in 0..luck.below(4) {
        thread::yield_now();
    }
}
