//! Floor 5. `for_each_concurrent` and its `try_`: work for each item, a few at a time.
//!
//! A loop over [`buffer_unordered`] that drops the outputs; see buffered.rs for the rooms.
//!
//! Real world: futures-rs has both, over a stream; in Python one starts n workers that share an
//! iterator, or takes a semaphore.

use std::future::Future;

use super::buffered::buffer_unordered;

/// Calls `f` for each item and runs the futures that it makes, at most `limit` at a time.
///
/// The twin of `futures::stream::StreamExt::for_each_concurrent`.
///
/// - `items`: pulled when there is room for one more; endless if you like.
/// - `limit`: how many may run at a time; there are as many as long as there are items. `None`: no
///   limit, all items are pulled at the first poll.
/// - `f` makes the future; what it captures may be borrowed from around.
///
/// # Panics
///
/// If `limit` is 0: nothing could ever run (futures-rs takes 0 as "no limit"). Also if a child or
/// `f` panics; the siblings are dropped.
///
/// **Cancel-safe:** dropping it drops the futures in flight where they are; no more items are
/// pulled.
/// **Cost:** that of [`buffer_unordered`].
///
/// ```
/// use std::cell::Cell;
///
/// rondel::run(async {
///     let sum = Cell::new(0);
///     rondel::combine::for_each_concurrent(1..=10, 3, async |n| sum.set(sum.get() + n)).await;
///     assert_eq!(sum.get(), 55);
/// });
/// ```
#[track_caller]
pub fn for_each_concurrent<I, F, Fut>(
    items: I,
    limit: impl Into<Option<usize>>,
    f: F,
) -> impl Future<Output = ()>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut all = buffer_unordered(items.into_iter().map(f), or_no_limit(limit.into()));
    async move { while all.next().await.is_some() {} }
}

/// Calls `f` for each item and runs the futures that it makes, at most `limit` at a time, until all
/// went well or one fails.
///
/// The twin of `futures::stream::TryStreamExt::try_for_each_concurrent`. As
/// [`for_each_concurrent`], but the first error in time ends it: no more items are pulled, and what
/// is in flight has been dropped when the error is returned.
///
/// # Errors
///
/// The first error.
///
/// # Panics
///
/// As [`for_each_concurrent`].
///
/// **Cancel-safe:** dropping it drops the futures in flight where they are; no more items are
/// pulled.
/// **Cost:** that of [`buffer_unordered`].
///
/// ```
/// use rondel::combine::try_for_each_concurrent;
///
/// rondel::run(async {
///     let check = async |page: &str| page.parse::<u8>().map(drop);
///     let checked = try_for_each_concurrent(["1", "2", "x", "3"], 2, check).await;
///     assert!(checked.is_err());
/// });
/// ```
#[track_caller]
pub fn try_for_each_concurrent<I, F, Fut, E>(
    items: I,
    limit: impl Into<Option<usize>>,
    f: F,
) -> impl Future<Output = Result<(), E>>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let mut all = buffer_unordered(items.into_iter().map(f), or_no_limit(limit.into()));
    async move {
        while let Some(outcome) = all.next().await {
            outcome?; // and `all` goes with it
        }
        Ok(())
    }
}

#[track_caller]
fn or_no_limit(limit: Option<usize>) -> usize {
    assert!(limit != Some(0), "a limit of 0 at a time could never run anything");
    limit.unwrap_or(usize::MAX)
}
