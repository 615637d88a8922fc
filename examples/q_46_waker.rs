//! Question 46. Which promises does a waker rest on, and what happens if one is broken?
//!
//! Run it: `cargo run --example q_46_waker`
//!
//! Python: `future.add_done_callback(task.__wakeup)`, done for you by `await`. Rust: who returns
//! `Pending` has seen to it that the waker of *this* poll will be woken.
//!
//! The page is `docs/interview/q-46-waker-contract.md`.

use rondel::task::yield_now;
use rondel::testing::task;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A flag that one task may wait for.
#[derive(Default)]
struct Signal {
    is_set: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Clone, Copy)]
enum Habit {
    /// Returns `Pending` and keeps no waker.
    Forgets,
    /// Keeps the waker of the first poll for ever.
    KeepsTheFirst,
    /// Looks, and then keeps the waker: what happens between the two is missed.
    LooksFirst,
    /// Keeps the waker of this poll, and then looks.
    Right,
}

impl Signal {
    fn set(&self) {
        self.is_set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn keep(&self, cx: &Context<'_>) {
        self.waker.replace(Some(cx.waker().clone()));
    }

    /// `meanwhile` stands for what another thread may do in the middle of this poll.
    fn poll(&self, habit: Habit, cx: &Context<'_>, meanwhile: &dyn Fn()) -> Poll<()> {
        match habit {
            Habit::Right => self.keep(cx),
            Habit::KeepsTheFirst if self.waker.borrow().is_none() => self.keep(cx),
            _ => {}
        }
        let was_set = match habit {
            Habit::LooksFirst => {
                let seen = self.is_set.get();
                meanwhile();
                self.keep(cx);
                seen
            }
            _ => {
                meanwhile();
                self.is_set.get()
            }
        };
        if was_set { Poll::Ready(()) } else { Poll::Pending }
    }

    fn wait(&self, habit: Habit, meanwhile: impl Fn()) -> impl Future<Output = ()> {
        poll_fn(move |cx| self.poll(habit, cx, &meanwhile))
    }
}

/// Polled by one task, then by another, then set. Is the second one woken?
fn is_the_new_owner_woken(habit: Habit) -> bool {
    let signal = Signal::default();
    let mut first = task::spawn(signal.wait(habit, || {}));
    assert!(first.poll().is_pending());
    let mut second = task::spawn(first.into_inner());
    assert!(second.poll().is_pending());
    signal.set();
    second.is_woken()
}

/// Set in the middle of the only poll. Is the future ready, or at least woken?
fn is_the_set_between_seen(habit: Habit) -> bool {
    let signal = Signal::default();
    let mut waiting = task::spawn(signal.wait(habit, || signal.set()));
    waiting.poll().is_ready() || waiting.is_woken()
}

/// How often a task of the engine is polled if its waker is woken a thousand times at once.
fn polls_for_a_thousand_wakes() -> u32 {
    let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
    let (theirs, kept) = (polls.clone(), waker.clone());
    rondel::run(async move {
        let task = rondel::task::spawn_local(poll_fn(move |cx| {
            theirs.set(theirs.get() + 1);
            kept.replace(Some(cx.waker().clone()));
            if theirs.get() < 2 { Poll::Pending } else { Poll::Ready(()) }
        }));
        yield_now().await; // the first poll
        let waker = waker.take().expect("the task was polled");
        (0..1_000).for_each(|_| waker.wake_by_ref());
        task.await.unwrap();
        waker.wake(); // of a task that is done: nothing
        yield_now().await;
    });
    polls.get()
}

fn main() {
    let habits = [
        ("keeps no waker", Habit::Forgets),
        ("keeps the first waker", Habit::KeepsTheFirst),
        ("looks, then keeps", Habit::LooksFirst),
        ("keeps, then looks", Habit::Right),
    ];
    println!("{:22} woken after a move  a set in between is seen", "");
    for (name, habit) in habits {
        let (moved, between) = (is_the_new_owner_woken(habit), is_the_set_between_seen(habit));
        println!("{name:22} {moved:<19} {between}");
        let is_right = matches!(habit, Habit::Right);
        assert_eq!(moved && between, is_right, "only the right one passes both");
    }
    let polls = polls_for_a_thousand_wakes();
    println!("1000 wakes and one more at the end: {polls} polls");
    assert_eq!(polls, 2);
}
