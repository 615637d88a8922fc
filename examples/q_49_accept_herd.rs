//! Question 49. One connection comes, and eight wait for it: who is woken?
//!
//! Run it: `cargo run --example q_49_accept_herd`
//!
//! Python: eight processes in `accept` on one inherited socket. Rust: eight tasks in `accept` on one
//! listener, and then one task that accepts and spawns.
//!
//! The page is `docs/interview/q-49-accept-herd.md`.

use rondel::net::{TcpListener, TcpStream};
use rondel::task::yield_now;
use rondel::testing::wait_until_idle;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;

const WAITERS: usize = 8;

/// Polls `future`, and counts how often that is.
async fn counted<F: Future>(future: F, polls: &Cell<usize>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

/// So many tasks wait in `accept`, then one guest comes. Returns how many polls the guest caused.
async fn polls_for_one_guest(waiters: usize) -> io::Result<usize> {
    let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await?);
    let polls = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..waiters)
        .map(|_| {
            let (listener, polls) = (listener.clone(), polls.clone());
            rondel::task::spawn_local(async move { counted(listener.accept(), &polls).await })
        })
        .collect();
    yield_now().await; // each is polled once, and waits
    let before = polls.get();
    assert_eq!(before, waiters);
    let guest = TcpStream::connect(listener.local_addr()?).await?;
    wait_until_idle().await;
    let served = tasks.iter().filter(|task| task.is_finished()).count();
    assert_eq!(served, 1, "one guest, one task that has him");
    drop(guest);
    tasks.iter().for_each(|task| task.abort());
    Ok(polls.get() - before)
}

#[rondel::main]
async fn main() -> io::Result<()> {
    let one = polls_for_one_guest(1).await?;
    let herd = polls_for_one_guest(WAITERS).await?;
    println!("1 task in accept:  {one} poll for one guest");
    println!("{WAITERS} tasks in accept: {herd} polls for one guest, {} for nothing", herd - one);
    assert_eq!((one, herd), (1, WAITERS));
    Ok(())
}
