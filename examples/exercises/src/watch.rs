//! The clock beside the answer: one that hangs or spins is a verdict, not a hang.

use crate::verdict::{Desk, Failure};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often the clock looks. Nobody notices so little beside a limit of seconds.
const LOOK: Duration = Duration::from_millis(20);

/// What to say when time is up.
type Words = Box<dyn Fn() -> Failure + Send>;

/// A thread that ends the process when a run takes too long.
pub(crate) struct Watch {
    armed: Arc<Mutex<Option<(Instant, Words)>>>,
}

impl Watch {
    /// Starts the thread; it lasts as long as the process.
    pub(crate) fn start(desk: Desk) -> Self {
        let armed: Arc<Mutex<Option<(Instant, Words)>>> = Arc::default();
        let theirs = armed.clone();
        let look = move || {
            loop {
                thread::sleep(LOOK);
                let armed = lock(&theirs);
                if let Some((until, words)) = &*armed
                    && Instant::now() > *until
                {
                    std::process::exit(i32::from(desk.fail(&words())));
                }
            }
        };
        let builder = thread::Builder::new().name("watch".to_owned());
        builder.spawn(look).expect("the judge needs a second thread");
        Self { armed }
    }

    /// From now on so long; then `words` are the verdict.
    pub(crate) fn arm(&self, limit: Duration, words: impl Fn() -> Failure + Send + 'static) {
        *lock(&self.armed) = Some((Instant::now() + limit, Box::new(words)));
    }

    /// The run has ended in time.
    pub(crate) fn disarm(&self) {
        *lock(&self.armed) = None;
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
