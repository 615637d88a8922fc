//! Floor 5. `pin!`: a future that stays where it is, so that it can be polled by reference.
//!
//! `select!` in a loop must not drop a future that has come half way; it borrows it instead, and a
//! future may be borrowed for a poll only if it is pinned.
//!
//! Real world: the standard library's `pin!` is an expression; this is a statement, as tokio's. In
//! asyncio every coroutine is an object on the heap, and stays where it is anyway.

/// Pins futures on the stack, under the names they have.
///
/// The twin of `tokio::pin!`, in both its forms. [`std::pin::pin!`] does the same as an expression.
///
/// **Cost:** none.
///
/// ```
/// use rondel::time::{Duration, interval, sleep};
///
/// rondel::run(async {
///     let long = async {
///         sleep(Duration::from_millis(5)).await;
///         "done"
///     };
///     rondel::pin!(long);
///     let mut ticks = interval(Duration::from_millis(1));
///     let result = loop {
///         rondel::select! {
///             result = &mut long => break result,
///             _ = ticks.tick() => {} // `long` is not dropped, and goes on in the next round
///         }
///     };
///     assert_eq!(result, "done");
///
///     rondel::pin! {
///         let first = async { 1 };
///         let second = async { 2 };
///     }
///     assert_eq!((first.await, second.await), (1, 2));
/// });
/// ```
#[macro_export]
macro_rules! pin {
    ($(let $future:ident = $init:expr;)+) => {
        $( let $future = $init; $crate::pin!($future); )+
    };
    ($($future:ident),* $(,)?) => {
        $( #[allow(unused_mut)] let mut $future = ::std::pin::pin!($future); )*
    };
}
