//! The explorer: does it try all orders, each once, and find what only some of them break?

use super::panic_text;
use rondel::sync::{Mutex, oneshot};
use rondel::task::{Builder, spawn_local, yield_now};
use rondel::testing::net::{Net, NetOptions};
use rondel::testing::{Diary, Failure, explore};
use rondel::time::{Duration, sleep, timeout};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// `counter += 1` with an await in the middle, after some others.
async fn add_one(counter: Rc<Cell<i32>>, yields: usize) {
    for _ in 0..yields {
        yield_now().await;
    }
    let before = counter.get();
    yield_now().await;
    counter.set(before + 1);
}

async fn two_add_one(yields: [usize; 2]) {
    let counter = Rc::new(Cell::new(0));
    let tasks = yields.map(|yields| spawn_local(add_one(counter.clone(), yields)));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(counter.get(), 2, "an update was lost");
}

fn lines(failure: &Failure) -> Vec<String> {
    let text = failure.to_string();
    assert_eq!(format!("{failure:?}"), text);
    text.lines().map(|line| line.trim().split(" (spawned at").next().unwrap().to_owned()).collect()
}

/// Goal: the guide's race is found where the usual order hides it, and told in the fewest steps.
/// Method: the second of two tasks comes late enough to be safe in turn.
#[test]
fn the_lost_update_that_turns_hide_is_found_and_told_step_by_step() {
    let failure = explore(2, || two_add_one([0, 1])).unwrap_err();
    assert_eq!(failure.overtakings(), 1);
    assert!(failure.schedules() > 1 && failure.deadlock().is_none());
    assert!(failure.reason().starts_with("it panicked: assertion `left == right` failed: an upd"));
    let text = failure.to_string();
    assert_eq!(text.matches(" OVERTAKES task 1, and gives way").count(), 1, "{text}");
    assert!(text.contains("when somebody comes out of turn once (schedule "), "{text}");
    assert!(text.contains("1. main waits for task 1\n"), "{text}");
    assert!(text.contains("task 1 (spawned at tests/testing/explore.rs:"), "{text}");
    assert_eq!(failure.steps().last().unwrap().then(), "panics");
    assert!(explore(0, || two_add_one([0, 1])).is_ok(), "in turn it works");
}

/// Goal: the whole text, as people read it.
#[test]
fn a_failure_in_turn_needs_nobody_to_overtake() {
    let failure = explore(5, || async {
        let counter = Rc::new(Cell::new(0));
        let name = |name, task| Builder::new().name(name).spawn_local(task).unwrap();
        let early = name("early", add_one(counter.clone(), 0));
        let late = name("late", add_one(counter.clone(), 0));
        early.await.unwrap();
        late.await.unwrap();
        if counter.get() == 2 { Ok(()) } else { Err("an update was lost") }
    })
    .unwrap_err();
    assert_eq!((failure.overtakings(), failure.schedules()), (0, 1));
    let expected = [
        "the program fails: it returned Err(\"an update was lost\")",
        "though everybody comes in turn (schedule 1 of those tried):",
        "1. main waits for task 1 `early`",
        "2. task 1 `early`",
        "3. task 2 `late`",
        "4. task 1 `early` ends",
        "5. task 2 `late` ends",
        "6. main returns",
    ];
    assert_eq!(lines(&failure), expected);
    assert!(failure.to_string().contains("`early` (spawned at tests/testing/explore.rs:"));
    assert_eq!(failure.steps()[1].then(), "gives way");
}

#[test]
fn a_lock_around_it_holds_in_all_orders() {
    let exploration = explore(4, || async {
        let counter = Rc::new(Mutex::new(0));
        let tasks = [0, 2, 1].map(|yields| {
            let counter = counter.clone();
            spawn_local(async move {
                for _ in 0..yields {
                    yield_now().await;
                }
                let mut counter = counter.lock().await;
                let before = *counter;
                yield_now().await;
                *counter = before + 1;
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*counter.lock().await, 3);
    })
    .unwrap();
    assert!(exploration.is_complete());
    assert!(exploration.schedules() > 100, "{exploration:?}");
}

/// Runs two tasks of three parts each under all orders, and returns these.
fn orders_of_two(bound: usize) -> (usize, BTreeSet<String>) {
    let all = RefCell::new(BTreeSet::new());
    let exploration = explore(bound, || async {
        let (order, (tx, rx)) = (Rc::new(RefCell::new(String::new())), oneshot::channel());
        let last = Rc::new(Cell::new(Some(tx)));
        for name in ['a', 'b'] {
            let (order, last) = (order.clone(), last.clone());
            drop(spawn_local(async move {
                for part in 0..3 {
                    order.borrow_mut().push(name);
                    if part < 2 {
                        yield_now().await;
                    }
                }
                if order.borrow().len() == 6 {
                    last.take().unwrap().send(()).unwrap();
                }
            }));
        }
        rx.await.unwrap();
        all.borrow_mut().insert(order.borrow().clone());
    });
    (exploration.unwrap().schedules(), all.into_inner())
}

/// Goal: with a bound that is large enough all orders are tried, each once. Method: two tasks of
/// three parts each can run in 20 orders; the bound cuts them by who comes out of turn how often.
#[test]
fn all_orders_are_tried_and_each_once() {
    let (schedules, orders) = orders_of_two(10);
    assert_eq!((schedules, orders.len()), (20, 20), "{orders:?}");
    let (schedules, orders) = orders_of_two(0);
    assert_eq!((schedules, orders), (1, BTreeSet::from(["ababab".to_owned()])));
    let (schedules, orders) = orders_of_two(1);
    assert_eq!((schedules, orders.len()), (6, 6), "{orders:?}");
}

/// Goal: a deadlock that needs a certain order is found, and says who waits for what.
#[test]
fn two_locks_in_opposite_order_are_found() {
    let failure = explore(2, || async {
        let (left, right) = (Rc::new(Mutex::new(())), Rc::new(Mutex::new(())));
        let take = |first: &Rc<Mutex<()>>, second: &Rc<Mutex<()>>, yields| {
            let (first, second) = (first.clone(), second.clone());
            spawn_local(async move {
                for _ in 0..yields {
                    yield_now().await;
                }
                let _first = first.lock().await;
                yield_now().await;
                let _second = second.lock().await;
            })
        };
        let tasks = [take(&left, &right, 0), take(&right, &left, 1)];
        for task in tasks {
            task.await.unwrap();
        }
    })
    .unwrap_err();
    assert_eq!(failure.overtakings(), 1, "{failure}");
    assert!(failure.reason().starts_with("deadlock: nobody can run"));
    let waits = |step: &rondel::testing::Step| step.then() == "waits for Mutex::lock";
    assert_eq!(failure.steps().iter().filter(|step| waits(step)).count(), 2, "{failure}");
    assert!(waits(failure.steps().last().unwrap()), "the roll call is no step: {failure}");
    assert_eq!(failure.deadlock().unwrap().tasks().count(), 2);
}

#[test]
fn a_program_that_never_ends_and_a_panic_that_nobody_hears_are_failures() {
    let failure = explore(1, || async {
        let for_ever = Cell::new(true);
        while for_ever.get() {
            yield_now().await;
        }
    })
    .unwrap_err();
    assert_eq!(failure.reason(), "it has not ended after 10000 steps");
    let failure = explore(1, || async {
        drop(spawn_local(async { panic!("nobody hears this") }));
        yield_now().await;
    })
    .unwrap_err();
    assert_eq!(failure.reason(), "a task panicked, and no JoinHandle is left to tell");
}

#[test]
fn a_program_that_differs_from_run_to_run_is_refused() {
    let runs = Cell::new(0);
    let text = panic_text(|| {
        explore(1, || {
            runs.set(runs.get() + 1);
            let tasks = 2 + usize::from(runs.get() > 2);
            async move {
                for _ in 0..tasks {
                    drop(spawn_local(async {}));
                }
                yield_now().await;
            }
        })
    });
    assert!(text.starts_with("the program does not do the same each time"), "{text}");
}

/// Goal: time is part of it: the race of an answer with its timeout is decided both ways.
#[test]
fn timers_that_are_due_together_come_in_both_orders_and_steps_tell_the_time() {
    let firsts = RefCell::new(BTreeSet::new());
    let program = || async {
        let first = Rc::new(Cell::new(None));
        let tasks = ['a', 'b'].map(|name| {
            let first = first.clone();
            spawn_local(async move {
                sleep(Duration::from_millis(5)).await;
                first.set(first.get().or(Some(name)));
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        firsts.borrow_mut().insert(first.get());
        if first.get() == Some('b') { Err("b was first") } else { Ok(()) }
    };
    let failure = explore(1, program).unwrap_err();
    assert_eq!(firsts.borrow().len(), 2);
    assert_eq!(failure.steps().last().unwrap().at(), Duration::from_millis(5));
    assert!(failure.to_string().contains("5ms after the start:\n"), "{failure}");
}

/// Goal: programs on a simulated network can be explored. Method: two clients of a server that
/// keeps who came first; a request and its limit are in time in every order.
#[test]
fn a_network_can_be_explored() {
    let exploration = explore(1, || async {
        let net = Net::new(NetOptions::new());
        let listener = net.listen(([10, 0, 0, 1], 80)).unwrap();
        let diary = Diary::new();
        let noted = diary.clone();
        drop(spawn_local(async move {
            while let Ok((_stream, peer)) = listener.accept().await {
                noted.note(peer.port().to_string());
            }
        }));
        let clients = [0; 2].map(|_| {
            let net = net.clone();
            spawn_local(async move { net.connect(([10, 0, 0, 1], 80)).await.map(drop) })
        });
        for client in clients {
            timeout(Duration::from_secs(1), client).await.unwrap().unwrap().unwrap();
        }
        assert_eq!(diary.pages().len(), 2);
    });
    assert!(exploration.unwrap().schedules() > 5);
}
