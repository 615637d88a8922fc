//! Rung 04 of the ladder: `block_on`, in 20 lines.
//!
//! Run it: `cargo run --example rung_04_block_on`
//!
//! Rung 03 could not sleep: it knew when to poll, and yet it looked at flags with a whole CPU. Nor
//! could it say in what order things are done, without a machine with a state for each client.
//!
//! One idea: the waker unparks a thread. Then the thread may sleep until then; and the compiler
//! writes the machine, because an `async fn` is a future.
//!
//! ```text
//!   block_on(future):   poll ──Ready──▶ return                    helper: answer is here
//!                        ▲ └─Pending──▶ park ... sleeps              │
//!                        └────────────── back ◀────── unpark ◀── wake()
//! ```
//!
//! Real runtimes: `futures::executor::block_on`, `pollster`, and Rondel's own for threads without a
//! loop (`runtime/park.rs`) are these lines. asyncio: `coro.send(None)` in a loop.

mod rungs;

use rungs::Load;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! { static PARKS: Cell<usize> = const { Cell::new(0) }; }

/// Runs one future to its end. `park` keeps a token, so a wake between the poll and the park is
/// not lost; it may also return for no reason, and then the future is polled once too often.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        PARKS.set(PARKS.get() + 1);
        thread::park();
    }
}

/// What the future and its helper share.
#[derive(Default)]
struct Slot {
    answer: Option<u8>,
    waker: Option<Waker>,
}

/// Rung 03's future. `poll_fn` makes one of a closure, so the structure needs no name any more.
async fn ask(line: &Arc<TcpStream>, delay_ms: u8) -> u8 {
    let slot = Arc::new(Mutex::new(Slot::default()));
    let (helpers_line, helpers_slot) = (line.clone(), slot.clone());
    thread::spawn(move || fetch(&helpers_line, &[delay_ms], &helpers_slot));
    poll_fn(|cx| {
        let mut slot = slot.lock().unwrap();
        slot.waker = Some(cx.waker().clone());
        slot.answer.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

fn fetch(mut line: &TcpStream, question: &[u8], slot: &Mutex<Slot>) {
    let mut answer = [0];
    line.write_all(question).and_then(|()| line.read_exact(&mut answer)).expect("an answer");
    let waker = {
        let mut slot = slot.lock().unwrap();
        slot.answer = Some(answer[0]);
        slot.waker.take()
    };
    // No waker: the answer was here before the first poll, which then takes it.
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What rung 02 wrote as a structure with `asked` and `left`, the compiler now makes of this.
async fn client(load: &Load) {
    let line = Arc::new(load.connect().expect("a connection"));
    for _ in 0..load.requests {
        assert_eq!(ask(&line, load.delay_ms).await, load.delay_ms);
    }
}

async fn job(load: &Load) {
    for _ in 0..load.clients {
        client(load).await;
    }
}

fn main() {
    let (took, most) = rungs::climb(|load| block_on(job(load)));
    println!("  the thread parked ~{} times, and used no CPU meanwhile", PARKS.get());

    assert_eq!(most, 1, "an await waits: the clients stand in a row again");
    assert!(took >= Duration::from_millis(400), "so the delays add up");
    assert!(PARKS.get() < 100, "and nobody is asked in vain");
}

// It cost: 150 µs of CPU and 20 system calls a request, nearly all of them for the helper threads.
// It still cannot: run two futures beside each other: it is woken, and does not know for whom.
