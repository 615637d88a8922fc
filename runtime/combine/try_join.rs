//! Floor 5. `try_join!`: several futures at once in one task, until all went well or one failed.
//!
//! Built like `join!`, with the same rules; see join.rs for how the macro names its children.
//!
//! Real world: `asyncio.gather` reports the first error too, but lets the siblings run on.

/// Runs several futures at once in the current task until all went well, or until one fails.
///
/// The twin of `tokio::try_join!`. All futures return a `Result` with the same error type. Returns
/// `Ok` with a tuple of all values in the order of the arguments, or the first error; then the
/// siblings are dropped, wherever they are.
///
/// **Not** like `asyncio.gather`: that one reports the first error as well, but its siblings run
/// on unseen (which many a guide gets wrong).
///
/// Fair and `biased;` polling, concurrency, borrowing and panics are those of
/// [`join!`](crate::join).
///
/// **Cancel-safe:** dropping it drops all children where they are.
/// **Cost:** that of [`join!`](crate::join).
///
/// ```
/// rondel::run(async {
///     let both = rondel::try_join!(async { Ok::<_, &str>(1) }, async { Ok("two") });
///     assert_eq!(both, Ok((1, "two")));
///     let one_failed = rondel::try_join!(async { Ok(1) }, async { Err::<(), _>("no luck") });
///     assert_eq!(one_failed, Err("no luck"));
/// });
/// ```
#[macro_export]
macro_rules! try_join {
    // All eaten: `child => future` from left to right, then the children from right to left.
    (@[$turns:ident] [$($child:ident => $future:expr,)+] [$($last_first:ident)+]) => {{
        $( let $child = $crate::combine::support::MaybeDone::new($future); )+
        $( let mut $last_first = ::std::pin::pin!($last_first); )+
        let mut turns = $crate::combine::support::Turns::$turns(
            const { [$( stringify!($child) ),+].len() as u32 }
        );
        let outcome = $crate::combine::support::poll_fn(|cx| {
            let mut pending = false;
            let mut round = turns.next_round();
            while round.goes_on() {
                $( if round.is_next() {
                    if $child.as_mut().poll(cx).is_pending() {
                        pending = true;
                    } else if let ::std::option::Option::Some(error) =
                        $child.as_mut().take_error()
                    {
                        #[allow(unreachable_code)] // an error type may have no values
                        return ::std::task::Poll::Ready(::std::result::Result::Err(error));
                    }
                } )+
            }
            $crate::combine::support::ready_unless(pending).map(::std::result::Result::Ok)
        }).await;
        #[allow(unreachable_code)] // a value type may have no values
        ::std::result::Result::map(outcome, |()| ($( $child.as_mut().take_value(), )+))
    }};

    (@[$turns:ident] [$($eaten:tt)*] [$($last_first:tt)*] $future:expr $(, $($rest:tt)*)?) => {
        $crate::try_join!(
            @[$turns] [$($eaten)* child => $future,] [child $($last_first)*] $($($rest)*)?
        )
    };

    ($(biased;)?) => {{ async { ::std::result::Result::Ok(()) }.await }};
    (biased; $($future:expr),+ $(,)?) => { $crate::try_join!(@[biased] [] [] $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::try_join!(@[fair] [] [] $($future),+) };
}
