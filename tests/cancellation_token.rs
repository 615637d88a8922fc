//! `CancellationToken`: asking a family of tasks to stop.

use std::future::{Future, pending, ready};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use rondel::sync::CancellationToken;
use rondel::task::yield_now;
use rondel::testing::task::spawn;
use rondel::{assert_pending, assert_ready};

#[test]
fn cancelling_wakes_all_who_wait_and_clones_are_the_same_token() {
    let token = CancellationToken::new();
    let clone = token.clone();
    let mut first = spawn(token.cancelled());
    let mut second = spawn(clone.cancelled());
    let mut owned = spawn(token.clone().cancelled_owned());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(owned.poll());
    assert!(!token.is_cancelled());

    clone.cancel();
    assert_eq!([first.wakes(), second.wakes(), owned.wakes()], [1, 1, 1]);
    assert!(token.is_cancelled() && clone.is_cancelled());
    assert_ready!(first.poll());
    assert_ready!(second.poll());
    assert_ready!(owned.poll());
    assert_ready!(spawn(token.cancelled()).poll());

    token.cancel();
    assert!(!first.is_woken() && !second.is_woken() && !owned.is_woken(), "nobody waits any more");
}

/// Goal: show that cancelling goes down the tree, and neither up nor sideways.
#[test]
fn children_are_cancelled_with_their_parent_and_not_the_other_way_round() {
    let root = CancellationToken::new();
    let (left, right) = (root.child_token(), root.child_token());
    let (below, beside) = (left.child_token(), left.child_token());
    let mut waiting = spawn(below.cancelled());
    assert_pending!(waiting.poll());

    left.cancel();
    assert_eq!(waiting.wakes(), 1);
    let family = [&root, &left, &right, &below, &beside].map(CancellationToken::is_cancelled);
    assert_eq!(family, [false, true, false, true, true]);

    root.cancel();
    assert!(right.is_cancelled());
    assert!(root.child_token().is_cancelled(), "too late to be born free");
    assert!(root.child_token().child_token().is_cancelled());
}

#[test]
fn a_token_between_two_others_may_be_dropped() {
    let root = CancellationToken::new();
    let middle = root.child_token();
    let grandchildren = [(); 3].map(|()| middle.child_token());
    let sibling = root.child_token();
    drop(middle);
    assert!(!grandchildren[0].is_cancelled());
    drop(sibling);
    root.cancel();
    assert!(grandchildren.iter().all(CancellationToken::is_cancelled));
}

#[test]
fn dropping_the_root_cancels_nobody() {
    let root = CancellationToken::new();
    let children = [root.child_token(), root.child_token()];
    let grandchild = children[0].child_token();
    drop(root);
    children[0].cancel();
    assert!(grandchild.is_cancelled());
    assert!(!children[1].is_cancelled());
}

/// Goal: show that each way to leave the list of siblings keeps the list whole.
/// Method: drop the first, a middle and the last of five, in every order of three.
#[test]
fn siblings_leave_in_any_order() {
    for order in [[0, 2, 4], [0, 4, 2], [2, 0, 4], [2, 4, 0], [4, 0, 2], [4, 2, 0]] {
        let root = CancellationToken::new();
        let mut children: Vec<_> = (0..5).map(|_| Some(root.child_token())).collect();
        for leaving in order {
            children[leaving] = None;
        }
        let late = root.child_token();
        root.cancel();
        assert!(children.iter().flatten().all(CancellationToken::is_cancelled), "{order:?}");
        assert!(late.is_cancelled());
    }
}

/// Goal: show that depth costs no stack: neither to cancel nor to drop, from either end.
#[test]
fn a_chain_of_a_hundred_thousand_tokens_is_cancelled_and_dropped() {
    let chain = |length| {
        let mut tokens = vec![CancellationToken::new()];
        for _ in 0..length {
            tokens.push(tokens.last().unwrap().child_token());
        }
        tokens
    };
    let mut tokens = chain(100_000);
    tokens[0].cancel();
    assert!(tokens.iter().all(CancellationToken::is_cancelled));
    while tokens.pop().is_some() {}

    let mut tokens = chain(100_000);
    tokens.reverse();
    while tokens.len() > 1 {
        tokens.pop(); // the eldest first
    }
    tokens[0].cancel();
}

/// Goal: show that a token that is replaced by its child for ever keeps its link to the root.
#[test]
fn generations_come_and_go() {
    let root = CancellationToken::new();
    let mut youngest = root.child_token();
    for _ in 0..100_000 {
        youngest = youngest.child_token();
    }
    root.cancel_with("old age");
    assert_eq!(youngest.reason(), Some("old age"));
}

#[test]
fn the_first_reason_wins_and_children_inherit_it() {
    let root = CancellationToken::new();
    let (early, late) = (root.child_token(), root.child_token());
    let silent = root.child_token();
    assert_eq!(root.reason(), None);
    early.cancel_with("too slow");
    silent.cancel();
    root.cancel_with(format!("shutdown {}", 7));
    root.cancel_with("another");
    assert_eq!(early.reason(), Some("too slow"));
    assert_eq!(silent.reason(), None);
    assert_eq!((root.reason(), late.reason()), (Some("shutdown 7"), Some("shutdown 7")));
    assert_eq!(root.child_token().reason(), Some("shutdown 7"));
    assert_eq!(early.child_token().reason(), Some("too slow"));
}

#[test]
fn guards_cancel_when_dropped_unless_disarmed() {
    let token = CancellationToken::new();
    let back = token.clone().drop_guard().disarm();
    token.drop_guard_ref().disarm();
    assert!(!back.is_cancelled());
    {
        let guard = token.clone().drop_guard();
        assert!(!guard.token().is_cancelled());
    }
    assert!(back.is_cancelled());

    let lent = CancellationToken::new();
    drop(lent.drop_guard_ref());
    assert!(lent.is_cancelled());
}

#[test]
fn run_until_cancelled_gives_the_output_or_drops_the_future() {
    rondel::run(async {
        let token = CancellationToken::new();
        assert_eq!(token.run_until_cancelled(async { 1 }).await, Some(1));
        let output = token
            .run_until_cancelled(async {
                token.cancel();
                2
            })
            .await;
        assert_eq!(output, Some(2), "when both happen at once the output wins");
        let not_polled = token.run_until_cancelled(async { panic!("polled") }).await;
        assert_eq!(not_polled, None::<()>);

        let token = CancellationToken::new();
        let asked = token.clone();
        let kept = Arc::new(());
        let held = kept.clone();
        let stuck = rondel::spawn(asked.run_until_cancelled_owned(async move {
            pending::<()>().await;
            drop(held);
        }));
        yield_now().await;
        token.cancel();
        assert_eq!(stuck.await.unwrap(), None);
        assert_eq!(Arc::strong_count(&kept), 1);
        assert_eq!(token.run_until_cancelled_owned(ready(3)).await, None);
    });
}

/// Goal: show that wakers of users are called outside the lock of the family.
/// Method: a waker that makes, cancels and drops tokens of the same family when it is woken.
#[test]
fn a_waker_may_use_the_family_it_is_woken_by() {
    struct Meddler(Mutex<Vec<CancellationToken>>);
    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            let tokens = std::mem::take(&mut *self.0.lock().unwrap());
            assert!(tokens[0].child_token().is_cancelled());
            tokens[0].cancel();
            assert_eq!(tokens.len(), 2); // and drops them
        }
    }
    let root = CancellationToken::new();
    let child = root.child_token();
    let meddler = Arc::new(Meddler(Mutex::new(vec![root.clone(), child.clone()])));
    let mut waiting = pin!(child.cancelled_owned());
    let waker = Waker::from(meddler);
    assert_pending!(waiting.as_mut().poll(&mut Context::from_waker(&waker)));
    root.cancel();
    assert_ready!(waiting.as_mut().poll(&mut Context::from_waker(&waker)));
}

/// Goal: show that no token escapes when threads make, drop and cancel at the same time.
#[test]
fn tokens_are_made_dropped_and_cancelled_on_many_threads() {
    for _ in 0..20 {
        let root = CancellationToken::new();
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let mut token = root.child_token();
                std::thread::spawn(move || {
                    let mut kept = Vec::new();
                    for turn in 0..300 {
                        let child = token.child_token();
                        match turn % 3 {
                            0 => token = child,
                            1 => kept.push(child),
                            _ => drop(child),
                        }
                    }
                    kept.push(token);
                    kept
                })
            })
            .collect();
        root.cancel();
        for worker in workers {
            let kept = worker.join().unwrap();
            assert!(kept.iter().all(CancellationToken::is_cancelled));
        }
    }
}

#[test]
fn a_waiting_task_is_woken_from_another_thread() {
    rondel::run(async {
        for _ in 0..50 {
            let token = CancellationToken::new();
            let canceller = token.clone();
            let thread = std::thread::spawn(move || canceller.cancel_with("from afar"));
            token.cancelled().await;
            assert_eq!(token.reason(), Some("from afar"));
            thread.join().unwrap();
        }
    });
}

#[test]
fn tokens_say_what_they_are() {
    fn assert_traits<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin + Default>(_: &T) {}
    let token = CancellationToken::default();
    assert_traits(&token);
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false }");
    token.cancel_with("enough");
    let text = "CancellationToken { is_cancelled: true, reason: \"enough\" }";
    assert_eq!(format!("{token:?}"), text);
}
