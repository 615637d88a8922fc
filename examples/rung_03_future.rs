//! Rung 03 of the ladder: a future by hand, and a waker.
//!
//! Run it: `cargo run --example rung_03_future`
//!
//! Rung 02 could not know when to ask again, so it asked thousands of times, a system call each.
//!
//! One idea: whoever says "not yet" keeps a *waker*, and calls it when asking again is of use. A
//! thing that can be asked like that is a future.
//!
//! ```text
//!   main                         Answer                       helper thread
//!   poll(waker) ───────────────▶ write the question ────────▶ read() ... sleeps
//!        ◀──────── Pending ───── keep the waker                  │ the answer is here
//!   flag set? no, no, no, yes ◀──────────────────── wake() ◀─────┘
//!   poll(waker) ───────────────▶ Ready(answer)
//! ```
//!
//! Real runtimes: the trait and the waker are the standard library's, and every runtime shares
//! them. A thread that waits is how their blocking pools turn a call into a future. asyncio's
//! future has a list of callbacks in the place of the waker.

mod rungs;

use rungs::Load;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// What the future and its helper share.
#[derive(Default)]
struct Slot {
    answer: Option<u8>,
    waker: Option<Waker>,
}

/// The answer to one question, some day.
struct Answer {
    line: Arc<TcpStream>,
    delay_ms: u8,
    /// `None`: never polled, so nothing was asked yet.
    slot: Option<Arc<Mutex<Slot>>>,
}

impl Future for Answer {
    type Output = u8;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u8> {
        let Some(slot) = &self.slot else {
            let slot = Slot { answer: None, waker: Some(cx.waker().clone()) };
            let slot = Arc::new(Mutex::new(slot));
            let (line, question, helpers) = (self.line.clone(), [self.delay_ms], slot.clone());
            thread::spawn(move || fetch(&line, &question, &helpers));
            self.slot = Some(slot);
            return Poll::Pending;
        };
        let mut slot = slot.lock().unwrap();
        // The latest waker counts: the future may have moved to another task meanwhile.
        slot.waker = Some(cx.waker().clone());
        slot.answer.map_or(Poll::Pending, Poll::Ready)
    }
}

/// What the helper does: all the waiting. First the answer, then the wake, never the other way.
fn fetch(mut line: &TcpStream, question: &[u8], slot: &Mutex<Slot>) {
    let mut answer = [0];
    line.write_all(question).and_then(|()| line.read_exact(&mut answer)).expect("an answer");
    let waker = {
        let mut slot = slot.lock().unwrap();
        slot.answer = Some(answer[0]);
        slot.waker.take()
    };
    waker.expect("a future that was polled left its waker").wake();
}

/// The simplest waker: a flag.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

struct Client {
    answer: Answer,
    flag: Arc<Flag>,
    left: usize,
}

impl Client {
    fn new(load: &Load) -> Self {
        let line = Arc::new(load.connect().expect("a connection"));
        let answer = Answer { line, delay_ms: load.delay_ms, slot: None };
        Self { answer, flag: Arc::new(Flag(AtomicBool::new(true))), left: load.requests }
    }

    fn step(&mut self) {
        let waker = Waker::from(self.flag.clone());
        if let Poll::Ready(answer) =
            Pin::new(&mut self.answer).poll(&mut Context::from_waker(&waker))
        {
            assert_eq!(answer, self.answer.delay_ms);
            self.answer.slot = None; // a new question
            self.left -= 1;
            self.flag.0.store(true, Ordering::Relaxed); // and somebody has to ask it
        }
    }
}

/// Returns how often it polled, and how often it looked at a flag.
fn job(load: &Load) -> (usize, usize) {
    let (mut polls, mut looks) = (0, 0);
    let mut clients: Vec<Client> = (0..load.clients).map(|_| Client::new(load)).collect();
    while !clients.is_empty() {
        for client in &mut clients {
            looks += 1;
            if client.flag.0.swap(false, Ordering::Acquire) {
                polls += 1;
                client.step();
            }
        }
        clients.retain(|client| client.left > 0);
        std::hint::spin_loop();
    }
    (polls, looks)
}

fn main() {
    let (mut polls, mut looks) = (0, 0);
    let (_, most) = rungs::climb(|load| (polls, looks) = job(load));
    println!("  {polls} polls for 10 answers, and ~{looks} looks at a flag");

    assert!(most > 1, "they wait at the same time");
    assert_eq!(polls, 20, "one poll to ask, one to take the answer");
    assert!(looks > polls * 10, "and the thread still never sleeps: {looks}");
}

// It cost: 141 µs of CPU and 18 system calls a request: a busy CPU, and a thread for each wait.
// It still cannot: sleep; and its client is still a machine written by hand.
