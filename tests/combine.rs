//! Several futures in one task: `join!`, `try_join!`, `select!`, `gather`, `try_gather`.
//!
//! Combinators run on any executor. So most tests here poll by hand: they decide when something
//! is polled, and count the wakes.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use rondel::combine::{gather, try_gather};
use rondel::{join, select, try_join};

// ---- Tools -------------------------------------------------------------------------------------

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<&'static str>>>);

impl Diary {
    fn note(&self, page: &'static str) {
        self.0.borrow_mut().push(page);
    }

    fn pages(&self) -> Vec<&'static str> {
        self.0.borrow().clone()
    }

    /// Notes `page` when it is dropped.
    fn on_drop(&self, page: &'static str) -> OnDrop {
        OnDrop(self.clone(), page)
    }
}

struct OnDrop(Diary, &'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// Counts the wakes of one task.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Polls once, with a waker that counts.
fn poll_once<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

/// Polls whenever it was woken; parks the thread meanwhile.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A child that waits until the test opens it; keeps its last waker and counts its polls.
#[derive(Clone, Default)]
struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    waker: Mutex<Option<Waker>>,
    open: Mutex<Option<u32>>,
    polls: AtomicUsize,
}

impl Gate {
    async fn pass(self) -> u32 {
        poll_fn(|cx| {
            *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
            self.0.polls.fetch_add(1, SeqCst); // now it can be opened
            self.0.open.lock().unwrap().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn open(&self, value: u32) {
        *self.0.open.lock().unwrap() = Some(value);
        self.wake();
    }

    fn wake(&self) {
        let waker = self.waker();
        waker.wake();
    }

    fn waker(&self) -> Waker {
        self.0.waker.lock().unwrap().clone().expect("not polled yet")
    }

    fn polls(&self) -> usize {
        self.0.polls.load(SeqCst)
    }
}

/// Ready at the second poll; wakes itself at the first.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn panic_text(caught: Box<dyn std::any::Any + Send>) -> String {
    let text = caught.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| caught.downcast_ref::<String>().cloned()).expect("a panic with a text")
}

// ---- join! -------------------------------------------------------------------------------------

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

    diary.0.borrow_mut().clear();
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

#[test]
fn join_takes_forty_children() {
    let total = block_on(async {
        let ones = join!(
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
            ready(1),
        );
        ones.0 + ones.39
    });
    assert_eq!(total, 2);
}

// ---- try_join! ---------------------------------------------------------------------------------

#[test]
fn try_join_returns_all_values_or_the_first_error() {
    block_on(async {
        assert_eq!(try_join!(ready(Ok::<_, ()>(1)), ready(Ok("two"))), Ok((1, "two")));
        assert_eq!(try_join!(biased; ready(Ok::<_, ()>(1))), Ok((1,)));
        let nothing: Result<(), ()> = try_join!();
        assert_eq!(nothing, Ok(()));
        let failed = try_join!(
            async {
                yield_once().await;
                Err::<(), _>("late")
            },
            async { Ok(1) },
            async { Err::<(), _>("early") },
        );
        assert_eq!(failed, Err("early"));
    });
}

/// Goal: show that the siblings are gone when the caller sees the error (asyncio's gather would
/// let them run on).
#[test]
fn try_join_drops_the_siblings_of_a_failed_child() {
    let diary = Diary::default();
    let sibling = {
        let kept = diary.on_drop("sibling dropped");
        async move {
            let _kept = kept;
            pending::<Result<(), &str>>().await
        }
    };
    block_on(async {
        let failed = try_join!(sibling, async {
            yield_once().await;
            Err::<(), _>("no")
        });
        diary.note("error seen");
        assert_eq!(failed, Err("no"));
    });
    assert_eq!(diary.pages(), ["sibling dropped", "error seen"]);
}

#[test]
fn try_join_works_with_errors_that_cannot_happen_and_with_the_question_mark() {
    async fn sum() -> Result<u32, Infallible> {
        let (a, b) = try_join!(async { Ok::<_, Infallible>(1) }, async { Ok(2) })?;
        Ok(a + b)
    }
    assert_eq!(block_on(sum()), Ok(3));
}

// ---- select! -----------------------------------------------------------------------------------

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

// ---- gather ------------------------------------------------------------------------------------

#[test]
fn gather_returns_outputs_in_order_however_the_children_end() {
    let gates: Vec<Gate> = (0..130).map(|_| Gate::default()).collect();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    let wakes = Arc::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    for (index, gate) in gates.iter().enumerate().rev().skip(1) {
        gate.open(index as u32);
    }
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[129].open(129);
    let Poll::Ready(outputs) = poll_once(Pin::new(&mut whole), &wakes) else { panic!("pending") };
    assert_eq!(outputs, (0..130).collect::<Vec<_>>());
}

#[test]
fn gather_of_nothing_is_ready_at_once_and_empty() {
    assert_eq!(block_on(gather(Vec::<std::future::Ready<u32>>::new())), []);
    assert_eq!(block_on(try_gather(Vec::<std::future::Ready<Result<u32, ()>>>::new())), Ok(vec![]));
}

/// Goal: show that a wake costs one poll of one child, and that many wakes are one of the parent.
#[test]
fn gather_polls_only_the_children_that_were_woken() {
    let gates: Vec<Gate> = (0..5_000).map(|_| Gate::default()).collect();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    let wakes = Arc::<Wakes>::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert!(gates.iter().all(|gate| gate.polls() == 1));

    for woken in [0, 1, 63, 64, 4_095] {
        gates[woken].wake();
    }
    assert_eq!(wakes.count(), 1, "these share an upper word, so the first wake is enough");
    gates[4_096].wake();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    let polled_twice = (0..5_000).filter(|&index| gates[index].polls() == 2).collect::<Vec<_>>();
    assert_eq!(polled_twice, [0, 1, 63, 64, 4_095, 4_096]);
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 5_006);

    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), 5_006, "nobody was woken");
}

#[test]
fn gather_of_ten_thousand_that_yield_ends_after_two_polls() {
    let mut whole = gather((0..10_000).map(|index| async move {
        yield_once().await;
        index
    }));
    let wakes = Arc::<Wakes>::default();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert!(wakes.count() >= 1);
    let Poll::Ready(outputs) = poll_once(Pin::new(&mut whole), &wakes) else { panic!("pending") };
    assert!(outputs.into_iter().eq(0..10_000));
}

/// Goal: show that a child's waker may live longer than the combinator, and then does nothing.
#[test]
fn a_child_waker_is_harmless_after_the_gather_is_dropped_or_has_ended() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    let waker = gates[0].waker();
    drop(whole);
    assert_eq!(Arc::strong_count(&wakes), 1, "the parent's waker went with the gather");
    waker.wake_by_ref();
    let copy = waker.clone();
    assert!(copy.will_wake(&waker));
    std::thread::spawn(move || copy.wake()).join().unwrap();
    drop(waker);
    assert_eq!(wakes.count(), 0);

    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates.iter().for_each(|gate| gate.open(1));
    assert_eq!(poll_once(Pin::new(&mut whole), &wakes), Poll::Ready(vec![1, 1]));
    let before = wakes.count();
    gates[1].wake();
    assert_eq!(wakes.count(), before);
}

#[test]
fn a_wake_of_a_child_that_has_ended_polls_nobody() {
    let gates = [Gate::default(), Gate::default()];
    let wakes = Arc::<Wakes>::default();
    let mut whole = gather(gates.iter().cloned().map(Gate::pass));
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[0].open(1);
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    gates[0].wake();
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!((gates[0].polls(), gates[1].polls()), (2, 1));
}

#[test]
fn gather_wakes_the_task_that_polled_it_last() {
    let gate = Gate::default();
    let mut whole = gather([gate.clone().pass()]);
    let (first, second) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
    assert!(poll_once(Pin::new(&mut whole), &first).is_pending());
    assert!(poll_once(Pin::new(&mut whole), &second).is_pending());
    gate.open(1);
    assert_eq!((first.count(), second.count()), (0, 1));
}

/// Goal: show that no wake from another thread is lost while the parent polls.
/// Method: threads open the gates while the parent runs; it parks, so a lost wake would hang.
#[test]
fn gather_is_woken_from_other_threads() {
    for _ in 0..20 {
        let gates: Vec<Gate> = (0..200).map(|_| Gate::default()).collect();
        let openers: Vec<_> = (0..2)
            .map(|half| {
                let gates = gates.clone();
                std::thread::spawn(move || {
                    for (index, gate) in gates.iter().enumerate().skip(half).step_by(2) {
                        while gate.polls() == 0 {
                            std::thread::yield_now();
                        }
                        gate.open(index as u32);
                    }
                })
            })
            .collect();
        let outputs = block_on(gather(gates.into_iter().map(Gate::pass)));
        assert!(outputs.into_iter().eq(0..200));
        openers.into_iter().for_each(|opener| opener.join().unwrap());
    }
}

#[test]
fn a_panic_in_a_child_of_gather_comes_through_and_drops_the_siblings() {
    let diary = Diary::default();
    let children = (0..3).map(|index| {
        let kept = diary.on_drop("dropped");
        async move {
            let _kept = kept;
            if index == 1 {
                panic!("boom");
            }
            pending::<()>().await
        }
    });
    let caught = catch_unwind(AssertUnwindSafe(|| block_on(gather(children))));
    assert_eq!(panic_text(caught.unwrap_err()), "boom");
    assert_eq!(diary.pages(), ["dropped"; 3]);
}

#[test]
fn gather_says_so_when_it_is_polled_after_a_panic_or_after_its_end() {
    let wakes = Arc::default();
    let mut ended = gather([ready(1)]);
    assert!(poll_once(Pin::new(&mut ended), &wakes).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| poll_once(Pin::new(&mut ended), &wakes)));
    assert_eq!(panic_text(again.unwrap_err()), "gather polled again after it ended");

    let mut panicked = gather([async { panic!("boom") }]);
    for text in ["boom", "polled again after it ended or panicked"] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _: Poll<Vec<()>> = poll_once(Pin::new(&mut panicked), &wakes);
        }));
        assert_eq!(panic_text(caught.unwrap_err()), text);
    }
}

#[test]
fn gathers_nest() {
    let rows = (0..3).map(|row| {
        gather((0..3).map(move |column| async move {
            yield_once().await;
            row * 10 + column
        }))
    });
    assert_eq!(block_on(gather(rows)), [[0, 1, 2], [10, 11, 12], [20, 21, 22]]);
}

/// Goal: show that a gather of handles waits for tasks, however many, without asking them in vain.
/// Method: tasks that end in three waves; each handle may be polled twice, to wait and to end.
#[test]
fn gather_waits_for_ten_thousand_tasks_and_asks_each_handle_twice() {
    let polls = Cell::new(0);
    rondel::run(async {
        let handles: Vec<_> = (0..10_000)
            .map(|index| {
                rondel::spawn(async move {
                    for _ in 0..index % 3 {
                        rondel::task::yield_now().await;
                    }
                    index
                })
            })
            .collect();
        let counted = handles.into_iter().map(|mut handle| {
            let polls = &polls;
            poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                Pin::new(&mut handle).poll(cx).map(Result::unwrap)
            })
        });
        assert!(gather(counted).await.into_iter().eq(0..10_000));
    });
    assert_eq!(polls.get(), 20_000);
}

#[test]
fn dropping_a_gather_drops_children_and_collected_outputs() {
    let diary = Diary::default();
    let wakes = Arc::default();
    let output = diary.on_drop("output");
    let waiting = diary.on_drop("child");
    let children: [Pin<Box<dyn Future<Output = OnDrop>>>; 2] = [
        Box::pin(async move { output }),
        Box::pin(async move {
            pending::<()>().await;
            waiting
        }),
    ];
    let mut whole = gather(children);
    assert!(poll_once(Pin::new(&mut whole), &wakes).is_pending());
    assert_eq!(diary.pages(), [""; 0]);
    drop(whole);
    assert_eq!(diary.pages(), ["output", "child"]);
}

// ---- try_gather --------------------------------------------------------------------------------

#[test]
fn try_gather_returns_all_values_in_order() {
    let values = block_on(try_gather((0..100).map(|index| async move {
        if index % 3 == 0 {
            yield_once().await;
        }
        Ok::<_, ()>(index)
    })));
    assert!(values.unwrap().into_iter().eq(0..100));
}

/// Goal: show that the siblings are dropped before the error is seen, and values as well.
#[test]
fn try_gather_drops_the_siblings_at_the_first_error() {
    let diary = Diary::default();
    block_on(async {
        let failed = try_gather((0..3).map(|index| {
            let kept = diary.on_drop(["value dropped", "", "sibling dropped"][index]);
            async move {
                match index {
                    0 => Ok(kept),
                    1 => {
                        yield_once().await;
                        std::mem::forget(kept);
                        Err("no")
                    }
                    _ => {
                        let _kept = kept;
                        pending().await
                    }
                }
            }
        }))
        .await;
        diary.note("error seen");
        assert_eq!(failed.err(), Some("no"));
    });
    assert_eq!(diary.pages(), ["value dropped", "sibling dropped", "error seen"]);
}
