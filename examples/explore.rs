//! `counter += 1` with an await in the middle, under every order of its tasks.
//!
//! Run it: `cargo run --example explore`
//!
//! Python: `seen = counter; await log(seen); counter = seen + 1` loses updates, and mostly only in
//! production. Here the second visitor comes a little later than the first, so in the order in which
//! a loop runs its tasks all goes well, each time. `testing::explore` runs the program in every
//! other order, too, and shows the shortest way to the loss.

use rondel::sync::Mutex;
use rondel::task::{Builder, JoinHandle, yield_now};
use rondel::testing::explore;
use std::cell::Cell;
use std::rc::Rc;

/// Somebody else goes first, if anybody can.
async fn log(_what: &str) {
    yield_now().await;
}

#[track_caller]
fn visitor(name: &str, visit: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    Builder::new().name(name).spawn_local(visit).unwrap()
}

async fn count_without_a_lock(counter: Rc<Cell<u32>>) {
    let seen = counter.get();
    log("one more").await;
    counter.set(seen + 1);
}

async fn two_visitors() -> Result<(), &'static str> {
    let counter = Rc::new(Cell::new(0));
    let early = visitor("early", count_without_a_lock(counter.clone()));
    let late = counter.clone();
    let late = visitor("late", async {
        log("good morning").await;
        count_without_a_lock(late).await;
    });
    early.await.unwrap();
    late.await.unwrap();
    if counter.get() == 2 { Ok(()) } else { Err("an update was lost") }
}

async fn two_visitors_with_a_lock() {
    let counter = Rc::new(Mutex::new(0));
    let visits = ["early", "late"].map(|name| {
        let counter = counter.clone();
        visitor(name, async move {
            let mut counter = counter.lock().await;
            let seen = *counter;
            log("one more").await;
            *counter = seen + 1;
        })
    });
    for visit in visits {
        visit.await.unwrap();
    }
    assert_eq!(*counter.lock().await, 2);
}

fn main() {
    let in_turn = explore(0, two_visitors).unwrap();
    println!("in turn: {} schedule, no failure\n", in_turn.schedules());

    let failure = explore(2, two_visitors).unwrap_err();
    println!("{failure}\n");
    assert_eq!(failure.overtakings(), 1);

    let with_a_lock = explore(3, two_visitors_with_a_lock).unwrap();
    assert!(with_a_lock.is_complete());
    println!("with a lock: {} schedules, no failure", with_a_lock.schedules());
}
