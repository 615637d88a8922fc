//! Structured concurrency: tasks that end before the block that started them, errors that come in
//! groups, children that borrow, time limits that can be moved, and the end of a program.

mod deadline;
mod error_group;
mod info;
mod scope;
mod shutdown;
mod start;
mod task_group;
mod task_tracker;

use rondel::{Builder, Runtime};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A runtime whose time stands still until nothing else can run.
fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// Who did what in which order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn pages(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Notes `what` when the result is dropped.
    fn at_drop(&self, what: &str) -> AtDrop {
        AtDrop(self.clone(), what.to_owned())
    }
}

struct AtDrop(Diary, String);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.note(&*self.1);
    }
}

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Waits for ever, and keeps `kept` meanwhile.
async fn forever_with<T, R>(kept: T) -> R {
    let _kept = kept;
    std::future::pending().await
}
