//! Rung 12 of the ladder: many workers that steal from each other.
//!
//! Run it: `cargo run --example rung_12_stealing`
//!
//! Rung 11 could not use a second CPU, and a task that computes held up everybody else.
//!
//! One idea: a loop on each of n threads, and whoever has nothing to do takes half of what another
//! one has.
//!
//! ```text
//!   worker 0:  task task task task ──┐ half
//!   worker 1:  (empty)   ◀───────────┘            one event queue for all; a watchman looks
//!   a hog on worker 0?  its tasks, timers and sockets are looked after by worker 1
//! ```
//!
//! Real runtimes: tokio's default, Go's scheduler, Rayon, Java's fork-join pool. asyncio has one
//! loop, and starts processes in place of it.

mod rungs;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::TcpStream;
use rondel::time::{sleep, timeout};
use rungs::Load;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

async fn client(load: Load) -> io::Result<usize> {
    let mut line = TcpStream::connect(load.far).await?;
    for _ in 0..load.requests {
        line.write_all(&[load.delay_ms]).await?;
        let answer = timeout(Duration::from_secs(10), line.read_u8()).await??;
        assert_eq!(answer, load.delay_ms);
    }
    Ok(load.requests)
}

/// The job of rung 11, letter by letter.
async fn job(load: Load) -> io::Result<usize> {
    let clients: Vec<_> = (0..load.clients).map(|_| rondel::spawn(client(load))).collect();
    let mut answers = 0;
    for handle in clients {
        answers += handle.await.expect("no client panics")?;
    }
    Ok(answers)
}

/// A task computes until another task lets it stop. On one thread neither would ever end.
async fn hog() -> bool {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let hog = rondel::spawn(async move {
        while !told.load(Ordering::Acquire) {
            thread::yield_now();
        }
        thread::current().id()
    });
    let saviour = rondel::spawn(async move {
        sleep(Duration::from_millis(20)).await; // its timer may lie with the worker that computes
        stop.store(true, Ordering::Release);
        thread::current().id()
    });
    hog.await.expect("no panic") != saviour.await.expect("no panic")
}

fn main() {
    let mut answers = 0;
    let runtime = rondel::Builder::new().workers(2).build().expect("two workers");
    let (_, most) = rungs::climb(|load| {
        answers = runtime.block_on(job(*load)).expect("the far side answers");
    });
    println!("  {answers} answers, by two workers");
    assert!(most > 1, "they wait at the same time");
    assert_eq!(answers, 10);

    let is_elsewhere = runtime.block_on(hog());
    println!("a task computed without end, and was ended by one on another worker: {is_elsewhere}");
    assert!(is_elsewhere);
}

// It cost: 22 µs of CPU a request, about as rung 11: there is too little to do for two.
// It still cannot: make one task faster: it brings a second pair of hands, not faster ones.
