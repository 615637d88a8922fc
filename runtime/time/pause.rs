//! Floor 5. Time that stands still: for tests that must not wait.
//!
//! ```text
//!   pause ──▶ frozen: nothing can run ─▶ jumps to the next deadline, by itself
//!                     advance(d)      ─▶ moves by d, and fires what is due
//!   resume ─▶ runs on from where it stood
//! ```
//!
//! The twin of `tokio::time::{pause, resume, advance}`. trio's `MockClock(autojump_threshold=0)` is
//! the same; asyncio has nothing of the kind.

use crate::current::{self, Handle};
use crate::task::yield_now;
use crate::time::Duration;

/// Freezes the clock of this runtime.
///
/// From now on [`Instant::now`](super::Instant::now) stands still inside the runtime, until nothing
/// can run: then it jumps to the next deadline at once. Closures on the blocking pool are waited
/// for before it jumps; so one that itself waits for time to pass waits until somebody moves the
/// clock by [`advance`]. Where no deadline is left either, the loop reports a
/// [`Deadlock`](crate::Deadlock). It stops at the next whole millisecond, so that sleeps are exact.
///
/// To freeze it from the start: [`Builder::start_paused`](crate::Builder::start_paused).
///
/// # Panics
///
/// Panics if it is frozen already, outside a runtime, and on the stealing flavour.
///
/// ```
/// use rondel::time::{self, Duration, Instant};
///
/// rondel::run(async {
///     time::pause();
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(3_600)).await; // takes no time
///     assert_eq!(start.elapsed(), Duration::from_secs(3_600));
/// });
/// ```
#[track_caller]
pub fn pause() {
    let handle = Handle::current();
    handle.needs_one_loop("time::pause");
    assert!(handle.clock().freeze(), "time is already frozen");
    let_look(&handle);
}

/// Has a loop that sleeps look at its timers anew, as it sleeps until a moment of before.
fn let_look(handle: &Handle) {
    if !handle.home().is_here() {
        // False: the loop is gone, and has nothing to look at.
        let _ = handle.home().errand(|| {});
    }
}

/// Lets the clock of this runtime run again, from where it stands.
///
/// # Panics
///
/// Panics if it is not frozen, and outside a runtime.
///
/// ```
/// use rondel::time::{self, Duration, Instant};
///
/// rondel::run(async {
///     time::pause();
///     let start = Instant::now();
///     time::advance(Duration::from_secs(60)).await;
///     time::resume();
///     assert!(start.elapsed() >= Duration::from_secs(60)); // never back
/// });
/// ```
#[track_caller]
pub fn resume() {
    let handle = Handle::current();
    assert!(handle.clock().thaw(), "time is not frozen");
    let_look(&handle);
}

/// Moves the frozen clock of this runtime forward by `duration`, and lets everybody run who waited
/// for a moment up to then.
///
/// A move that cannot be represented does nothing. Between two deadlines it does not stop: all
/// whose time has come are woken, in the order of their deadlines, and each finds it `duration`
/// later. What they wait for next may be due as well; then they wait no longer, but
/// `advance` does not wait for them: [`testing::wait_until_idle`](crate::testing::wait_until_idle)
/// does.
///
/// On a thread that only has a handle of the runtime, time moves as well, but nobody is waited for.
///
/// **Cancel-safe:** time has moved at the first poll. **Cost:** a turn through the ready queue.
///
/// # Panics
///
/// Panics if the clock is not frozen, and outside a runtime.
///
/// ```
/// use rondel::time::{self, Duration, sleep};
///
/// rondel::run(async {
///     time::pause();
///     let task = rondel::spawn(sleep(Duration::from_millis(10)));
///     rondel::task::yield_now().await; // lets it set its timer
///     time::advance(Duration::from_millis(9)).await;
///     assert!(!task.is_finished());
///     time::advance(Duration::from_millis(1)).await;
///     assert!(task.is_finished());
/// });
/// ```
pub async fn advance(duration: Duration) {
    let handle = Handle::current();
    assert!(handle.clock().advance(duration), "time is not frozen");
    let_look(&handle);
    current::advance_wheel_here();
    yield_now().await;
}
