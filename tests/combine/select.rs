//! `select!`: its grammar, its fairness, its drops.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rondel::combine::{gather, try_gather};
use rondel::{join, select, try_join};

use super::tools::*;

/// Goal: show that no branch is favoured when all are ready, and that `biased;` favours the first.
/// Method: 4,000 rounds; 1,000 expected for each, and 700 is ten standard deviations away.
#[test]
fn select_picks_each_ready_branch_about_equally_often_and_biased_the_first() {
    let mut counts = [0u32; 4];
    block_on(async {
        for _ in 0..4_000 {
            let winner = select! {
                () = ready(()) => 0,
                () = ready(()) => 1,
                () = ready(()) => 2,
                () = ready(()) => 3,
            };
            counts[winner] += 1;
        }
        for _ in 0..100 {
            let winner = select! { biased; _ = ready(()) => 'a', _ = ready(()) => 'b' };
            assert_eq!(winner, 'a');
        }
    });
    assert!(counts.iter().all(|count| (700..1_300).contains(count)), "{counts:?}");
}

#[test]
fn select_takes_every_form_of_handler() {
    block_on(async {
        let block_without_comma = select! {
            n = ready(1) => { n + 1 }
            n = pending::<i32>() => { n }
        };
        let block_with_comma = select! { n = ready(1) => { n + 2 }, _ = pending::<()>() => { 0 }, };
        let expression = select! { n = ready(1) => n + 3, _ = pending::<()>() => 0 };
        let last_comma = select! { n = ready(1) => n + 4, };
        let branching = select! { n = ready(1) => if n == 1 { 6 } else { 0 }, };
        let else_only = select! { else => 7 };
        let biased_else_only = select! { biased; else => 8, };
        assert_eq!(
            [block_without_comma, block_with_comma, expression, last_comma, branching],
            [2, 3, 4, 5, 6]
        );
        assert_eq!((else_only, biased_else_only), (7, 8));
    });
}

#[test]
fn select_takes_every_kind_of_pattern() {
    struct Point {
        x: u32,
        y: u32,
    }
    block_on(async {
        let owned = select! {
            Some(text) = ready(Some(String::from("moved"))) => text,
            else => String::new(),
        };
        assert_eq!(owned, "moved");
        let changed = select! { mut list = ready(vec![1]) => { list.push(2); list } };
        assert_eq!(changed, [1, 2]);
        let lent = select! {
            Ok(ref mut list) = ready(Ok::<_, ()>(vec![1])) => {
                list.push(3);
                list.len()
            }
            else => 0,
        };
        assert_eq!(lent, 2);
        let (a, [b, ..]) = select! { pair @ (_, [_, ..]) = ready((1, [2, 3])) => pair };
        assert_eq!((a, b), (1, 2));
        let either = select! { Ok(n) | Err(n) = ready(Err::<u32, u32>(4)) => n };
        assert_eq!(either, 4);
        let fields =
            select! { Point { x, y: 2..=9 } = ready(Point { x: 5, y: 6 }) => x, else => 0 };
        assert_eq!(fields, 5);
        let followed = select! { &n = ready(&7) => n };
        assert_eq!(followed, 7);
        let boxed = select! { _ = ready(()) => Box::new(8) as Box<dyn std::fmt::Debug> };
        assert_eq!(format!("{boxed:?}"), "8");
        let _unused = Point { x: 0, y: 0 }.y;
    });
}

#[test]
fn a_branch_that_does_not_match_is_off_and_its_siblings_go_on() {
    let gate = Gate::default();
    let wakes = Arc::default();
    let polls_of_none = Cell::new(0);
    let mut whole = pin!(async {
        let none = poll_fn(|_| {
            polls_of_none.set(polls_of_none.get() + 1);
            Poll::Ready(None::<u32>)
        });
        select! {
            Some(n) = none => n,
            n = gate.clone().pass() => n,
            else => unreachable!("the gate is still on"),
        }
    });
    assert!(poll_once(whole.as_mut(), &wakes).is_pending());
    assert!(poll_once(whole.as_mut(), &wakes).is_pending());
    gate.open(9);
    assert_eq!(poll_once(whole.as_mut(), &wakes), Poll::Ready(9));
    assert_eq!(polls_of_none.get(), 1);
}

/// Goal: show tokio's order of evaluation: preconditions, then all expressions, then polls; and
/// that a branch that is off is evaluated but not polled.
#[test]
fn a_branch_that_is_off_has_its_expression_evaluated_and_is_not_polled() {
    let diary = Diary::default();
    let condition = |page, is_on| {
        diary.note(page);
        is_on
    };
    let future = |made, polled| {
        diary.note(made);
        let diary = diary.clone();
        async move { diary.note(polled) }
    };
    block_on(async {
        select! {
            biased;
            _ = future("make a", "poll a"), if condition("a?", false) => unreachable!(),
            _ = future("make b", "poll b"), if condition("b?", true) => diary.note("b won"),
        }
    });
    assert_eq!(diary.pages(), ["a?", "b?", "make a", "make b", "poll b", "b won"]);
}

#[test]
fn preconditions_may_use_or_and_see_the_state_that_handlers_change() {
    block_on(async {
        let (mut a_left, mut b_left) = (2, 3);
        while a_left > 0 || b_left > 0 {
            select! {
                _ = ready(()), if a_left > 0 => a_left -= 1,
                _ = ready(()), if b_left > 5 || b_left > 0 => b_left -= 1,
            }
        }
        assert_eq!((a_left, b_left), (0, 0));
    });
}

#[test]
fn select_with_all_branches_off_runs_else_or_says_why_it_panics() {
    block_on(async {
        let by_condition = select! { _ = ready(()), if false => 1, else => 2 };
        let by_pattern = select! { Some(()) = ready(None) => 1, else => 3 };
        assert_eq!((by_condition, by_pattern), (2, 3));
    });
    let caught = catch_unwind(|| {
        block_on(async {
            select! { _ = ready(()), if false => () }
        })
    });
    assert_eq!(
        panic_text(caught.unwrap_err()),
        "all branches of this select! are disabled and there is no else branch"
    );
}

/// Goal: show that handlers belong to the function around the `select!`.
#[test]
fn handlers_may_use_question_mark_break_continue_return_and_await() {
    async fn first_even(
        numbers: &[Result<u32, &'static str>],
    ) -> Result<Option<u32>, &'static str> {
        let mut seen = 0;
        let found = 'search: loop {
            select! {
                next = ready(numbers.get(seen).copied()) => {
                    seen += 1;
                    let Some(number) = next else { break 'search None };
                    let number = number?;
                    if number == 99 {
                        return Ok(Some(99));
                    }
                    if number % 2 == 1 {
                        continue;
                    }
                    yield_once().await;
                    break Some(number);
                }
            }
        };
        Ok(found)
    }
    assert_eq!(block_on(first_even(&[Ok(1), Ok(4)])), Ok(Some(4)));
    assert_eq!(block_on(first_even(&[Ok(1)])), Ok(None));
    assert_eq!(block_on(first_even(&[Ok(1), Err("bad"), Ok(4)])), Err("bad"));
    assert_eq!(block_on(first_even(&[Ok(99)])), Ok(Some(99)));
}

/// Goal: show that the futures are gone when a handler runs, so that a handler may borrow what a
/// loser had borrowed mutably, and that losers go from left to right.
#[test]
fn losers_are_dropped_from_left_to_right_before_the_handler_runs() {
    let diary = Diary::default();
    let mut number = 1;
    block_on(async {
        let loser = |page| {
            let kept = diary.on_drop(page);
            async move {
                let _kept = kept;
                pending::<()>().await;
            }
        };
        let number = &mut number;
        select! {
            biased;
            _ = loser("first") => unreachable!(),
            _ = async { *number += 1; pending::<()>().await } => unreachable!(),
            _ = loser("third") => unreachable!(),
            _ = ready(()) => { diary.note("handler"); *number += 10; }
        }
    });
    assert_eq!(number, 12);
    assert_eq!(diary.pages(), ["first", "third", "handler"]);
}

/// Goal: show that one branch's output may borrow what another's handler changes: only one runs.
#[test]
fn a_handler_may_change_what_another_branch_would_have_lent() {
    struct Pool(Vec<u32>);
    impl Pool {
        async fn last(&mut self) -> Option<&mut u32> {
            pending::<()>().await;
            self.0.last_mut()
        }
    }
    block_on(async {
        let mut pool = Pool(vec![1]);
        select! {
            Some(last) = pool.last() => *last += 1,
            _ = ready(()) => pool.0.clear(),
            else => unreachable!(),
        }
        assert!(pool.0.is_empty());
    });
}

#[test]
fn a_future_pinned_outside_keeps_its_place_over_the_turns_of_a_loop() {
    let gate = Gate::default();
    let opener = gate.clone();
    let answer = block_on(async {
        let mut passing = pin!(gate.pass());
        let mut turns = 0;
        loop {
            select! {
                biased;
                value = &mut passing => break (value, turns),
                _ = yield_once() => {
                    turns += 1;
                    if turns == 3 { opener.open(5) }
                }
            }
        }
    });
    assert_eq!(answer, (5, 3));
}

#[test]
fn temporaries_behind_a_reference_live_as_long_as_the_select() {
    block_on(async {
        let answer = select! { n = &mut Box::pin(async { 3 }) => n };
        assert_eq!(answer, 3);
    });
}

#[test]
fn selects_nest_and_keep_the_names_of_the_user() {
    #[derive(Debug, PartialEq)]
    enum Winner {
        Outer(u32),
    }
    block_on(async {
        let (branch_0, pending_answer, output, hit) = (1, 2, 3, 4);
        let answer = select! {
            outer = ready(10) => select! {
                inner = ready(20) => Winner::Outer(outer + inner + branch_0 + output),
            },
            never = pending::<u32>() => Winner::Outer(never + pending_answer + hit),
        };
        assert_eq!(answer, Winner::Outer(34));
    });
}

#[test]
fn select_takes_sixty_four_branches() {
    macro_rules! sixty_four {
        ($($n:literal)*) => { select! { $( n = ready($n), if $n == 63 => n, )* } };
    }
    let winner = block_on(async {
        sixty_four!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
            30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58
            59 60 61 62 63)
    });
    assert_eq!(winner, 63);
}

#[test]
fn a_panic_in_a_branch_comes_through_and_drops_the_siblings() {
    let diary = Diary::default();
    let sibling = {
        let kept = diary.on_drop("sibling dropped");
        async move {
            let _kept = kept;
            pending::<()>().await;
        }
    };
    let caught = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            select! { _ = sibling => (), () = async { panic!("boom") } => () }
        })
    }));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["sibling dropped"]);
}

/// Goal: show that futures made of the macros can be sent, where their children can.
#[test]
fn futures_with_macros_inside_are_send() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&async {
        join!(ready(1), ready(2));
        let _ = try_join!(ready(Ok::<_, ()>(1)));
        select! { _ = ready(1) => (), _ = pending::<()>() => (), }
    });
    assert_send(&gather([ready(1)]));
    assert_send(&try_gather([ready(Ok::<_, ()>(1))]));
}

/// Goal: show that the futures lie in the future around them once, not twice.
#[test]
fn futures_with_macros_inside_are_hardly_larger_than_their_children() {
    async fn large() -> u8 {
        let kept = [1u8; 1_024];
        pending::<()>().await;
        kept[7]
    }
    let with_select = async {
        select! { a = large() => a, b = large() => b }
    };
    let with_join = async { join!(large(), large()) };
    let sizes = [size_of_val(&with_select), size_of_val(&with_join)];
    let children = 2 * size_of_val(&large());
    assert!(sizes.iter().all(|size| *size < children + 200), "{sizes:?} against {children}");
}

/// Goal: show that the luck of `select!` is the runtime's: the same seed, the same winners.
#[test]
fn select_is_repeatable_with_a_seed() {
    let winners = |seed| {
        let runtime = rondel::Builder::new().seed(seed).build().unwrap();
        runtime.block_on(async {
            let mut winners = Vec::new();
            for _ in 0..40 {
                winners.push(select! {
                    n = ready(0) => n,
                    n = ready(1) => n,
                    n = ready(2) => n,
                    n = ready(3) => n,
                });
            }
            winners
        })
    };
    assert_eq!(winners(7), winners(7));
    assert_ne!(winners(7), winners(8));
}

/// Goal: show what tokio does when the budget is spent: nobody wins, the task goes to the back of
/// the line. Else a branch that needs no budget would win against one that does, for that reason.
#[test]
fn select_gives_way_when_the_budget_is_spent() {
    let winners = rondel::run(async {
        let mut winners = Vec::new();
        for _ in 0..130 {
            winners.push(select! {
                biased;
                () = rondel::task::coop::consume_budget() => "budget",
                () = ready(()) => "free",
            });
        }
        winners
    });
    assert_eq!(winners, ["budget"; 130]);
}

#[test]
fn select_takes_whatever_becomes_a_future() {
    struct Order;
    impl IntoFuture for Order {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(1)
        }
    }
    assert_eq!(
        block_on(async {
            select! { n = Order => n }
        }),
        1
    );
}

/// Goal: show that a branch that never ends, and a handler that never returns, are no reason for a
/// warning.
#[test]
#[deny(unreachable_code, unreachable_patterns, unused_variables, unused_mut)]
fn select_with_a_branch_that_never_ends_is_no_unreachable_code() {
    async fn never() -> ! {
        pending().await
    }
    let n = block_on(async {
        select! {
            _ = never() => 0,
            _ = pending::<Infallible>() => 0,
            n = ready(1) => n,
        }
    });
    let m = block_on(async {
        select! {
            () = ready(()) => 2,
            never = pending::<Infallible>() => match never {},
        }
    });
    assert_eq!((n, m), (1, 2));
}

/// Goal: show that names inside the macro are not in the way of the user's, in any place where a
/// user writes an expression.
#[test]
fn select_keeps_the_constants_of_the_user() {
    const BRANCHES: u32 = 7;
    const COUNT: u32 = 8;
    let (winner, round, cx, output) = (1, 2, 3, 4);
    let total = block_on(async {
        select! {
            n = ready(BRANCHES + cx), if BRANCHES == 7 && COUNT == 8 => {
                n + BRANCHES + COUNT + winner + round + output
            }
        }
    });
    assert_eq!(total, 32);
}

/// Goal: show that a value can be moved into the future of one branch, and a reference to it lent
/// by another's handler is refused by nobody.
#[test]
fn select_lets_futures_own_and_handlers_borrow() {
    let text = String::from("owned");
    let mut count = 0;
    block_on(async {
        let length = select! {
            n = async { let n = text.len(); drop(text); n } => { count += 1; n }
            _ = pending::<()>() => { count += 10; 0 }
        };
        assert_eq!(length, 5);
    });
    assert_eq!(count, 1);
}

/// Goal: show tokio's way of joining two by hand: `if` keeps a future that has ended from being
/// polled again.
#[test]
fn a_loop_of_selects_collects_from_two_receivers() {
    use rondel::sync::oneshot;
    let ((first_tx, mut first), (second_tx, mut second)) = (oneshot::channel(), oneshot::channel());
    let both = rondel::run(async {
        rondel::spawn(async move { first_tx.send("first") });
        rondel::spawn(async move { second_tx.send("second") });
        let (mut a, mut b) = (None, None);
        while a.is_none() || b.is_none() {
            select! {
                got = &mut first, if a.is_none() => a = got.ok(),
                got = &mut second, if b.is_none() => b = got.ok(),
            }
        }
        (a, b)
    });
    assert_eq!(both, (Some("first"), Some("second")));
}

/// Goal: show the loop over channels that every tokio program has: patterns turn closed channels
/// off, and `else` ends the loop.
#[test]
fn a_loop_of_selects_drains_two_channels_and_ends() {
    use rondel::sync::mpsc;
    let mut got = rondel::run(async {
        let (tx_a, mut a) = mpsc::unbounded_channel();
        let (tx_b, mut b) = mpsc::channel(1);
        rondel::spawn(async move {
            for n in [1, 3, 5] {
                tx_a.send(n).unwrap();
                tx_b.send(n + 1).await.unwrap();
            }
        });
        let mut got = Vec::new();
        loop {
            select! {
                Some(n) = a.recv() => got.push(n),
                Some(n) = b.recv() => got.push(n),
                else => break got,
            }
        }
    });
    got.sort_unstable();
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_biased_select_takes_the_first_that_is_ready_and_not_the_first_of_all() {
    let n = block_on(async {
        select! { biased; n = pending() => n, n = ready(2) => n, n = ready(3) => n }
    });
    assert_eq!(n, 2);
}

/// Goal: show that a handler sees what the precondition's expressions borrowed: nothing is held.
#[test]
fn conditions_are_over_before_anything_is_polled() {
    let limit = Cell::new(1);
    let n = block_on(async {
        select! {
            biased;
            n = async { limit.set(0); pending::<u32>().await }, if limit.get() > 0 => n,
            n = ready(2), if limit.get() > 0 => n,
        }
    });
    assert_eq!((n, limit.get()), (2, 0));
}
