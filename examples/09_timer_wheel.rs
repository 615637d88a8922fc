//! Lesson 09. How do you keep 10,000 alarms, when most are switched off before they ring?
//!
//! Run it: `cargo run --example 09_timer_wheel`
//! Covers: 7, 8.
//!
//! Python: `loop.call_later(delay, f)` puts an entry into a heap, the next one on top; `cancel`
//! only marks it. `asyncio.sleep` is a `call_later` that sets a future. Rust: `sleep` is a future
//! with an entry on a *wheel*; to drop it takes the entry off. The loop's clock is monotonic in
//! both: it never goes back, whatever is done to the date.
//!
//! Predict. A wheel has dials of 4 slots: on dial 0 a slot is 1 tick, on dial 1 it is 4, on dial 2
//! it is 16. At tick 0 a timer is set for tick 27. How often is it touched before it fires?
//!
//! a) 27 times: each tick counts it down.
//! b) Never, as in a heap: it lies in its place until it is due.
//! c) Twice.

mod diary;

use diary::Diary;
use rondel::callbacks::{call_at, call_later, call_soon, time};
use rondel::time::{Duration, Instant, sleep, sleep_until};
use std::cell::Cell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

// --- a wheel by hand -----------------------------------------------------------------------------

/// A deadline, and a number that no other timer has.
type Timer = (u64, u64);

struct Wheel {
    now: u64,
    /// How many slots a dial has.
    base: u64,
    /// By dial and slot: number and deadline. A map keeps the order of setting; an engine has a
    /// linked list, where a timer leaves from the middle at the same price.
    dials: Vec<Vec<BTreeMap<u64, u64>>>,
    moves: u64,
}

impl Wheel {
    fn new(base: u64) -> Self {
        let dial = vec![BTreeMap::new(); base as usize];
        Self { now: 0, base, dials: vec![dial; 3], moves: 0 }
    }

    /// On the lowest dial on which now and the deadline fall into the same turn. No other timer is
    /// looked at: that is the whole trick.
    fn place(&self, deadline: u64) -> (usize, usize) {
        let turn = |dial: usize| self.base.pow(dial as u32 + 1);
        let same_turn = |dial: &usize| deadline / turn(*dial) == self.now / turn(*dial);
        let dial = (0..self.dials.len()).find(same_turn).expect("within the turn of the last dial");
        (dial, (deadline / self.base.pow(dial as u32) % self.base) as usize)
    }

    fn insert(&mut self, (deadline, number): Timer) {
        assert!(deadline > self.now);
        let (dial, slot) = self.place(deadline);
        self.dials[dial][slot].insert(number, deadline);
    }

    /// Where a timer is can be told from its deadline, so nothing is searched.
    fn cancel(&mut self, (deadline, number): Timer) -> bool {
        let (dial, slot) = self.place(deadline);
        self.dials[dial][slot].remove(&number).is_some()
    }

    /// One tick. A coarse dial that comes round to its next slot deals it out to the finer ones.
    fn tick(&mut self) -> Vec<Timer> {
        self.now += 1;
        for dial in (1..self.dials.len()).rev() {
            let ticks_a_slot = self.base.pow(dial as u32);
            if self.now.is_multiple_of(ticks_a_slot) {
                let slot = (self.now / ticks_a_slot % self.base) as usize;
                for (number, deadline) in std::mem::take(&mut self.dials[dial][slot]) {
                    self.moves += 1;
                    let (dial, slot) = self.place(deadline);
                    self.dials[dial][slot].insert(number, deadline);
                }
            }
        }
        let slot = (self.now % self.base) as usize;
        let due = std::mem::take(&mut self.dials[0][slot]);
        due.into_iter().map(|(number, deadline)| (deadline, number)).collect()
    }

    fn len(&self) -> usize {
        self.dials.iter().flatten().map(BTreeMap::len).sum()
    }
}

// --- asyncio's heap by hand, with a counter ------------------------------------------------------

thread_local! { static COMPARED: Cell<u64> = const { Cell::new(0) }; }

#[derive(PartialEq, Eq)]
struct Entry(Timer);

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARED.set(COMPARED.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Default)]
struct Heap {
    now: u64,
    heap: BinaryHeap<Reverse<Entry>>,
    cancelled: HashSet<u64>,
}

impl Heap {
    /// In the middle of a heap nothing can be found: so the entry stays, and is marked.
    fn cancel(&mut self, (_, number): Timer) {
        self.cancelled.insert(number);
    }

    /// One tick. Like asyncio, it sweeps when more than half of 100 or more are dead.
    fn tick(&mut self) -> Vec<Timer> {
        self.now += 1;
        if self.heap.len() > 100 && self.cancelled.len() * 2 > self.heap.len() {
            let cancelled = std::mem::take(&mut self.cancelled);
            self.heap.retain(|Reverse(Entry((_, number)))| !cancelled.contains(number));
        }
        let mut due = Vec::new();
        while self.heap.peek().is_some_and(|Reverse(Entry((deadline, _)))| *deadline <= self.now) {
            let Reverse(Entry(timer)) = self.heap.pop().expect("just seen");
            if !self.cancelled.remove(&timer.1) {
                due.push(timer);
            }
        }
        due
    }
}

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    the_way_of_one_timer(&diary).await;
    the_wheel_is_never_wrong();
    limits_that_never_strike();
    sleeps_that_all_end();
    by_the_clock_of_the_loop(&diary).await;
    ten_thousand_limits(&diary);
}

/// The prediction. Virtual time, so that a tick of the wheel is a line of the diary.
async fn the_way_of_one_timer(diary: &Diary) {
    let (mut wheel, timer) = (Wheel::new(4), (27, 0));
    wheel.insert(timer);
    let mut place = wheel.place(27);
    diary.note(format!("set for 27: dial {}, slot {}", place.0, place.1));
    while wheel.len() > 0 {
        sleep(Duration::from_millis(1)).await;
        let due = wheel.tick();
        if !due.is_empty() {
            diary.note("it fires");
        } else if wheel.place(27) != place {
            place = wheel.place(27);
            diary.note(format!("moved: dial {}, slot {}", place.0, place.1));
        }
    }
    assert_eq!((wheel.moves, diary.when("it fires")), (2, 27));
}

/// Every start and every deadline in a turn of the last dial: each fires in its tick.
fn the_wheel_is_never_wrong() {
    let mut tried = 0;
    for start in 0..63 {
        for deadline in start + 1..64 {
            let mut wheel = Wheel::new(4);
            (0..start).for_each(|_| assert!(wheel.tick().is_empty()));
            wheel.insert((deadline, 1));
            wheel.insert((deadline, 2));
            assert!(wheel.cancel((deadline, 2)) && !wheel.cancel((deadline, 2)));
            while wheel.len() > 0 {
                let due = wheel.tick();
                assert_eq!(!due.is_empty(), wheel.now == deadline, "{start} to {deadline}");
            }
            assert!(wheel.moves <= 2);
            tried += 1;
        }
    }
    println!("           {tried} timers, each in its tick");
}

/// Each tick a request with a limit of 30 s, answered after 5 ticks: how most timers are.
fn limits_that_never_strike() {
    COMPARED.set(0);
    let (mut wheel, mut heap) = (Wheel::new(64), Heap::default());
    let (mut most_on_wheel, mut most_in_heap) = (0, 0);
    for now in 0..10_000 {
        let limit = (now + 30_000, now);
        wheel.insert(limit);
        heap.heap.push(Reverse(Entry(limit)));
        if let Some(answered) = now.checked_sub(5) {
            assert!(wheel.cancel((answered + 30_000, answered)));
            heap.cancel((answered + 30_000, answered));
        }
        most_on_wheel = most_on_wheel.max(wheel.len());
        most_in_heap = most_in_heap.max(heap.heap.len());
        assert!(wheel.tick().is_empty() && heap.tick().is_empty());
    }
    println!("10,000 limits, 5 at a time: wheel {} moves, holds {most_on_wheel}", wheel.moves);
    println!("    heap ~{} comparisons, holds up to {most_in_heap}", COMPARED.get());
    assert_eq!((wheel.moves, most_on_wheel), (0, 5));
    assert!(most_in_heap > 10 * most_on_wheel, "the dead stay until they are swept");
}

/// 10,000 that wait at the same time, of all lengths up to 30 s, and each rings.
fn sleeps_that_all_end() {
    COMPARED.set(0);
    let (mut wheel, mut heap, mut lot) = (Wheel::new(64), Heap::default(), 1_u64);
    for number in 0..10_000 {
        lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let timer = ((lot >> 33) % 30_000 + 1, number);
        wheel.insert(timer);
        heap.heap.push(Reverse(Entry(timer)));
    }
    let mut rung = 0;
    while wheel.len() > 0 {
        let due = wheel.tick();
        assert_eq!(due, heap.tick(), "the same timers, in the same order");
        rung += due.len();
    }
    let compared = COMPARED.get();
    println!("10,000 sleeps, all at once: wheel {} moves, {rung} ring", wheel.moves);
    println!("    heap ~{compared} comparisons");
    assert_eq!(rung, 10_000);
    assert!(wheel.moves <= 2 * 10_000, "one for each dial but the last");
    assert!(compared > 10 * 10_000, "a heap pays for the order");
}

/// `call_soon`, `call_later`, `call_at`, `loop.time()`; and the same by `sleep`.
async fn by_the_clock_of_the_loop(diary: &Diary) {
    let (start, noon) = (time(), time() + Duration::from_millis(500));
    let note = |line: &'static str| {
        let diary = diary.clone();
        move || diary.note(line)
    };
    call_at(noon, note("call_at: noon"));
    call_later(Duration::from_millis(500), note("call_later: 500 ms, set second"));
    let cancelled = call_later(Duration::from_millis(100), note("never"));
    call_soon(note("call_soon"));
    cancelled.cancel();
    sleep_until(noon + Duration::from_millis(1)).await;
    assert_eq!(time() - start, Duration::from_millis(501));
    let order = ["call_soon", "call_at: noon", "call_later: 500 ms, set second"];
    assert!(diary.has_in_order(&order) && diary.count("never") == 0);

    let before = Instant::now();
    sleep(Duration::from_micros(1_200)).await;
    diary.note(format!("a sleep of 1.2 ms: {:?}", before.elapsed()));
    assert!(before.elapsed() >= Duration::from_micros(1_200), "up to the next tick, never down");
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// The engine. What its wheel keeps of a timer is a waker: so ours tells how many it has.
fn ten_thousand_limits(diary: &Diary) {
    let nobody = Arc::new(Nobody);
    let waker = Waker::from(nobody.clone());
    let on_the_wheel = || Arc::strong_count(&nobody) - 2;
    let mut limits: Vec<_> =
        (0..10_000).map(|_| Box::pin(sleep(Duration::from_secs(30)))).collect();
    diary.note(format!("10,000 sleeps are made: {} on the wheel", on_the_wheel()));
    assert_eq!(on_the_wheel(), 0, "a future does nothing until it is polled");
    for limit in &mut limits {
        assert!(limit.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    diary.note(format!("they are polled: {} on the wheel", on_the_wheel()));
    assert_eq!(on_the_wheel(), 10_000);
    limits.truncate(1);
    diary.note(format!("all but one are dropped: {} on the wheel", on_the_wheel()));
    assert_eq!(on_the_wheel(), 1);
}

// Explain
//
// c) is right. Nothing is counted down, and nothing is compared. Write the tick in digits to base
// 4: 27 is 1 2 3. The highest digit in which it differs from now names the dial, and the digit
// itself the slot: dial 2, slot 1. When that slot comes round, at tick 16, the first digit has
// become equal, and the timer moves to dial 1; at tick 24 to dial 0; at 27 it fires. A timer moves
// at most once for each dial below its first one. If it is cancelled before, it never moved at all.
// With 64 slots, three dials reach 262 seconds.
//
// A heap is not slow. For limits of the same length each new one belongs at the bottom, which takes
// one comparison; and asyncio sweeps, so the dead are never much more than the living. (Python
// 3.11, measured: of 10,000 timers 4,000 were cancelled, and all 10,000 stayed in the heap. When
// the rest was cancelled, it was swept.) The heap pays when timers of all lengths are there
// together: fourteen comparisons each, and more with more timers. The wheel pays two moves at most,
// however many there are.
//
// What the wheel gives up is the exact moment. It knows ticks of 1 ms, and rounds up: a sleep is
// never too short. In return equal deadlines are one slot, first set, first fired. asyncio's heap
// compares nothing but the moment: of ten callbacks for the same `call_at`, Python 3.11 called
// number 0 first, and then 2, 6, 5, 9, 8, 7, 1, 3, 4. (Here a `call_at` is a task, whose timer is
// set at its first poll.)
//
// | Python                  | here                                                              |
// |-------------------------|-------------------------------------------------------------------|
// | `loop.time()`           | `callbacks::time()`, an `Instant`: a moment without a date        |
// | `call_soon`             | `call_soon`; a wake does it for a task, once however often woken  |
// | `call_later`, `call_at` | the same names; mostly `sleep`, `sleep_until` in a task           |
// | `TimerHandle.cancel()`  | the same name; mostly the drop of the future                      |
//
// What real runtimes do
//
// tokio has a wheel of six dials of 64 slots, behind a lock; Netty and Kafka have wheels, too.
// Linux has one for timeouts, and a tree for timers that are meant to ring. asyncio, libuv and Go
// have heaps.
//
// Where to read next
//
// The engine's wheel finds the dial with one instruction, and turns from stop to stop, not tick by
// tick:
//
// ```rust,cite=runtime/time/wheel.rs
// let differing = (self.now_ticks ^ deadline_ticks) | 1;
// let dial = differing.ilog2() / DIGIT_BITS;
// …
// let digit = (deadline_ticks >> (DIGIT_BITS * dial)) as usize % SLOTS;
// ```
