//! Floor 5. Blocking where one stands, as far as that is allowed.
//!
//! ```text
//!   this thread …                                block_in_place(f)
//!   has nothing to do with a loop                runs f
//!   is of the blocking pool, or waits in
//!   `Handle::block_on` for a loop elsewhere      runs f
//!   is inside the loop, or a worker              panics: nobody else could turn the loop meanwhile
//! ```
//!
//! Real world: tokio's many-threaded flavour gives the loop to another thread first; its
//! current-thread flavour panics as this one does. In asyncio nothing stops you.

use crate::current::{self, here};

/// Runs a closure that blocks, on this thread.
///
/// For library code that may run on a thread of the blocking pool or on none of Rondel's at all.
/// Inside the loop it must not block; there it is [`spawn_blocking`](super::spawn_blocking) that
/// does it elsewhere.
///
/// The twin of `tokio::task::block_in_place`, on the flavour that has one thread.
///
/// # Panics
///
/// Panics inside the loop, and says what to do instead.
///
/// **Cost:** two looks at thread-locals.
///
/// ```
/// use rondel::task::block_in_place;
///
/// assert_eq!(block_in_place(|| 1 + 1), 2); // a plain thread
/// rondel::run(async {
///     let pool = rondel::spawn_blocking(|| block_in_place(|| 2 + 2));
///     assert_eq!(pool.await.unwrap(), 4);
/// });
/// ```
#[track_caller]
pub fn block_in_place<F, R>(work: F) -> R
where
    F: FnOnce() -> R,
{
    // A thread that waits in `Handle::block_on` is busy, too, but it holds no loop up.
    if let (Some(inside), Some(())) = (current::busy(), here(|_| ())) {
        assert!(
            !current::is_worker(),
            "`block_in_place` was called on a worker of the stealing flavour, where it is not \
             there yet. Move the call to `spawn_blocking`, and await that"
        );
        panic!(
            "can call blocking only when running on the multi-threaded runtime: `block_in_place` \
             was called inside `{inside}`, whose loop has no other thread. Move the call to \
             `spawn_blocking`, and await that"
        );
    }
    work()
}
