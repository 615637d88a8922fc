//! Floor 5. Blocking where one stands.
//!
//! ```text
//!   this thread …                                block_in_place(f)
//!   has nothing to do with a loop                runs f
//!   is of the blocking pool, or waits in
//!   `Handle::block_on` for a loop elsewhere      runs f
//!   is a worker of the stealing flavour          gives its loop to a deputy, runs f
//!   is inside the local loop                     panics: nobody else could turn it meanwhile
//! ```
//!
//! Real world: tokio's, row by row; see `flavor/deputy.rs` for what differs in the third. In
//! asyncio nothing stops you.

use crate::budget;
use crate::current::{self, here};
use crate::flavor::deputy;

/// Runs a closure that blocks, on this thread.
///
/// On a worker of the stealing flavour another thread takes the worker's place first: its tasks,
/// timers and sockets go on. Only the task that calls this stands still, with all that is polled
/// inside the same task (the other branches of a `join!`). On a thread that holds no loop up it
/// just runs `work`. Inside the local loop it must not block; there it is
/// [`spawn_blocking`](super::spawn_blocking) that does it elsewhere.
///
/// `work` may block as it likes, also in [`Handle::block_on`](crate::Handle::block_on). It has no
/// budget. Aborting the task helps only when `work` has returned. A panic of `work` is one of the
/// task. Up to 512 deputies work at a time; if all of them block, the loops that are handed on then
/// wait for the first that returns.
///
/// The end of a runtime waits for `work` as for any long poll: within its limit.
///
/// The twin of `tokio::task::block_in_place`.
///
/// # Panics
///
/// Panics inside the local loop, and says what to do instead.
///
/// **Cost:** on a worker the wake of another thread, some microseconds, less if `work` returns
/// before that one has come; elsewhere two looks at thread-locals.
///
/// ```
/// use rondel::task::block_in_place;
///
/// assert_eq!(block_in_place(|| 1 + 1), 2); // a plain thread
/// rondel::run(async {
///     let pool = rondel::spawn_blocking(|| block_in_place(|| 2 + 2));
///     assert_eq!(pool.await.unwrap(), 4);
/// });
/// let stealing = rondel::Builder::new().workers(1).build().unwrap();
/// let (tx, rx) = std::sync::mpsc::channel();
/// let blocks = stealing.spawn(async move { block_in_place(|| rx.recv().unwrap()) });
/// stealing.spawn(async move { tx.send(6).unwrap() }); // the only worker runs it all the same
/// assert_eq!(stealing.block_on(blocks).unwrap(), 6);
/// ```
#[track_caller]
pub fn block_in_place<F, R>(work: F) -> R
where
    F: FnOnce() -> R,
{
    let Some(inside) = current::busy() else { return work() };
    assert!(
        here(|_| ()).is_none() || current::is_crew(),
        "can call blocking only when running on the multi-threaded runtime: `block_in_place` was \
         called inside `{inside}`, whose loop has no other thread. Move the call to \
         `spawn_blocking`, and await that"
    );
    let _out = deputy::step_out();
    if here(|_| ()).is_some() {
        return work(); // it could not leave the loop (rule 3 of `deputy.rs`)
    }
    let _free = current::enter(None, None, Some(current::FREE));
    let _outer = budget::unlimited();
    work()
}
