//! What makes a program that waits repeatable: time that stands still, orders drawn by seed, the
//! verdict on a deadlock, and waiting until nobody can run.

mod deadlock;
mod idle;
mod pause;
mod seeds;

use rondel::{Builder, Runtime};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A runtime whose time stands still until nothing else can run.
fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// Who did what in which order.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    fn pages(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}
