//! Rung 11 of the ladder: the local flavour, which is Rondel itself.
//!
//! Run it: `cargo run --example rung_11_rondel`
//!
//! Rung 10 could not be trusted: a panic ended everybody, no other thread could wake its loop, its
//! timers starved while tasks were ready, and what was left at the end was leaked.
//!
//! One idea: the same four parts, each grown until nothing of that is left, and then measured.
//!
//! ```text
//!   rung 05 queue, 09 handles ──▶ runtime/task/: one heap block, one byte of state, no lock
//!   rung 06 heap, 10 wheel ─────▶ runtime/time/wheel.rs: six dials, O(1), virtual time
//!   rung 07 epoll, 08 seats ────▶ runtime/reactor/: generations, two back ends, a doorbell
//!   rung 04 block_on, the loops ▶ runtime/turn.rs: one turn, in which nobody starves
//! ```
//!
//! Real runtimes: tokio's `new_current_thread`, asyncio's loop and libuv are this flavour.

mod rungs;

use rondel::io::{AsyncReadExt, AsyncWriteExt};
use rondel::net::TcpStream;
use rondel::sync::oneshot;
use rondel::time::timeout;
use rungs::Load;
use std::io;
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

async fn job(load: Load) -> io::Result<usize> {
    let clients: Vec<_> = (0..load.clients).map(|_| rondel::spawn(client(load))).collect();
    let mut answers = 0;
    for handle in clients {
        answers += handle.await.expect("no client panics")?;
    }
    Ok(answers)
}

fn main() {
    let mut answers = 0;
    let runtime = rondel::Builder::new().build().expect("an event queue");
    let (_, most) = rungs::climb(|load| {
        answers = runtime.block_on(job(*load)).expect("the far side answers");
    });
    println!("  {answers} answers, on one thread");
    assert!(most > 1, "they wait at the same time");
    assert_eq!(answers, 10);

    // Quiet, because this panic is meant: its message would go to stderr.
    std::panic::set_hook(Box::new(|_| {}));
    let clumsy = runtime.block_on(async { rondel::spawn(async { panic!("oh") }).await });
    let _ = std::panic::take_hook();
    let error = clumsy.expect_err("it panicked");
    println!("a task panicked: is_panic = {}, and the loop goes on", error.is_panic());
    assert!(error.is_panic());

    let word = runtime.block_on(async {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(|| {
            thread::sleep(Duration::from_millis(20)); // the loop sleeps in the kernel by now
            sender.send("hello").expect("somebody waits")
        });
        receiver.await
    });
    println!("another thread rang the doorbell, and said {word:?}");
    assert_eq!(word, Ok("hello"));
}

// It cost: 19 µs of CPU and 3 system calls a request, with limits: as rung 10, and
// there is more to rely on.
// It still cannot: use a second CPU; a task that computes holds up everybody else.
