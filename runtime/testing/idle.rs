//! Floor 5. Waiting until nobody else can run, and threads that the loop cannot see.
//!
//! "Give the others time to get as far as they can" is what a test wants to say when it sleeps for
//! 10 ms and hopes. The loop knows it exactly: it is when it would go to sleep.
//!
//! ```text
//!   wait_until_idle ─▶ the others run … ─▶ nobody is ready, no note, no socket ─▶ it returns
//!                                          (no time has passed: no timer has fired)
//! ```
//!
//! Real world: trio's `wait_all_tasks_blocked`; in asyncio one awaits `sleep(0)` some times and
//! hopes.

use crate::current::Handle;
use crate::leaf::leaf;
use crate::services::Outside;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// Waits until no other task of this loop can run: each waits for something that has not come.
///
/// Time does not move for it: under virtual time no timer fires meanwhile; closures on the blocking
/// pool are waited for then, too. Several that wait go on together. The twin of
/// `trio.testing.wait_all_tasks_blocked`.
///
/// **Cancel-safe:** yes. **Cost:** one look at the sockets.
///
/// # Panics
///
/// Panics outside a runtime, and on the stealing flavour.
///
/// ```
/// use rondel::testing::wait_until_idle;
/// use std::time::Duration;
///
/// rondel::run(async {
///     let (tx, mut rx) = rondel::sync::mpsc::channel(1);
///     let task = rondel::spawn(async move {
///         for number in 0..10 {
///             tx.send(number).await.unwrap();
///         }
///     });
///     wait_until_idle().await; // the task has come as far as it can: it waits for a place
///     assert_eq!(rx.len(), 1);
///     assert!(!task.is_finished());
/// });
/// ```
pub async fn wait_until_idle() {
    let handle = Handle::current();
    handle.needs_one_loop("testing::wait_until_idle");
    // Never a permit: to be sent away is the news.
    let mut sent_away = pin!(leaf("testing::wait_until_idle", handle.idle().acquire(1)));
    poll_fn(|cx| {
        let polled = sent_away.as_mut().poll(cx);
        if polled.is_pending() && !handle.home().is_here() {
            // A loop that sleeps has to look. False: it is gone, and so is everybody who could run.
            let _ = handle.home().errand(|| {});
        }
        polled.map(|_| ())
    })
    .await;
}

/// Tells the loop of a thread that it cannot see, for as long as the guard lives.
///
/// Under virtual time a loop where nothing can ever run again reports a
/// [`Deadlock`](crate::Deadlock). Known to it are its closures of `spawn_blocking`, threads inside
/// `enter` or `block_on` of its [`Handle`], and threads that wait in a `blocking_` call. Overlooked
/// would be a plain thread that is going to send on a channel, or to spawn by a handle that it has
/// not entered; and what another runtime does. Let that thread hold this.
///
/// It holds up the verdict, not the time: that goes on to the next deadline.
///
/// # Panics
///
/// Panics outside a runtime.
///
/// ```
/// use rondel::testing;
///
/// let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
/// runtime.block_on(async {
///     let (tx, rx) = rondel::sync::oneshot::channel();
///     let outside = testing::outside_thread();
///     std::thread::spawn(move || {
///         let _outside = outside;
///         tx.send("from a plain thread").unwrap();
///     });
///     assert_eq!(rx.await, Ok("from a plain thread"));
/// });
/// ```
#[track_caller]
pub fn outside_thread() -> OutsideThread {
    OutsideThread { _outside: Handle::current().outside() }
}

/// What [`outside_thread`] returns.
#[must_use = "the loop is told for as long as the guard lives"]
pub struct OutsideThread {
    _outside: Outside,
}

impl fmt::Debug for OutsideThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutsideThread")
    }
}
