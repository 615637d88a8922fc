//! Lesson 23. One thread, and still a lost update: what are locks for among tasks?
//!
//! Run it: `cargo run --example 23_lock_event_condition_barrier`
//! Covers: 37, 54, 60, 61.
//!
//! Python: `asyncio.Lock`, `Event`, `Condition` and `Barrier`; none of them for threads. Rust:
//! `rondel::sync` has the same four. A `Mutex` *contains* what it guards, so that nobody can
//! forget to lock it; and the compiler refuses most unguarded sharing, but not a value that is
//! read, then awaited beside, then written.
//!
//! Predict. Ten tasks of one thread read a counter, wait for 10 ms, and write what they read plus
//! one. Once like that, and once with a lock held from the read to the write. What does it show?
//!
//! a) 10 and 10: one thread runs one task at a time.
//! b) 1 after 10 ms, and 10 after 100 ms.
//! c) Something between 1 and 10, by luck; and 10 after 10 ms.

mod diary;

use diary::Diary;
use rondel::sync::{Barrier, Condition, Event, Mutex, Notify};
use rondel::task::JoinSet;
use rondel::time::{Duration, sleep, timeout};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

const NAP: Duration = Duration::from_millis(10);

/// Runs ten tasks to their ends.
async fn ten<F: Future<Output = ()> + 'static>(task: impl Fn(usize) -> F) {
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        tasks.spawn_local(task(number));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    let counter = Rc::new(Cell::new(0));
    ten(|_| {
        let counter = counter.clone();
        async move {
            let read = counter.get();
            sleep(NAP).await; // the other nine read now
            counter.set(read + 1);
        }
    })
    .await;
    diary.note(format!("read, await, write: {}", counter.get()));

    let counter = Rc::new(Cell::new(0));
    ten(|_| {
        let counter = counter.clone();
        async move {
            sleep(NAP).await;
            counter.set(counter.get() + 1); // no `.await` inside: nobody can come between
        }
    })
    .await;
    diary.note(format!("await, then read and write: {}", counter.get()));

    let locked = Arc::new(Mutex::new(0));
    ten(|_| {
        let locked = locked.clone();
        async move {
            let mut counter = locked.lock().await;
            let read = *counter;
            sleep(NAP).await;
            *counter = read + 1;
        }
    })
    .await;
    diary.note(format!("the same under a lock: {}", *locked.lock().await));

    assert_eq!(diary.when("read, await, write: 1"), 10);
    assert_eq!(diary.when("await, then read and write: 10"), 20);
    assert_eq!(diary.when("the same under a lock: 10"), 120, "one after the other");

    a_stop_button(&diary).await;
    an_event_is_a_state_and_a_notification_is_not(&diary).await;
    a_condition_is_looked_at_again(&diary).await;
    a_barrier_keeps_phases_apart().await;
}

/// A stream of tokens that ends when somebody clicks "Stop".
async fn a_stop_button(diary: &Diary) {
    let (stop, mut text) = (Arc::new(Event::new()), String::new());
    let button = stop.clone();
    rondel::spawn(async move {
        sleep(35 * NAP).await;
        button.set();
    });
    for word in "an answer that goes on and on".split(' ') {
        // Not only between two tokens: the wait for the next one ends as well.
        rondel::select! {
            biased;
            () = stop.wait() => break,
            () = sleep(10 * NAP) => text.extend([word, " "]),
        }
    }
    diary.note(format!("stopped after: {}", text.trim()));
    assert_eq!(diary.when("stopped after: an answer that"), 120 + 350);
    assert!(stop.is_set(), "and whoever looks later sees it, too");
}

async fn an_event_is_a_state_and_a_notification_is_not(diary: &Diary) {
    let (event, notify) = (Event::new(), Notify::new());
    event.set();
    event.set();
    notify.notify_one();
    notify.notify_one();
    let (mut seen, mut told) = (0, 0);
    for _ in 0..3 {
        seen += u32::from(timeout(NAP, event.wait()).await.is_ok());
        told += u32::from(timeout(NAP, notify.notified()).await.is_ok());
    }
    diary.note(format!("of 3 who come later: {seen} see the event, {told} has the notification"));
    assert_eq!((seen, told), (3, 1));
}

/// Two wait for the same item, and both are woken. The second finds nothing, and waits on.
async fn a_condition_is_looked_at_again(diary: &Diary) {
    let shop = Arc::new((Mutex::new(Vec::new()), Condition::new()));
    let looks = Arc::new(std::sync::Mutex::new(0));
    let guests = ["Anna", "Ben"].map(|guest| {
        let (shop, looks, diary) = (shop.clone(), looks.clone(), diary.clone());
        rondel::spawn(async move {
            let (shelf, changed) = &*shop;
            let mut cakes = changed
                .wait_for(shelf.lock().await, |cakes: &mut Vec<&str>| {
                    *looks.lock().unwrap() += 1; // std's lock: short, and no `.await` inside
                    !cakes.is_empty()
                })
                .await;
            diary.note(format!("{guest} has the {}", cakes.pop().unwrap()));
        })
    });
    let (shelf, changed) = &*shop;
    for cake in ["first cake", "second cake"] {
        sleep(NAP).await;
        shelf.lock().await.push(cake);
        changed.notify_all();
    }
    for guest in guests {
        guest.await.unwrap();
    }
    assert!(diary.has_in_order(&["Anna has the first cake", "Ben has the second cake"]));
    assert_eq!(*looks.lock().unwrap(), 5, "both at first, both at the first cake, Ben once more");
}

/// Nobody begins phase 2 before the slowest has ended phase 1.
async fn a_barrier_keeps_phases_apart() {
    let diary = Diary::new();
    let barrier = Arc::new(Barrier::new(3));
    let workers = [1, 2, 3].map(|worker| {
        let (barrier, diary) = (barrier.clone(), diary.clone());
        rondel::spawn(async move {
            let mut led = 0;
            for phase in 1..=2 {
                sleep(NAP * worker).await;
                diary.note(format!("phase {phase}: worker {worker} is there"));
                led += u32::from(barrier.wait().await.is_leader());
            }
            led
        })
    });
    let mut leaders = 0;
    for worker in workers {
        leaders += worker.await.unwrap();
    }
    assert_eq!(leaders, 2, "one in each phase: the last to come");
    assert_eq!(diary.when("phase 1: worker 3 is there"), 30);
    assert_eq!(diary.when("phase 2: worker 1 is there"), 40, "it waited for worker 3");
}

// Explain
//
// b) is right. A task is not interrupted between two awaits, so a read and a write in one line need
// no lock, on one thread. With an `.await` in between, the nine others get their turn, all read 0
// and all write 1. It is no race of threads and needs no luck: it is the same each time. The lock
// makes it right, and makes ten times 10 ms of it: lock what belongs together, and no more.
//
// Which lock? `std::sync::Mutex` if there is no `.await` while it is held: it is smaller and
// faster. If there is one, the compiler says so: its guard is not `Send`, and `spawn` refuses the
// task. Then take the async one; a thread that waits for std's cannot run the task that has it.
//
// | word      | what it is                                 | who comes too late     |
// |-----------|--------------------------------------------|------------------------|
// | Event     | a state: it has happened                   | goes on at once        |
// | Notify    | one permit at most, for one who waits      | finds the one permit   |
// | Condition | news about what a lock guards: look again  | looks, and need not    |
// | Barrier   | "when we are n": phases                    | is in the next round   |
//
// A stop button is a state, so it is an event (or a `CancellationToken`, which is an event with
// children and a reason). A stream that looks at it only between two tokens stops when the next one
// comes; `select!` ends the wait for it too.
//
// What real runtimes do
//
// asyncio has all four, the barrier since 3.11. tokio has `Mutex`, `Notify` and `Barrier`; an event
// is a `watch::channel(false)`. Go uses a closed channel for an event.
//
// Where to read next
//
// Why setting an event cannot miss anybody:
//
// ```rust,cite=runtime/sync/event.rs
// //! 2. Whoever has queued up looks at the flag again (`unless.rs`), so nobody waits beside a set
// //!    flag.
// …
// self.waiters.dismiss_all(|| self.set.store(true, Release));
// ```
