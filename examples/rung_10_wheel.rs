//! Rung 10 of the ladder: the timer wheel.
//!
//! Run it: `cargo run --example rung_10_wheel`
//!
//! Rung 09 could not give up: it has no timers. Those of rung 06 would do badly: most timers are
//! limits that never strike, and a heap keeps a cancelled entry until its time would have come.
//!
//! One idea: a wheel of slots, one a millisecond, over which time goes like a hand. To set a timer
//! is to push it into its slot, to cancel it is to take it out: O(1), and nothing is left.
//!
//! ```text
//!   slots:   [..] [..] [ 7 2 ] [..] [..] [ 4 ] [..] ... 256, then round again
//!                        ▲ hand: fires 7 and 2, if it is their turn    │
//!   limit of the loop's sleep = from the hand to the next full slot ◀──┘
//! ```
//!
//! Real runtimes: tokio, Linux and Kafka have wheels of several dials, a far deadline on a coarse
//! one. asyncio has the heap, and sweeps it when half of it is cancelled.

/// Rung 09 lends tasks, handles and the loop; what the loop does when idle is new.
#[allow(dead_code)]
#[path = "rung_09_handles.rs"]
mod rung_09;

use rung_09::rung_08::rungs::{self, Load};
use rung_09::rung_08::{REACTOR, Socket};
use rung_09::{Handle, block_on, spawn};
use slab::Slab;
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const SLOTS: u64 = 256;

/// A place in the slab, and whose it was: it will be given away again.
type Key = (usize, u64);

struct Timer {
    id: u64,
    tick: u64,
    /// Where its key stands in the slot.
    place: usize,
    waker: Waker,
}

struct Wheel {
    start: Instant,
    /// All ticks up to here have fired.
    hand: u64,
    slots: Vec<Vec<usize>>,
    timers: Slab<Timer>,
    set: u64,
}

thread_local! { static WHEEL: RefCell<Wheel> = RefCell::new(Wheel::new()); }

impl Wheel {
    fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { start: Instant::now(), hand: 0, slots, timers: Slab::new(), set: 0 }
    }

    fn slot(&mut self, tick: u64) -> &mut Vec<usize> {
        &mut self.slots[(tick % SLOTS) as usize]
    }

    fn insert(&mut self, tick: u64, waker: Waker) -> Key {
        self.set += 1;
        let (id, place) = (self.set, self.slot(tick).len());
        let index = self.timers.insert(Timer { id, tick, place, waker });
        self.slot(tick).push(index);
        (index, id)
    }

    fn remove(&mut self, (index, id): Key) -> Option<Waker> {
        self.timers.get(index).filter(|timer| timer.id == id)?;
        let Timer { tick, place, waker, .. } = self.timers.remove(index);
        self.slot(tick).swap_remove(place);
        // What stood last in the slot has moved there, if it was another.
        if let Some(&moved) = self.slot(tick).get(place) {
            self.timers[moved].place = place;
        }
        Some(waker)
    }

    /// How long the loop may sleep. (Who has another turn to wait ends the sleep in vain.)
    fn limit(&self) -> Option<Duration> {
        let mut ticks = self.hand + 1..=self.hand + SLOTS;
        let next = ticks.find(|tick| !self.slots[(tick % SLOTS) as usize].is_empty())?;
        Some(Duration::from_millis(next).saturating_sub(self.start.elapsed()))
    }

    /// Moves the hand to now. Returns whom to wake.
    fn advance(&mut self) -> Vec<Waker> {
        let now = self.start.elapsed().as_millis() as u64;
        let mut due = Vec::new();
        for tick in (self.hand + 1..=now).take(SLOTS as usize) {
            for index in self.slot(tick).clone() {
                let Timer { id, tick, .. } = self.timers[index];
                if tick <= now {
                    due.extend(self.remove((index, id)));
                }
            }
        }
        self.hand = now;
        due
    }
}

/// A timer that is taken off the wheel when its future is dropped.
struct Sleep {
    tick: u64,
    key: Option<Key>,
}

fn sleep(duration: Duration) -> Sleep {
    // Rounded up, and never the tick that is half over: not a moment too early.
    let elapsed = WHEEL.with_borrow(|wheel| wheel.start.elapsed());
    Sleep { tick: (elapsed + duration).as_millis() as u64 + 1, key: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        WHEEL.with_borrow_mut(|wheel| {
            if wheel.hand >= self.tick {
                return Poll::Ready(());
            }
            match self.key {
                Some((index, _)) => wheel.timers[index].waker.clone_from(cx.waker()),
                None => self.key = Some(wheel.insert(self.tick, cx.waker().clone())),
            }
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.key.map(|key| WHEEL.with_borrow_mut(|wheel| wheel.remove(key)));
    }
}

/// `None` if the time ran out first. The loser is dropped.
async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let (mut future, mut limit) = (pin!(future), pin!(sleep(limit)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// The kernel's events, for as long as no timer is due; then the timers.
fn idle() -> Vec<Waker> {
    let limit = WHEEL.with_borrow(Wheel::limit);
    let mut woken = REACTOR.with_borrow_mut(|reactor| reactor.wait(limit));
    woken.extend(WHEEL.with_borrow_mut(Wheel::advance));
    woken
}

async fn client(load: Load) {
    let mut socket = Socket::new(load.connect().expect("a connection"));
    for _ in 0..load.requests {
        socket.line.write_all(&[load.delay_ms]).expect("room for a byte");
        let answer = timeout(Duration::from_secs(10), socket.read_byte()).await;
        assert_eq!(answer, Some(load.delay_ms), "long before the limit");
    }
}

async fn job(load: Load) {
    let handles: Vec<Handle<()>> = (0..load.clients).map(|_| spawn(client(load))).collect();
    for handle in handles {
        handle.await.expect("nobody cancels a client");
    }
}

fn main() {
    let (_, most) = rungs::climb(|load| block_on(job(*load), idle));
    let left = WHEEL.with_borrow(|wheel| (wheel.set, wheel.timers.len()));
    println!("  ~{} limits were set; {} are left on the wheel", left.0, left.1);
    assert!(most > 1, "they wait at the same time");
    assert_eq!(left.1, 0, "a limit leaves with its request");

    let struck = block_on(timeout(Duration::from_millis(20), pending::<()>()), idle);
    println!("a limit of 20 ms on something that never ends: {struck:?}");
    assert_eq!(struck, None);

    let (start, long) = (Instant::now(), Duration::from_millis(600));
    block_on(sleep(long), idle);
    println!("a sleep of 600 ms, over more than a turn: ~{} ms", start.elapsed().as_millis());
    assert!(start.elapsed() >= long, "never too early");
}

// It cost: 19 µs of CPU a request, each now with a limit. (That of rung 09 was 17: it is noise.)
// It still cannot: survive a panic, hear other threads, or look at timers while tasks are ready.
