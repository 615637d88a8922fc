//! Lesson 36. Two hundred callers wait for tokens: who gets the next one, and what does it cost?
//!
//! Run it: `cargo run --example 36_token_bucket`
//! Covers: 59, 111, 116, X7.
//!
//! Python: a bucket of `tokens` that a clock refills, a lock around it, and for those who wait a
//! loop: try, sleep as long as one token takes, try again. Rust: the same can be written, with the
//! same flaw. A lock that serves its waiters in order is a queue, and then nobody has to try twice.
//!
//! Predict. The bucket gives 200 tokens a second and is empty. 200 callers come, one each
//! millisecond, and each tries and sleeps until it has its token. How often do they try in all?
//!
//! a) 400 times: each one tries, sleeps until its token is there, and tries again.
//! b) About 1,000 times: some meet at the same token, and one of them has to sleep once more.
//! c) Many thousand times; and who came late may be served before who came early.

use rondel::sync::Mutex;
use rondel::time::{Duration, Instant, sleep, timeout};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const CALLERS: usize = 200;
/// A token each 5 ms is 200 a second.
const PERIOD: Duration = Duration::from_millis(5);

/// The bucket as the guide builds it. `tries` is ours: it counts.
struct Stampede {
    rate: f64,
    capacity: f64,
    level: Cell<f64>,
    filled_at: Cell<Instant>,
    tries: Cell<usize>,
}

impl Stampede {
    fn empty(rate: f64, capacity: f64) -> Self {
        let (level, filled_at, tries) = (Cell::new(0.0), Cell::new(Instant::now()), Cell::new(0));
        Self { rate, capacity, level, filled_at, tries }
    }

    fn try_acquire(&self) -> bool {
        self.tries.set(self.tries.get() + 1);
        let now = Instant::now();
        let gained = (now - self.filled_at.replace(now)).as_secs_f64() * self.rate;
        self.level.set((self.level.get() + gained).min(self.capacity));
        let has_one = self.level.get() >= 1.0;
        if has_one {
            self.level.set(self.level.get() - 1.0);
        }
        has_one
    }

    async fn acquire(&self) {
        while !self.try_acquire() {
            // The flaw: whoever waits now computes the same moment, for the same one token.
            sleep(Duration::from_secs_f64((1.0 - self.level.get()) / self.rate)).await;
        }
    }
}

/// The mend. The lock is the queue: first come, first served, and only its head has a timer.
struct Fair {
    period: Duration,
    burst: u32,
    /// When the bucket is full again. This one moment says how many tokens are missing, without
    /// floating point.
    full_at: Mutex<Instant>,
    looks: Cell<usize>,
}

impl Fair {
    /// A full bucket of `burst` tokens that gains one each `period`.
    fn new(period: Duration, burst: u32) -> Rc<Self> {
        let full_at = Mutex::new(Instant::now());
        Rc::new(Self { period, burst, full_at, looks: Cell::new(0) })
    }

    async fn acquire(&self) {
        let mut full_at = self.full_at.lock().await;
        self.looks.set(self.looks.get() + 1);
        let now = Instant::now();
        // Each token that is taken makes it full one period later; at most `burst` may be missing.
        let then = (*full_at).max(now) + self.period;
        sleep(then.saturating_duration_since(now + self.period * self.burst)).await;
        // Only now is it taken: who is cancelled in its sleep has taken nothing.
        *full_at = then;
    }

    /// How many tokens are there, for a dashboard; `None` while somebody waits for the next one.
    fn tokens(&self) -> Option<u32> {
        let missing = self.full_at.try_lock().ok()?.saturating_duration_since(Instant::now());
        Some(self.burst - missing.as_nanos().div_ceil(self.period.as_nanos()) as u32)
    }
}

/// Sends `count` callers, one each `gap`. Who was served, in this order, and when.
async fn crowd(
    count: usize,
    gap: Duration,
    acquire: impl AsyncFn() + Clone + 'static,
) -> Vec<(usize, Duration)> {
    let (start, served) = (Instant::now(), Rc::new(RefCell::new(Vec::new())));
    let mut callers = Vec::new();
    for number in 0..count {
        let (acquire, served) = (acquire.clone(), served.clone());
        callers.push(rondel::task::spawn_local(async move {
            sleep(gap * number as u32).await;
            acquire().await;
            served.borrow_mut().push((number, start.elapsed()));
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    served.take()
}

/// How many pairs were served in the wrong order.
fn out_of_order(served: &[(usize, Duration)]) -> usize {
    let overtaken = |at: usize| served[at..].iter().filter(|late| late.0 < served[at].0).count();
    (0..served.len()).map(overtaken).sum()
}

#[rondel::main(start_paused = true)]
async fn main() {
    let (ms, pairs) = (Duration::from_millis(1), CALLERS * (CALLERS - 1) / 2);

    let bucket = Rc::new(Stampede::empty(200.0, 1.0));
    let theirs = bucket.clone();
    let served = crowd(CALLERS, ms, async move || theirs.acquire().await).await;
    let (tries, wrong) = (bucket.tries.get(), out_of_order(&served));
    println!("the guide's bucket: {tries} tries, {wrong} of {pairs} pairs out of order");
    assert!(tries > 10 * CALLERS && wrong > pairs / 10, "a stampede");

    let bucket = Fair::new(PERIOD, 1);
    bucket.acquire().await; // empty, as the other one was
    let theirs = bucket.clone();
    let served = crowd(CALLERS, ms, async move || theirs.acquire().await).await;
    let (looks, wrong) = (bucket.looks.get() - 1, out_of_order(&served));
    println!("a queue in front:   {looks} looks, {wrong} of {pairs} pairs out of order");
    assert_eq!((looks, wrong), (CALLERS, 0));
    assert_eq!(served.last().unwrap().1, PERIOD * CALLERS as u32, "and not a token is wasted");

    // Who gives up leaves no hole: the one behind it has the token 5 ms after the last one.
    let start = Instant::now();
    let (impatient, patient) = rondel::join!(timeout(2 * ms, bucket.acquire()), bucket.acquire());
    let ((), took) = (patient, start.elapsed());
    println!("one gives up:       {}, the next has it after {took:?}", impatient.is_err());
    assert_eq!((impatient.is_err(), took), (true, PERIOD));

    println!("80 callers at once, 10 tokens a second, 30 in the bucket:");
    let bucket = Fair::new(100 * ms, 30);
    assert_eq!(bucket.tokens(), Some(30));
    let theirs = bucket.clone();
    let served = crowd(80, Duration::ZERO, async move || theirs.acquire().await).await;
    let mut curve = [0; 6];
    served.iter().for_each(|(_, when)| curve[when.as_millis().div_ceil(1000) as usize] += 1);
    for (second, count) in curve.into_iter().enumerate() {
        println!("  until second {second}: {:<30} {count}", "#".repeat(count));
    }
    assert_eq!((curve, bucket.tokens()), ([30, 10, 10, 10, 10, 10], Some(0)));
}

// Explain
//
// c) is right. When a token is short, each waiter asks how long one token takes, and each gets the
// same answer. So they wake together, one of them finds the token, and the rest sleep again: with n
// waiters that is n tries a token, and about half of n squared in all. And the sleep is no place in
// a queue. Whoever happens to wake next to the moment of the refill takes the token, also a caller
// who has just come; there is no bound on how long an old one can be passed over.
//
// The mend is not a better sleep but a queue. The lock is fair, so its waiters stand in line; the
// one that holds it sleeps until its token is there, and the others have no timer at all. The
// bucket needs no level: the moment at which it will be full again says the same, in whole
// nanoseconds. That form is called GCRA, or virtual scheduling.
//
// The burst is what makes it a bucket: what was not used is kept, up to `burst`. It also means that
// in one minute `burst` + 60 x rate may pass, not 60 x rate: see lesson 39. And a bucket limits how
// many *start* a second. How many are in flight is another question, for a semaphore (lesson 22).
//
// What real runtimes do
//
// Python's `aiolimiter` has one timer, and a future for each waiter, in order of what they ask for
// and then of arrival. Go's `rate.Limiter` gives each caller its moment in advance, and takes it
// back when the caller gives up. `governor` for Rust is GCRA in one atomic word, without an order.
//
// Where to read next
//
// One wait list stands behind every primitive. Permits go to its front, until they are short:
//
// ```rust,cite=runtime/wait_list.rs
// while queue.front != NOWHERE && queue.waiters[queue.front].needs <= free {
//     let front = queue.front;
//     free -= queue.waiters[front].needs;
//     wakes.push(queue.finish(front, Stage::Served(End::Front)));
// ```
