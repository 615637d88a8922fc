//! `join!`: all outputs, turn-taking, drops, panics, and the names that a user may have.

use std::convert::Infallible;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rondel::join;

use super::tools::*;

#[test]
fn join_returns_all_outputs_in_the_order_of_its_arguments() {
    let (a, b, c) = block_on(async { join!(async { 1 }, ready("two"), async { 3.0 }) });
    assert_eq!((a, b, c), (1, "two", 3.0));
    assert_eq!(block_on(async { join!(ready(1)) }), (1,));
    assert_eq!(block_on(async { join!(ready(1), ready(2),) }), (1, 2));
    assert_eq!(block_on(async { join!(biased; ready(1), ready(2),) }), (1, 2));
    block_on(async { join!() });
    block_on(async { join!(biased;) });
}

/// Goal: show that the children take turns at their awaits, instead of running one after another.
#[test]
fn join_runs_its_children_concurrently() {
    let diary = Diary::default();
    let child = |before, after| {
        let diary = diary.clone();
        async move {
            diary.note(before);
            yield_once().await;
            diary.note(after);
        }
    };
    block_on(async { join!(biased; child("a1", "a2"), child("b1", "b2")) });
    assert_eq!(diary.pages(), ["a1", "b1", "a2", "b2"]);
}

#[test]
fn join_starts_each_poll_with_another_child_unless_biased() {
    let diary = Diary::default();
    let note = |page: &'static str| {
        let diary = diary.clone();
        poll_fn(move |_| -> Poll<Infallible> {
            diary.note(page);
            Poll::Pending
        })
    };
    let wakes = Arc::default();
    let mut fair = pin!(async { join!(note("a"), note("b"), note("c")) });
    for _ in 0..4 {
        assert!(poll_once(fair.as_mut(), &wakes).is_pending());
        diary.note("|");
    }
    assert_eq!(diary.pages().concat(), "abc|bca|cab|abc|");

    diary.clear();
    let mut biased = pin!(async { join!(biased; note("a"), note("b")) });
    for _ in 0..2 {
        assert!(poll_once(biased.as_mut(), &wakes).is_pending());
    }
    assert_eq!(diary.pages().concat(), "abab");
}

/// Goal: show when a child goes: at once when it has ended, and from left to right when the whole
/// is dropped.
#[test]
fn join_drops_a_finished_child_at_once_and_the_rest_from_left_to_right() {
    let diary = Diary::default();
    let wakes = Arc::default();
    {
        let waits = |page| {
            let kept = diary.on_drop(page);
            async move {
                pending::<()>().await;
                drop(kept);
            }
        };
        let ends = {
            let kept = diary.on_drop("ended");
            async move { drop(kept) }
        };
        let mut whole = Box::pin(async { join!(waits("left"), ends, waits("right")) });
        assert!(poll_once(whole.as_mut(), &wakes).is_pending());
        diary.note("polled");
    }
    assert_eq!(diary.pages(), ["ended", "polled", "left", "right"]);
}

#[test]
fn join_children_may_borrow_from_the_function_around() {
    let mut counts = (0, 0);
    block_on(async {
        let (left, right) = (&mut counts.0, &mut counts.1);
        join!(async { *left += 1 }, async { *right += 2 });
    });
    assert_eq!(counts, (1, 2));
}

#[test]
fn a_panic_in_a_child_of_join_comes_through_and_drops_the_siblings() {
    let diary = Diary::default();
    let sibling = {
        let kept = diary.on_drop("sibling dropped");
        async move {
            let _kept = kept;
            pending::<()>().await;
        }
    };
    let caught = catch_unwind(AssertUnwindSafe(|| {
        block_on(async { join!(biased; sibling, async { panic!("boom") }) })
    }));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["sibling dropped"]);
}

/// Goal: show that a list may be long. Method: 64 children, by a macro that repeats itself.
#[test]
fn join_takes_sixty_four_children() {
    macro_rules! times_four {
        ([$($one:tt)*] $($times:tt)*) => {
            times_four!(@[$($one)* $($one)* $($one)* $($one)*] $($times)*)
        };
        (@[$($one:tt)*] 4 $($times:tt)*) => { times_four!([$($one)*] $($times)*) };
        (@[$($one:tt)*]) => { join!($($one)*) };
    }
    let ones = block_on(async { times_four!([ready(1),] 4 4) });
    assert_eq!((ones.0, ones.63), (1, 1));
}

/// Goal: show that a child that never waits in earnest does not eat the turns of the others.
/// Method: one child takes free permits for five budgets, the other for five steps; both get on,
/// and the modest one is not last.
#[test]
fn a_child_of_join_that_spends_the_budget_does_not_starve_its_sibling() {
    let diary = Diary::default();
    let permits = rondel::sync::Semaphore::new(1);
    let take = async |times| {
        for _ in 0..times {
            drop(permits.acquire().await.unwrap());
        }
    };
    rondel::run(async {
        let greedy = async {
            take(5 * 128).await;
            diary.note("greedy");
        };
        let modest = async {
            take(5).await;
            diary.note("modest");
        };
        join!(greedy, modest);
    });
    assert_eq!(diary.pages(), ["modest", "greedy"]);
}

#[test]
fn join_takes_whatever_becomes_a_future() {
    struct Order(u32);
    impl IntoFuture for Order {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }
    assert_eq!(block_on(async { join!(Order(1), biased_order()) }), (1, 2));
    fn biased_order() -> Order {
        Order(2)
    }
}

/// Goal: show that names inside the macro are not in the way of the user's. Method: constants of
/// the names that such macros like to use; those of a macro are not hygienic, unlike its variables.
#[test]
fn join_keeps_the_names_of_the_user() {
    const COUNT: usize = 7;
    const CHILDREN: &str = "seven";
    let (child, turns, pending, round, cx) = (1, 2, 3, 4, 5);
    let outputs = block_on(async {
        join!(async { (COUNT, CHILDREN) }, async { child + turns + pending + round + cx })
    });
    assert_eq!(outputs, ((7, "seven"), 15));
}

/// Goal: show that a child without an end is no reason for a warning about the code around.
#[test]
#[deny(unreachable_code)]
fn join_of_a_child_that_never_ends_is_no_unreachable_code() {
    let wakes = Arc::default();
    let mut first = pin!(async { join!(pending::<Infallible>(), async { 1 }) });
    assert!(poll_once(first.as_mut(), &wakes).is_pending());
    let mut last = pin!(async { join!(biased; async { 1 }, pending::<Infallible>()) });
    assert!(poll_once(last.as_mut(), &wakes).is_pending());
    let mut alone = pin!(async { join!(pending::<Infallible>()) });
    assert!(poll_once(alone.as_mut(), &wakes).is_pending());
}
