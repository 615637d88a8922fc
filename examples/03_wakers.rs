//! Lesson 03. What must a future do before it says `Pending`?
//!
//! Run it: `cargo run --example 03_wakers`
//! Covers: 1, 6.
//!
//! Python: a task hangs its own step as a callback on the future it waits for, and the loop calls
//! it. Rust: `poll` is given a `Waker`, a cloneable "put me in line again". A future that says
//! `Pending` has left it with somebody who will call it. That is the contract, and the compiler
//! does not check it. The waker is also all that the parts of a runtime know of each other.
//!
//! A doorbell is built here in five ways. One task waits for it, another rings. The waiting future
//! is polled once by `main` and then given to a task, as `select!` and a channel's user do.
//!
//! Predict. Which of these bells is heard?
//!
//! a) All but the one that leaves no waker at all.
//! b) Also the one that keeps the first waker it was given: a task has only one.
//! c) Only the one that keeps the *newest* waker, and leaves it *before* it looks; and the one that
//!    wakes itself each time, which costs 1,000 polls.

use rondel::task::{Builder, spawn_local, yield_now};
use rondel::time::{Duration, sleep};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    LeavesNoWaker,
    KeepsTheFirst,
    LooksThenLeaves,
    WakesItself,
    Sound,
}

struct Bell {
    kind: Kind,
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    polls: Cell<u32>,
    /// Somebody rings between the two steps of the next poll. Here it is a switch; in life it is
    /// another thread, once in a million times.
    rings_in_between: Cell<bool>,
}

impl Bell {
    fn new(kind: Kind) -> Rc<Self> {
        let (rung, waker) = (Cell::new(false), RefCell::new(None));
        Rc::new(Self { kind, rung, waker, polls: Cell::new(0), rings_in_between: Cell::new(false) })
    }

    fn ring(&self) {
        self.rung.set(true);
        let waker = self.waker.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Where another thread could come in between.
    fn gap(&self) {
        if self.rings_in_between.take() {
            self.ring();
        }
    }

    fn leave(&self, waker: &Waker) {
        *self.waker.borrow_mut() = Some(waker.clone());
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.set(self.polls.get() + 1);
        let was_rung = self.rung.get();
        match self.kind {
            Kind::LeavesNoWaker => {}
            Kind::KeepsTheFirst if self.waker.borrow().is_some() => {}
            Kind::WakesItself => cx.waker().wake_by_ref(),
            Kind::LooksThenLeaves => {
                self.gap();
                self.leave(cx.waker());
            }
            Kind::KeepsTheFirst | Kind::Sound => {
                self.leave(cx.waker());
                self.gap();
            }
        }
        let is_rung = match self.kind {
            Kind::LooksThenLeaves => was_rung,
            _ => self.rung.get(), // the look comes after the waker was left
        };
        if is_rung { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Whether the bell is heard, and if not, what the loop says of the task that waits.
fn is_heard(kind: Kind, in_between: bool) -> bool {
    let bell = Bell::new(kind);
    let (theirs, rings) = (bell.clone(), bell.clone());
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    let outcome = runtime.try_block_on(async move {
        let mut wait = Box::pin(poll_fn(move |cx| theirs.poll(cx)));
        let first = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        rings.rings_in_between.set(in_between);
        let listener = Builder::new().name("listener").spawn_local(wait).unwrap();
        for _ in 0..1_000 {
            yield_now().await; // the listener has its turn, and a thousand others
        }
        if !in_between {
            rings.ring();
        }
        listener.await.unwrap();
    });
    let when = if in_between { "in between" } else { "later" };
    let name = format!("{kind:?}");
    let Err(deadlock) = outcome else {
        println!("{name:16} rung {when:11} heard, polls: {}", bell.polls.get());
        return true;
    };
    let forgotten: Vec<&str> = deadlock.forgotten().map(name_of).collect();
    println!("{name:16} rung {when:11} stalled; forgotten, with the bell rung: {forgotten:?}");
    assert_eq!(forgotten, ["listener"]);
    false
}

/// What stands between the back-ticks in "task 1 `listener` (spawned at ...)".
fn name_of(task: &str) -> &str {
    task.split('`').nth(1).unwrap_or(task)
}

/// Wakes a task three times before its turn comes. Returns how often it was polled.
fn polls_after_three_wakes() -> u32 {
    let runtime = rondel::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
        let (count, place) = (polls.clone(), waker.clone());
        spawn_local(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *place.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        sleep(Duration::from_millis(1)).await; // its first poll
        let waker = waker.take().unwrap();
        (0..3).for_each(|_| waker.wake_by_ref());
        sleep(Duration::from_millis(1)).await;
        polls.get()
    })
}

fn main() {
    assert!(!is_heard(Kind::LeavesNoWaker, false));
    assert!(!is_heard(Kind::KeepsTheFirst, false));
    assert!(is_heard(Kind::LooksThenLeaves, false), "it works, nearly always");
    assert!(!is_heard(Kind::LooksThenLeaves, true));
    assert!(is_heard(Kind::WakesItself, false));
    assert!(is_heard(Kind::Sound, false));
    assert!(is_heard(Kind::Sound, true));

    let polls = polls_after_three_wakes();
    println!("woken three times before its turn: {} poll more", polls - 1);
    assert_eq!(polls, 2);
}

// Explain
//
// c) is right. Five ways, three of them wrong:
//
// - LeavesNoWaker: nobody can call. The bell is rung, and the task sleeps beside it.
// - KeepsTheFirst: the first poll was `main`'s, so the waker wakes `main`. A future may move from
//   one task to another between two polls. So each poll has to leave the waker of *that* poll
//   (`Waker::will_wake` says when the old one is still good).
// - LooksThenLeaves: works, until the ring comes between the look and the leaving. Then the look
//   was too early, the ring found no waker, and nothing rings again: a lost wake-up. The cure is an
//   order, leave and then look, or a lock around both, on the ringing side too.
// - WakesItself: keeps the contract to the letter, and is polled in each turn of the loop. A
//   program full of these uses a whole processor for waiting.
// - Sound: the newest waker, left before the look. Three polls, however long it waits: one of
//   `main`, one of the task, one for the ring.
//
// With real time the stalled ones just hang. Here time is virtual, so the loop knows that nothing
// can happen any more, and calls the roll: it polls each task once more, and one that goes on was
// forgotten by whoever had its waker.
//
// Three wakes before the task's turn are one poll. A waker says "ask again", not "here is an
// event"; who counts events keeps the count elsewhere. The twin `loop.call_soon` is different: a
// callback that is scheduled three times is called three times.
//
// What real runtimes do
//
// A waker is two words, a pointer and a table of four functions, so each runtime brings its own:
// a task to put in line (tokio, smol), a thread to unpark (`block_on`), an interrupt's flag
// (embassy). This is how Rust takes the loop apart: Python's event loop is scheduler, timers and
// selector in one object; here timer and reactor hold wakers, and know nothing of tasks. asyncio
// has the stale kind, too: a future set from another thread without `call_soon_threadsafe` wakes a
// loop that does not hear it.
//
// Where to read next
//
// What a wake does to a task, by the state that the task is in:
//
// ```rust,cite=runtime/task/state.rs
// self.change(|bits| match bits & (QUEUED | DONE | RUNNING) {
//     0 => (bits | QUEUED, AfterWake::Queue),
//     RUNNING => (bits | QUEUED, AfterWake::Nothing),
//     _ => (bits, AfterWake::Nothing),
// })
// ```
