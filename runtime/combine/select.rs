//! Floor 5. `select!`: several futures at once in one task, until the first has ended.
//!
//! The grammar is tokio's, the machinery our own and free of unsafe code. One step of the macro
//! eats one branch and takes one name from a list of 64. That name serves as the local variable
//! of the future and as the variant of the enum that carries the winner's output:
//!
//! ```text
//!   enum Winner<branch_0, branch_1> { branch_0(branch_0), branch_1(branch_1), Nobody }
//!   let winner = { pin the futures; poll_fn(...).await };      // the futures end here
//!   match winner { branch_0(pattern) => handler, ..., Nobody => else }
//! ```
//!
//! Rules
//! 1. Preconditions are evaluated first, then all future expressions (also those of branches that
//!    are off), both from left to right.
//! 2. Handlers run outside the closure and after the futures are dropped: so they may use `?`,
//!    `break`, `continue`, `return` and `.await`, and borrow what the futures had borrowed.
//! 3. A branch whose output does not match its pattern is off from then on.
//! 4. Patterns are tried without moving the output: as a match arm whose guard notes the hit and
//!    then refuses (bindings move only after the guard has said yes).
//! 5. The futures are dropped from left to right.
//! 6. With the task's budget spent no branch is polled: those that wait could only pretend to, and
//!    one that never waits would win for that reason alone.
//! 7. No item of the macro has a name that a user could have: items are not hygienic.
//!
//! Real world: tokio makes the enum with a procedural macro and pins with unsafe; Go's `select` is
//! random too; Python has no such statement, `asyncio.wait(FIRST_COMPLETED)` is the nearest.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// One branch of a `select!`: whether it is on, and its future, which is dropped only when the
    /// whole ends. Off: by its precondition, or because its output did not match.
    #[derive(Debug)]
    #[allow(missing_docs)] // the macro takes no comment on a field that has an attribute
    pub struct Branch<F> {
        pub on: bool,
        #[pin]
        pub future: F,
    }
}

impl<F: IntoFuture> Branch<F> {
    /// Takes the future out of what the user wrote.
    pub fn begin(self) -> Branch<F::IntoFuture> {
        Branch { on: self.on, future: self.future.into_future() }
    }
}

impl<F: Future> Branch<F> {
    /// Polls the branch if it is on, notes whether it is pending, and turns it off when it ends.
    #[inline]
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pending: &mut bool,
    ) -> Option<F::Output> {
        let branch = self.project();
        if !*branch.on {
            return None;
        }
        match branch.future.poll(cx) {
            Poll::Ready(output) => {
                *branch.on = false;
                Some(output)
            }
            Poll::Pending => {
                *pending = true;
                None
            }
        }
    }
}

/// Runs several futures at once in the current task until the first ends, and drops the others.
///
/// The twin of `tokio::select!`, with the same grammar; in Python `asyncio.wait(...,
/// return_when=FIRST_COMPLETED)` and cancelling the rest.
///
/// ```text
/// select! {
///     biased;                                              // optional
///     <pattern> = <future> (, if <precondition>)? => <handler>,
///     ...                                                  // up to 64 branches
///     else => <expression>                                 // optional
/// }
/// ```
///
/// 1. All preconditions are evaluated, and branches with a false one are off. Then all future
///    expressions are evaluated, those of branches that are off as well (they are never polled).
/// 2. The futures are polled each time the task wakes. One that ends, with an output that matches
///    its pattern, wins: all futures are dropped, and then the handler runs. One whose output does
///    not match turns its branch off.
/// 3. When all branches are off, `else` runs.
///
/// The value of the winner's handler is the value of the `select!`. Handlers run in the function
/// around: `?`, `break`, `continue`, `return` and `.await` work there.
///
/// **Fair:** each poll starts at a random branch, so that a branch that is always ready does not
/// starve the others. With `biased;` the order is from top to bottom: put what must win (a
/// shutdown signal) first, and what is always ready last.
///
/// - Panics if all branches are off and there is no `else`; or if a branch panics.
///
/// **Cancel-safe:** the losers are dropped at their await point. Whether that loses something
/// depends on each future: read its *Cancel-safe* line, most of all in a loop. To keep a future
/// over the turns of a loop, pin it outside and use `&mut future` as the expression.
/// **Cost:** no allocation, one random number a poll.
///
/// ```
/// use std::future::{pending, ready};
///
/// rondel::run(async {
///     let mut seen = Vec::new();
///     for ticket in [Some(1), None] {
///         rondel::select! {
///             biased;
///             Some(number) = ready(ticket) => seen.push(number),
///             () = pending(), if seen.is_empty() => unreachable!(),
///             else => break,
///         }
///     }
///     assert_eq!(seen, [1]);
/// });
/// ```
#[macro_export]
macro_rules! select {
    () => { compile_error!("select! needs at least one branch") };
    (biased;) => { compile_error!("select! needs at least one branch") };
    (biased; $($branches:tt)+) => { $crate::__select_eat!([biased] {$($branches)+}) };
    ($($branches:tt)+) => { $crate::__select_eat!([fair] {$($branches)+}) };
}

/// Eats the branches of a `select!` one by one.
///
/// `[how to start] [the names left] [branches from left to right] [names from right to left]
/// {the input left}`
#[doc(hidden)]
#[macro_export]
macro_rules! __select_eat {
    // Hand out the names.
    ([$start:ident] {$($input:tt)+}) => {
        $crate::__select_eat!([$start] [
            branch_0 branch_1 branch_2 branch_3 branch_4 branch_5 branch_6 branch_7
            branch_8 branch_9 branch_10 branch_11 branch_12 branch_13 branch_14 branch_15
            branch_16 branch_17 branch_18 branch_19 branch_20 branch_21 branch_22 branch_23
            branch_24 branch_25 branch_26 branch_27 branch_28 branch_29 branch_30 branch_31
            branch_32 branch_33 branch_34 branch_35 branch_36 branch_37 branch_38 branch_39
            branch_40 branch_41 branch_42 branch_43 branch_44 branch_45 branch_46 branch_47
            branch_48 branch_49 branch_50 branch_51 branch_52 branch_53 branch_54 branch_55
            branch_56 branch_57 branch_58 branch_59 branch_60 branch_61 branch_62 branch_63
        ] [] [] {$($input)+})
    };

    // The end, with and without `else`.
    ([$start:ident] [$($names:ident)*] [] [] {else => $else:expr $(,)?}) => { $else };
    ([$start:ident] [$($names:ident)*] [$($eaten:tt)+] [$($last_first:tt)+]
        {else => $else:expr $(,)?}
    ) => {
        $crate::__select_run!([$start] [$($eaten)+] [$($last_first)+] $else)
    };
    ([$start:ident] [$($names:ident)*] [$($eaten:tt)+] [$($last_first:tt)+] {}) => {
        $crate::__select_run!([$start] [$($eaten)+] [$($last_first)+] ::std::panic!(
            "all branches of this select! are disabled and there is no else branch"
        ))
    };

    ([$start:ident] [] [$($eaten:tt)+] [$($last_first:tt)+] {$($input:tt)+}) => {
        compile_error!("select! takes at most 64 branches")
    };

    // One branch: its handler is a block, or an expression and a comma, or the last expression.
    ([$start:ident] [$name:ident $($names:ident)*] [$($eaten:tt)*] [$($last_first:tt)*]
        {$pattern:pat = $future:expr $(, if $on:expr)? => $handler:block $(, $($rest:tt)*)?}
    ) => {
        $crate::__select_eat!([$start] [$($names)*]
            [$($eaten)* $name (true $(&& $on)?) ($pattern) ($future) ($handler)]
            [$name $($last_first)*] {$($($rest)*)?})
    };
    ([$start:ident] [$name:ident $($names:ident)*] [$($eaten:tt)*] [$($last_first:tt)*]
        {$pattern:pat = $future:expr $(, if $on:expr)? => $handler:block $($rest:tt)+}
    ) => {
        $crate::__select_eat!([$start] [$($names)*]
            [$($eaten)* $name (true $(&& $on)?) ($pattern) ($future) ($handler)]
            [$name $($last_first)*] {$($rest)+})
    };
    ([$start:ident] [$name:ident $($names:ident)*] [$($eaten:tt)*] [$($last_first:tt)*]
        {$pattern:pat = $future:expr $(, if $on:expr)? => $handler:expr $(, $($rest:tt)*)?}
    ) => {
        $crate::__select_eat!([$start] [$($names)*]
            [$($eaten)* $name (true $(&& $on)?) ($pattern) ($future) ($handler)]
            [$name $($last_first)*] {$($($rest)*)?})
    };
}

/// The code of a `select!` whose branches have been eaten.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_run {
    ([$start:ident]
        [$($name:ident ($on:expr) ($pattern:pat) ($future:expr) ($handler:expr))+]
        [$($last_first:ident)+] $else:expr
    ) => {{
        #[allow(non_camel_case_types)]
        enum __RondelSelect<$($name),+> { $( $name($name), )+ Nobody }

        $( let $name = $on; )+
        #[allow(unused_mut)] // a pattern may want to borrow the output mutably
        let mut winner = {
            // Not `begin` at once: what is behind a reference has to live as long as the `let`.
            $( let $name = $crate::combine::support::Branch { on: $name, future: $future }; )+
            $( let mut $last_first = ::std::pin::pin!($last_first.begin()); )+
            $crate::combine::support::poll_fn(|cx| {
                ::std::task::ready!($crate::combine::support::poll_budget(cx));
                let mut pending = false;
                let mut round = $crate::combine::support::Round::$start(
                    const { [$( stringify!($name) ),+].len() as u32 }
                );
                while round.goes_on() {
                    $(
                        #[allow(
                            unreachable_code, unreachable_patterns, unused_variables, unused_mut
                        )] // an output may have no values, and the names are for the handler
                        if round.is_next()
                            && let ::std::option::Option::Some(mut output) =
                                $name.as_mut().poll(cx, &mut pending)
                        {
                            let mut hit = false;
                            match output {
                                $pattern if { hit = true; false } => ::std::unreachable!(),
                                _ => {}
                            }
                            if hit {
                                return ::std::task::Poll::Ready(__RondelSelect::$name(output));
                            }
                        }
                    )+
                }
                $crate::combine::support::ready_unless(pending).map(|()| __RondelSelect::Nobody)
            }).await
        };
        match winner {
            $( __RondelSelect::$name($pattern) => $handler, )+
            __RondelSelect::Nobody => $else,
            #[allow(unreachable_patterns)] // some patterns match everything
            _ => ::std::unreachable!("the output matched one step earlier"),
        }
    }};
}
