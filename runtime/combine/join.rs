//! Floor 5. `join!`: several futures at once in one task, until all have ended.
//!
//! The macro eats its list from the left and gives each future a local variable called `child`.
//! They do not clash: each step of a macro has its own hygiene, so each `child` is another name.
//! That is why nothing here needs a tuple, an index or unsafe code.
//!
//! Rules
//! 1. Expressions are evaluated from left to right, before any future is polled.
//! 2. Futures that are still there in the end are dropped from left to right (they are pinned
//!    from right to left for that).
//! 3. Each poll of the whole starts with another child ([`Turns`]), unless `biased;`.
//!
//! Real world: tokio's `join!` rotates in the same way; `asyncio.gather` makes a task of each.

/// Runs several futures at once in the current task and waits until all have ended.
///
/// The twin of `tokio::join!`; Python's nearest is `asyncio.gather`, which makes a task of each.
/// Here no task is made: the futures take turns in the task that waits. They run concurrently, not
/// in parallel, and may borrow from the function around them. Use [`spawn`](crate::task::spawn)
/// first where they should be able to run elsewhere.
///
/// Returns a tuple of all outputs, in the order of the arguments. Errors are outputs like any
/// other: [`try_join!`](crate::try_join) is the one that stops at the first.
///
/// Each time the task wakes, every child that has not ended is polled, each time starting with
/// another one. `join!(biased; a, b)` always starts with the first: a promise of order, and no
/// promise that a busy first child lets the others through.
///
/// - Panics if a child panics; the siblings are dropped.
///
/// **Cancel-safe:** dropping it drops all children where they are.
/// **Cost:** no allocation; one poll of each unfinished child a wake. For hundreds of children use
/// [`gather`](crate::combine::gather), which polls only those that were woken.
///
/// ```
/// rondel::run(async {
///     let name = String::from("rondel");
///     let (a, b) = rondel::join!(async { name.len() }, async { name.to_uppercase() });
///     assert_eq!((a, b.as_str()), (6, "RONDEL"));
/// });
/// ```
#[macro_export]
macro_rules! join {
    // All eaten: `child => future` from left to right, then the children from right to left.
    (@[$turns:ident] [$($child:ident => $future:expr,)+] [$($last_first:ident)+]) => {{
        $( let $child = $crate::combine::support::MaybeDone::new($future); )+
        $( let mut $last_first = ::std::pin::pin!($last_first); )+
        let mut turns = $crate::combine::support::Turns::$turns(
            const { [$( stringify!($child) ),+].len() as u32 }
        );
        $crate::combine::support::poll_fn(|cx| {
            let mut pending = false;
            let mut round = turns.next_round();
            while round.goes_on() {
                $( if round.is_next() {
                    pending |= $child.as_mut().poll(cx).is_pending();
                } )+
            }
            $crate::combine::support::ready_unless(pending)
        }).await;
        ($( $child.as_mut().take(), )+)
    }};

    (@[$turns:ident] [$($eaten:tt)*] [$($last_first:tt)*] $future:expr $(, $($rest:tt)*)?) => {
        $crate::join!(
            @[$turns] [$($eaten)* child => $future,] [child $($last_first)*] $($($rest)*)?
        )
    };

    ($(biased;)?) => {{ async {}.await }};
    (biased; $($future:expr),+ $(,)?) => { $crate::join!(@[biased] [] [] $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::join!(@[fair] [] [] $($future),+) };
}
