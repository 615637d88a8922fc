//! Floor 5. What a listener does when the process has no descriptor left to accept with.
//!
//! The connection stays in the kernel's queue and the listener stays readable: a loop that tried
//! again at once would burn a core. So `accept` pauses, longer each time, while the open
//! connections are served, and says so once in a while.
//!
//! Real world: asyncio pauses for one second; tokio hands the error to the program, and many
//! programs either die of it or spin.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::shim::{Mutex, lock};
use crate::time::sleep;

/// The pauses while the process has no free descriptor: they double.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// One warning in that time is enough.
const WARN_AGAIN: Duration = Duration::from_secs(60);

// The same numbers on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// When a listener last complained.
pub(super) struct Patience {
    warned: Mutex<Option<Instant>>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { warned: Mutex::new(None) }
    }

    /// After an error of `accept`: waits, if it is want of a descriptor; else gives it back.
    /// `pause` is the last pause of this accept, zero at first, and `listener` names it.
    pub(super) async fn after(
        &self,
        error: io::Error,
        pause: &mut Duration,
        listener: &impl fmt::Debug,
    ) -> io::Result<()> {
        if !matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) {
            return Err(error);
        }
        self.warn(listener, &error);
        *pause = (*pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        sleep(*pause).await;
        Ok(())
    }

    fn warn(&self, listener: &impl fmt::Debug, error: &io::Error) {
        let now = Instant::now();
        let due = |last: Instant| now.duration_since(last) >= WARN_AGAIN;
        let mut warned = lock(&self.warned);
        if warned.is_none_or(due) {
            *warned = Some(now);
            drop(warned);
            eprintln!(
                "rondel: {listener:?} cannot accept: {error}; trying again, with pauses of up to \
                 1 s. Raise the limit (`ulimit -n`) or keep fewer connections open."
            );
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Duration, EMFILE, ENFILE, PAUSE_MAX, PAUSE_MIN, Patience, io};

    /// Goal: wait only for what time can heal: no descriptor left in the process (`EMFILE`) or in
    /// the whole system (`ENFILE`, which no test may bring about). Method: hand the errors in; in
    /// virtual time, look at the pauses.
    #[test]
    fn want_of_descriptors_is_waited_for_and_nothing_else() {
        let runtime = crate::Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for number in [EMFILE, ENFILE] {
                let (patience, mut pause) = (Patience::new(), Duration::ZERO);
                let start = crate::time::Instant::now();
                for _ in 0..12 {
                    let error = io::Error::from_raw_os_error(number);
                    patience.after(error, &mut pause, &"a listener").await.unwrap();
                }
                assert_eq!(pause, PAUSE_MAX);
                assert!(start.elapsed() > PAUSE_MAX + PAUSE_MIN, "the pauses were slept");
            }
            for number in [rustix::io::Errno::NOBUFS, rustix::io::Errno::BADF] {
                let error = io::Error::from(number);
                let mut pause = Duration::ZERO;
                let given_back = Patience::new().after(error, &mut pause, &"a listener").await;
                assert_eq!(given_back.unwrap_err().kind(), io::Error::from(number).kind());
                assert_eq!(pause, Duration::ZERO);
            }
        });
    }
}
